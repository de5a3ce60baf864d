"""Keep access keys in a home's SQLite database: only digests of their tokens."""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from indexes.store import durability
from ragdesk.errors import HomeUnusable, Invalid, NotFound
from ragdesk.support.access import SCOPES, Key

Stamp = tuple[int, int, int, int]
TOKEN_PREFIX = "rd_"  # noqa: S105, how every token begins
DATABASE_FILE = "desk.sqlite"
CLOSED_NAME = "closed"  # a name among the secrets, and the end of the name of the file beside
MARK_FILE = f"{DATABASE_FILE}.{CLOSED_NAME}"
MARK_TEXT = (
    "This desk had its first key: without one it lets nobody in, whatever becomes of desk.sqlite.\n"
    "To open it to the local user again, remove this file, desk.sqlite and desk.sqlite-*.\n"
)
MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL UNIQUE,
        scopes TEXT NOT NULL, groups TEXT NOT NULL, collections TEXT NOT NULL,
        created INTEGER NOT NULL, expires INTEGER, revoked INTEGER
    );
    CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    """,
)


class KeyStore:
    """The keys of a home, in its ``desk.sqlite``. Safe to share between threads."""

    def __init__(self, home: Path) -> None:
        self._lock = threading.Lock()
        self._home = home
        self._file = home / DATABASE_FILE
        self._mark = home / MARK_FILE
        if _is_lost(home):  # its keys are gone: nobody is let in for that
            self._write_mark()
        self._db, self._stamp = _open_database(home)
        self._closed = False  # once true, true for good
        if self.has_had_keys():
            # A home of 0.1.0 may be read-only: there the rows of its keys stand for the mark.
            with contextlib.suppress(HomeUnusable):
                self._write_mark()

    def close(self) -> None:
        """Close the file."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextlib.contextmanager
    def _report_errors(self) -> Iterator[None]:
        """Raise HomeUnusable for every error of the database file in the block."""
        try:
            self._follow_file()
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise HomeUnusable(
                f"{self._file} cannot be used: {error}. Is the disk full, or read-only? "
                "See: ragdesk doctor"
            ) from error

    def _follow_file(self) -> None:
        """Open the file anew where it was replaced or written over: its keys count, no others.

        SQLite would go on with the file that it opened, removed or not: a key revoked in the new
        one would stay valid. Raises OSError where there is none, HomeUnusable.
        """
        if _file_stamp(self._file) == self._stamp:
            return
        former = self._db
        self._db, self._stamp = _open_database(self._home)
        former.close()  # only now: the last one to close a file writes to it

    def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] = ("ask",),
        groups: Iterable[str] = (),
        collections: Iterable[str] = (),
        days: int | None = None,
    ) -> tuple[Key, str]:
        """Make a key. Returns it with its token, which cannot be shown again.

        Raises HomeUnusable where it could not be stored: then there is no such key.
        """
        allowed = frozenset(scopes)
        if unknown := allowed - set(SCOPES):
            raise Invalid(f"No scope {min(unknown)!r}; scopes are {', '.join(SCOPES)}.")
        for limit in (groups := frozenset(groups), collections := frozenset(collections)):
            if any(not limit_name.strip() for limit_name in limit):
                raise Invalid("A key's groups and collections have names: one of them is empty.")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = int(time.time())
        key = Key(
            id=secrets.token_hex(4),
            name=name,
            scopes=allowed,
            groups=groups,
            collections=collections,
            created=now,
            expires=None if days is None else now + days * 86_400,
        )
        sets = (_join_names(names) for names in (key.scopes, key.groups, key.collections))
        row = (key.id, name, _token_digest(token), *sets)
        with self._lock, self._report_errors():
            self._write_mark()
            with self._db:
                self._db.execute(
                    "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                    (*row, now, key.expires),
                )
                self._db.execute(
                    "INSERT OR IGNORE INTO secrets VALUES (?, ?)", (CLOSED_NAME, b"\1")
                )
        return key, token

    def _write_mark(self) -> None:
        """Write, before the first key, that there was one. Raises HomeUnusable."""
        if self._mark.exists():
            return
        try:
            durability.replace_file(self._mark, MARK_TEXT.encode("ascii"))
        except OSError as error:
            self._mark.unlink(missing_ok=True)
            raise HomeUnusable(f"{self._mark} cannot be written: {error}.") from error

    def list_keys(self) -> list[Key]:
        """List every key ever made, oldest first. Raises HomeUnusable."""
        with self._lock, self._report_errors():
            rows = self._db.execute("SELECT * FROM keys ORDER BY created, id").fetchall()
            return [_key_from_row(row) for row in rows]

    def revoke(self, name: str) -> Key:
        """Revoke a key by its id. Raises NotFound, HomeUnusable."""
        now = int(time.time())
        with self._lock, self._report_errors(), self._db:
            self._db.execute(
                "UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?", (now, name)
            )
        if not (matches := [key for key in self.list_keys() if key.id == name]):
            raise NotFound(f"No key {name!r}. See them all: ragdesk keys list")
        return matches[0]

    def find_by_token(self, token: str) -> Key | None:
        """Find the valid key of a token. Garbage, expired and revoked take the same way."""
        digest = _token_digest(token)
        with self._lock, self._report_errors():
            row = self._db.execute("SELECT * FROM keys WHERE digest = ?", (digest,)).fetchone()
            same = hmac.compare_digest(row["digest"] if row else bytes(32), digest)
            return (
                key if row and same and (key := _key_from_row(row)).is_valid(time.time()) else None
            )

    def find_valid(self, name: str) -> Key | None:
        """Find the valid key of an id: as it is now, whatever it was when it was shown."""
        with self._lock, self._report_errors():
            row = self._db.execute("SELECT * FROM keys WHERE id = ?", (name,)).fetchone()
            return key if row and (key := _key_from_row(row)).is_valid(time.time()) else None

    def has_had_keys(self) -> bool:
        """Return whether this home ever had a key: from then on it is never open without one."""
        if not self._closed:
            with self._lock, self._report_errors():
                query = """SELECT EXISTS (SELECT 1 FROM keys)
                  OR EXISTS (SELECT 1 FROM secrets WHERE name = ?)"""
                self._closed = bool(self._db.execute(query, (CLOSED_NAME,)).fetchone()[0])
            self._closed = self._closed or self._mark.exists()
        return self._closed

    def are_lost(self) -> bool:
        """Tell whether there were keys of which not even the rows are left."""
        return self.has_had_keys() and not self.list_keys()

    def has_valid_key(self) -> bool:
        """Tell whether a valid key stands."""
        return any(key.is_valid(time.time()) for key in self.list_keys())

    def get_secret(self, name: str) -> bytes:
        """Return this home's secret of a name (32 bytes), made when first asked for."""
        with self._lock, self._report_errors(), self._db:
            values = (name, secrets.token_bytes(32))
            self._db.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", values)
            row = self._db.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return bytes(row[0])


def _open_database(home: Path) -> tuple[sqlite3.Connection, Stamp]:
    """Open the file of a home, made where there is none; gives what it looked like before too."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / DATABASE_FILE).exists():
            _make_database_file(home / DATABASE_FILE)
        stamp = _file_stamp(home / DATABASE_FILE)
        return _migrate_database(
            sqlite3.connect(home / DATABASE_FILE, check_same_thread=False, timeout=10)
        ), stamp
    except (OSError, sqlite3.Error) as error:
        raise HomeUnusable(
            f"{home / DATABASE_FILE} cannot be used: {error}. See: ragdesk doctor"
        ) from error


def _migrate_database(db: sqlite3.Connection) -> sqlite3.Connection:
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA journal_mode = WAL")
        at: int = db.execute("PRAGMA user_version").fetchone()[0]
        if at > len(MIGRATIONS):
            raise sqlite3.DatabaseError("it was written by a newer ragdesk")
        for version, script in enumerate(MIGRATIONS[at:], start=at + 1):
            db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {version}; COMMIT;")
        _note_old_keys(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _note_old_keys(db: sqlite3.Connection) -> None:
    """Note, in a home of 0.1.0, that it has had keys; a home that is read-only is read as it is."""
    missing = (
        "SELECT EXISTS (SELECT 1 FROM keys) AND NOT EXISTS (SELECT 1 FROM secrets WHERE name = ?)"
    )
    if db.execute(missing, (CLOSED_NAME,)).fetchone()[0]:
        with contextlib.suppress(sqlite3.OperationalError), db:
            db.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (CLOSED_NAME, b"\1"))


def _key_from_row(row: sqlite3.Row) -> Key:
    """Read a key from a row. Raises ValueError for a row that we did not write."""
    scopes, groups, collections = (
        _parse_names(row[name]) for name in ("scopes", "groups", "collections")
    )
    return Key(
        id=row["id"],
        name=row["name"],
        scopes=scopes,
        groups=groups,
        collections=collections,
        created=row["created"],
        expires=row["expires"],
        revoked=row["revoked"],
    )


def _join_names(names: Iterable[str]) -> str:
    return json.dumps(sorted(names))


def _token_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _is_lost(home: Path) -> bool:
    """Tell whether a desk.sqlite was here and is gone or empty, by what SQLite leaves beside it.

    A home of 0.1.0 has no mark yet, and one that is made anew starts without any of these files.
    """
    file = home / DATABASE_FILE
    if file.exists():
        return file.stat().st_size == 0
    return any((home / f"{DATABASE_FILE}{end}").exists() for end in ("-wal", "-shm", "-journal"))


def _file_stamp(file: Path) -> Stamp:
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


def _parse_names(text: str) -> frozenset[str]:
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("a key's scopes, groups or collections are no names")
    return frozenset(names)
