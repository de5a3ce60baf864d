"""What requests did by their Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "done_requests",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("name", "part")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("person", "request")),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("done_requests_by_person", "done_requests", ["person"])
    op.create_index("done_requests_by_time", "done_requests", ["created"])
