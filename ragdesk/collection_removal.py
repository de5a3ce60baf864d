"""Remove a collection from a home, and the copies of its vectors from where they were copied to."""

from indexes.upkeep.removal import remove_collection
from ragdesk.assemble import Workspace


def remove_published_collection(workspace: Workspace, collection: str) -> None:
    """Remove a collection with all that was published of it.

    Raises IndexNotFound, CollectionBusy, and VectorsUnreachable where copies of its vectors cannot
    be removed: then it stays.
    """
    remove_collection(workspace.find_collection(collection), workspace.vector_store)
