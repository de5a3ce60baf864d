"""Keep access keys in a home's database: only digests of their tokens."""

import contextlib
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Connection, RowMapping, exists, func, insert, select, update

from indexes.store import durability
from ragdesk.errors import HomeUnusable, Invalid, NotFound
from ragdesk.support.access import SCOPES, Key
from ragdesk.support.database import DATABASE_FILE, Database, is_lost_file, upsert
from ragdesk.support.replicas.done_requests import note_deed
from ragdesk.support.tables import KEYS, SECRETS

TOKEN_PREFIX = "rd_"  # noqa: S105, how every token begins
CLOSED_NAME = "closed"  # a name among the secrets, and the end of the name of the file beside
MARK_FILE = f"{DATABASE_FILE}.{CLOSED_NAME}"
MARK_TEXT = (
    "This desk had its first key: without one it lets nobody in, whatever becomes of desk.sqlite.\n"
    "To open it to the local user again, remove this file, desk.sqlite and desk.sqlite-*.\n"
)
CLOSED_NOTE = select(SECRETS.c.name).where(SECRETS.c.name == CLOSED_NAME)


def open_home_database(home: Path, url: str | None = None) -> Database:
    """Open the database of a home: PostgreSQL at ``url``, else its ``desk.sqlite``.

    Where that file was lost, its keys are: nobody is let in for that. Raises HomeUnusable.
    """
    if not url and is_lost_file(home):
        _write_mark(home / MARK_FILE)
    return Database(home, url)


class KeyStore:
    """The keys of a home, in its database. Safe to share between threads.

    database: an open one, which its opener closes; None opens ``HOME/desk.sqlite``.
    """

    def __init__(self, home: Path, database: Database | None = None) -> None:
        self._lock = threading.Lock()
        self._mark = home / MARK_FILE
        self._owns_database = database is None
        self.database = open_home_database(home) if database is None else database
        self._closed = False  # once true, true for good
        if self._read_closed():
            # A home of 0.1.0 may be read-only: there the rows of its keys stand for the mark.
            with contextlib.suppress(HomeUnusable):
                _write_mark(self._mark)
            with contextlib.suppress(HomeUnusable):
                self._note_old_keys()

    def close(self) -> None:
        """Close the database, if this store opened it."""
        if self._owns_database:
            self.database.close()

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
        row = {
            "id": key.id,
            "name": name,
            "digest": _token_digest(token),
            "scopes": _join_names(key.scopes),
            "groups": _join_names(key.groups),
            "collections": _join_names(key.collections),
            "created": now,
            "expires": key.expires,
        }
        with self.write_key() as connection:
            note_deed(connection, "key", {"id": key.id})
            connection.execute(insert(KEYS).values(row))
        return key, token

    @contextlib.contextmanager
    def write_key(self) -> Iterator[Connection]:
        """Open a transaction that makes a key: with it the desk is closed to whoever has none."""
        with self._lock:
            _write_mark(self._mark)
            with self.database.write() as connection:
                yield connection
                _note_keys(connection)

    def list_keys(self) -> list[Key]:
        """List every key ever made, oldest first. Raises HomeUnusable."""
        query = select(KEYS).order_by(KEYS.c.created, KEYS.c.id)
        with self.database.read() as connection:
            return [_key_from_row(row) for row in connection.execute(query).mappings()]

    def revoke(self, name: str) -> Key:
        """Revoke a key by its id. Raises NotFound, HomeUnusable."""
        change = (
            update(KEYS)
            .where(KEYS.c.id == name)
            .values(revoked=func.coalesce(KEYS.c.revoked, int(time.time())))
        )
        with self.database.write() as connection:
            connection.execute(change)
        if not (matches := [key for key in self.list_keys() if key.id == name]):
            raise NotFound(f"No key {name!r}. See them all: ragdesk keys list")
        return matches[0]

    def find_by_token(self, token: str) -> Key | None:
        """Find the valid key of a token. Garbage, expired and revoked take the same way."""
        digest = _token_digest(token)
        with self.database.read() as connection:
            row = connection.execute(select(KEYS).where(KEYS.c.digest == digest)).mappings().first()
            same = hmac.compare_digest(bytes(row["digest"]) if row else bytes(32), digest)
            return (
                key if row and same and (key := _key_from_row(row)).is_valid(time.time()) else None
            )

    def find_valid(self, name: str) -> Key | None:
        """Find the valid key of an id: as it is now, whatever it was when it was shown."""
        with self.database.read() as connection:
            row = connection.execute(select(KEYS).where(KEYS.c.id == name)).mappings().first()
            return key if row and (key := _key_from_row(row)).is_valid(time.time()) else None

    def has_had_keys(self) -> bool:
        """Return whether this home ever had a key: from then on it is never open without one."""
        if not self._closed:
            self._closed = self._read_closed()
        return self._closed

    def _read_closed(self) -> bool:
        query = select(exists(select(KEYS.c.id)) | exists(CLOSED_NOTE))
        with self.database.read() as connection:
            is_noted = bool(connection.execute(query).scalar_one())
        return is_noted or self._mark.exists()

    def _note_old_keys(self) -> None:
        """Note, in a database of 0.1.0, that it has had keys."""
        with self.database.read() as connection:
            is_noted = connection.execute(CLOSED_NOTE).first()
        if not is_noted:
            with self.database.write() as connection:
                _note_keys(connection)

    def are_lost(self) -> bool:
        """Tell whether there were keys of which not even the rows are left."""
        return self.has_had_keys() and not self.list_keys()

    def has_valid_key(self) -> bool:
        """Tell whether a valid key stands."""
        return any(key.is_valid(time.time()) for key in self.list_keys())

    def get_secret(self, name: str) -> bytes:
        """Return this home's secret of a name (32 bytes), made when first asked for."""
        query = select(SECRETS.c.value).where(SECRETS.c.name == name)
        with self.database.write() as connection:
            _insert_secret(connection, name, secrets.token_bytes(32))
            return bytes(connection.execute(query).scalar_one())


def _write_mark(mark: Path) -> None:
    """Write, before the first key, that there was one. Raises HomeUnusable."""
    if mark.exists():
        return
    try:
        durability.replace_file(mark, MARK_TEXT.encode("ascii"))
    except OSError as error:
        mark.unlink(missing_ok=True)
        raise HomeUnusable(f"{mark} cannot be written: {error}.") from error


def _note_keys(connection: Connection) -> None:
    """Note that this home has had keys."""
    _insert_secret(connection, CLOSED_NAME, b"\1")


def _insert_secret(connection: Connection, name: str, value: bytes) -> None:
    """Insert a secret, unless there is one of its name."""
    row = upsert(connection, SECRETS).values(name=name, value=value)
    connection.execute(row.on_conflict_do_nothing())


def _key_from_row(row: RowMapping) -> Key:
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


def _parse_names(text: str) -> frozenset[str]:
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("a key's scopes, groups or collections are no names")
    return frozenset(names)
