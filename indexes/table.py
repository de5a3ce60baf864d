"""One SQLite file that was written once and is only read: a shelf, a document table."""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from indexes import schema
from indexes.errors import IndexDamaged


class Table:
    """Any thread may call; one connection serves them in turn.

    Raises IndexDamaged, naming the file, when SQLite finds it unreadable. It is not mapped, which
    would halve the time of a read: a file that a foreign program cuts short would end the process.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        try:
            self._base = schema.connect(file)
            self._base.execute("PRAGMA temp_store = MEMORY")  # who only reads writes no disk full
        except sqlite3.DatabaseError as error:
            raise IndexDamaged(f"{file} cannot be opened: {error}.") from error

    def attach(self, file: Path, name: str) -> None:
        """Open another such file beside this one; its tables bear a name, as ``name.table``."""
        try:
            with self._lock:
                self._base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)  # this one, and no other
                self._base.execute(f"ATTACH ? AS {name}", (schema.address(file),))
                self._base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        except sqlite3.DatabaseError as error:
            raise IndexDamaged(f"{file} cannot be opened: {error}.") from error

    def all(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Give every row that a query finds."""
        try:
            with self._lock:
                return self._base.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise IndexDamaged(f"{self.file} cannot be read: {error}.") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()
