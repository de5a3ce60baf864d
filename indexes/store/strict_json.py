"""Parse JSON that others may have written: bounded before it is decoded, plain values only.

Python's own decoder makes a list of 56 bytes of every ``[]``, takes NaN for a number, and keeps
the last of two equal names. Sizes are held against a limit first; what is odd is a ValueError.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST_VALUES = 1 << 20  # of one text, unless its reader allows more
_MARKS = (b",", b":", b"[", b"{")
_LARGEST = (1 << 63) - 1


def parse_json(body: bytes, *, most: int, values: int = MOST_VALUES) -> Any:
    """Decode a JSON text. most: its bytes. values: how many it may hold, as its marks show.

    Raises ValueError, also for what is nested too deeply, for names that stand twice in an object
    and for numbers that are not finite.
    """
    if len(body) > most:
        raise ValueError(f"it is larger than {most:,} bytes")
    if sum(map(body.count, _MARKS)) > values:
        raise ValueError(f"it holds more than {values:,} values")
    try:
        return json.loads(
            body,
            object_pairs_hook=_build_object,
            parse_constant=_refuse_constant,
            parse_float=_parse_finite,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def checksum_facts(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 that a JSON file of ours bears in its ``checksum``, over all the rest."""
    known = {name: value for name, value in facts.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def check_integer(value: object, *, most: int = _LARGEST, least: int = 0) -> int:
    """Check that a value is a whole number within bounds. Raises ValueError; not True, nor 1.0.

    >>> check_integer(3), check_integer(7, most=7)
    (3, 7)
    """
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{str(value)[:40]!r} is no whole number from {least} to {most}")
    return value


def check_text(value: object, *, most: int = 1_000_000) -> str:
    """Check that a value is a text that can be encoded. Raises ValueError."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{str(value)[:40]!r} is no text of at most {most:,} characters")
    value.encode()  # a lone surrogate raises here
    return value


def _build_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return known


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _parse_finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is no finite number")
    return value
