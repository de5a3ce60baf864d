"""Compute the numbers and bullets of the lists in a Word document, as Word counts them."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.parse.office.package import is_on
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

_HAN_NUMERALS = "零一二三四五六七八九"
_HAN_UNITS = ("", "十", "百", "千")
_LEGAL_NUMERALS = "零壹贰叁肆伍陆柒捌玖"
_LEGAL_UNITS = ("", "拾", "佰", "仟")
_STEMS = {
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
}
# By form: where its signs begin in Unicode, and how many there are.
_SIGN_RANGES = {
    "decimalEnclosedCircle": ((0x2460, 20), (0x3251, 15), (0x32B1, 15)),
    "decimalEnclosedCircleChinese": ((0x2460, 20), (0x3251, 15), (0x32B1, 15)),
    "decimalEnclosedParen": ((0x2474, 20),),
    "decimalEnclosedFullstop": ((0x2488, 20),),
    "ideographEnclosedCircle": ((0x3280, 10),),
}
_WIDE_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")
_HAN_DIGITS = str.maketrans("0123456789", "〇一二三四五六七八九")
_DIGITS = {
    "decimalFullWidth": _WIDE_DIGITS,
    "decimalFullWidth2": _WIDE_DIGITS,
    "ideographDigital": _HAN_DIGITS,
    "taiwaneseDigital": _HAN_DIGITS,
}
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
MOST_LEVELS = 9  # of a list
LONGEST_PATTERN = 100  # characters of a level's marker
MOST_HAN = 10_000  # counts further are written in digits
MOST_ROMAN = 3000  # no list counts further in Roman numbers


@dataclass(frozen=True, slots=True)
class ListLevel:
    """The marker of one level of a list. form: ``bullet``, ``decimal``, ``lowerLetter``.

    legal: it writes the levels above it in digits, too. restart: the level, from 1, after which it
    counts anew; 0 for never, -1 for after each above it. style: of paragraphs that are of it.
    """

    form: str
    pattern: str
    start: int
    legal: bool = False
    restart: int = -1
    style: str = ""


class ListNumbering:
    """The numbering of a document's lists, with the count of each so far."""

    def __init__(self, part: Element | None) -> None:
        self._levels: dict[tuple[str, int], ListLevel] = {}
        self._kinds: dict[str, str] = {}  # list id: the definition it counts with
        self._starts: dict[tuple[str, int], int] = {}  # where a list starts over
        self._own_levels: dict[tuple[str, int], ListLevel] = {}  # of one list alone
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        self._begun: set[tuple[str, int]] = set()
        self._links: dict[str, str] = {}  # definition: the style that another one is of
        self._linked: dict[str, str] = {}  # style: its definition
        for node in part if part is not None else ():
            self._read_definition(node)

    def _read_definition(self, node: Element) -> None:
        if local_name(node) == "abstractNum":
            kind = read_attribute(node, "abstractNumId")
            for inner in node:
                name = local_name(inner)
                if name == "lvl":
                    depth = _parse_small_int(read_attribute(inner, "ilvl"))
                    self._levels[kind, depth] = _read_level(inner)
                elif name == "numStyleLink":
                    self._links[kind] = read_attribute(inner)
                elif name == "styleLink":
                    self._linked[read_attribute(inner)] = kind
        elif local_name(node) == "num":
            number = read_attribute(node, "numId")
            self._kinds[number] = read_attribute(find_child(node, "abstractNumId"))
            for change in node:
                depth = _parse_small_int(read_attribute(change, "ilvl"))
                start = read_attribute(find_child(change, "startOverride"))
                if start:
                    self._starts[number, depth] = _parse_small_int(start, 1)
                level = find_child(change, "lvl")
                if level is not None:
                    self._own_levels[number, depth] = _read_level(level)

    def _find_kind(self, number: str) -> str:
        kind = self._kinds.get(number, "")
        return self._linked.get(self._links.get(kind, ""), kind)

    def _find_level(self, number: str, depth: int) -> ListLevel | None:
        own = self._own_levels.get((number, depth))
        return own or self._levels.get((self._find_kind(number), depth))

    def find_depth(self, number: str, style: str) -> int:
        """Return the level that paragraphs of a style have in a list, where these do not say it."""
        kind = self._find_kind(number)
        depths = (n for n in range(MOST_LEVELS) if (level := self._levels.get((kind, n)))
                  and style and level.style == style)  # fmt: skip
        return next(depths, 0)

    def next_mark(self, number: str, depth: int) -> str:
        """Count one item of a list and give its mark: ``-``, ``3.``, ``(b)``; "" if it is none."""
        kind = self._find_kind(number)
        level = self._find_level(number, depth)
        if level is None:
            return "-" if number in self._kinds else ""
        if level.form == "bullet" or not level.pattern:
            return "-" if level.form == "bullet" else ""
        counts = self._counts[kind]
        start = self._starts.get((number, depth))
        if start is not None and (number, depth) not in self._begun:
            counts[depth] = start - 1
        self._begun.add((number, depth))
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            below = self._find_level(number, deeper)
            if below is None or below.restart < 0 or depth < below.restart:
                del counts[deeper]
        mark = re.sub(
            r"%(\d)",
            lambda match: self._spell_level(number, int(match[1]) - 1, legal=level.legal),
            level.pattern,
        )
        return " ".join(mark.split())

    def _spell_level(self, number: str, depth: int, *, legal: bool) -> str:
        level = self._find_level(number, depth)
        if level is None or level.form == "none":
            return ""
        count = self._counts[self._find_kind(number)].get(depth, level.start)
        return spell_count(count, "decimal" if legal else level.form)


def _read_level(node: Element) -> ListLevel:
    restart = read_attribute(find_child(node, "lvlRestart"))
    return ListLevel(
        form=read_attribute(find_child(node, "numFmt")) or "decimal",
        pattern=read_attribute(find_child(node, "lvlText"))[:LONGEST_PATTERN],
        start=_parse_small_int(read_attribute(find_child(node, "start")), 1),
        legal=is_on(find_child(node, "isLgl")),
        restart=_parse_small_int(restart, -1),
        style=read_attribute(find_child(node, "pStyle")),
    )


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
    rest = count
    for first, size in _SIGN_RANGES.get(form, ()):
        if 0 < rest <= size:
            return chr(first + rest - 1)
        rest -= size
    return _spell_wide(count, form)


def _spell_wide(count: int, form: str) -> str:
    """Write a count as Chinese and Japanese lists do; in digits where they know no other way.

    >>> _spell_wide(120, "chineseCountingThousand"), _spell_wide(2, "ideographTraditional")
    ('一百二十', '乙')
    """
    stems = _STEMS.get(form)
    if stems and count > 0:
        return stems[(count - 1) % len(stems)]
    digits = _DIGITS.get(form)
    if digits:
        return str(count).translate(digits)
    if form == "decimalZero":
        return f"{count:02d}"
    if "egal" in form and 0 < count < MOST_HAN:
        return _spell_han(count, _LEGAL_NUMERALS, _LEGAL_UNITS)
    counts_in_han = "hinese" in form or "ideograph" in form.lower() or "eseCounting" in form
    if counts_in_han and 0 < count < MOST_HAN:
        han = _spell_han(count, _HAN_NUMERALS, _HAN_UNITS)
        return han.removeprefix("一") if 10 <= count < 20 else han  # noqa: PLR2004
    return str(count)


def _spell_han(count: int, numerals: str, units: Sequence[str]) -> str:
    """Write a count below 10,000 with its units; one zero stands for those in between."""
    signs = ""
    for place, sign in enumerate(reversed(str(count))):
        part = numerals[int(sign)] + (units[place] if sign != "0" else "")
        if sign != "0" or (signs and not signs.startswith(numerals[0])):
            signs = part + signs
    return signs


def _parse_small_int(text: str, otherwise: int = 0) -> int:
    return int(text) if text.isdecimal() and len(text) <= 6 else otherwise  # noqa: PLR2004
