"""Turn path prefixes into ranges of an ordered index."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

PrefixRange = tuple[str, str | None]  # from here, and up to but without there; None has no end
_LAST = "\U0010ffff"
_SURROGATE = "\ud800"  # the first of those that no text holds
_BEHIND = "\ue000"  # what comes after them


def make_prefix_ranges(prefixes: Iterable[str]) -> list[PrefixRange] | None:
    r"""Return the ranges of all names that begin with one of some prefixes; None for every name.

    They are sorted and do not meet. SQLite and Python both order by code points. A prefix that no
    name can have, as it holds a NUL or is no Unicode, has no range.

    >>> make_prefix_ranges(["b/", "a", "a/x", "\0"])
    [('a', 'b'), ('b/', 'b0')]
    >>> make_prefix_ranges(["a", ""])
    """
    apart: list[str] = []
    for prefix in sorted(filter(_is_possible_prefix, prefixes)):
        if not prefix:
            return None
        if not apart or not prefix.startswith(apart[-1]):
            apart.append(prefix)
    return [(prefix, _prefix_successor(prefix)) for prefix in apart]


def lies_in_ranges(name: str, ranges: Sequence[PrefixRange]) -> bool:
    """Tell whether a name lies in one of some ranges, as ``make_prefix_ranges`` gives them."""
    place = bisect_right(ranges, name, key=lambda pair: pair[0])
    high = ranges[place - 1][1] if place else ""
    return high is None or name < high


def _is_possible_prefix(prefix: str) -> bool:
    return "\0" not in prefix and not any(_SURROGATE <= letter < _BEHIND for letter in prefix)


def _prefix_successor(prefix: str) -> str | None:
    """Return the first string after all that begin with a prefix; None where nothing follows."""
    head = prefix.rstrip(_LAST)
    if not head:
        return None
    following = chr(ord(head[-1]) + 1)
    return head[:-1] + (_BEHIND if following == _SURROGATE else following)
