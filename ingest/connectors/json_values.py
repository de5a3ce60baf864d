"""Read values out of somebody else's JSON, of which nothing is certain."""

import re
from collections.abc import Mapping
from typing import Any

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
NO_FACTS: Mapping[str, Any] = {}


def find_value(value: Any, *path: str) -> Any:
    """Return what stands under some names, one in the other; None where it is not there.

    >>> find_value({"a": {"b": [1]}}, "a", "b"), find_value([], "a", "b")
    ([1], None)
    """
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def find_text(value: Any, *path: str) -> str:
    r"""Return a text or a whole number that stands under some names, as text; else nothing.

    NUL and halves of characters, which no file or table takes, become U+FFFD.

    >>> find_text({"a": 7}, "a"), find_text({"a": None}, "a"), find_text({"a": True}, "a")
    ('7', '', '')
    >>> find_text({"a": "cut \ud83d"}, "a")
    'cut �'
    """
    found_value = find_value(value, *path)
    if isinstance(found_value, int) and not isinstance(found_value, bool):
        return str(found_value)
    return _UNWRITABLE.sub("\ufffd", found_value) if isinstance(found_value, str) else ""


def find_list(value: Any, *path: str) -> list[Any]:
    """Return the list that stands under some names; an empty one where there is none."""
    found_value = find_value(value, *path)
    return found_value if isinstance(found_value, list) else []


def find_facts(value: Any, *path: str) -> Mapping[str, Any]:
    """Return the object that stands under some names; an empty one where there is none."""
    found_value = find_value(value, *path)
    return found_value if isinstance(found_value, dict) else NO_FACTS
