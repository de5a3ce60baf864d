"""The tables of surges: each noted and told once, whichever server saw it first."""

from typing import Final

from sqlalchemy import Column, Float, Integer, Table, Text

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
