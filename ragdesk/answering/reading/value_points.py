"""Find the values in a text that may lie in a range: amounts, counts, dates, weekdays, times. Pure.

"7 kg", "a party of 14", "20 November", "周六", "下午三点": each becomes a point on a scale, and
points of one scale can be compared. What only names a thing (a code, a year) is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from indexes.text.canonical_forms import find_canonical_forms
from indexes.text.folding import normalise_text
from indexes.text.numerals import NUMERALS
from indexes.text.quantities import MONTHS, find_dates, find_numbers, find_quantities
from indexes.text.scripts import HAN
from indexes.text.word_forms import stem_word

BARE: Final = ""  # scale of a number that says nothing of its unit
DAY: Final = "day of the year"
DATE: Final = "date"
WEEKDAY: Final = "weekday"
CLOCK: Final = "time of day"
YEAR_DAYS: Final = 372  # days of a year whose months all have 31: only their order matters
MONTH_DAYS = 31
_PHRASE = 24  # characters in which an amount and its unit stand
_YEARS = range(1900, 2100)

_M = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"(?<![a-z0-9])\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_M})\b\.?(?:,? (?:19|20)\d\d)?"
    rf"|(?<![a-z])(?:{_M})\b\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?!:)(?:,? (?:19|20)\d\d)?"
    rf"|(?<![a-z])(?:{_M}) (?:19|20)\d\d\b"
    r"|(?<!\d)(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)|(?<![\d/])\d{1,2}/\d{1,2}/(?:19"
    r"|20)\d\d(?!\d)"
    r"|(?:(?:19|20)\d\d ?年 ?)?(?<!\d)\d{1,2} ?月(?!份?[内前后])(?: ?\d{1,2} ?[日号])?"
)
_DAYS: Final = {
    name: n for n, name in enumerate(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 1)
} | {name: n for n, name in enumerate("一二三四五六日", 1)}
_WEEKDAY = re.compile(
    r"(?<![a-z])(?P<en>mon|tue|wed|thu|fri|sat|sun)(?:days?|s|sdays?|nesdays?|r?s?days?"
    r"|urdays?)?\b\.?"
    r"|(?:周|星期|礼拜)(?P<zh>[一二三四五六日天])"
    r"|(?P<end>(?<![a-z])weekends?\b|周末)|(?P<work>(?<![a-z])weekdays?\b|(?<!个)工作日)"
)
_CLOCK = re.compile(
    r"(?<![\d:.])(?:[01]?\d|2[0-4]):[0-5]\d(?: ?[ap]\.?m\b)?|(?<![\d:.])\d{1,2} ?[ap]\.?m\b"
    rf"|(?:[上下中]午|晚上|早上|凌晨)?(?:\d{{1,2}}|[{NUMERALS}]{{1,3}}) ?[点时](?:半"
    rf"|[{NUMERALS}\d]{{1,3}}分?)?(?![{HAN}]?[{NUMERALS}])"
)
_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    "|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred"
    "|thousand"
)
_NUMBER = re.compile(
    r"(?P<dozen>(?<![a-z])(?:(?P<half>half )?a |(?P<two>two ))?dozen\b)"
    r"|(?:[€$£¥] ?|\b(?:eur|usd|gbp|cny|rmb|chf|nok) ?)?(?<![a-z0-9_.])(?<![a-z]-)(?<!\d[,:/])"
    r"\d{1,12}(?:,\d{3})*(?:\.\d+)?(?![\d:]|[a-z]{0,3}\d|[/.,]\d)"
    rf"|(?<![a-z])(?:one|{_WORDS})(?:[ -](?:one|{_WORDS}))*(?![a-z-])"
    rf"|(?<![第{NUMERALS}])[{NUMERALS}]+(?![{NUMERALS}])|半(?=[小年天个])"
)
# No unit, what follows a number: words that go on with the sentence, and marks of a range.
_NO_UNIT = frozenset(
    [
        "to",
        "or",
        "and",
        "of",
        "in",
        "per",
        "at",
        "for",
        "is",
        "are",
        "from",
        "until",
        "till",
        "through",
        "a",
        "an",
        "the",
        "on",
        "with",
        "by",
        "than",
        "as",
        "over",
        "under",
        "more",
        "less",
        "fewer",
        "up",
        "down",
        "was",
        "were",
        "will",
        "may",
        "can",
        "must",
        "each",
        "every",
        "after",
        "before",
        "within",
        "only",
        "not",
        "no",
        "if",
        "then",
        "so",
        "that",
        "this",
        "which",
        "when",
        "off",
        "x",
    ]
)
_IN_A_CODE = re.compile(rf"[a-z][\w-]{{0,{_PHRASE}}}-$")
_UNIT_EN = re.compile(r"[ -]?([a-z]{1,16})")
_UNIT_ZH = re.compile(rf" ?(?![以至到内前后起及和或与的为是在不之上下多余来])([{HAN}])")


@dataclass(frozen=True, slots=True)
class ScalePoint:
    """A value on a scale. low, high: equal but for what is wide, as a month is or a weekend.

    start, end: where it stands in the normalised text. size: how much one of the unit that is
    written makes on the scale; a kilogram is 1,000 grams.
    """

    scale: str
    low: Decimal
    high: Decimal
    start: int = 0
    end: int = 0
    size: Decimal = Decimal(1)


def find_points(text: str) -> list[ScalePoint]:
    """List the values of a text that may lie in a range, in order.

    >>> [(p.scale, int(p.low)) for p in find_points("A party of 14 and a 7 kg parcel, E204, 2024")]
    [('', 14), ('gram', 7000)]
    >>> [(p.scale, int(p.low)) for p in find_points("周六下午三点，两斤，一百二十元")]
    [('weekday', 6), ('time of day', 900), ('斤', 2), ('cny', 120)]
    """
    plain = normalise_text(text)
    points: list[ScalePoint] = []
    blank = plain
    for finder in (_find_dates, _find_weekdays, _find_clocks, _find_amounts):
        new_points = list(finder(blank))
        for point in new_points:
            width = point.end - point.start
            blank = f"{blank[: point.start]}{chr(0) * width}{blank[point.end :]}"
        points += new_points
    return sorted(points, key=lambda point: point.start)


def find_unit(text: str) -> str:
    """Return the scale of the unit that a column's name ends with, as in "Weight (kg)".

    >>> find_unit("Weight (kg)"), find_unit("金额（元）"), find_unit("Price")
    ('gram', 'cny', '')
    """
    match = re.search(r"[(\[]([^()\[\]]{1,12})[)\]]\s*$", normalise_text(text))
    points = list(_find_amounts(f"5 {match[1]}")) if match else []
    return points[0].scale if points else BARE


def _find_dates(plain: str) -> Iterator[ScalePoint]:
    for match in _DATE.finditer(plain):
        dates = find_dates(match[0])
        year, month, day = dates[0][0] if dates else (None, None, None)
        if month is None:
            continue
        first = (month - 1) * MONTH_DAYS + (day or 1) - 1
        last = first if day else first + MONTH_DAYS - 1
        ahead = year * YEAR_DAYS if year else 0
        yield ScalePoint(
            DATE if year else DAY,
            Decimal(first + ahead),
            Decimal(last + ahead),
            match.start(),
            match.end(),
        )


def _find_weekdays(plain: str) -> Iterator[ScalePoint]:
    for match in _WEEKDAY.finditer(plain):
        low, high = (6, 7) if match["end"] else (1, 5)
        if name := match["en"] or match["zh"]:
            low = high = _DAYS[name.replace("天", "日")]
        yield ScalePoint(WEEKDAY, Decimal(low), Decimal(high), *match.span())


def _find_clocks(plain: str) -> Iterator[ScalePoint]:
    for match in _CLOCK.finditer(plain):
        forms = find_canonical_forms(match[0])
        terms = [term for form in forms for term in form.terms if ":" in term]
        clock = terms[0] if terms else match[0]
        hour, mark, minute = clock.partition(":")
        if mark and hour.isdecimal() and minute[:2].isdecimal():
            value = Decimal(60 * int(hour) + int(minute[:2]))
            yield ScalePoint(CLOCK, value, value, *match.span())


def _find_amounts(plain: str) -> Iterator[ScalePoint]:
    end = 0
    for match in _NUMBER.finditer(plain):
        if match.start() < end:
            continue
        point = _read_dozen(match) if match["dozen"] else _read_amount(plain, match)
        if point is not None:
            end = point.end
            yield point


def _read_dozen(match: re.Match[str]) -> ScalePoint:
    value = Decimal(6 if match["half"] else 24 if match["two"] else 12)
    return ScalePoint(BARE, value, value, *match.span())


def _read_amount(plain: str, match: re.Match[str]) -> ScalePoint | None:
    """Read a number and its unit; None for a year, and for a word such as "one" without a unit."""
    start, end = match.span()
    quantities = find_quantities(plain[start : start + max(_PHRASE, len(match[0]) + 12)])
    if quantities and quantities[0].unit and plain.startswith(quantities[0].text, start):
        quantity = quantities[0]
        size = quantity.value / quantity.count if quantity.count else Decimal(1)
        end = start + len(quantity.text.removesuffix("内"))  # 三天内: the bound is no unit
        return ScalePoint(quantity.unit or BARE, quantity.value, quantity.value, start, end, size)
    numbers = find_numbers(match[0])
    if len(numbers) != 1 or _IN_A_CODE.search(plain[max(0, start - _PHRASE) : start]):
        return None
    (value,) = numbers
    unit = _UNIT_ZH.match(plain, end) or _UNIT_EN.match(plain, end)
    scale = BARE
    if unit and unit[1] not in _NO_UNIT:
        scale, end = stem_word(unit[1]), unit.end()
    is_year = scale == BARE and value in _YEARS and len(match[0]) == 4  # noqa: PLR2004 (digits)
    if is_year or (value <= 1 and not match[0].isdecimal()):  # "the big one", 一般
        return None
    return ScalePoint(scale, value, value, start, end)
