"""Messages out of chats that wait for their answers, and the conversations of their threads."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SECONDS = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "chat_messages",
        sa.Column("number", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("thread", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("reply", sa.Text),
        sa.Column("created", SECONDS, nullable=False),
        sa.Column("due", SECONDS, nullable=False),
        sa.Column("leased", SECONDS, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("ended", SECONDS),
        sa.Column("error", sa.Text),
    )
    op.create_index("chat_messages_by_due", "chat_messages", ["ended", "due"])
    op.create_index("chat_messages_by_thread", "chat_messages", ["thread"])
    op.create_index("chat_messages_by_author", "chat_messages", ["author", "ended"])
    op.create_table(
        "chat_threads",
        sa.Column("thread", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column(
            "conversation",
            sa.Text,
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("sent_number", sa.Integer, nullable=False),
    )
    op.create_index("chat_threads_by_conversation", "chat_threads", ["conversation"])
