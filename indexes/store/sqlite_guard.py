"""Open an SQLite file that others may have written; accept only our own tables.

A database is a program too: views, triggers, generated columns and checks run when it is read. So
the schema must be, word by word, one that a writer of ours made; then every query is a plain walk
over pages, and these are checked to be a tree. Limits are SQLite's own (sqlite.org/security.html).
"""

import errno
import os
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from indexes.errors import IndexDamaged, tells_absence

SchemaShape = frozenset[tuple[str, str, str, str]]
_GUARDS = ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON")
_LIMITS = (  # nothing of ours comes near
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
)
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
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
_OBJECTS = 16  # of a schema; ours have five at most
_STEPS = 20_000  # of SQLite's machine between two looks at the clock
_LEAST = 60.0  # seconds that a check may take, however small the file
_SPEED = 1 << 20  # bytes a second that it must get through


def system_error(error: sqlite3.Error, file: Path) -> OSError | None:
    """Return the system's error that an SQLite error stands for; None where it is none.

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


@cache
def make_schema_shape(*scripts: str) -> SchemaShape:
    """Return the schema that some scripts create, in a form to compare."""
    with closing(sqlite3.connect(":memory:")) as base:
        for script in scripts:
            base.executescript(script)
        return _read_schema_shape(base)


def guard_connection(base: sqlite3.Connection) -> None:
    """Disable the SQLite features that a hostile file could exploit."""
    for limit, most in _LIMITS:
        base.setlimit(limit, most)
    for pragma in _GUARDS:
        base.execute(f"PRAGMA {pragma}")


def make_readonly_uri(file: Path) -> str:
    """Return the URI of a file for SQLite: read-only and immutable."""
    return f"{file.absolute().as_uri()}?mode=ro&immutable=1"


def connect_readonly(file: Path) -> sqlite3.Connection:
    """Open a file that is only read, guarded. Raises sqlite3.DatabaseError."""
    base = sqlite3.connect(make_readonly_uri(file), uri=True, check_same_thread=False)
    try:
        guard_connection(base)
    except sqlite3.DatabaseError:
        base.close()
        raise
    return base


@contextmanager
def inspect_database(file: Path, shapes: Collection[SchemaShape]) -> Iterator[sqlite3.Connection]:
    """Open a file to be checked: its schema is one of those known, and its pages are whole.

    Whoever is within the block may read the tables and nothing else, in a time that grows with
    the file. Raises IndexDamaged naming the file, also for what fails within the block.
    """
    until = time.monotonic() + _LEAST + file.stat().st_size / _SPEED
    try:
        with closing(connect_readonly(file)) as base:
            base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            if _read_schema_shape(base) not in shapes:
                raise IndexDamaged(f"{file} has other tables than ours.")
            _check_pages(base, file)
            base.set_authorizer(_authorize)
            yield base
    except sqlite3.Error as error:
        reason = system_error(error, file)
        if reason and not tells_absence(reason):
            raise reason from error
        raise IndexDamaged(f"{file} cannot be read: {error}.") from error


def types_differ(base: sqlite3.Connection, table: str, types: Sequence[tuple[str, str]]) -> bool:
    """Tell whether any value of a table is of another type than its column should hold."""
    odd = " OR ".join(f"typeof({column}) <> '{kind}'" for column, kind in types)
    query = f"SELECT 1 FROM {table} WHERE {odd} LIMIT 1"  # noqa: S608 - names of our own
    return base.execute(query).fetchone() is not None


def _check_pages(base: sqlite3.Connection, file: Path) -> None:
    """Walk every page once: a page that stands in two places would make a walk endless."""
    ((encoding,),) = base.execute("PRAGMA encoding").fetchall()
    report = base.execute("PRAGMA integrity_check(1)").fetchall()
    if encoding != "UTF-8" or report != [("ok",)]:
        raise IndexDamaged(f"{file} is damaged: {str(report[:1])[:200]}.")


def _read_schema_shape(base: sqlite3.Connection) -> SchemaShape:
    query = f"SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT {_OBJECTS + 1}"  # noqa: S608
    return frozenset(
        (str(kind), str(name), str(table), " ".join(str(sql or "").split()))
        for kind, name, table, sql in base.execute(query)
    )


def _authorize(action: int, *_: Any) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
