"""Staff sessions: what a cookie opens, for how long, and the token against forged requests.

A cookie holds 32 random bytes, of which the SHA-256 is stored. A session ends after 12 hours in
which it was not used, after 7 days in any case, and with the key that opened it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sqlalchemy import RowMapping, delete, insert, or_, select, update

from ragdesk.support.database import Database
from ragdesk.support.sign_in.sign_in_tables import SESSIONS

SESSION_PREFIX: Final = "rds_"
CSRF_SECRET: Final = "csrf"  # noqa: S105, the name of a secret of the home
IDLE_SECONDS: Final = 12 * 3_600
LONGEST_SECONDS: Final = 7 * 86_400
USE_SECONDS: Final = 60  # seconds between two notes that a session is used: a write each


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSession:
    """A session as it stands in the database: of a key, or of an account. Times are seconds."""

    id: str
    digest: bytes
    key: str | None
    account: str | None
    created: int
    used: int
    expires: int

    def is_valid(self, now: float) -> bool:
        """Tell whether it is neither too old nor idle for too long."""
        return now < self.expires and now < self.used + IDLE_SECONDS

    def is_due(self, now: float) -> bool:
        """Tell whether its use is to be noted again."""
        return now >= self.used + USE_SECONDS


class SessionStore:
    """The staff sessions of a desk.

    read_secret: reads the secret that signs the tokens of changes, once it is needed.
    """

    def __init__(self, database: Database, read_secret: Callable[[], bytes]) -> None:
        self._database = database
        self._read_secret = read_secret

    @cached_property
    def _csrf_secret(self) -> bytes:
        return self._read_secret()

    def create(self, *, key: str | None = None, account: str | None = None) -> tuple[str, int]:
        """Open a session of a key or an account; gives the cookie's value, and when it expires.

        Those that ended are removed.
        """
        token = SESSION_PREFIX + secrets.token_urlsafe(32)
        now = int(time.time())
        expires = now + LONGEST_SECONDS
        row = {
            "digest": _session_digest(token),
            "id": secrets.token_hex(8),
            "key": key,
            "account": account,
            "created": now,
            "used": now,
            "expires": expires,
        }
        ended = or_(SESSIONS.c.expires <= now, SESSIONS.c.used <= now - IDLE_SECONDS)
        with self._database.write() as connection:
            connection.execute(delete(SESSIONS).where(ended))
            connection.execute(insert(SESSIONS).values(row))
        return token, expires

    def find(self, token: str) -> StaffSession | None:
        """Find the valid session of a cookie; None for garbage and for one that ended."""
        digest = _session_digest(token)
        query = select(SESSIONS).where(SESSIONS.c.digest == digest)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        session = _session_from_row(row) if row else None
        return session if session and session.is_valid(time.time()) else None

    def note_use(self, session: StaffSession) -> None:
        """Let a session's hours begin anew."""
        change = (
            update(SESSIONS)
            .where(SESSIONS.c.digest == session.digest)
            .values(used=int(time.time()))
        )
        with self._database.write() as connection:
            connection.execute(change)

    def end(self, token: str) -> None:
        """End a session: its cookie opens nothing from now on."""
        digest = _session_digest(token)
        with self._database.write() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == digest))

    def end_all(self, *, key: str | None = None, account: str | None = None) -> int:
        """End every session of a key or an account; gives how many there were."""
        owner = SESSIONS.c.account == account if key is None else SESSIONS.c.key == key
        with self._database.write() as connection:
            return connection.execute(delete(SESSIONS).where(owner)).rowcount

    def csrf_token(self, session: StaffSession) -> str:
        """Return the token that a page sends with every change: no other site can read it."""
        return hmac.digest(self._csrf_secret, session.digest, hashlib.sha256).hex()

    def is_csrf_token(self, session: StaffSession, token: str) -> bool:
        """Tell whether a token is that of the session."""
        return hmac.compare_digest(self.csrf_token(session).encode(), token.encode())


def _session_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _session_from_row(row: RowMapping) -> StaffSession:
    return StaffSession(
        id=row["id"],
        digest=bytes(row["digest"]),
        key=row["key"],
        account=row["account"],
        created=row["created"],
        used=row["used"],
        expires=row["expires"],
    )
