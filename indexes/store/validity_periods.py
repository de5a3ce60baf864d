"""Which chunks are valid now: live ones whose document is within its validity period.

A policy that begins on the first of January is published before, and found from then on; nobody
has to be awake. An open index looks at the clock at each search, and counts anew only when a
document has begun or ceased to hold.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from indexes.chunk import SearchFilter
from indexes.store.document_table import DocumentTable
from indexes.store.row_layout import RowLayout, SearchMask

FOREVER = "9999"


def utc_now() -> str:
    """Return the time in UTC, written as validity is: strings that sort as moments do."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class ValidityPeriod:
    """A span of time in which the set of valid chunks does not change.

    whole: all live ones do.
    """

    since: str
    until: str
    mask: SearchMask
    whole: bool


class PeriodClock:
    """Returns the current validity period. clock: returns the time; any thread may call."""

    def __init__(
        self,
        layout: RowLayout,
        table: DocumentTable,
        live: SearchMask,
        *,
        clock: Callable[[], str] = utc_now,
    ) -> None:
        self._layout = layout
        self._table = table
        self._live = live
        self._clock = clock
        self._period = self._make_period(clock())

    def __call__(self) -> ValidityPeriod:
        """Return the period of this moment."""
        now = self._clock()
        period = self._period
        if not period.since <= now < period.until:
            self._period = period = self._make_period(now)
        return period

    def _make_period(self, now: str) -> ValidityPeriod:
        until = self._table.find_next_change(now) or FOREVER
        outside = self._table.list_invalid_ranges(now)
        live = self._live
        if outside:
            live = self._layout.extend_mask(live.chunks & ~self._layout.mark_rows(outside))
        return ValidityPeriod(
            now, until, replace(live, where=SearchFilter(), now=now), whole=not outside
        )
