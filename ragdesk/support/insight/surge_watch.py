"""Look for surges now and then, and report each of them once."""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import delete, insert, select

from ragdesk.support.conversations.retention import DAY_SECONDS
from ragdesk.support.database import Database, upsert
from ragdesk.support.insight.alert_options import SurgeOptions
from ragdesk.support.insight.insight_tables import SURGE_ALERTS, SURGES
from ragdesk.support.insight.insight_turns import read_insight_turns
from ragdesk.support.insight.surge import Surge, find_surges

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

    def list_recent(self) -> list[Surge]:
        """List the surges that were noted within a day."""
        oldest = int(self._now()) - self._options.hours * 3_600 - DAY_SECONDS
        return [surge for surge in self.list_surges() if surge.since >= oldest]

    def claim_alert(self, surge: Surge, place: str) -> bool:
        """Note that a place is told of a surge; False where it was told already."""
        row = {"kind": surge.kind, "since": surge.since, "place": place, "told": int(self._now())}
        with self._database.write() as connection:
            new = upsert(connection, SURGE_ALERTS).values(row).on_conflict_do_nothing()
            return connection.execute(new.returning(SURGE_ALERTS.c.place)).first() is not None

    def release_alert(self, surge: Surge, place: str) -> None:
        """Note that a place was not told after all, so that it is told later."""
        same = (SURGE_ALERTS.c.kind == surge.kind, SURGE_ALERTS.c.since == surge.since)
        with self._database.write() as connection:
            connection.execute(delete(SURGE_ALERTS).where(*same, SURGE_ALERTS.c.place == place))

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
