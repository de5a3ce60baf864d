"""Locks of files: one writer per collection, and any number of readers of a generation."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from indexes.errors import CollectionBusy, IndexDamaged
from indexes.store import (
    durability,
    manifest,
)
from indexes.store.generations import GENERATIONS_FOLDER, SEGMENTS_FOLDER, sweep_collection
from indexes.store.paths import open_plain

LOCK_FILE = "LOCK"


@contextmanager
def lock_collection(collection: Path) -> Iterator[None]:
    """Lock a collection for a block; make it where there is none.

    The kernel frees the lock when its holder dies, and whoever removes its file gets no second
    writer in: the folder is locked too. Raises CollectionBusy when another holds it. What dead jobs
    left behind is removed before work begins.
    """
    for folder in (collection, collection / GENERATIONS_FOLDER, collection / SEGMENTS_FOLDER):
        durability.make_folder(folder)
    with ExitStack() as lock_stack:
        lock = lock_stack.enter_context(open(collection / LOCK_FILE, "ab", opener=_open_lock))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock_stack.enter_context(_locked_folder(collection))
        except BlockingIOError:
            holder = _describe_holder(collection)
            raise CollectionBusy(
                f"Another job holds the collection {collection.name!r}{holder}. "
                "Try again when it ends."
            ) from None
        _sign_lock(lock)
        sweep_collection(collection)
        yield


def _open_lock(path: str, flags: int) -> int:
    """Open a lock to be signed; a link in its place would have a stranger's file emptied.

    A pipe there is an error, and no wait for its reader.
    """
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def _sign_lock(lock: IO[bytes]) -> None:
    """Write into a lock who holds it, for those who wait. It is a courtesy: nothing rests on it."""
    with suppress(OSError):  # a full disk must not stop a job that may free it
        lock.truncate(0)
        lock.write(f"{os.getpid()} {socket.gethostname()}\n".encode())
        lock.flush()


def _describe_holder(collection: Path) -> str:
    """Describe the process that holds a collection's lock, as far as it signed."""
    with suppress(OSError, ValueError):
        process, _, host = (
            (collection / LOCK_FILE).read_text(encoding="utf-8").strip().partition(" ")
        )
        elsewhere = "" if host == socket.gethostname() else f" on {host}"
        return f" (process {int(process)}{elsewhere})"
    return ""


def hold_generation(generation: Path) -> IO[bytes]:
    """Mark a generation as being read, until the returned file is closed or its holder dies.

    Raises IndexDamaged where no plain file is there to be marked, and OSError.
    """
    file = open_plain(generation / manifest.MANIFEST_FILE)
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        if os.fstat(file.fileno()).st_nlink == 0:
            raise FileNotFoundError(
                errno.ENOENT, "removed", str(generation / manifest.MANIFEST_FILE)
            )
    except OSError:
        file.close()
        raise
    return file


def is_being_read(generation: Path) -> bool:
    """Tell whether a reader has marked a generation as being read."""
    try:
        with open_plain(generation / manifest.MANIFEST_FILE) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except IndexDamaged:  # no file that anybody could mark
        return False
    return False


# What a file system says that locks no folders; NFS locks only what is open for writing.
_FOLDER_LOCKLESS = frozenset(
    {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EISDIR}
)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    """Lock a folder itself, where its file system can. Raises BlockingIOError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _FOLDER_LOCKLESS:
                raise
        yield
    finally:
        os.close(descriptor)
