"""Which chunks may be found now: the live ones, less those whose document does not hold now.

A policy that begins on the first of January is published before, and found from then on; nobody
has to be awake. An open index looks at the clock at each search, and counts anew only when a
document has begun or ceased to hold.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from indexes.chunk import Filter
from indexes.documents import Documents
from indexes.layout import Layout, Mask

FOREVER = "9999"


def moment() -> str:
    """Tell the time in UTC, as validity is written: strings that sort as moments do."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time in which the same chunks hold. whole: all live ones do."""

    since: str
    until: str
    mask: Mask
    whole: bool


class Current:
    """Gives the period of now. clock: tells the time; any thread may call."""

    def __init__(
        self, layout: Layout, table: Documents, live: Mask, *, clock: Callable[[], str] = moment
    ) -> None:
        self._layout, self._table, self._live, self._clock = layout, table, live, clock
        self._period = self._begin(clock())

    def __call__(self) -> Period:
        """Give the period of this moment."""
        now, period = self._clock(), self._period
        if not period.since <= now < period.until:
            self._period = period = self._begin(now)
        return period

    def _begin(self, now: str) -> Period:
        until = self._table.turns(now) or FOREVER
        outside, live = self._table.outside(now), self._live
        if outside:
            live = self._layout.mask(live.chunks & ~self._layout.flags(outside))
        return Period(now, until, replace(live, where=Filter(), now=now), whole=not outside)
