"""About how much memory an answer takes."""

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from ragdesk.answering.answer import Answer


def measure_answer(answer: Answer) -> int:
    """Return about how many bytes of memory an answer takes: its texts, and what holds them.

    Parts that other answers or an index share are counted all the same: rather too much.
    """
    return _measure_value(answer)


def _measure_value(value: object) -> int:
    size = sys.getsizeof(value)
    if isinstance(value, str):
        return size
    if is_dataclass(value):
        return size + sum(_measure_value(getattr(value, part.name)) for part in fields(value))
    if isinstance(value, Mapping):
        return size + sum(_measure_value(k) + _measure_value(v) for k, v in value.items())
    if isinstance(value, tuple | list | frozenset):
        return size + sum(map(_measure_value, value))
    return size
