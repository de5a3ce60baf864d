"""Read from a document's name which version it is, and which of two is the newer one. Pure.

A tariff of 2025 and one of 2026 say the same sentences with other numbers. What tells them apart
stands in the title, the file's name, the heading of the sheet, or in the version that their
authors gave.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Chunk
from indexes.text.folding import normalise_text
from indexes.text.quantities import MONTHS, find_dates
from indexes.text.tokens import drop_stopwords, tokenize_text

_NAMES_REMEMBERED = 512
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_COMPACT_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([01]\d)([0-3]\d)?(?!\d)")
_MONTH = re.compile(
    rf"(?<![a-z])({'|'.join(sorted(MONTHS, key=len, reverse=True))})\b|(?<!\d)(\d{{1,2}}) ?月"
    r"|(?<=(?:19|20)\d\d[-_. /])(0[1-9]|1[0-2])(?!\d)|(?<![a-z])q([1-4])(?!\d)|第([一二三四])季度"
)
_NUMBER = re.compile(
    r"(?<![a-z])(?:v|ver|version|rev|revision|release|edition|issue) ?\.?_?(\d+(?:\.\d+){0,3})"
    r"|第 ?(\d+|[一二三四五六七八九十]) ?[版期]|(?<!\d)(?<!\d\.)(\d++(?:\.\d++)*+) ?版"
)
_HAN_DIGITS = {c: n for n, c in enumerate("一二三四五六七八九十", 1)}
_STATES = re.compile(
    r"(?<![a-z])(?:old|new|draft|final|current|archived?|former|previous|latest|valid|from"
    r"|as of)(?![a-z])"
    r"|旧版?|新版?|草案|现行|历史|存档|最新|修订"
)
_OLD = re.compile(
    r"(?<![a-z])(?:old|archived?|former|previous|superseded|obsolete|deprecated|draft)(?![a-z])"
    r"|旧版|废止|已失效|历史版本|存档|草案"
)
Version = tuple[int, tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class VersionName:
    """A document's name without its version, and the version that it tells.

    base: words that all versions share. label: the version as it is written. order: newer ones
    are greater, first of all those that are not named as old ones.
    """

    base: frozenset[str]
    label: str
    order: Version
    years: frozenset[int]


def read_version(chunk: Chunk) -> VersionName:
    """Read the version of a passage's document, from its version, title, file and headings.

    >>> chunk = Chunk(document="d", uri="fees-2025.md", title="Fees 2025", text="", start=0, end=0)
    >>> name = read_version(chunk)
    >>> name.label, sorted(name.years), sorted(name.base)
    ('2025', [2025], ['fee'])
    """
    folder = chunk.uri.rpartition(".")[0] or chunk.uri
    return _read_name(f"{chunk.version}", f"{folder} | {chunk.title}", " | ".join(chunk.path[-2:]))


def is_newer(name: VersionName, other: VersionName) -> bool:
    """Tell whether a document is the newer version of another one of the same name.

    >>> def read(title: str) -> VersionName:
    ...     return _read_name("", title, "")
    >>> is_newer(read("Price list v2.1"), read("Price list v1.9"))
    True
    >>> is_newer(read("Fees"), read("Fees (old)")), is_newer(read("Fees 2025"), read("Fees"))
    (True, False)
    """
    if name.base != other.base:
        return False
    if name.order[0] != other.order[0]:
        return name.order > other.order
    return any(name.order[1:]) and any(other.order[1:]) and name.order > other.order


@lru_cache(maxsize=_NAMES_REMEMBERED)
def _read_name(version: str, place: str, headings: str) -> VersionName:
    plain = normalise_text(f"{version} | {place} | {headings}")
    spaced = re.sub(r"[_/]+", " ", plain)
    date, label = _read_date(spaced)
    number = next((_read_number(match) for match in _NUMBER.finditer(spaced)), ())
    if not label and (match := _NUMBER.search(spaced)):
        label = match[0]
    state = 0 if _OLD.search(spaced) else 1
    order = (state, date, number)
    rest = normalise_text(f"{place} | {headings}").replace("_", " ").replace("/", " ")
    for pattern in (_NUMBER, _COMPACT_DATE, _MONTH, _YEAR, _STATES):
        rest = pattern.sub(" ", rest)
    base = frozenset(w for w in drop_stopwords(tokenize_text(rest)) if not w.isdecimal())
    return VersionName(base, label, order, frozenset(map(int, _YEAR.findall(spaced))))


def _read_date(plain: str) -> tuple[tuple[int, ...], str]:
    """Return year, month and day as far as they are named, and their words."""
    full = [(when, words) for when, words in find_dates(plain) if when[0]]
    if full:
        (year, month, day), words = max(full, key=lambda item: tuple(n or 0 for n in item[0]))
        return (year or 0, month or 0, day or 0), words
    if compact := _COMPACT_DATE.search(plain):
        year, month, day = (int(part or 0) for part in compact.groups())
        return (year, month, day), compact[0]
    years = _YEAR.findall(plain)
    if not years:
        return (), ""
    month = 0
    if match := _MONTH.search(plain):
        name, digits, dashed, quarter, han = match.groups()
        month = MONTHS.get(name, 0) if name else int(digits or dashed or 0)
        month = month or 3 * (int(quarter) if quarter else _HAN_DIGITS[han] if han else 0)
    return (int(max(years)), month, 0), max(years)


def _read_number(match: re.Match[str]) -> tuple[int, ...]:
    written = next(filter(None, match.groups()))
    if written in _HAN_DIGITS:
        return (_HAN_DIGITS[written],)
    return tuple(map(int, written.split(".")))
