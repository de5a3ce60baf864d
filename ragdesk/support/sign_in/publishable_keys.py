"""Publishable keys: what a website shows in its source, so that its visitors may ask.

Such a key proves nothing. It says which collections a website asks and from which origins its
pages come, and what it is limited to; who a visitor is stands in a secret or token of their own.
"""

import json
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import RowMapping, func, insert, or_, select, update

from ragdesk.errors import Invalid, NotFound
from ragdesk.support.key_store import KeyStore
from ragdesk.support.replicas.done_requests import note_deed
from ragdesk.support.sign_in.sign_in_options import is_safe_address
from ragdesk.support.sign_in.sign_in_tables import PUBLISHABLE_KEYS

PUBLISHABLE_PREFIX: Final = "rdp_"
# It goes into headers: no wildcard, no second directive, no letter beyond those of browsers.
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishableKey:
    """A website's key. Times are seconds since 1970.

    daily_answers: answers by the language model a day; None takes the setting.
    """

    id: str
    name: str
    token: str
    origins: frozenset[str]
    collections: frozenset[str]
    daily_answers: int | None
    created: int
    expires: int | None = None
    revoked: int | None = None

    def is_valid(self, now: float) -> bool:
        """Tell whether the key is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class PublishableKeyStore:
    """The publishable keys of a desk. The first one closes an open desk, as every key does."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._database = keys.database

    def create(
        self,
        name: str,
        *,
        origins: Iterable[str],
        collections: Iterable[str],
        daily_answers: int | None = None,
        days: int | None = None,
    ) -> PublishableKey:
        """Make a key for the pages of some origins. Raises Invalid."""
        addresses = frozenset(normalise_origin(origin) for origin in origins)
        names = frozenset(collections)
        if not addresses or not names:
            raise Invalid("A publishable key names the origins of its pages, and its collections.")
        now = int(time.time())
        key = PublishableKey(
            id=secrets.token_hex(4),
            name=name,
            token=PUBLISHABLE_PREFIX + secrets.token_urlsafe(24),
            origins=addresses,
            collections=names,
            daily_answers=daily_answers,
            created=now,
            expires=None if days is None else now + days * 86_400,
        )
        row = {
            "id": key.id,
            "name": name,
            "token": key.token,
            "origins": json.dumps(sorted(addresses)),
            "collections": json.dumps(sorted(names)),
            "daily_answers": daily_answers,
            "created": now,
            "expires": key.expires,
        }
        with self._keys.write_key() as connection:
            note_deed(connection, "key", {"id": key.id})
            connection.execute(insert(PUBLISHABLE_KEYS).values(row))
        return key

    def find_by_token(self, token: str) -> PublishableKey | None:
        """Find the valid key of a token."""
        query = select(PUBLISHABLE_KEYS).where(PUBLISHABLE_KEYS.c.token == token)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        key = _publishable_from_row(row) if row else None
        return key if key and key.is_valid(time.time()) else None

    def list_keys(self) -> list[PublishableKey]:
        """List every key ever made, oldest first."""
        table = PUBLISHABLE_KEYS
        query = select(table).order_by(table.c.created, table.c.id)
        with self._database.read() as connection:
            return [_publishable_from_row(row) for row in connection.execute(query).mappings()]

    def list_origins(self) -> frozenset[str]:
        """List the origins of all valid keys."""
        table, now = PUBLISHABLE_KEYS, int(time.time())
        is_valid = table.c.revoked.is_(None) & or_(table.c.expires.is_(None), table.c.expires > now)
        with self._database.read() as connection:
            rows = connection.execute(select(table.c.origins).where(is_valid)).scalars().all()
        return frozenset(origin for row in rows for origin in json.loads(row))

    def revoke(self, name: str) -> PublishableKey:
        """Revoke a key by its id. Raises NotFound."""
        table = PUBLISHABLE_KEYS
        now = func.coalesce(table.c.revoked, int(time.time()))
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.id == name).values(revoked=now))
        if not (matches := [key for key in self.list_keys() if key.id == name]):
            raise NotFound(f"No key {name!r}. See them all: ragdesk keys list")
        return matches[0]


def normalise_origin(text: str) -> str:
    """Return the origin of a website as browsers write it. Raises Invalid.

    >>> normalise_origin("https://Shop.example/")
    'https://shop.example'
    """
    origin = text.strip().rstrip("/").lower()
    parts = urlsplit(origin)
    if not is_safe_address(origin) or not is_origin(origin):
        raise Invalid(
            f"{text!r} is no origin. Write https:// and the host of the pages, as in "
            "https://shop.example: no path, no *, and other scripts as browsers do (xn--…)"
        )
    return origin.removesuffix(":443") if parts.scheme == "https" else origin.removesuffix(":80")


def is_origin(text: str) -> bool:
    """Tell whether a text is an origin as browsers write it, and nothing more.

    >>> [is_origin(o) for o in ("https://a.example:8443", "https://*.a.example", "https://a; b")]
    [True, False, False]
    """
    return _ORIGIN.fullmatch(text) is not None


def _publishable_from_row(row: RowMapping) -> PublishableKey:
    return PublishableKey(
        id=row["id"],
        name=row["name"],
        token=row["token"],
        origins=frozenset(json.loads(row["origins"])),
        collections=frozenset(json.loads(row["collections"])),
        daily_answers=row["daily_answers"],
        created=row["created"],
        expires=row["expires"],
        revoked=row["revoked"],
    )
