"""What can go wrong with an index.

IndexesError
├── IndexNotFound      no collection, or no generation in it
├── IndexMismatch      built by another embedder, or in another format
├── IndexDamaged       a file is missing, cut or changed
├── CollectionBusy     another job holds the collection
├── VectorsUnreachable a replica of the vectors cannot be reached, or is not whole
└── ModelMissing       an embedder, or a library it needs, is not installed
"""


class IndexesError(Exception):
    """Base of every error this room raises."""


class IndexNotFound(IndexesError):
    """No index stands at the given path."""


class IndexMismatch(IndexesError):
    """The index was built by another embedder, or in a format this version does not read."""


class IndexDamaged(IndexesError):
    """A file of the index is missing, cut or changed; the message names it."""


class CollectionBusy(IndexesError):
    """Another job holds the collection's lock."""


class VectorsUnreachable(IndexesError):
    """The store that holds a replica of the vectors does not answer, or holds too few."""


class ModelMissing(IndexesError):
    """An embedder or a library it needs is not installed; the message names the remedy."""
