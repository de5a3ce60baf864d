"""One lock of a home: servers and ingests share it, and a restore has it alone.

The kernel frees it when its holder dies. Servers of other machines on the same PostgreSQL may have
another home: they are known by their beats in the database.
"""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from indexes.embedding.model_cache import LOCKLESS_ERRORS
from indexes.store.locks import lock_collection
from ragdesk.errors import HomeBusy

HOME_LOCK: Final = "LOCK"
RESTORE_RUNS: Final = "A backup is restored into {home}. Come again when that has ended."
HOME_USED: Final = (
    "A server, an ingest or another restore uses {home}. Nothing was changed. Stop it first, as "
    "with: systemctl stop ragdesk, or docker compose stop desk; then restore again."
)
UNREADABLE_LOCK: Final = "{file} cannot be read by this user. Let it: chmod a+r {file}"
NO_LOCKS: Final = (
    "The file system of {home} locks nothing, so it cannot be told whether a server uses it. "
    "Restore on a local disk, and copy the home."
)
READ_ONLY: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def use_home(home: Path) -> Iterator[None]:
    """Say for a block that a home is in use. Raises HomeBusy while one is restored into it."""
    home.mkdir(parents=True, exist_ok=True)
    try:
        lock = _open_lock(home / HOME_LOCK, os.O_RDONLY | os.O_CREAT)
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
        if (home / HOME_LOCK).exists():  # somebody else's, who may well restore
            raise HomeBusy(UNREADABLE_LOCK.format(file=home / HOME_LOCK)) from error
        yield
        return
    try:
        _lock_file(lock, fcntl.LOCK_SH, home, RESTORE_RUNS)
        yield
    finally:
        os.close(lock)


@contextmanager
def take_home(home: Path) -> Iterator[None]:
    """Have a home alone for a block. Raises HomeBusy while a server or an ingest uses it."""
    home.mkdir(parents=True, exist_ok=True)
    # Written, as network disks lock alone only what is.
    lock = _open_lock(home / HOME_LOCK, os.O_RDWR | os.O_CREAT)
    try:
        _lock_file(lock, fcntl.LOCK_EX, home, HOME_USED)
        yield
    finally:
        os.close(lock)


def require_idle_collections(folders: Iterable[Path]) -> None:
    """Raise CollectionBusy where a job writes into a collection, whatever command it is of."""
    for folder in folders:
        if folder.exists():
            with lock_collection(folder):
                pass


def _open_lock(file: Path, flags: int) -> int:
    """Open a lock without following a link, which would make a stranger's file."""
    return os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)


def _lock_file(lock: int, kind: int, home: Path, refusal: str) -> None:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HomeBusy(refusal.format(home=home)) from None
    except OSError as error:
        if error.errno not in LOCKLESS_ERRORS:
            raise
        if kind == fcntl.LOCK_EX:
            raise HomeBusy(NO_LOCKS.format(home=home)) from error
