"""The bodies of uploaded documents: files of one server, removed with their request or job.

They lie in ``HOME/uploads/<random>/``, on the disk whose room the operator watches, readable by
this user alone. Each server holds a lock on its folder, which the kernel frees when it dies; the
next start clears the folders that nobody holds.
"""

import contextlib
import errno
import fcntl
import logging
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ragdesk.errors import DiskFull

UPLOADS_FOLDER = "uploads"
UPLOADS_LOCK = "LOCK"
DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
log = logging.getLogger("ragdesk.web")


class Uploads:
    """The upload folder of one server. Clears what dead servers left when it is made.

    Where home cannot be written there is none, and the server answers questions all the same.
    ``folder`` is None then.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.folder: Path | None = None
        self._lock: IO[bytes] | None = None
        try:
            self._make_folder()
        except OSError as error:
            log.warning("no document can be put: home cannot be written", extra={"why": str(error)})

    def _make_folder(self) -> Path:
        top = self._home / UPLOADS_FOLDER
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (top / UPLOADS_LOCK).open("ab") as top_lock:
            fcntl.flock(top_lock, fcntl.LOCK_EX)  # so that none clears a folder before it is locked
            freed = sum(_clear_folder(folder) for folder in top.iterdir() if folder.is_dir())
            folder = top / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            if self._lock is not None:
                self._lock.close()
            self._lock = _lock_folder(folder)
        if freed:
            log.info("uploads of an ended server were cleared", extra={"bytes": freed})
        self.folder = folder
        return folder

    def new_file(self) -> Path:
        """Return the path of a new file. Raises DiskFull, OSError where home is read-only."""
        with refuse_full_disk():
            folder = self.folder
            if folder is None or not folder.is_dir():  # it was removed by hand, say
                folder = self._make_folder()
            return folder / secrets.token_hex(8)

    def close(self) -> None:
        """Remove everything."""
        if self.folder is not None:
            _remove(self.folder)
        if self._lock is not None:
            self._lock.close()


@contextlib.contextmanager
def refuse_full_disk() -> Iterator[None]:
    """Refuse what a full disk cannot take in the block. Raises DiskFull; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL_ERRNOS:
            raise DiskFull from error
        raise


def _lock_folder(folder: Path) -> IO[bytes]:
    lock = (folder / UPLOADS_LOCK).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


def _clear_folder(folder: Path) -> int:
    """Remove a folder that no living server holds; return the bytes that this frees."""
    try:
        lock = _lock_folder(folder)
    except OSError:  # held, or not ours
        return 0
    with lock:
        before = _size(folder)
        return before if _remove(folder) else before - _size(folder)


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.iterdir())


def _remove(folder: Path) -> bool:
    """Remove a folder as far as that goes, and say what stays; True when nothing does."""
    errors: list[str] = []

    def note(_call: object, _path: str, raised: Any) -> None:
        if not isinstance(raised[1], FileNotFoundError):  # else somebody removed it before
            errors.append(str(raised[1]))

    shutil.rmtree(folder, onerror=note)
    if errors:
        facts = {"count": len(errors), "first": errors[0]}
        log.warning("uploads cannot be removed; the next start tries again", extra=facts)
    return not errors
