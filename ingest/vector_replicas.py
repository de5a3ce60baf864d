"""Bring a replica of the published vectors up to date, after a publish.

The publish is done before: a replica that fails leaves a collection that answers, and the next
job makes up for it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from indexes.errors import IndexesError, IndexNotFound
from indexes.index import Index
from indexes.store import generations, manifest
from indexes.vectors.vector_store import DocumentEntries


class ReplicaStore(Protocol):
    """A store that takes replicas."""

    def publish_replica(
        self,
        collection: str,
        checksum: str,
        entries: Iterable[DocumentEntries],
        *,
        dim: int,
        count: int,
    ) -> Any: ...
    def clear_replicas(self, collection: str, keep: Iterable[str]) -> list[str]: ...


def replicate_vectors(collection: Path, store: ReplicaStore) -> None:
    """Replicate the newest generation, and drop replicas of generations that are gone.

    Raises VectorsUnreachable, IndexesError; BaseDamaged when it cannot be read whole, as an older
    one in its place would take its documents out of the store.
    """
    index = Index.open_base(collection)
    if index is None:
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
    with index:
        count = index.sums["vectors"]
        if count:
            dim = index.segments[0].dense.dim
            entries = map(index.read_entries, index.iter_documents())
            store.publish_replica(collection.name, index.checksum, entries, dim=dim, count=count)
    store.clear_replicas(collection.name, set(_published_checksums(collection)))


def _published_checksums(collection: Path) -> Iterator[str]:
    for number in generations.list_generations(collection):
        try:
            yield manifest.read_manifest(
                collection / generations.GENERATIONS_FOLDER / str(number)
            ).checksum
        except IndexesError:
            continue  # damaged: nobody opens it
