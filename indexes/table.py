"""One SQLite file that was written once and is only read: a shelf, a document table."""

import errno
import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged, tells_absence

# What SQLite says when the machine cannot, by its primary code; all else is the file's own fault.
_MACHINE = {
    sqlite3.SQLITE_CANTOPEN: errno.EMFILE,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_AUTH: errno.EACCES,
    sqlite3.SQLITE_READONLY: errno.EROFS,
}


def machine_error(error: sqlite3.Error, file: Path) -> OSError | None:
    """Give the error of the system that an error of SQLite stands for; None where it is none.

    A file that could not be opened or read is looked at once more, as SQLite keeps the reason to
    itself.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}:
        try:
            with file.open("rb") as content:
                content.read(1)
        except OSError as reason:
            return reason
    number = _MACHINE.get(code)
    return None if number is None else OSError(number, f"{os.strerror(number)}: {error}", str(file))


class Table:
    """Any thread may call; one connection serves them in turn.

    Raises IndexDamaged, naming the file, when SQLite finds it unreadable, and OSError when the
    machine cannot read it now. It is not mapped, which would halve the time of a read: a file that
    a foreign program cuts short would end the process.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        try:
            self._base = sqlite3.connect(address(file), uri=True, check_same_thread=False)
            self._base.execute("PRAGMA temp_store = MEMORY")  # who only reads writes no disk full
        except sqlite3.DatabaseError as error:
            raise _reason(error, file, "opened") from error

    def attach(self, file: Path, name: str) -> None:
        """Open another such file beside this one; its tables bear a name, as ``name.table``."""
        try:
            with self._lock:
                self._base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)  # this one, and no other
                self._base.execute(f"ATTACH ? AS {name}", (address(file),))
        except sqlite3.DatabaseError as error:
            raise _reason(error, file, "opened") from error

    def all(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Give every row that a query finds."""
        try:
            with self._lock:
                return self._base.execute(query, values).fetchall()
        except sqlite3.ProgrammingError:  # it was closed: a mistake of ours, and no damage
            raise
        except sqlite3.DatabaseError as error:
            raise _reason(error, self.file, "read") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()


def _reason(error: sqlite3.DatabaseError, file: Path, what: str) -> Exception:
    reason = machine_error(error, file)
    if reason is None or tells_absence(reason):
        return IndexDamaged(f"{file} cannot be {what}: {error}.")
    return reason


def address(file: Path) -> str:
    """Name a file to SQLite as one that is only read, and that nobody changes meanwhile."""
    return f"{file.absolute().as_uri()}?mode=ro&immutable=1"
