"""The table of drafts."""

from typing import Final

from sqlalchemy import JSON, Column, Index, Table, Text

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
    Column("reason", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
    Column("updated", SECONDS, nullable=False),
)
Index("drafts_by_state", DRAFTS.c.collection, DRAFTS.c.state, DRAFTS.c.updated)
