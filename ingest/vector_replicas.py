"""Bring a replica of the published vectors up to date, after a publish.

The publish is done before: a replica that fails leaves a collection that answers, and the next
job makes up for it.
"""

from collections.abc import Iterator
from pathlib import Path

from indexes.errors import IndexesError, IndexNotFound
from indexes.index import Index
from indexes.store import generations, manifest
from indexes.vectors.vector_store import VectorStore


def replicate_vectors(collection: Path, store: VectorStore) -> None:
    """Copy the newest generation to a store, and remove the copies of generations that are gone.

    Raises VectorsUnreachable, IndexesError; BaseDamaged when it cannot be read whole, as an older
    one in its place would take its documents out of the store.
    """
    index = Index.open_base(collection)
    if index is None:
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
    with index:
        if index.sums["vectors"]:
            store.publish_vectors(index.generation_vectors())
    if collection.is_dir():
        store.remove_vectors(collection.name, frozenset(_published_checksums(collection)))
    else:  # removed while it was copied
        store.remove_all_vectors(collection.name)


def _published_checksums(collection: Path) -> Iterator[str]:
    for number in generations.list_generations(collection):
        try:
            yield manifest.read_manifest(
                collection / generations.GENERATIONS_FOLDER / str(number)
            ).checksum
        except IndexesError:
            continue  # damaged: nobody opens it
