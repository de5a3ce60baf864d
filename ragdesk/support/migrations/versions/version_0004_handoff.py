"""Hand-offs: the queue, what happened to each, and what is on its way out of the house."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "handoffs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "conversation",
            sa.Text,
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("groups", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("contact", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("sentiment", sa.Text),
        sa.Column("agent", sa.Text),
        sa.Column("agent_name", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.BigInteger),
        sa.Column("closed", sa.BigInteger),
        sa.Column("reopened", sa.Integer, nullable=False),
        sa.Column("rating", sa.Integer),
        sa.Column("comment", sa.Text),
        sa.Column("draft", sa.Text),
    )
    op.create_index("handoffs_by_state", "handoffs", ["state", "created"])
    op.create_index("handoffs_by_conversation", "handoffs", ["conversation"])
    op.create_index("handoffs_by_person", "handoffs", ["person"])
    still_open = sa.text("state != 'closed'")
    op.create_index(
        "handoffs_open",
        "handoffs",
        ["conversation"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    _create_event_tables()


def _create_event_tables() -> None:
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "handoff_events",
        sa.Column("number", serial, primary_key=True, autoincrement=True),
        _handoff_column(),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("handoff_events_by_handoff", "handoff_events", ["handoff"])
    op.create_table(
        "handoff_outbox",
        sa.Column("id", sa.Text, primary_key=True),
        _handoff_column(),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("leased", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered", sa.BigInteger),
        sa.Column("failed", sa.BigInteger),
        sa.Column("error", sa.Text),
    )
    op.create_index("handoff_outbox_by_due", "handoff_outbox", ["delivered", "due"])
    op.create_index("handoff_outbox_by_handoff", "handoff_outbox", ["handoff"])
    op.create_table(
        "handoff_links",
        _handoff_column(primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
    )
    op.create_index("handoff_links_by_reference", "handoff_links", ["channel", "reference"])


def _handoff_column(*, primary_key: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey("handoffs.id", ondelete="CASCADE")
    return sa.Column("handoff", sa.Text, owner, primary_key=primary_key, nullable=False)
