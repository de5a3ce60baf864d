"""About how much memory a value takes."""

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass


def measure_memory(value: object) -> int:
    """Return about how many bytes of memory a value takes: its texts, and what holds them.

    Parts that other values share are counted all the same: rather too much.

    >>> measure_memory(("a" * 1_000, "b")) > 1_000
    True
    """
    size = sys.getsizeof(value)
    if isinstance(value, str):
        return size
    if is_dataclass(value):
        return size + sum(measure_memory(getattr(value, part.name)) for part in fields(value))
    if isinstance(value, Mapping):
        return size + sum(measure_memory(k) + measure_memory(v) for k, v in value.items())
    if isinstance(value, tuple | list | frozenset):
        return size + sum(map(measure_memory, value))
    return size
