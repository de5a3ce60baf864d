"""Numbers and bullets of a Word document's lists, counted as Word counts them."""

import re
from collections import defaultdict
from dataclasses import dataclass

from ingest.parse.ooxml import Element, child, value
from ingest.parse.zipped import local

_HAN = "零一二三四五六七八九十"
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
MOST = 3000  # no list counts further in Roman numbers


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is marked. form: ``bullet``, ``decimal``, ``lowerLetter``."""

    form: str
    pattern: str
    start: int


class Numbering:
    """Knows the document's lists, and how far each has counted."""

    def __init__(self, part: Element | None) -> None:
        self._levels: dict[tuple[str, int], Level] = {}
        self._kinds: dict[str, str] = {}  # list id: the definition it counts with
        self._starts: dict[tuple[str, int], int] = {}  # where a list starts over
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        self._begun: set[tuple[str, int]] = set()
        for node in part if part is not None else ():
            self._define(node)

    def _define(self, node: Element) -> None:
        if local(node) == "abstractNum":
            kind = value(node, "abstractNumId")
            for level in node:
                if local(level) == "lvl":
                    self._levels[kind, _int(value(level, "ilvl"))] = Level(
                        value(child(level, "numFmt")) or "decimal",
                        value(child(level, "lvlText")),
                        _int(value(child(level, "start")), 1),
                    )
        elif local(node) == "num":
            number = value(node, "numId")
            self._kinds[number] = value(child(node, "abstractNumId"))
            for change in node:
                start = value(child(change, "startOverride"))
                if start:
                    self._starts[number, _int(value(change, "ilvl"))] = _int(start, 1)

    def mark(self, number: str, depth: int) -> str:
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
        for deeper in [one for one in counts if one > depth]:
            del counts[deeper]
        return re.sub(r"%(\d)", lambda found: self._spell(kind, int(found[1]) - 1), level.pattern)

    def _spell(self, kind: str, depth: int) -> str:
        level = self._levels.get((kind, depth))
        return spell(self._counts[kind].get(depth, level.start), level.form) if level else ""


def spell(count: int, form: str) -> str:
    """Write a count in a list's own numerals.

    >>> spell(4, "lowerRoman"), spell(28, "upperLetter"), spell(12, "chineseCounting")
    ('iv', 'BB', '十二')
    """
    if form.endswith("Letter") and count > 0:
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter.upper() if form.startswith("upper") else letter
    if form.endswith("Roman") and 0 < count <= MOST:
        roman = ""
        for worth, sign in _ROMAN:
            while count >= worth:
                roman, count = roman + sign, count - worth
        return roman.upper() if form.startswith("upper") else roman
    if ("hinese" in form or "ideograph" in form.lower()) and 0 < count < 100:  # noqa: PLR2004
        tens, ones = divmod(count, 10)
        head = ("" if tens == 1 else _HAN[tens]) + "十" if tens else ""
        return head + (_HAN[ones] if ones or not tens else "")
    return str(count)


def _int(said: str, otherwise: int = 0) -> int:
    return int(said) if said.isdecimal() and len(said) <= 6 else otherwise  # noqa: PLR2004
