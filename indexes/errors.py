"""Errors of the index.

IndexesError
├── IndexNotFound      no collection, or no generation in it
├── IndexMismatch      built by another embedder, or in another format
│   ├── FormatNewer    written in a format that this version does not read yet
│   ├── WordsOutdated  its words are of another version, and it has nothing else to be found by
│   │   └── WordsNewer  a newer version of the program wrote them
│   └── ProgramOutdated a write is refused, as the program was replaced while this process ran
├── IndexDamaged       a file is missing, cut or changed
│   └── BaseDamaged    a write is refused, as what it would start from cannot be read whole
├── CollectionBusy     another job holds the collection
├── VectorsUnreachable a replica of the vectors cannot be reached, or is not whole
└── ModelMissing       an embedder, or a library it needs, is not installed

What the machine cannot do just now (too many open files, no memory, a failing disk, no permission)
is no IndexesError: it stays an OSError or a MemoryError. It says nothing of what stands on the
disk, so nothing may be thrown away or begun anew because of it.
"""

import errno

# What tells that another thing stands where a file was written, or none: damage, like a wrong sum.
# Every other error of the system is the machine's.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})


class IndexesError(Exception):
    """Base of every error of this package."""


class IndexNotFound(IndexesError):
    """No index stands at the given path."""


class IndexMismatch(IndexesError):
    """The index was built by another embedder, or in a format this version does not read."""


class FormatNewer(IndexMismatch):
    """A newer version of the program wrote the index, in a format that this one does not read."""


class WordsOutdated(IndexMismatch):
    """An index without vectors, whose words were written by another version of the tokens."""


class WordsNewer(WordsOutdated):
    """Its words are newer than the program: a newer program reads them, an ingest is no cure."""


class ProgramOutdated(IndexMismatch):
    """A write is refused: this process is older than the program on the disk, or than its index."""


class IndexDamaged(IndexesError):
    """A file of the index is missing, cut or changed; the message names it."""


class BaseDamaged(IndexDamaged):
    """A write is refused: the generation it would start from cannot be read whole."""


class CollectionBusy(IndexesError):
    """Another job holds the collection's lock."""


class VectorsUnreachable(IndexesError):
    """The store that holds a replica of the vectors does not answer, or holds too few."""


class ModelMissing(IndexesError):
    """An embedder or a library it needs is not installed; the message names the remedy."""


def tells_absence(error: OSError) -> bool:
    """Tell whether an error says that a file is not there, rather than that it cannot be read now.

    >>> tells_absence(FileNotFoundError(errno.ENOENT, "")), tells_absence(OSError(errno.EMFILE, ""))
    (True, False)
    """
    return error.errno in _ABSENT
