"""Limit log lines that any client can cause: the first is written, further ones are counted."""

import logging
import re
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

INTERVAL = 60.0  # seconds that a summary line covers
COUNTED_KINDS = 256  # kinds counted apart; what comes beyond them is counted together
OWN_LOGGERS = frozenset({"ragdesk", "ingest", "indexes"})  # they mark what repeats: ``repeats=…``
VARYING = re.compile(r"0x[0-9a-f]+|\d+")
REST = ("rest",)


@dataclass(slots=True)
class _KindCount:
    """The count of one kind: its first message, when its interval ends, how often it came since."""

    values: dict[str, Any]
    end: float
    lines: int = 0


class Repeats:
    """Counts log records of a kind within an interval. Not locked: its user is.

    >>> repeats, record = Repeats(), logging.makeLogRecord({"msg": "refused"})
    >>> [repeats.admit("refused", record) for _ in range(3)]
    [True, False, False]
    """

    def __init__(
        self, interval: float = INTERVAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._counts: dict[Hashable, _KindCount] = {}

    def admit(self, kind: Hashable, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be written; else it is counted."""
        if kind not in self._counts and len(self._counts) >= COUNTED_KINDS:
            kind = REST
        if (count := self._counts.get(kind)) is not None:
            count.lines += 1
            return False
        self._counts[kind] = _KindCount(_strip_record(record), self._clock() + self._interval)
        return True

    def pause(self) -> float | None:
        """Return the seconds until the next interval ends; None where nothing is counted."""
        ends = min((count.end for count in self._counts.values()), default=None)
        return None if ends is None else max(0.0, ends - self._clock())

    def summarize(self, *, early: bool = False) -> list[logging.LogRecord]:
        """Make one record of each kind whose interval ended and that came again in it.

        A kind that came again is counted on without a new first line; others are forgotten.
        early: summarise kinds whose interval has not ended too, as the log is closed.
        """
        now = self._clock()
        summaries = []
        for kind, count in [*self._counts.items()]:
            if now < count.end and not early:
                continue
            if not count.lines:
                del self._counts[kind]
                continue
            summaries.append(_summarize_kind(kind, count, now - count.end + self._interval))
            count.lines = 0
            count.end = now + self._interval
        return summaries


def classify_record(record: logging.LogRecord) -> Hashable | None:
    """Return the kind of a record; None for one that is always written.

    Records of ours name their kind in ``repeats``. Those of libraries (an unreadable request, say)
    are of one kind where logger, level, words without numbers and the place of the exception agree.
    """
    own = record.name.partition(".")[0] in OWN_LOGGERS
    repeats = getattr(record, "repeats", None)
    if own and repeats is None:
        return None
    words = VARYING.sub("#", str(record.msg).partition("\n")[0][:200])
    return record.name, record.levelno, words, repeats, _record_place(record)


def _record_place(record: logging.LogRecord) -> Hashable:
    error = record.exc_info[1] if record.exc_info else None
    at = error.__traceback__ if error is not None else None
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = (at.tb_frame.f_code.co_filename, at.tb_lineno) if at is not None else None
    return type(error), place


def _strip_record(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record says, without the frames and arguments that it keeps alive."""
    bare = {"msg": record.getMessage(), "args": (), "exc_info": None, "exc_text": None}
    return {**vars(record), **bare}


def _summarize_kind(kind: Hashable, count: _KindCount, seconds: float) -> logging.LogRecord:
    values = {**count.values, "created": time.time()}
    values |= {"again": count.lines, "seconds": round(seconds)}
    if kind == REST:
        values["msg"] = "other lines that repeat"
    return logging.makeLogRecord(values)
