"""The database of a home: what keys, conversations and hand-offs are kept in.

SQLite in ``HOME/desk.sqlite`` by default, one file for one machine; PostgreSQL, by the setting
``support.database``, for several servers. Both hold the same tables, at the same revision.
"""

import contextlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from indexes.store import durability
from ragdesk.errors import DatabaseUnavailable, HomeUnusable, SettingsError
from ragdesk.support.migrations.migration import migrate_database

DATABASE_FILE: Final = "desk.sqlite"
BUSY_SECONDS: Final = 10  # that one writer of SQLite waits for another
POSTGRESQL_DRIVER: Final = "postgresql+psycopg"
WRITES_OPTION: Final = "ragdesk_writes"
DatabaseStamp = tuple[int, int, int, int]


class Database:
    """An open database. Safe to share between threads; every block is a transaction of its own.

    home: the folder of ``desk.sqlite``. url: an address of PostgreSQL; None or empty for SQLite.
    Raises HomeUnusable, or DatabaseUnavailable where PostgreSQL cannot be reached.
    """

    def __init__(self, home: Path, url: str | None = None) -> None:
        self.home = home
        self.file = None if url else home / DATABASE_FILE
        self._url = url or None
        self._lock = threading.Lock()
        with self._report_errors():
            self._engine, self._stamp = self._open_engine()

    @property
    def is_shared(self) -> bool:
        """Tell whether several servers may use it: PostgreSQL."""
        return self.file is None

    @property
    def place(self) -> str:
        """Name it for people, without its password."""
        if self._url is None:
            return str(self.file)
        return make_url(self._url).render_as_string(hide_password=True)

    @property
    def address(self) -> str | None:
        """Return the address of PostgreSQL, with its password; None for SQLite."""
        return self._url

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self._report_errors():
            self._follow_file()
            with self._engine.connect() as connection:
                yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes, committed at the end of the block.

        SQLite takes the one write lock at once: what is read in the block still holds when it
        writes.
        """
        with self._report_errors():
            self._follow_file()
            connection = self._engine.connect().execution_options(**{WRITES_OPTION: True})
            with connection, connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        with self._lock, contextlib.suppress(SQLAlchemyError, sqlite3.Error):
            self._engine.dispose()

    def _open_engine(self) -> tuple[Engine, DatabaseStamp | None]:
        """Open it at the newest revision; gives what the file looked like before, too."""
        self.home.mkdir(parents=True, exist_ok=True)
        stamp: DatabaseStamp | None = None
        if self.file is None:
            engine = _make_postgresql_engine(self._url or "")
        else:
            if not self.file.exists():
                _make_database_file(self.file)
            stamp = _file_stamp(self.file)
            engine = _make_sqlite_engine(self.file)
        try:
            migrate_database(engine)
        except Exception:
            engine.dispose()
            raise
        return engine, stamp

    def _follow_file(self) -> None:
        """Open the file anew where it was replaced or written over: its rows count, no others.

        SQLite would go on with the file that it opened, removed or not: a key revoked in the new
        one would stay valid. Raises OSError where there is none, HomeUnusable.
        """
        if self.file is None or _file_stamp(self.file) == self._stamp:
            return
        with self._lock:
            if _file_stamp(self.file) == self._stamp:
                return
            former = self._engine
            self._engine, self._stamp = self._open_engine()
            former.dispose()  # only now: the last one to close a file writes to it

    @contextlib.contextmanager
    def _report_errors(self) -> Iterator[None]:
        """Raise HomeUnusable or DatabaseUnavailable for every error of the database in the block.

        ValueError is a row that we did not write.
        """
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError, ValueError) as error:
            reason = _describe_reason(error)
            if self.file is not None:
                raise HomeUnusable(
                    f"{self.file} cannot be used: {reason}. Is the disk full, or read-only? "
                    "See: ragdesk doctor"
                ) from error
            raise DatabaseUnavailable(
                f"The database {self.place} cannot be used: {reason}. "
                "See support.database, and: ragdesk doctor"
            ) from error


def _describe_reason(error: Exception) -> str:
    """Return what a driver says of an error, without the row that PostgreSQL adds to it."""
    origin = getattr(error, "orig", None) or error
    return getattr(getattr(origin, "diag", None), "message_primary", None) or str(origin)


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Begin an insert that can say what becomes of a row that stands already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def is_lost_file(home: Path) -> bool:
    """Tell whether a desk.sqlite was here and is gone or empty, by what SQLite leaves beside it.

    A home of 0.1.0 has no mark yet, and one that is made anew starts without any of these files.
    """
    file = home / DATABASE_FILE
    if file.exists():
        return file.stat().st_size == 0
    return any((home / f"{DATABASE_FILE}{end}").exists() for end in ("-wal", "-shm", "-journal"))


def _make_sqlite_engine(file: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{file}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=True,  # what people wrote is no part of an error's message
    )

    @event.listens_for(engine, "connect")
    def prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say
        with contextlib.suppress(sqlite3.OperationalError):  # a home that is read-only is read
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is not left in free pages

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES_OPTION)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_postgresql_engine(url: str) -> Engine:
    """Make an engine of a PostgreSQL address. Raises SettingsError for another one."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise SettingsError(
            f"support.database is no address. Write {POSTGRESQL_DRIVER}://USER:PASSWORD@HOST/NAME"
        ) from error
    if address.drivername != POSTGRESQL_DRIVER:
        raise SettingsError(
            f"support.database names {address.drivername!r}. It takes {POSTGRESQL_DRIVER}://… ; "
            "for SQLite leave it out: HOME/desk.sqlite"
        )
    more: dict[str, Any] = {
        "connect_args": {"connect_timeout": BUSY_SECONDS},
        "hide_parameters": True,  # what people wrote is no part of an error's message
    }
    try:
        return create_engine(address, pool_pre_ping=True, pool_size=8, max_overflow=8, **more)
    except ModuleNotFoundError as error:
        raise SettingsError(
            "support.database names PostgreSQL, and its driver is not installed: "
            "pip install 'ragdesk[postgres]'"
        ) from error


def _file_stamp(file: Path) -> DatabaseStamp:
    """Return which file has a name, and when it was last written. Raises OSError."""
    status = file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _make_database_file(file: Path) -> None:
    """Make the file, readable by its user alone; under its name it is never empty.

    An empty one is taken for a database that was lost.
    """
    draft = file.with_name(f"{durability.UNFINISHED_PREFIX}{secrets.token_hex(8)}-{DATABASE_FILE}")
    try:
        draft.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(draft)) as db:
            db.execute("PRAGMA journal_mode = WAL")  # this writes the first page
        try:
            os.link(draft, file)
        except FileExistsError:
            pass  # another process made it meanwhile, and may have a key in it
        except OSError:  # a file system without links
            draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
