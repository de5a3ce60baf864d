"""Read the times that other systems write into their headers: how long to wait, and what day it is.

How much of a wait is bearable is for whoever asked to say.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_TIME_HEADER: Final = 64  # characters; a date has 29
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]*)?")  # some servers write parts of a second


def read_retry_after(header: str, now: Callable[[], float] = time.time) -> float | None:
    """Return for how many seconds a ``Retry-After`` asks: a number, or until a date (RFC 9110).

    None for none and for nonsense; 0 for a date that has passed.

    >>> read_retry_after("120"), read_retry_after("1.5"), read_retry_after("soon")
    (120.0, 1.5, None)
    >>> read_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", lambda: 50.0)
    10.0
    """
    word = header.strip()
    if _SECONDS.fullmatch(word) and len(word) <= LONGEST_TIME_HEADER:
        return float(word)
    moment = read_http_date(word)
    return None if moment is None else max(0.0, moment - now())


def read_http_date(header: str) -> float | None:
    """Return a date of HTTP as seconds since 1970; None for anything else.

    >>> read_http_date("Thu, 01 Jan 1970 00:01:00 GMT"), read_http_date("yesterday")
    (60.0, None)
    """
    if len(header) > LONGEST_TIME_HEADER:
        return None
    try:
        moment = parsedate_to_datetime(header)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None
