"""The tables of hand-offs: the queue, what happened to each, and what is on its way out."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from ragdesk.support.conversations.conversation_tables import CONVERSATIONS
from ragdesk.support.tables import METADATA, SEALED, SECONDS

SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers integers alone
HANDOFFS: Final = Table(
    "handoffs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column(
        "conversation", Text, ForeignKey(CONVERSATIONS.c.id, ondelete="CASCADE"), nullable=False
    ),
    Column("person", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("groups", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False, info=SEALED),
    Column("payload", Text, nullable=False, info=SEALED),
    Column("contact", Text, nullable=False, info=SEALED),
    Column("language", Text, nullable=False),
    Column("sentiment", Text),
    Column("agent", Text),
    Column("agent_name", Text),
    Column("created", SECONDS, nullable=False),
    Column("updated", SECONDS, nullable=False),
    Column("taken", SECONDS),
    Column("closed", SECONDS),
    Column("reopened", Integer, nullable=False),
    Column("rating", Integer),
    Column("comment", Text, info=SEALED),
    Column("draft", Text, info=SEALED),
)
Index("handoffs_by_state", HANDOFFS.c.state, HANDOFFS.c.created)
Index("handoffs_by_conversation", HANDOFFS.c.conversation)
Index("handoffs_by_person", HANDOFFS.c.person)
Index(
    "handoffs_open",
    HANDOFFS.c.conversation,
    unique=True,
    sqlite_where=HANDOFFS.c.state != "closed",
    postgresql_where=HANDOFFS.c.state != "closed",
)
HANDOFF_EVENTS: Final = Table(
    "handoff_events",
    METADATA,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("handoff", Text, ForeignKey("handoffs.id", ondelete="CASCADE"), nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("detail", Text, nullable=False, info=SEALED),
)
Index("handoff_events_by_handoff", HANDOFF_EVENTS.c.handoff)
HANDOFF_OUTBOX: Final = Table(
    "handoff_outbox",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("handoff", Text, ForeignKey("handoffs.id", ondelete="CASCADE"), nullable=False),
    Column("number", SERIAL, nullable=False),
    Column("channel", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("body", Text, nullable=False, info=SEALED),
    Column("created", SECONDS, nullable=False),
    Column("due", SECONDS, nullable=False),
    Column("leased", SECONDS, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("delivered", SECONDS),
    Column("failed", SECONDS),
    Column("error", Text),
)
Index("handoff_outbox_by_due", HANDOFF_OUTBOX.c.delivered, HANDOFF_OUTBOX.c.due)
Index("handoff_outbox_by_handoff", HANDOFF_OUTBOX.c.handoff)
HANDOFF_LINKS: Final = Table(
    "handoff_links",
    METADATA,
    Column("handoff", Text, ForeignKey("handoffs.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("progress", Text, nullable=False),
)
Index("handoff_links_by_reference", HANDOFF_LINKS.c.channel, HANDOFF_LINKS.c.reference)
