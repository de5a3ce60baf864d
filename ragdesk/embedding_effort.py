"""Say about how long embedding takes, in the words of an operator."""

# Texts a second and core of a model that was not measured here: the packaged multilingual one did
# 22 on two quiet cores.
UNMEASURED_RATE = 20.0
_MINUTE = 60.0
_HOUR = 3_600.0


def format_effort(chunks: int, rate: float) -> str:
    """Write how many chunks there are, and about how long they take at so many a second.

    >>> format_effort(4_321, 24)
    'about 4,300 chunks, about 3 minutes'
    >>> format_effort(12, 24)
    'about 12 chunks, less than a minute'
    """
    return f"about {_round_count(chunks):,} chunks, {format_duration(chunks / rate)}"


def format_duration(seconds: float) -> str:
    """Write a forecast of seconds.

    >>> format_duration(59), format_duration(100), format_duration(10_000)
    ('less than a minute', 'about 2 minutes', 'about 2.8 hours')
    """
    if seconds < _MINUTE:
        return "less than a minute"
    if seconds < 2 * _HOUR:
        minutes = round(seconds / _MINUTE)
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {seconds / _HOUR:.1f} hours"


def _round_count(count: int) -> int:
    """Round a count to two digits, as it is a forecast."""
    return round(count, 2 - len(str(count))) if count >= 100 else count  # noqa: PLR2004, two digits
