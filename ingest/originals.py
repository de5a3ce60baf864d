"""The bytes of every document, kept under their digest: what was parsed is what is kept.

A file may change while it is read. So it is copied first, and the copy is parsed.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexes import durable, failpoints
from ingest.errors import Unreadable, unreadable

FOLDER = "originals"
_DRAFT = f"{durable.UNFINISHED}original"  # one writer at a time: the next overwrites a dead one's
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """The digest and size of some bytes, and the file that holds them."""

    digest: str
    size: int
    file: Path


def look(path: Path, *, limit: int) -> Kept:
    """Read a file for its digest alone; ``limit``: its MiB at most. Raises Unreadable."""
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(path, limit):
        digest.update(piece)
        size += len(piece)
    return Kept(digest.hexdigest(), size, path)


class Originals:
    """The originals of a collection. Its lock must be held by whoever keeps some.

    Kept bytes are durable once ``sync`` has returned.
    """

    def __init__(self, collection: Path) -> None:
        self._folder = collection / FOLDER
        self._new = False

    def keep(self, path: Path, *, limit: int) -> Kept:
        """Copy a file's bytes here, if they are not here already.

        Raises Unreadable when the file cannot be read, OSError when its copy cannot be written.
        """
        seen = look(path, limit=limit)
        if self._holds(seen.digest):
            return Kept(seen.digest, seen.size, self._folder / seen.digest)
        durable.folder(self._folder)
        draft, digest, size = self._folder / _DRAFT, hashlib.sha256(), 0
        try:
            with draft.open("wb") as copy:
                for piece in _pieces(path, limit):
                    digest.update(piece)
                    size += len(piece)
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)  # a full disk is not to stay as full as it can be
            raise
        failpoints.reach("original written")
        file = draft.replace(self._folder / digest.hexdigest())
        self._new = True
        return Kept(digest.hexdigest(), size, file)

    def sync(self) -> None:
        """Make the names of what was kept durable too."""
        if self._new:
            durable.sync(self._folder)
            self._new = False
            failpoints.reach("originals kept")

    def _holds(self, digest: str) -> bool:
        """Tell whether the bytes are here, and still are what they were."""
        file = self._folder / digest
        if not file.is_file():
            return False
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == digest


def _pieces(path: Path, limit: int) -> Iterator[bytes]:
    """Read a file piece by piece, whatever happens to it meanwhile. Raises Unreadable.

    Not to block on a pipe that took its place, nor follow a link that did.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb", buffering=0) as file:
            found, size = os.fstat(file.fileno()), 0
            if not stat.S_ISREG(found.st_mode):
                raise Unreadable("not a file, but a pipe, socket or device")
            while size <= limit * _MIB and found.st_size <= limit * _MIB:
                piece = file.read(_MIB)
                if not piece:
                    return
                size += len(piece)
                yield piece
    except OSError as error:
        raise unreadable(error, "cannot be read") from error
    raise Unreadable(f"larger than {limit} MiB")
