"""Find the ranges that a text names, and tell whether a value lies in one. Pure.

"0 to 300 kWh", "10 to 19 people", "up to 5 kg", 5 kg 以下, 满200元, "1–15 March", "before 1 July",
">= 3 months", "Mon–Fri": a tier that does not hold the number asked for is not the answer,
however many words of the question it holds.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter
from typing import Final

from indexes.text.folding import normalise_text
from indexes.text.quantities import CURRENCIES
from ragdesk.answering.reading.value_points import (
    BARE,
    CLOCK,
    DATE,
    DAY,
    MONTH_DAYS,
    WEEKDAY,
    YEAR_DAYS,
    ScalePoint,
    find_points,
)

_LOOK = 28  # characters before and after a value in which its bound is named
_HOURS = 24
_MINUTES = 60
_BETWEEN = re.compile(
    r"\s*(?:to|-|~|〜|—|until|till|through|thru|至|到|(?P<and>and|和|与)|以上"
    r"|(?:及?以上)?[,，、]?(?:但|且)?(?:(?P<over>不足|不满|未满|小于|低于)|不超过|不多于|至多"
    r"|至|到))\s*"
)
_BETWEEN_BEFORE = re.compile(r"(?:between|介于|在)\s*$")
# Before a value: its kind of bound, and whether the value itself lies inside.
_BEFORE: Final = tuple(
    (re.compile(rf"(?:{pattern})\s*(?:of |the |a |an )?$"), side, inside)
    for pattern, side, inside in (
        ((r"(?<![a-z])(?:up to|at most|no more than|not more than|no later than|not later than"
         r"|not exceed(?:ing)?|no longer than|max(?:imum|\.)?|until|till|through|within|(?<!un)by"
         r"|not over|not above|not older than|no older than)|≤|<=|=<"
         r"|不超过|不高于|不多于|不大于|至多|最多|最高|最大|最重|小于等于|限|截至"
         r"|截止到?"), "high", True),
        ((r"(?<![a-z])(?:under|below|beneath|less than|fewer than|lower than|younger than"
         r"|lighter than|shorter than|smaller than|cheaper than|before|earlier than)|<"
         r"|不足|低于|小于|少于|未满|不满|未达|不到|早于"), "high", False),
        ((r"(?<![a-z])(?:at least|no less than|not less than|no fewer than|not under|not below"
         r"|min(?:imum|\.)?|since|starting (?:from|at|on)|as of|beginning)|≥|>=|=>"
         r"|至少|最少|最低|不少于|不低于|不小于|大于等于|达到|满|自从?|起点"), "low", True),
        ((r"(?<![a-z])(?:over|above|more than|greater than|exceed(?:s|ing)?|older than|heavier than"
         r"|longer than|larger than|bigger than|beyond|after|later than|past)|>"
         r"|超过|高于|大于|多于|超出|逾|晚于"), "low", False),
        (r"(?<![a-z])from|从", "low", True),
    )
)  # fmt: skip
_AFTER: Final = tuple(
    (re.compile(rf"^\s*+(?:[)）\]]\s*+)?(?:[a-z]{{2,12}} )?(?:{pattern})"), side, inside)
    for pattern, side, inside in (
        ((r"or (?:less|fewer|under|below|younger|lower|lighter|earlier|smaller|before)"
         r"|and (?:under|below|younger|less|fewer|lighter)|at (?:the )?most|max(?:imum)?\b"
         r"|及以下|或以下|和以下|以下|以内|之内|内|为限|封顶|及之前|或之前"), "high", True),
        (r"以前|之前|前(?!台)", "high", False),
        ((r"\+|or (?:more|over|above|older|greater|longer|higher|heavier|later|up|after)"
         r"|and (?:more|over|above|older|up|upwards?|later|after)|upwards?\b|onwards?\b"
         r"|at (?:the )?least"
         r"|及以上|或以上|和以上|以上|起|及之后"), "low", True),
        (r"以后|之后|后|开外", "low", False),
    )
)  # fmt: skip


_MEASURED: Final = CURRENCIES | {
    *(DAY, DATE, WEEKDAY, CLOCK, "hour", "workday", "month", "percent", "permille"),
    *("gram", "litre", "metre", "byte", "watt", "degree", "bar", "volt"),
}
_MONTH_HOURS = 720  # of thirty days: near enough to tell which period is meant


@dataclass(frozen=True, slots=True)
class ValueRange:
    """A range of values on a scale; None for a side that is open.

    low_inside, high_inside: whether the bound itself is part of it. start, end: where it stands
    in the normalised text.
    """

    scale: str
    low: Decimal | None
    high: Decimal | None
    low_inside: bool = True
    high_inside: bool = True
    start: int = 0
    end: int = 0

    def contains(self, point: ScalePoint) -> bool | None:
        """Tell whether a point lies in the range; None where they are of different scales."""
        if {self.scale, point.scale} <= {DAY, DATE}:
            return self._contains_day(point)
        if {self.scale, point.scale} == {"hour", "month"}:
            return self.to_hours().spans(*_hours_of(point))
        if not _are_comparable(self.scale, point.scale):
            return None
        if (
            self.scale in {WEEKDAY, CLOCK}
            and self.low is not None
            and self.high is not None
            and self.low > self.high  # 22:00 to 6:00
        ):
            return point.high >= self.low or point.low <= self.high
        return self.spans(point.low, point.high)

    def to_hours(self) -> "ValueRange":
        """Return a range of months or hours as one of hours."""
        if self.scale == "hour":
            return self
        low, high = (
            None if bound is None else bound * _MONTH_HOURS for bound in (self.low, self.high)
        )
        return replace(self, low=low, high=high)

    def _contains_day(self, point: ScalePoint) -> bool:
        if self.scale == point.scale == DATE:
            return self.spans(point.low, point.high)
        low, high = self.low, self.high
        if low is not None and high is not None and high - low >= YEAR_DAYS:
            return True
        in_year = replace(
            self,
            scale=DAY,
            low=None if low is None else low % YEAR_DAYS,
            high=None if high is None else high % YEAR_DAYS,
        )
        first, last = point.low % YEAR_DAYS, point.high % YEAR_DAYS
        if in_year.low is not None and in_year.high is not None and in_year.low > in_year.high:
            return last >= in_year.low or first <= in_year.high
        return in_year.spans(first, last)

    def spans(self, first: Decimal, last: Decimal) -> bool:
        """Tell whether a value from ``first`` to ``last`` on the same scale lies in the range."""
        above = self.low is None or last > self.low or (self.low_inside and last == self.low)
        below = self.high is None or first < self.high or (self.high_inside and first == self.high)
        return above and below


def _hours_of(point: ScalePoint) -> tuple[Decimal, Decimal]:
    size = _MONTH_HOURS if point.scale == "month" else 1
    return point.low * size, point.high * size


def find_ranges(text: str, unit: str = BARE) -> list[ValueRange]:
    """List the ranges that a text names, in order. unit: scale of numbers that name none.

    >>> [(r.scale, r.low, r.high) for r in find_ranges("0 to 300 kWh, up to 5 kg")]
    [('kwh', Decimal('0'), Decimal('300')), ('gram', None, Decimal('5000'))]
    >>> [(r.scale, r.low, r.high) for r in find_ranges("满200元, 十人以下")]
    [('cny', Decimal('200'), None), ('人', None, Decimal('10'))]
    """
    plain = normalise_text(text)
    points = [
        replace(point, scale=unit) if point.scale == BARE else point for point in find_points(text)
    ]
    points = _read_bare_hours(points)
    ranges: list[ValueRange] = []
    used: set[int] = set()
    for point, after in pairwise(points):
        pair = None if point.start in used else _join_points(plain, point, after)
        if pair is not None:
            ranges.append(pair)
            used |= {point.start, after.start}
    for point in points:
        if point.start not in used:
            ranges += _find_bound(plain, point)
    return sorted(ranges, key=attrgetter("start"))


def contains_any(ranges: Sequence[ValueRange], points: Sequence[ScalePoint]) -> bool | None:
    """Tell whether a range contains one of some points; None where none can be compared.

    >>> tiers = [find_ranges(tier) for tier in ("0 to 300 kWh", "over 300 kWh", "per month")]
    >>> [contains_any(tier, find_points("We use 310 kWh")) for tier in tiers]
    [False, True, None]
    """
    verdicts = {value_range.contains(point) for value_range in ranges for point in points} - {None}
    return True in verdicts if verdicts else None


def _are_comparable(scale: str, other: str) -> bool:
    """Tell whether scales are one; a bare number may count anything that is counted."""
    return scale == other or (BARE in {scale, other} and not _MEASURED & {scale, other})


def _read_bare_hours(points: Sequence[ScalePoint]) -> list[ScalePoint]:
    """Read bare numbers beside weekdays as hours: "Mon–Fri 9–17"."""
    if not any(point.scale == WEEKDAY for point in points):
        return list(points)
    return [
        replace(point, scale=CLOCK, low=_MINUTES * point.low, high=_MINUTES * point.high)
        if point.scale == BARE and point.low <= _HOURS
        else point
        for point in points
    ]


def _join_points(plain: str, point: ScalePoint, after: ScalePoint) -> ValueRange | None:
    """Make the range from one value to the next, where the words between say so."""
    between = _BETWEEN.fullmatch(plain, point.end, after.start)
    if between is None or (
        between["and"] and not _BETWEEN_BEFORE.search(plain[: point.start][-_LOOK:])
    ):
        return None
    low = point.low
    if point.scale != after.scale:
        if point.scale != BARE:
            return None
        low = _lend_scale(point, after)
    return ValueRange(
        after.scale,
        low,
        after.high,
        high_inside=not between["over"] and not re.match(r"\s*以前|\s*之前", plain[after.end :]),
        start=point.start,
        end=after.end,
    )


def _lend_scale(point: ScalePoint, after: ScalePoint) -> Decimal:
    """Return a bare number on the scale of the value after it: the 1 of "1–15 March", "0–5 kg"."""
    if after.scale in {DAY, DATE}:
        return after.low - after.low % MONTH_DAYS + point.low - 1
    if after.scale == CLOCK:
        return _MINUTES * point.low
    return point.low * after.size


def _find_bound(plain: str, point: ScalePoint) -> Iterator[ValueRange]:
    """Find the range that a single value bounds: "up to 5 kg", 满200元; a span of days is one."""
    before, after = plain[: point.start][-_LOOK:], plain[point.end : point.end + _LOOK]
    bound = next(((s, i) for p, s, i in _AFTER if p.match(after)), None) or next(
        ((s, i) for p, s, i in _BEFORE if p.search(before)), None
    )
    if bound is None:
        if point.low < point.high:
            yield ValueRange(point.scale, point.low, point.high, start=point.start, end=point.end)
        return
    side, inside = bound
    if side == "high":
        yield ValueRange(
            point.scale, None, point.high, high_inside=inside, start=point.start, end=point.end
        )
    else:
        yield ValueRange(
            point.scale, point.low, None, low_inside=inside, start=point.start, end=point.end
        )
