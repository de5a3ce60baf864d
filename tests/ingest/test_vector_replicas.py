"""Copies of vectors, and a collection that is removed while they are made."""

from fakes import document, publish
from sqlite_vectors import SqliteVectorStore

from indexes.options import IndexesOptions
from indexes.upkeep.removal import remove_collection
from ingest.vector_replicas import replicate_vectors


def test_copies_of_a_collection_that_is_removed_meanwhile_go_too(tmp_path):
    class SlowStore(SqliteVectorStore):
        def publish_vectors(self, generation):
            remove_collection(folder, self)
            super().publish_vectors(generation)

    store = SlowStore(IndexesOptions(uri=str(tmp_path / "vectors.db")))
    folder = tmp_path / "quick"
    publish(folder, document("a.md", "words"))
    replicate_vectors(folder, store)
    assert store.execute("SELECT count(*) FROM vectors") == [(0,)]
