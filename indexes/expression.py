"""What a search may find, as a filter that Milvus reads. Pure.

Every value passes through one function, ``literal``, so that none can be taken for a part of the
filter. Milvus Lite knows no templates for values, or they would be used.
"""

import json
import re
from collections.abc import Iterable

from indexes.remote import Asked
from indexes.segments import QUESTION

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def literal(value: str | int | Iterable[str]) -> str:
    r"""Write a value into a filter: the only way a value gets there.

    >>> literal('a"b\\c'), literal(7), literal(["x", "退"])
    ('"a\\"b\\\\c"', '7', '["x", "退"]')
    """
    if isinstance(value, bool | bytes) or not isinstance(value, str | int | Iterable):
        raise TypeError(f"{type(value).__name__} is no value of a filter.")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"[{', '.join(literal(one) for one in value)}]"


def expression(asked: Asked) -> str:
    """Write what a search may find as a filter; every part must hold."""
    where, now = asked.where, literal(asked.now)
    parts = [f'(starts == "" or starts <= {now})', f'(ends == "" or ends > {now})']
    if where.groups is not None:
        groups = _plain(where.groups)
        shared = f"array_contains_any(groups, {literal(groups)})"
        parts.append(f"(open == true or {shared})" if groups else "open == true")
    parts += [
        f"{field} in {literal(_plain(values))}"
        for field in ("media_type", "language", "uri")
        if (values := getattr(where, f"{field}s"))
    ]
    if where.paths and all(where.paths):
        paths = _plain(where.paths)
        ranges = [f"(uri >= {literal(p)} and uri < {literal(_after(p))})" for p in paths]
        parts.append(f"({' or '.join(ranges)})" if ranges else "row < 0")
    if asked.questions:
        parts.append(f"kind == {literal(QUESTION)}")
    return " and ".join(parts)


def _plain(values: Iterable[str]) -> list[str]:
    """Leave out values with control characters: no stored name holds one, so they match nothing."""
    return sorted(value for value in values if value.isprintable() or not _CONTROL.search(value))


def _after(prefix: str) -> str:
    """Give a string after all that begin so, and before all others that follow."""
    return f"{prefix}\U0010ffff"
