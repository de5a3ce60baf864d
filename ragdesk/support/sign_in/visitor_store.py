"""Visitors of a website: an id and a secret each, of which the digest is kept."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select, update

from ragdesk.support.database import Database
from ragdesk.support.sign_in.sign_in_tables import VISITORS

VISITOR_SECRET_PREFIX: Final = "rdv_"  # noqa: S105, how every secret begins
VISITOR_DAYS: Final = 180  # days without a request after which a visitor is forgotten
VISITOR_USE_SECONDS: Final = 86_400  # between two notes that a visitor was here


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody on a website. key: id of the publishable key that they came with."""

    id: str
    key: str
    used: int

    def is_due(self, now: float) -> bool:
        """Tell whether it is to be noted again that they were here."""
        return now >= self.used + VISITOR_USE_SECONDS


class VisitorStore:
    """The visitors of all websites of a desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, key: str) -> tuple[Visitor, str]:
        """Note a new visitor; gives them with their secret. Those who are long gone are removed."""
        secret = VISITOR_SECRET_PREFIX + secrets.token_urlsafe(32)
        now = int(time.time())
        visitor = Visitor(id=secrets.token_hex(8), key=key, used=now)
        row = {"id": visitor.id, "key": key, "digest": _secret_digest(secret)}
        is_gone = VISITORS.c.used < now - VISITOR_DAYS * 86_400
        with self._database.write() as connection:
            connection.execute(delete(VISITORS).where(is_gone))
            connection.execute(insert(VISITORS).values({**row, "created": now, "used": now}))
        return visitor, secret

    def find(self, key: str, secret: str) -> Visitor | None:
        """Find the visitor of a secret, if they came with that key."""
        is_this = (VISITORS.c.digest == _secret_digest(secret)) & (VISITORS.c.key == key)
        with self._database.read() as connection:
            row = connection.execute(select(VISITORS).where(is_this)).mappings().first()
        return Visitor(id=row["id"], key=row["key"], used=row["used"]) if row else None

    def note_use(self, visitor: Visitor) -> None:
        """Note that a visitor was here."""
        change = update(VISITORS).where(VISITORS.c.id == visitor.id).values(used=int(time.time()))
        with self._database.write() as connection:
            connection.execute(change)


def _secret_digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
