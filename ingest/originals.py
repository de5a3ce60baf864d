"""Keep the bytes of every document under their digest, exactly as they were parsed.

A file may change while it is read. So it is copied first, and the copy is parsed.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from indexes.errors import IndexDamaged
from indexes.store import durability, failpoints
from indexes.store.paths import join_stored, open_plain
from ingest.errors import Unreadable, to_unreadable
from ingest.safe_open import open_regular_file

ORIGINALS_NAME = "originals"
# One writer at a time: the next overwrites what a dead one left.
_DRAFT = f"{durability.UNFINISHED_PREFIX}original"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The digest and size of some bytes, and the file that holds them.

    status: the file's status when it was opened to be read, if it was.
    """

    digest: str
    size: int
    file: Path
    status: os.stat_result | None = field(default=None, compare=False)


def digest_file(path: Path, *, limit: int, real: bool = False) -> FileDigest:
    """Compute the SHA-256 and size of a file, at most `limit` MiB. Raises Unreadable.

    real: no part of its path may be a link.
    """
    digest = hashlib.sha256()
    size = 0
    with _open_unchecked(path, real=real) as file:
        status = os.fstat(file.fileno())
        for piece in _read_limited(file, limit):
            digest.update(piece)
            size += len(piece)
    return FileDigest(digest.hexdigest(), size, path, status)


def write_body(folder: Path, body: bytes) -> Path:
    """Write bytes to a file in a folder, under their digest; return the file."""
    file = join_stored(folder, hashlib.sha256(body).hexdigest())
    file.write_bytes(body)
    return file


class Originals:
    """The originals of a collection. A writer must hold its lock.

    Kept bytes are durable once ``sync`` has returned.
    """

    def __init__(self, collection: Path) -> None:
        self._folder = collection / ORIGINALS_NAME
        self._new = False

    def keep(self, path: Path, *, limit: int, real: bool = False) -> FileDigest:
        """Copy a file's bytes here, if they are not here already. real: see ``digest_file``.

        Raises Unreadable when the file cannot be read, OSError when its copy cannot be written.
        """
        file_digest = digest_file(path, limit=limit, real=real)
        if self._has_intact_copy(file_digest.digest):
            return FileDigest(
                file_digest.digest, file_digest.size, join_stored(self._folder, file_digest.digest)
            )
        with _open_unchecked(path, real=real) as file:
            return self._write_original(_read_limited(file, limit))

    def keep_body(self, body: bytes) -> Path:
        """Keep the bytes of a document that lies in the file of another; return their file.

        Raises OSError when they cannot be written.
        """
        digest = hashlib.sha256(body).hexdigest()
        if self._has_intact_copy(digest):
            return join_stored(self._folder, digest)
        return self._write_original([body]).file

    def _write_original(self, pieces: Iterable[bytes]) -> FileDigest:
        durability.make_folder(self._folder)
        draft = self._folder / _DRAFT
        digest = hashlib.sha256()
        size = 0
        try:
            draft.unlink(missing_ok=True)
            with draft.open("xb") as copy:
                for piece in pieces:
                    digest.update(piece)
                    size += len(piece)
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)  # a full disk is not to stay as full as it can be
            raise
        failpoints.reach_failpoint("original written")
        target = draft.replace(join_stored(self._folder, digest.hexdigest()))
        self._new = True
        return FileDigest(digest.hexdigest(), size, target)

    def sync(self) -> None:
        """Make the names of what was kept durable too."""
        if self._new:
            durability.sync_path(self._folder)
            self._new = False
            failpoints.reach_failpoint("originals kept")

    def _has_intact_copy(self, digest: str) -> bool:
        """Tell whether an intact copy of these bytes is stored."""
        file = join_stored(self._folder, digest)
        if not file.is_file():
            return False
        try:
            with open_plain(file) as content:
                return hashlib.file_digest(content, "sha256").hexdigest() == digest
        except IndexDamaged:  # a link: whoever replaces it by a file mends it
            return False


@contextmanager
def _open_unchecked(path: Path, *, real: bool) -> Iterator[FileIO]:
    """Open a file for reading; links, pipes and devices are refused. Raises Unreadable."""
    try:
        file = open_regular_file(path, real=real)
    except OSError as error:
        raise to_unreadable(error, "cannot be read") from error
    if file is None:
        raise Unreadable("not a file, but a pipe, socket or device")
    with file:
        yield file


def _read_limited(file: FileIO, limit: int) -> Iterator[bytes]:
    """Read a file piece by piece, whatever happens to it meanwhile. Raises Unreadable."""
    try:
        size = 0
        stated_size = os.fstat(file.fileno()).st_size
        while size <= limit * _MIB and stated_size <= limit * _MIB:
            piece = file.read(_MIB)
            if not piece:
                return
            size += len(piece)
            yield piece
    except OSError as error:
        raise to_unreadable(error, "cannot be read") from error
    raise Unreadable(f"larger than {limit} MiB")
