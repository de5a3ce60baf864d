"""Numbers of bank cards: 13 to 19 digits of a known issuer that pass the check of Luhn."""

import re
from collections.abc import Iterator

from indexes.text.redaction.number_labels import CARD_LABEL, REFERENCE_LABEL, has_label
from indexes.text.sentences import Span

_CARD = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][-_/.+])\d(?:[ -]?\d){12,18}(?!\d)"
    r"(?![A-Za-z]|[-_/][0-9A-Za-z])"
)
# As cards are written: in one, in fours, 4-6-5, digit by digit. Others are rows of numbers.
_GROUPS = re.compile(
    r"(?:\d+|\d{4}(?:[ -]\d{4})+(?:[ -]\d{1,7})?|\d{4}[ -]\d{6}[ -]\d{4,5}|\d(?:[ -]\d)+"
    r"|\d{6}[ -]\d+)\Z"
)
_LAST_GROUP = re.compile(r"[ -]\d+\Z")
# Issuer and length (ISO/IEC 7812): what needs no word before it that says "card".
_ISSUER = re.compile(
    r"(?:4\d{15}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|35\d{14}|(?:2131|1800)\d{11}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}|62\d{14,17})\Z"
)
_FEWEST_DIGITS = 13
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # a digit taken twice, its digits summed


def find_card_numbers(text: str) -> Iterator[Span]:
    """Find the numbers of bank cards in a folded text, in order.

    >>> list(find_card_numbers("paid with 4111 1111 1111 1111, order 4111111111111111"))
    [(10, 29)]
    """
    match = _CARD.search(text)
    while match:
        end = match.start() + _measure_card(text, match.start(), match[0])
        if end > match.start():
            yield match.start(), end
        match = _CARD.search(text, max(end, match.start() + 1))


def _measure_card(text: str, start: int, written: str) -> int:
    """Return how many characters at a start are a card's number; its last groups may be others."""
    while len(number := written.replace(" ", "").replace("-", "")) >= _FEWEST_DIGITS:
        if not _GROUPS.match(written):
            return 0
        if passes_luhn(number) and (_ISSUER.match(number) or has_label(CARD_LABEL, text, start)):
            return 0 if has_label(REFERENCE_LABEL, text, start) else len(written)
        group = _LAST_GROUP.search(written)
        if group is None:
            return 0
        written = written[: group.start()]
    return 0


def passes_luhn(number: str) -> bool:
    """Tell whether the last digit checks the others (ISO/IEC 7812-1).

    >>> passes_luhn("79927398713"), passes_luhn("79927398710")
    (True, False)
    """
    odd, even = number[-1::-2], number[-2::-2]
    return (sum(map(int, odd)) + sum(_DOUBLED[int(digit)] for digit in even)) % 10 == 0
