"""Mutate true sentences in known ways, to test which errors a check detects.

Each way changes one thing and leaves all other words, so a share of words hardly moves: it is the
detection of contradictions that is tested. A sentence that a way does not fit gives None. Seeded
by the caller.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "unit", "date", "entity", "negation"]
MUTATION_KINDS: tuple[Kind, ...] = ("number", "unit", "date", "entity", "negation")

_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.,/:-])(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)"
    r"(?![A-Za-z0-9_/:-]|,\d| ?[年月日号])"
)
_MARKER = re.compile(r"\s*\(?\d{1,2}[.)]\s")  # numbers of a list alone: no number of anything
_HAN_NUMBER = re.compile(
    r"(?<![一二三四五六七八九十百千万第两零])[二三四五六七八九十](?=[个天日小分周月年元次台件份人])"
)
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DATE = re.compile(
    rf"\b(?:{'|'.join(_MONTHS)})\b(?= \d|,? \d{{4}})|(?<=\d )(?:{'|'.join(_MONTHS)})\b"
    r"|\b(?:1[6-9]|20)\d\d\b|\d{1,2}(?=[月日号])"
)
_UNITS = (
    ("days", "weeks"), ("day", "week"), ("hours", "minutes"), ("hour", "minute"),
    ("months", "years"), ("month", "year"), ("weeks", "hours"), ("years", "months"),
    ("year", "month"), ("minutes", "hours"), ("percent", "dollars"), ("%", " dollars"),
    ("miles", "meters"), ("million", "billion"), ("billion", "million"), ("kg", "tonnes"),
    ("GB", "MB"), ("km", "cm"), ("feet", "miles"), ("dollars", "pounds"), ("euros", "kroner"),
)  # fmt: skip
_HAN_UNITS = (
    ("小时", "分钟"),
    ("分钟", "小时"),
    ("个月", "年"),
    ("天", "周"),
    ("元", "欧元"),
    ("日", "周"),
    ("克", "公斤"),
)
_ENTITY = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")
_VERB = re.compile(
    r"\b(is|are|was|were|can|will|may|must|should|has to|do|does)\b(?! not)(?!n't)", re.IGNORECASE
)
_DENIED = re.compile(r"\b(is|are|was|were|can|will|may|must|should|do|does) ?not\b", re.IGNORECASE)
# 会员 and 性能 hold the characters of a verb and are none.
_HAN_VERB = re.compile(
    r"(?<![不没只可性功])(可以|需要|会(?![员议计])|能(?![力量源否])|支持|包括|提供|接受|必须)"
)
_HAN_DENIED = re.compile(r"不(可以|需要|会|能|支持|包括|提供|接受)")


@dataclass(frozen=True, slots=True)
class Mutation:
    """A sentence with one error introduced."""

    kind: Kind
    before: str
    after: str


def mutate_sentence(
    sentence: str, kind: Kind, dice: random.Random, names: Sequence[str] = ()
) -> Mutation | None:
    """Introduce one kind of error into a sentence; None where it does not fit.

    names: entities to put in the place of another.

    >>> mutate_sentence("It takes 30 days.", "unit", random.Random(1)).after
    'It takes 30 weeks.'
    >>> mutate_sentence("You can pay later.", "negation", random.Random(1)).after
    'You can not pay later.'
    """
    broken = _WAYS[kind](sentence, dice, names)
    return None if broken is None or broken == sentence else Mutation(kind, sentence, broken)


def list_entities(texts: Sequence[str]) -> list[str]:
    """List the names inside some texts, for swapping."""
    return sorted({match for text in texts for match in _ENTITY.findall(text)})


def _mutate_number(sentence: str, dice: random.Random, _: Sequence[str]) -> str | None:
    start = _MARKER.match(sentence)
    numbers = [
        m
        for m in _NUMBER.finditer(sentence, start.end() if start else 0)
        if not _DATE.fullmatch(m[0])
    ]
    if numbers:
        number = dice.choice(numbers)
        return _replace_span(sentence, number.span(), _other_number(number[0], dice))
    han = list(_HAN_NUMBER.finditer(sentence))
    if not han:
        return None
    number = dice.choice(han)
    return _replace_span(
        sentence, number.span(), dice.choice([c for c in "二三四五六七八九" if c != number[0]])
    )


def _other_number(number: str, dice: random.Random) -> str:
    plain = float(number.replace(",", ""))
    new = plain * dice.choice([2, 3, 10]) + dice.randint(1, 4)
    text = f"{new:,.0f}" if "," in number or "." not in number else f"{new:.2f}"
    return text if "," in number else text.replace(",", "")


def _mutate_unit(sentence: str, dice: random.Random, _: Sequence[str]) -> str | None:
    spots = []
    for unit, other in _UNITS:
        tail = r"\b" if unit[-1].isalpha() else ""
        pattern = rf"(?<=\d)(\s?)({re.escape(unit)}){tail}"
        spots += [(m.span(2), other) for m in re.finditer(pattern, sentence)]
    for unit, other in _HAN_UNITS:
        pattern = rf"(?<=[\d一二三四五六七八九十两])(\s?)({unit})"
        spots += [(m.span(2), other) for m in re.finditer(pattern, sentence)]
    if not spots:
        return None
    span, other = dice.choice(spots)
    return _replace_span(sentence, span, other)


def _mutate_date(sentence: str, dice: random.Random, _: Sequence[str]) -> str | None:
    dates = list(_DATE.finditer(sentence))
    if not dates:
        return None
    date = dice.choice(dates)
    if date[0] in _MONTHS:
        return _replace_span(
            sentence, date.span(), dice.choice([m for m in _MONTHS if m != date[0]])
        )
    shift = dice.choice([-3, -2, 2, 3])
    return _replace_span(sentence, date.span(), str(abs(int(date[0]) + shift) or 7))


def _mutate_entity(sentence: str, dice: random.Random, names: Sequence[str]) -> str | None:
    entities = list(_ENTITY.finditer(sentence))
    others = [name for name in names if name not in sentence]
    if not entities or not others:
        return None
    return _replace_span(sentence, dice.choice(entities).span(), dice.choice(others))


def _mutate_negation(sentence: str, dice: random.Random, _: Sequence[str]) -> str | None:
    denied = list(_DENIED.finditer(sentence)) + list(_HAN_DENIED.finditer(sentence))
    if denied:
        match = dice.choice(denied)
        return _replace_span(sentence, match.span(), match[1])
    verbs = list(_VERB.finditer(sentence)) or list(_HAN_VERB.finditer(sentence))
    if not verbs:
        return None
    match = verbs[0]
    return _replace_span(
        sentence, match.span(), f"{match[1]} not" if match[1].isascii() else f"不{match[1]}"
    )


def _replace_span(sentence: str, span: tuple[int, int], words: str) -> str:
    return sentence[: span[0]] + words + sentence[span[1] :]


Way = Callable[[str, random.Random, Sequence[str]], str | None]
_WAYS: dict[Kind, Way] = {
    "number": _mutate_number,
    "unit": _mutate_unit,
    "date": _mutate_date,
    "entity": _mutate_entity,
    "negation": _mutate_negation,
}
