"""Telephone numbers of persons, as they are written in English and Chinese texts.

What could be one by its form is read by ``phonenumbers`` (the numbering plans of all countries).
Numbers that a company publishes to be called (400 and 800 in China, toll-free ones, premium rate)
belong to no person and stay.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from indexes.text.redaction.number_labels import PHONE_LABEL, REFERENCE_LABEL, has_label
from indexes.text.sentences import Span

_BEFORE = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][-_/.@=#+])(?<![¥$€£])(?<!\d,)"
_AFTER = r"(?!\d)(?![A-Za-z%‰元]|[-_@][0-9A-Za-z]|/(?!1[3-9]\d{9})[0-9A-Za-z]|[.,:]\d)"
_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|转|分机)[ ]?\d{1,6})?"
_CHINESE_MOBILE = re.compile(
    rf"{_BEFORE}\(?(?:(?:\+|00)?86\)?[ -]?)?(?:\(?1[3-9]\d(?:[ -]?\d){{8}}){_EXTENSION}{_AFTER}",
    re.IGNORECASE,
)
_NORTH_AMERICAN = re.compile(
    rf"{_BEFORE}(?:(?:\+|00)?1[ .-]?)?(?:\([2-9]\d\d\)[ .-]?\d{{3}}[ .-]?\d{{4}}"
    rf"|[2-9]\d\d([ .-])\d{{3}}[ .-]\d{{4}}){_EXTENSION}{_AFTER}",
    re.IGNORECASE,
)
_LANDLINE = re.compile(
    rf"{_BEFORE}\(?0\d{{1,4}}\)?(?:[ -]{{0,2}}\d{{2,8}}){{1,4}}{_EXTENSION}{_AFTER}", re.IGNORECASE
)
_INTERNATIONAL = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+|00)[1-9]\d{{0,2}}(?:[ .()/-]{{0,3}}\d){{6,13}}{_EXTENSION}{_AFTER}",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    rf"\(?\d{{1,5}}\)?(?:[ .-]?\(?\d{{1,5}}\)?){{1,6}}{_EXTENSION}{_AFTER}", re.IGNORECASE
)
_TOLL_FREE = re.compile(r"(?:00)?1?8(?:00|33|44|55|66|77|88)\d{7}\Z|(?:0086|86)?[48]00\d{7}\Z")
_DATE = re.compile(r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}(?!\d)|0\d[:.]\d\d")
_CHINESE_LOCAL = re.compile(r"[2-8]\d{6,7}\Z")  # within a city, where the text calls it a phone
_EXTENSION_MARK = re.compile("[xe转分]", re.IGNORECASE)
_FEWEST_DIGITS = 7
_SURE_LENGTH = 11  # of a country code with its number, and the plus


def find_phone_numbers(text: str, regions: Sequence[str]) -> Iterator[Span]:
    """Find the telephone numbers of persons in a folded text. Some may overlap.

    regions: countries whose numbers are known without their country code, as ``CN``.

    >>> set(find_phone_numbers("请打13812345678联系，热线400-820-8820", ("CN",)))
    {(2, 13)}
    """
    places = tuple(regions)
    for form in (_INTERNATIONAL, _CHINESE_MOBILE, _NORTH_AMERICAN, _LANDLINE):
        match = form.search(text)
        while match:
            fits = _is_personal(form, match, text, places)
            if fits:
                yield match.span()
            match = form.search(text, match.end() if fits else match.start() + 1)
    for label in PHONE_LABEL.finditer(text):
        number = _LABELLED.match(text, label.end())
        if number and _is_subscriber(number, places):
            yield number.span()


def _is_personal(
    form: re.Pattern[str], match: re.Match[str], text: str, regions: tuple[str, ...]
) -> bool:
    """Tell whether what looks like a phone number is one, without a word that says so."""
    digits = _take_digits(match)
    if _TOLL_FREE.match(digits):
        return False
    if form is _INTERNATIONAL:
        return _is_known_number(f"+{digits.removeprefix('00')}", regions[:1])
    if form is _CHINESE_MOBILE:
        fits = "CN" in regions
    elif form is _NORTH_AMERICAN:
        fits = not {"US", "CA"}.isdisjoint(regions)
    else:
        fits = not _DATE.match(match[0]) and _is_known_number(digits, regions)
    return fits and not has_label(REFERENCE_LABEL, text, match.start())


def _is_subscriber(match: re.Match[str], regions: tuple[str, ...]) -> bool:
    """Tell whether a number is a person's that the text calls a phone number."""
    digits = _take_digits(match)
    if _TOLL_FREE.match(digits) or _DATE.match(match[0]) or len(digits) < _FEWEST_DIGITS:
        return False
    is_local = "CN" in regions and _CHINESE_LOCAL.match(digits) is not None
    return is_local or _is_known_number(digits, regions)


def _take_digits(match: re.Match[str]) -> str:
    """Return the digits of a number without those of its extension."""
    number = _EXTENSION_MARK.split(match[0], maxsplit=1)[0]
    return "".join(filter(str.isdigit, number))


@lru_cache(maxsize=4096)
def _is_known_number(digits: str, regions: tuple[str, ...]) -> bool:
    """Tell whether a number is given out to subscribers in one of the regions."""
    import phonenumbers as plans  # noqa: PLC0415 - 25 ms that few commands need

    kinds = plans.PhoneNumberType
    published = (kinds.TOLL_FREE, kinds.SHARED_COST, kinds.PREMIUM_RATE, kinds.UAN)
    for region in regions or ("ZZ",):
        try:
            number = plans.parse(digits, region)
        except plans.NumberParseException:
            continue
        if plans.is_valid_number(number):
            return plans.number_type(number) not in published
        if len(digits) >= _SURE_LENGTH and plans.is_possible_number(number):
            return digits.startswith("+")  # given out faster than the lists of them
    return False
