"""The tables of surges, each noted and told once, and of intents as agents and editors saw them."""

from typing import Final

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text

from ragdesk.support.tables import METADATA, SECONDS

SURGES: Final = Table(
    "surges",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("since", SECONDS, primary_key=True, autoincrement=False),  # the window's beginning
    Column("count", Integer, nullable=False),
    Column("questions", Integer, nullable=False),
    Column("usual", Float, nullable=False),
)
# One row a surge and place that was told of it: whoever inserts it tells, and no other server does.
SURGE_ALERTS: Final = Table(
    "surge_alerts",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("since", SECONDS, primary_key=True, autoincrement=False),
    Column("place", Text, primary_key=True),
    Column("told", SECONDS, nullable=False),
)
# One a turn: the latest word holds. An intent is a name of a closed list, as in the turn itself, so
# it is not sealed. The person is who said so, empty once they were erased.
INTENT_LABELS: Final = Table(
    "intent_labels",
    METADATA,
    Column("turn", Text, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("intent", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created", SECONDS, nullable=False),
    Index("intent_labels_by_person", "person"),
)
