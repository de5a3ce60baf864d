"""When somebody is there: ranges of weekdays and hours in a time zone. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK: Final = len(DAYS)
_RANGE = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
)
_MIDNIGHT: Final = "24:00"


@dataclass(frozen=True, slots=True)
class OpenRange:
    """Hours of some weekdays (0 is Monday), from ``start`` up to ``end``; minutes of the day."""

    days: frozenset[int]
    start: int
    end: int


def parse_hours(lines: Sequence[str]) -> tuple[OpenRange, ...]:
    """Read ranges such as ``mon-fri 09:00-17:00``. Raises ValueError for anything else.

    >>> ranges = parse_hours(["mon-fri 09:00-17:00", "sat-sun 10:00-12:00"])
    >>> [sorted(hours.days) for hours in ranges]
    [[0, 1, 2, 3, 4], [5, 6]]
    """
    return tuple(_parse_range(line) for line in lines)


def _parse_range(line: str) -> OpenRange:
    match = _RANGE.fullmatch(line.strip().lower())
    if match is None:
        raise ValueError(f"hours are written like 'mon-fri 09:00-17:00', not {line!r}")
    first, last = match["first"], match["last"] or match["first"]
    if first not in DAYS or last not in DAYS:
        raise ValueError(f"hours name the days {', '.join(DAYS)}: {line!r}")
    start, end = _parse_minute(match["start"]), _parse_minute(match["end"])
    if start >= end:
        raise ValueError(f"hours end after they begin; write two ranges over midnight: {line!r}")
    begin = DAYS.index(first)
    length = (DAYS.index(last) - begin) % WEEK + 1
    return OpenRange(frozenset((begin + day) % WEEK for day in range(length)), start, end)


def _parse_minute(text: str) -> int:
    if text == _MIDNIGHT:
        return 24 * 60
    moment = time.fromisoformat(text)
    return moment.hour * 60 + moment.minute


def is_open(ranges: Sequence[OpenRange], moment: datetime) -> bool:
    """Tell whether somebody is there at a moment, given in the zone of the ranges.

    No ranges: always.

    >>> week = parse_hours(["mon-fri 09:00-17:00"])
    >>> [is_open(week, datetime(2026, 11, 30, hour)) for hour in (8, 9, 16, 17)]
    [False, True, True, False]
    """
    if not ranges:
        return True
    minute = moment.hour * 60 + moment.minute
    return any(
        moment.weekday() in hours.days and hours.start <= minute < hours.end for hours in ranges
    )


def find_next_opening(ranges: Sequence[OpenRange], moment: datetime) -> datetime | None:
    """Return when somebody is there next, after a moment at which nobody is; None where never is.

    >>> week = parse_hours(["mon-fri 09:00-17:00"])
    >>> find_next_opening(week, datetime(2026, 11, 28, 12)).isoformat()
    '2026-11-30T09:00:00'
    """
    starts = []
    for ahead in range(WEEK + 1):
        day = (moment + timedelta(days=ahead)).replace(hour=0, minute=0, second=0, microsecond=0)
        for hours in ranges:
            start = day.replace(hour=hours.start // 60, minute=hours.start % 60)
            if day.weekday() in hours.days and start > moment:
                starts.append(start)
    return min(starts, default=None)


def find_zone(name: str) -> tzinfo:
    """Return a time zone by its name. Raises ValueError for an unknown one."""
    if name == "UTC":  # known to machines without a list of zones, too
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # OSError: a folder of the zones
        raise ValueError(
            f"time_zone {name!r} is not known here. One is Europe/Berlin; a machine without a "
            "list of zones needs: pip install tzdata"
        ) from error
