"""Compute the numbers and bullets of the lists in a Word document, as Word counts them."""

import re
from collections import defaultdict
from dataclasses import dataclass

from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

_HAN_NUMERALS = "零一二三四五六七八九十"
_ROMAN = (
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)
MOST_ROMAN = 3000  # no list counts further in Roman numbers


@dataclass(frozen=True, slots=True)
class ListLevel:
    """The marker of one level of a list. form: ``bullet``, ``decimal``, ``lowerLetter``."""

    form: str
    pattern: str
    start: int


class ListNumbering:
    """The numbering of a document's lists, with the count of each so far."""

    def __init__(self, part: Element | None) -> None:
        self._levels: dict[tuple[str, int], ListLevel] = {}
        self._kinds: dict[str, str] = {}  # list id: the definition it counts with
        self._starts: dict[tuple[str, int], int] = {}  # where a list starts over
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        self._begun: set[tuple[str, int]] = set()
        for node in part if part is not None else ():
            self._read_definition(node)

    def _read_definition(self, node: Element) -> None:
        if local_name(node) == "abstractNum":
            kind = read_attribute(node, "abstractNumId")
            for level in node:
                if local_name(level) == "lvl":
                    self._levels[kind, _parse_small_int(read_attribute(level, "ilvl"))] = ListLevel(
                        read_attribute(find_child(level, "numFmt")) or "decimal",
                        read_attribute(find_child(level, "lvlText")),
                        _parse_small_int(read_attribute(find_child(level, "start")), 1),
                    )
        elif local_name(node) == "num":
            number = read_attribute(node, "numId")
            self._kinds[number] = read_attribute(find_child(node, "abstractNumId"))
            for change in node:
                start = read_attribute(find_child(change, "startOverride"))
                if start:
                    self._starts[number, _parse_small_int(read_attribute(change, "ilvl"))] = (
                        _parse_small_int(start, 1)
                    )

    def next_mark(self, number: str, depth: int) -> str:
        """Count one item of a list and give its mark: ``-``, ``3.``, ``(b)``; "" if it is none."""
        kind = self._kinds.get(number, "")
        level = self._levels.get((kind, depth))
        if level is None:
            return "-" if number in self._kinds else ""
        if level.form in {"bullet", "none"} or not level.pattern:
            return "-" if level.form == "bullet" else ""
        counts = self._counts[kind]
        start = self._starts.get((number, depth))
        if start is not None and (number, depth) not in self._begun:
            counts[depth] = start - 1
        self._begun.add((number, depth))
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        return re.sub(
            r"%(\d)", lambda match: self._spell_level(kind, int(match[1]) - 1), level.pattern
        )

    def _spell_level(self, kind: str, depth: int) -> str:
        level = self._levels.get((kind, depth))
        return spell_count(self._counts[kind].get(depth, level.start), level.form) if level else ""


def spell_count(count: int, form: str) -> str:
    """Write a count in a list's own numerals.

    >>> spell_count(4, "lowerRoman"), spell_count(28, "upperLetter")
    ('iv', 'BB')
    >>> spell_count(12, "chineseCounting")
    '十二'
    """
    if form.endswith("Letter") and count > 0:
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter.upper() if form.startswith("upper") else letter
    if form.endswith("Roman") and 0 < count <= MOST_ROMAN:
        roman = ""
        for worth, sign in _ROMAN:
            while count >= worth:
                roman += sign
                count -= worth
        return roman.upper() if form.startswith("upper") else roman
    if ("hinese" in form or "ideograph" in form.lower()) and 0 < count < 100:  # noqa: PLR2004
        tens, ones = divmod(count, 10)
        head = ("" if tens == 1 else _HAN_NUMERALS[tens]) + "十" if tens else ""
        return head + (_HAN_NUMERALS[ones] if ones or not tens else "")
    return str(count)


def _parse_small_int(text: str, otherwise: int = 0) -> int:
    return int(text) if text.isdecimal() and len(text) <= 6 else otherwise  # noqa: PLR2004
