"""Telephone numbers of persons, as they are written in English and Chinese texts.

What could be one by its form is read by ``phonenumbers`` (the numbering plans of all countries).
Numbers that a company publishes to be called (400 and 800 in China, toll-free ones, premium rate)
belong to no person and stay.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from indexes.text.redaction.number_labels import OTHER_LABEL, PHONE_LABEL, has_label
from indexes.text.sentences import Span

_BEFORE = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][-_/.@=#+])(?<![¥$€£])(?<!\d,)"
_AFTER = r"(?!\d)(?![A-Za-z%‰元]|[-_/@][0-9A-Za-z]|[.,:]\d)"
_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|转|分机)[ ]?\d{1,6})?"
_CHINESE_MOBILE = re.compile(
    rf"{_BEFORE}\(?(?:(?:\+|00)?86\)?[ -]?)?(?:\(?1[3-9]\d(?:[ -]?\d){{8}}){_EXTENSION}{_AFTER}", re.I
)
_NORTH_AMERICAN = re.compile(
    rf"{_BEFORE}(?:(?:\+|00)?1[ .-]?)?(?:\([2-9]\d\d\)[ .-]?\d{{3}}[ .-]?\d{{4}}"
    rf"|[2-9]\d\d([ .-])\d{{3}}[ .-]\d{{4}}){_EXTENSION}{_AFTER}",
    re.I,
)
_LANDLINE = re.compile(
    rf"{_BEFORE}\(?0\d{{1,4}}\)?(?:[ -]{{0,2}}\d{{2,8}}){{1,4}}{_EXTENSION}{_AFTER}", re.I
)
_INTERNATIONAL = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+|00)[1-9]\d{{0,2}}(?:[ .()/-]{{0,3}}\d){{6,13}}{_EXTENSION}{_AFTER}",
    re.I,
)
_LABELLED = re.compile(
    rf"{_BEFORE}\(?\d{{1,5}}\)?(?:[ .-]?\(?\d{{1,5}}\)?){{1,6}}{_EXTENSION}{_AFTER}", re.I
)
_TOLL_FREE = re.compile(r"(?:00)?1?8(?:00|33|44|55|66|77|88)\d{7}\Z|(?:0086|86)?[48]00\d{7}\Z")
_DATE = re.compile(r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}(?!\d)|0\d[:.]\d\d")
_CHINESE_LOCAL = re.compile(r"[2-8]\d{6,7}\Z")  # within a city, where the text calls it a phone
_FEWEST_DIGITS = 7
_SURE_LENGTH = 11  # of a country code with its number, and the plus
_PUBLISHED = frozenset(
    (
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.UAN,
    )
)


def find_phone_numbers(text: str, regions: Sequence[str]) -> Iterator[Span]:
    """Find the telephone numbers of persons in a folded text. Some may overlap.

    regions: countries whose numbers are known without their country code, as ``CN``.

    >>> set(find_phone_numbers("请打13812345678联系，热线400-820-8820", ("CN",)))
    {(2, 13)}
    """
    places = tuple(regions)
    for pattern in (_INTERNATIONAL, _CHINESE_MOBILE, _NORTH_AMERICAN, _LANDLINE, _LABELLED):
        match = pattern.search(text)
        while match:
            fits = _is_personal(pattern, match, text, places)
            if fits:
                yield match.span()
            match = pattern.search(text, match.end() if fits else match.start() + 1)


def _is_personal(
    pattern: re.Pattern[str], match: re.Match[str], text: str, regions: tuple[str, ...]
) -> bool:
    written = re.split(r"[x转分e]", match[0].lower())[0]
    digits = "".join(filter(str.isdigit, written))
    if _TOLL_FREE.match(digits) or len(digits) < _FEWEST_DIGITS:
        return False
    if pattern is _INTERNATIONAL:
        return _is_known_number(f"+{digits.removeprefix('00')}", regions[:1])
    if has_label(OTHER_LABEL, text, match.start()):
        return False
    if pattern is _CHINESE_MOBILE:
        return "CN" in regions
    if pattern is _NORTH_AMERICAN:
        return not {"US", "CA"}.isdisjoint(regions)
    is_labelled = has_label(PHONE_LABEL, text, match.start())
    if pattern is _LABELLED and not is_labelled or _DATE.match(written):
        return False
    if is_labelled and "CN" in regions and _CHINESE_LOCAL.match(digits):
        return True
    return _is_known_number(digits, regions)


@lru_cache(maxsize=4096)
def _is_known_number(digits: str, regions: tuple[str, ...]) -> bool:
    """Tell whether a number is given out to subscribers in one of the regions."""
    for region in regions or ("ZZ",):
        try:
            number = phonenumbers.parse(digits, region)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.number_type(number) not in _PUBLISHED
        if len(digits) >= _SURE_LENGTH and phonenumbers.is_possible_number(number):
            return digits.startswith("+")  # given out faster than the lists of them
    return False
