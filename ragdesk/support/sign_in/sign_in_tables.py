"""The tables of staff sessions and accounts, publishable keys, visitors, limits and the audit log.

Of what lets somebody in only digests are stored, but for publishable keys: those stand in the
source of a web page, and are shown again whenever they are asked for.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from ragdesk.support.tables import METADATA, SECONDS

COUNTER: Final = BigInteger().with_variant(Integer(), "sqlite")
ACCOUNTS: Final = Table(
    "accounts",  # people who signed in by OpenID Connect
    METADATA,
    Column("id", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("groups", Text, nullable=False),  # of the provider, those that the settings knew
    Column("created", SECONDS, nullable=False),
    Column("refreshed", SECONDS, nullable=False),  # when the provider last named the groups
    UniqueConstraint("issuer", "subject"),
)
SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the cookie
    Column("id", Text, nullable=False, unique=True),
    Column("key", Text),  # either the key or the account that signed in
    Column("account", Text),
    Column("created", SECONDS, nullable=False),
    Column("used", SECONDS, nullable=False),
    Column("expires", SECONDS, nullable=False),
)
SIGN_IN_REQUESTS: Final = Table(
    "sign_in_requests",  # on their way to the provider and back
    METADATA,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the state
    Column("browser", LargeBinary, nullable=False),  # SHA-256 of the cookie of the browser
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
)
PUBLISHABLE_KEYS: Final = Table(
    "publishable_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("token", Text, nullable=False, unique=True),
    Column("origins", Text, nullable=False),
    Column("collections", Text, nullable=False),
    Column("daily_answers", Integer),
    Column("created", SECONDS, nullable=False),
    Column("expires", SECONDS),
    Column("revoked", SECONDS),
)
VISITORS: Final = Table(
    "visitors",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),  # SHA-256 of the secret
    Column("created", SECONDS, nullable=False),
    Column("used", SECONDS, nullable=False),
    Index("visitors_used", "used"),
)
REQUEST_COUNTS: Final = Table(
    "request_counts",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("period", SECONDS, primary_key=True),  # when the period of the count began
    Column("requests", Integer, nullable=False),
    Index("request_counts_period", "period"),
)
AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", COUNTER, primary_key=True, autoincrement=True),
    Column("created", SECONDS, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("address", Text),  # where staff asked from
    Index("audit_created", "created"),
)
