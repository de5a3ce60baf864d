"""Conversations, their turns and words, and feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("row_key", sa.BigInteger, nullable=False, unique=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("share_digest", sa.Text, unique=True),
    )
    op.create_index("conversations_by_person", "conversations", ["person", "updated", "id"])
    op.create_index("conversations_by_state", "conversations", ["state", "updated", "id"])
    op.create_index("conversations_by_time", "conversations", ["updated"])
    _make_turns()
    _make_turn_words()
    _make_feedback()


def _make_turns() -> None:
    """Make the table of turns."""
    op.create_table(
        "turns",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "conversation",
            sa.Text,
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("writer", sa.Text),
        sa.Column("question", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("collection", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer),
        sa.Column("generator", sa.Text),
        sa.Column("confidence", sa.Float),
        sa.Column("seconds", sa.Float),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("intent", sa.Text),
        sa.Column("sentiment", sa.Text),
        sa.Column("in_scope", sa.Float),
        sa.UniqueConstraint("conversation", "number"),
    )
    op.create_index("turns_by_time", "turns", ["created"])


def _make_turn_words() -> None:
    """Make the table of the turns' words: their hashes."""
    op.create_table(
        "turn_words",
        sa.Column(
            "conversation",
            sa.BigInteger,
            sa.ForeignKey("conversations.row_key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("word", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("turn_words_by_word", "turn_words", ["word", "conversation"])


def _make_feedback() -> None:
    """Make the table of feedback."""
    op.create_table(
        "feedback",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("turn", sa.Text, sa.ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("turn", "person"),
    )
    op.create_index("feedback_by_person", "feedback", ["person"])
    op.create_index("feedback_by_time", "feedback", ["created"])
