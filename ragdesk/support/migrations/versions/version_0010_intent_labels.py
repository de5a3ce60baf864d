"""What agents and editors say a question is about."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "intent_labels",
        sa.Column("turn", sa.Text, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("intent", "person", "role")),
        sa.Column("created", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    )
    op.create_index("intent_labels_by_person", "intent_labels", ["person"])
