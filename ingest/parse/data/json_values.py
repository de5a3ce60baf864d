"""Tell JSON from text that looks like it, and read the values of a file."""

import json
from collections.abc import Iterator

from ingest.errors import Unreadable

_NAMES = frozenset({".json", ".jsonl", ".ndjson", ".geojson"})
_CUT_SHORT = "Unterminated string"


def looks_like_json(head: str, suffix: str, *, is_whole: bool) -> bool:
    """Tell whether a text is JSON, and does not only begin or look like it.

    head: its beginning. is_whole: there is no more of it. suffix: of its name, which decides
    where the text is not well formed.
    """
    start = head.lstrip()
    if not start.startswith(("{", "[")):
        return False
    if suffix in _NAMES:
        return True
    return _is_value(start, is_whole=is_whole, goes_on=True)


def _is_value(text: str, *, is_whole: bool, goes_on: bool) -> bool:
    """Tell whether a text begins with a JSON value, alone on its lines; and then with another."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except RecursionError:
        return True
    except json.JSONDecodeError as error:
        is_cut = error.msg.startswith(_CUT_SHORT) or error.pos >= len(text) - 1
        return not is_whole and is_cut
    rest = text[end:].lstrip(" \t\r,")
    if not rest.strip():
        return True
    after = rest.lstrip()
    if not rest.startswith("\n") or not after.startswith(("{", "[")):
        return False
    return not goes_on or _is_value(after, is_whole=is_whole, goes_on=False)


def read_values(text: str) -> Iterator[object]:
    """Yield the value of a JSON document, or of each that stands after another."""
    whole = text.lstrip("\ufeff \t\r\n")
    try:
        yield json.loads(whole)
    except RecursionError as error:
        raise Unreadable("its values are nested too deep") from error
    except ValueError:
        yield from _read_several(whole)


def _read_several(text: str) -> Iterator[object]:
    """Yield the values of JSON Lines, or of objects that go over several lines each."""
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            number = text.count("\n", 0, at) + 1
            raise Unreadable(f"line {number} is no JSON") from error
        yield value
        while at < len(text) and text[at] in " \t\r\n,\x1e":
            at += 1
