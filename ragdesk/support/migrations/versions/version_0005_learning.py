"""Drafts of FAQ entries, and the turns whose words they hold."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables of drafts."""
    texts = (
        "collection",
        "origin",
        "state",
        "language",
        "question",
        "answer",
        "similar",
        "sources",
    )
    more = ("author", "gap", "uri", "reason")
    op.create_table(
        "drafts",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("personal", "groups", "approvals")),
        *(sa.Column(name, sa.Text, nullable=False) for name in more),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
    )
    op.create_index("drafts_by_state", "drafts", ["collection", "state", "updated"])
    op.create_table(
        "draft_turns",
        sa.Column(
            "draft", sa.Text, sa.ForeignKey("drafts.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("turn", sa.Text, primary_key=True),
    )
    op.create_index("draft_turns_by_turn", "draft_turns", ["turn"])
