"""Bring a replica of the published vectors up to date, after a publish.

The publish is done before: a replica that fails leaves a collection that answers, and the next
job makes up for it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from indexes import generations, manifest
from indexes.errors import IndexesError, IndexNotFound
from indexes.index import Index
from indexes.remote import Entries


class Replicas(Protocol):
    """A store that takes replicas."""

    def publish(
        self, collection: str, checksum: str, entries: Iterable[Entries], *, dim: int, count: int
    ) -> Any: ...
    def clear(self, collection: str, keep: Iterable[str]) -> list[str]: ...


def replicate(collection: Path, store: Replicas) -> None:
    """Replicate the newest generation, and drop replicas of generations that are gone.

    Raises VectorsUnreachable, IndexesError; BaseDamaged when it cannot be read whole, as an older
    one in its place would take its documents out of the store.
    """
    index = Index.base(collection)
    if index is None:
        raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
    with index:
        count = index.sums["vectors"]
        if count:
            dim = index.segments[0].dense.dim
            entries = map(index.entries, index.records())
            store.publish(collection.name, index.checksum, entries, dim=dim, count=count)
    store.clear(collection.name, set(_checksums(collection)))


def _checksums(collection: Path) -> Iterator[str]:
    for number in generations.numbers(collection):
        try:
            yield manifest.read(collection / generations.GENERATIONS / str(number)).checksum
        except IndexesError:
            continue  # damaged: nobody opens it
