"""Remove a collection whole, so that nobody ever sees half of one under its name."""

from pathlib import Path

from indexes.errors import IndexNotFound
from indexes.store import durability, locks
from indexes.vectors.vector_store import VectorStore


def remove_collection(collection: Path, store: VectorStore) -> None:
    """Remove a collection with all its generations, originals and memories.

    Copies of its vectors go out of the store first, while no job can make new ones. What a process
    reads of the folder stays readable to it until it closes it; under its name nothing is found
    any more. Raises IndexNotFound where there is none, CollectionBusy while a job holds it, and
    VectorsUnreachable where copies cannot be removed: then it stays, and answers without them.
    """
    if not collection.is_dir() or collection.is_symlink():
        raise IndexNotFound(f"No index at {collection}.")
    aside = collection.with_name(f"{durability.UNFINISHED_PREFIX}removed-{collection.name}")
    durability.discard_path(aside)  # what a removal that was killed has left
    with locks.lock_collection(collection):
        store.remove_all_vectors(collection.name)
        durability.move_folder(collection, aside)
    durability.discard_path(aside)
