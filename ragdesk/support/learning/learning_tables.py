"""The tables of drafts, and of the turns whose words they hold."""

from typing import Final

from sqlalchemy import JSON, Column, ForeignKey, Index, Table, Text

from ragdesk.support.tables import METADATA, SEALED, SECONDS

DRAFTS: Final = Table(
    "drafts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("collection", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("question", Text, nullable=False, info=SEALED),
    Column("answer", Text, nullable=False, info=SEALED),
    Column("similar", Text, nullable=False, info=SEALED),
    Column("sources", Text, nullable=False, info=SEALED),
    Column("personal", JSON, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("approvals", JSON, nullable=False),
    Column("author", Text, nullable=False),
    Column("gap", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("reason", Text, nullable=False, info=SEALED),
    Column("created", SECONDS, nullable=False),
    Column("updated", SECONDS, nullable=False),
)
Index("drafts_by_state", DRAFTS.c.collection, DRAFTS.c.state, DRAFTS.c.updated)
# Plain ids, so that what holds somebody's words is found and erased without the operator's key, and
# the person beside them, so that it still is when retention has deleted the conversation.
DRAFT_TURNS: Final = Table(
    "draft_turns",
    METADATA,
    Column("draft", Text, ForeignKey("drafts.id", ondelete="CASCADE"), primary_key=True),
    Column("turn", Text, primary_key=True),
    Column("person", Text),
    Index("draft_turns_by_turn", "turn"),
    Index("draft_turns_by_person", "person"),
)
