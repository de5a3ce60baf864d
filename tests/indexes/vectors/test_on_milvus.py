"""Milvus Lite under the contract of every vector store that copies, and what is its own."""

import os
from contextlib import contextmanager
from dataclasses import replace

import pytest
from contracts import VectorCopyContract
from fakes import document, publish

from indexes.index import Index
from indexes.options import IndexesOptions
from indexes.upkeep.removal import remove_collection
from ingest.vector_replicas import replicate_vectors

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore")]
if os.environ.get("CI") != "true":  # there a library that is missing is a failure
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from indexes.vectors.on_milvus import MilvusStore  # noqa: PLC0415

    uri = str(tmp_path_factory.mktemp("milvus") / "milvus.db")
    opened = MilvusStore(IndexesOptions(backend="milvus", uri=uri))
    yield opened
    opened.close()


class TestMilvusLite(VectorCopyContract):
    @contextmanager
    def broken(self, store):
        from pymilvus import MilvusClient  # noqa: PLC0415

        store.close()
        yield
        store._client = MilvusClient(uri=store._uri)


def test_the_alias_never_points_at_a_part(store, tmp_path):
    folder = tmp_path / "alias"
    publish(folder, document("a.md", "\n".join(f"line {n}" for n in range(50))))
    replicate_vectors(folder, store)
    first = store.find_aliased("alias")
    publish(folder, document("b.md", "more words"))
    with Index.open(folder) as index:
        generation = index.generation_vectors()

        def interrupted():
            yield next(generation.iter_entries())
            raise InterruptedError

        with pytest.raises(InterruptedError):
            store.publish_vectors(replace(generation, iter_entries=interrupted))
    assert store.find_aliased("alias") == first
    assert len(store.list_names("alias")) == 2

    replicate_vectors(folder, store)
    assert store.find_aliased("alias") != first
    assert len(store.list_names("alias")) == 2  # that of the generation before, which is kept too


def test_neither_alias_nor_copy_stays_of_a_removed_collection(store, tmp_path):
    for text in ("words one", "words two"):
        publish(tmp_path / "leaves", document("a.md", text))
        replicate_vectors(tmp_path / "leaves", store)
    assert len(store.list_names("leaves")) == 2
    remove_collection(tmp_path / "leaves", store)
    assert store.list_names("leaves") == []
    assert store.find_aliased("leaves") is None


@pytest.mark.parametrize("bad", [1.5, None, True, b"x", [1.5]])
def test_only_words_and_numbers_get_into_a_filter(bad):
    from indexes.vectors.milvus_filter import format_literal  # noqa: PLC0415

    with pytest.raises(TypeError):
        format_literal(bad)
