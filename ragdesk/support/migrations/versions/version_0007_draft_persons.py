"""Whose words a draft holds, so that they are found when their conversation is long deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column, and fill it from the conversations that still stand."""
    op.add_column("draft_turns", sa.Column("person", sa.Text))
    op.create_index("draft_turns_by_person", "draft_turns", ["person"])
    op.execute(
        "UPDATE draft_turns SET person = (SELECT conversations.person FROM turns "
        "JOIN conversations ON conversations.id = turns.conversation "
        "WHERE turns.id = draft_turns.turn)"
    )
