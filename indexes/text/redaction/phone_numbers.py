"""Telephone numbers of persons, as they are written in English and Chinese texts.

What could be one by its form is read by ``phonenumbers`` (the numbering plans of all countries).
Numbers that a company publishes to be called (400 and 800 in China, toll-free ones, premium rate)
belong to no person and stay.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache

from indexes.text.redaction.number_labels import PHONE_LABEL, REFERENCE_LABEL, has_label
from indexes.text.sentences import Span

_BEFORE = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][-_/.@=#+])(?<![¥$€£])(?<!\d,)"
_AFTER = r"(?!\d)(?![A-Za-z%‰元]|[-_@][0-9A-Za-z]|/(?!1[3-9]\d{9})[0-9A-Za-z]|[.,:]\d)"
_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|转|分机)[ ]?\d{1,6})?"
_CHINESE_MOBILE = re.compile(
    rf"{_BEFORE}\(?(?:(?:\+|00)?86\)?[ -]?)?1[3-9]\d"
    r"(?:\d{8}|[ -]\d{4}[ -]?\d{4}|\d{4}[ -]\d{4}|[ -]\d{3}[ -]\d{5}|\d[ -]\d{3}[ -]\d{4})"
    rf"{_EXTENSION}{_AFTER}",
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
    r"(?<![0-9A-Za-z+])(?<![0-9A-Za-z][-_/.@=#])"
    rf"(?:\+|00)[1-9]\d{{0,2}}(?:[ .()/-]{{0,3}}\d){{6,13}}{_EXTENSION}{_AFTER}",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    rf"\(?\d{{1,5}}\)?(?:[ .-]?\(?\d{{1,5}}\)?){{1,6}}{_EXTENSION}{_AFTER}", re.IGNORECASE
)
_BARE = re.compile(rf"{_BEFORE}[2-9]\d{{9}}{_AFTER}")
_NUMBER_ROW = re.compile(r"\d{3} \d{3} \d{4}")
_AMERICAN_DIGITS = re.compile(r"1?[2-9]\d{9}\Z")
_PHONE_WORD = re.compile(r"\b(?:phone|mobile|cell|telephone|call)\b(?!\])", re.IGNORECASE)
_AFTER_CONTACT = re.compile(r"\][>), ;/|]{1,4}\Z")  # behind what is masked, or the label there
_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？\n]")
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
    if "US" in regions:
        yield from _find_bare_numbers(text, ("US",))


def _is_personal(
    form: re.Pattern[str], match: re.Match[str], text: str, regions: tuple[str, ...]
) -> bool:
    """Tell whether what looks like a phone number is one, without a word that says so."""
    digits = _take_digits(match)
    if form is not _CHINESE_MOBILE and _TOLL_FREE.match(digits):
        return False
    if form is _INTERNATIONAL:
        is_plus = match[0].startswith("+")
        return _is_known_number(f"+{digits if is_plus else digits[2:]}", (), is_sure=is_plus)
    if form is _CHINESE_MOBILE:
        fits = "CN" in regions
    elif form is _NORTH_AMERICAN:
        is_row = _NUMBER_ROW.match(match[0]) is not None  # may be three numbers of a table
        fits = "US" in regions and (not is_row or _is_known_number(digits, ("US",)))
    else:
        fits = not _DATE.match(match[0]) and _is_known_number(digits, regions)
    return fits and not has_label(REFERENCE_LABEL, text, match.start())


def _is_subscriber(match: re.Match[str], regions: tuple[str, ...]) -> bool:
    """Tell whether a number is a person's that the text calls a phone number."""
    digits = _take_digits(match)
    if _TOLL_FREE.match(digits) or _DATE.match(match[0]) or len(digits) < _FEWEST_DIGITS:
        return False
    is_local = "CN" in regions and _CHINESE_LOCAL.match(digits) is not None
    is_american = "US" in regions and _AMERICAN_DIGITS.match(digits) is not None
    return is_local or is_american or _is_known_number(digits, regions)


def _find_bare_numbers(text: str, regions: tuple[str, ...]) -> Iterator[Span]:
    """Find North American numbers without separators: behind a phone or mail, or the word for it.

    The word may stand anywhere before in the same sentence.
    """
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    words = [match.start() for match in _PHONE_WORD.finditer(text)]
    for match in _BARE.finditer(text):
        start = match.start()
        word = bisect_left(words, start)
        end = bisect_right(ends, start)
        is_meant = bool(word) and (not end or words[word - 1] >= ends[end - 1])
        if (
            (is_meant or _AFTER_CONTACT.search(text, max(0, start - 8), start))
            and _is_known_number(match[0], regions)
            and not has_label(REFERENCE_LABEL, text, start)
        ):
            yield match.span()


def _take_digits(match: re.Match[str]) -> str:
    """Return the digits of a number without those of its extension."""
    number = _EXTENSION_MARK.split(match[0], maxsplit=1)[0]
    return "".join(filter(str.isdigit, number))


@lru_cache(maxsize=4096)
def _is_known_number(digits: str, regions: tuple[str, ...], *, is_sure: bool = False) -> bool:
    """Tell whether a number is given out to subscribers in one of the regions.

    is_sure: it is written as a phone number, so a length that is possible is enough: numbers are
    given out faster than the lists of them.
    """
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
        if is_sure and len(digits) >= _SURE_LENGTH and plans.is_possible_number(number):
            return True
    return False
