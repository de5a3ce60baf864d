"""Numbers of identity: Chinese resident IDs by their check digit, passports by what stands before.

GB 11643-1999: six digits of a place, a date of birth, three digits, a check character by ISO 7064
mod 11-2. The old form of 15 digits has no check, so it counts only where the text calls it an ID.
"""

import datetime as dt
import re
from collections.abc import Iterator

from indexes.text.redaction.number_labels import IDENTITY_LABEL, PASSPORT_LABEL, has_label
from indexes.text.sentences import Span

_LONG_ID = re.compile(r"(?<![0-9A-Za-z])\d(?:[ -]?\d){16}[ -]?[0-9Xx](?![0-9A-Za-z])")
_SHORT_ID = re.compile(r"(?<![0-9A-Za-z])\d(?:[ -]?\d){14}(?![0-9A-Za-z])")
_PASSPORT = re.compile(r"(?<![0-9A-Za-z])(?:[A-Za-z]{1,2}[ -]?)?\d{7,9}(?![0-9A-Za-z])")
_PROVINCE_CODE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_FIRST_YEAR, _LAST_YEAR = 1880, 2100


def find_identity_numbers(text: str) -> Iterator[Span]:
    """Find resident IDs and passport numbers in a folded text.

    >>> list(find_identity_numbers("身份证号11010519491231002X。"))
    [(4, 22)]
    """
    yield from _find_long_ids(text)
    for match in _SHORT_ID.finditer(text):
        if has_label(IDENTITY_LABEL, text, match.start()) and _is_short_id(match[0]):
            yield match.span()
    for match in _PASSPORT.finditer(text):
        if has_label(PASSPORT_LABEL, text, match.start()):
            yield match.span()


def _find_long_ids(text: str) -> Iterator[Span]:
    match = _LONG_ID.search(text)
    while match:
        fits = _is_long_id(match[0])
        if fits:
            yield match.span()
        match = _LONG_ID.search(text, match.end() if fits else match.start() + 1)


def _is_long_id(written: str) -> bool:
    number = _strip_separators(written).upper()
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return _CHECKS[total % 11] == number[-1] and _has_place_and_date(number[:2], number[6:14])


def _is_short_id(written: str) -> bool:
    number = _strip_separators(written)
    return _has_place_and_date(number[:2], f"19{number[6:12]}")


def _has_place_and_date(province: str, date: str) -> bool:
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    if not _PROVINCE_CODE.match(province) or not _FIRST_YEAR <= year <= _LAST_YEAR:
        return False
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def _strip_separators(written: str) -> str:
    return written.replace(" ", "").replace("-", "")
