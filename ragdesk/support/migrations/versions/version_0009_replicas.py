"""Servers of one database, their jobs and kept responses; where who is audited asked from."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables, and add the column."""
    op.add_column("audit", sa.Column("address", sa.Text))
    op.create_table(
        "replicas",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seen", sa.Float, nullable=False),
    )
    op.create_table(
        "replica_jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("replica", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("replica_jobs_by_time", "replica_jobs", ["created"])
    op.create_table(
        "kept_responses",
        sa.Column("name", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("person", "request", "basis", "replica", "claim")
        ),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.Text),
        sa.Column("body", sa.Text),
    )
    op.create_index("kept_responses_by_person", "kept_responses", ["person", "created"])
    op.create_index("kept_responses_by_time", "kept_responses", ["created"])
