"""Look for surges now and then, and report each of them once."""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import insert, select

from ragdesk.support.database import Database
from ragdesk.support.insight.insight_report import DAY_SECONDS
from ragdesk.support.insight.insight_tables import SURGES
from ragdesk.support.insight.insight_turns import read_insight_turns
from ragdesk.support.insight.surge import Surge, SurgeOptions, find_surges

LOOK_SECONDS: Final = 600  # between two looks
MOST_SURGES: Final = 50  # that are listed


class SurgeWatch:
    """The surges of a desk. Every call blocks; safe between threads and servers."""

    def __init__(
        self, database: Database, options: SurgeOptions, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._options = options
        self._now = now

    def find_new(self) -> tuple[Surge, ...]:
        """Return the surges that nobody was told of yet; the next call gives them no more.

        One kind is reported once in a window's length: a surge that lasts is one.
        """
        now = int(self._now())
        span = self._options.hours * 3_600
        turns = read_insight_turns(
            self._database, now - span - self._options.days * DAY_SECONDS, None
        )
        surges = find_surges(turns, now, self._options)
        return tuple(surge for surge in surges if self._note(surge, span))

    def list_surges(self) -> list[Surge]:
        """List the surges that were reported, the latest first."""
        query = select(SURGES).order_by(SURGES.c.since.desc(), SURGES.c.kind).limit(MOST_SURGES)
        with self._database.read() as connection:
            return [Surge(**row) for row in connection.execute(query).mappings()]

    def _note(self, surge: Surge, span: int) -> bool:
        """Note a surge; False where one of its kind was noted within a window's length."""
        recent = select(SURGES.c.since).where(
            SURGES.c.kind == surge.kind, SURGES.c.since > surge.since - span
        )
        row = {
            "kind": surge.kind,
            "since": surge.since,
            "count": surge.count,
            "questions": surge.questions,
            "usual": surge.usual,
        }
        with self._database.write() as connection:
            if self._database.is_shared:
                connection.exec_driver_sql("LOCK TABLE surges IN EXCLUSIVE MODE")
            if connection.execute(recent).first():
                return False
            connection.execute(insert(SURGES).values(row))
        return True
