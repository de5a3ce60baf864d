"""Write a search scope in Milvus's filter language. Pure.

Every value passes through one function, ``format_literal``, so that none can be taken for a part
of the filter. Milvus Lite knows no templates for values, or they would be used.
"""

import json
import re
from collections.abc import Iterable

from indexes.chunk_views import QUESTION_VIEW
from indexes.vectors.vector_store import SearchScope

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def format_literal(value: str | int | Iterable[str]) -> str:
    r"""Write a value into a filter: the only way a value gets there.

    >>> format_literal('a"b\\c'), format_literal(7), format_literal(["x", "退"])
    ('"a\\"b\\\\c"', '7', '["x", "退"]')
    """
    if isinstance(value, bool | bytes) or not isinstance(value, str | int | Iterable):
        raise TypeError(f"{type(value).__name__} is no value of a filter.")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"[{', '.join(format_literal(item) for item in value)}]"


def format_filter(scope: SearchScope) -> str:
    """Write what a search may find as a filter; every part must hold."""
    where, now = scope.where, format_literal(scope.now)
    parts = [f'(starts == "" or starts <= {now})', f'(ends == "" or ends > {now})']
    if where.groups is not None:
        groups = _printable_values(where.groups)
        shared = f"array_contains_any(groups, {format_literal(groups)})"
        parts.append(f"(open == true or {shared})" if groups else "open == true")
    parts += [
        f"{field} in {format_literal(_printable_values(values))}"
        for field in ("media_type", "language", "uri")
        if (values := getattr(where, f"{field}s"))
    ]
    if where.paths and all(where.paths):
        paths = _printable_values(where.paths)
        ranges = [
            f"(uri >= {format_literal(p)} and uri < {format_literal(_last_with_prefix(p))})"
            for p in paths
        ]
        parts.append(f"({' or '.join(ranges)})" if ranges else "row < 0")
    if scope.questions:
        parts.append(f"kind == {format_literal(QUESTION_VIEW)}")
    return " and ".join(parts)


def _printable_values(values: Iterable[str]) -> list[str]:
    """Drop values with control characters: no stored name has one, so they match nothing."""
    return sorted(value for value in values if value.isprintable() or not _CONTROL.search(value))


def _last_with_prefix(prefix: str) -> str:
    """Return a string after all with a prefix, and before all others that follow."""
    return f"{prefix}\U0010ffff"
