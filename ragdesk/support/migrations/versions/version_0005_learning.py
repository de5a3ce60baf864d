"""Drafts of FAQ entries."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of drafts."""
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
