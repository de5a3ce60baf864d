"""A read-only SQLite file that was written once: a chunk store, a document table."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged, tells_absence
from indexes.store import sqlite_guard

_ROWS = 4_096  # read at once where there may be millions


class SqliteTable:
    """A read-only SQLite file; all threads share one connection.

    Raises IndexDamaged, naming the file, when SQLite finds it unreadable, and OSError when the
    machine cannot read it now. It is not mapped, which would halve the time of a read: a file that
    a foreign program cuts short would end the process.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        try:
            self._base = sqlite_guard.connect_readonly(file)
            self._base.execute("PRAGMA temp_store = MEMORY")  # who only reads writes no disk full
        except sqlite3.DatabaseError as error:
            raise _table_error(error, file, "opened") from error

    def attach(self, file: Path, name: str) -> None:
        """Open another such file beside this one; its tables bear a name, as ``name.table``."""
        try:
            with self._lock:
                self._base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)  # this one, and no other
                self._base.execute(f"ATTACH ? AS {name}", (sqlite_guard.make_readonly_uri(file),))
                self._base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        except sqlite3.DatabaseError as error:
            raise _table_error(error, file, "opened") from error

    def fetch_all(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Return every row that a query finds."""
        try:
            with self._lock:
                return self._base.execute(query, values).fetchall()
        except sqlite3.ProgrammingError:  # it was closed: a mistake of ours, and no damage
            raise
        except sqlite3.DatabaseError as error:
            raise _table_error(error, self.file, "read") from error

    def iter_rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield the rows that a query finds, read some thousand at a time: not all in memory."""
        try:
            with self._lock:
                cursor = self._base.execute(query, values)
            while True:
                with self._lock:
                    rows = cursor.fetchmany(_ROWS)
                if not rows:
                    return
                yield from rows
        except sqlite3.ProgrammingError:  # it was closed, as above
            raise
        except sqlite3.DatabaseError as error:
            raise _table_error(error, self.file, "read") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()


def _table_error(error: sqlite3.DatabaseError, file: Path, what: str) -> Exception:
    reason = sqlite_guard.system_error(error, file)
    if reason is None or tells_absence(reason):
        return IndexDamaged(f"{file} cannot be {what}: {error}.")
    return reason
