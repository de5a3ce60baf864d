"""Remove a collection whole, so that nobody ever sees half of one under its name."""

from pathlib import Path

from indexes.errors import IndexNotFound
from indexes.store import durability, locks


def remove_collection(collection: Path) -> None:
    """Remove a collection with all its generations, originals and memories.

    What a process reads stays readable to it until it closes it; under its name nothing is found
    any more. Raises IndexNotFound where there is none, CollectionBusy while a job holds it.
    """
    if not collection.is_dir() or collection.is_symlink():
        raise IndexNotFound(f"No index at {collection}.")
    aside = collection.with_name(f"{durability.UNFINISHED_PREFIX}removed-{collection.name}")
    durability.discard_path(aside)  # what a removal that was killed has left
    with locks.lock_collection(collection):
        durability.move_folder(collection, aside)
    durability.discard_path(aside)
