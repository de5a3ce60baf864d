"""A piece of personal data in a text, and the working text in which detectors look for it."""

from dataclasses import dataclass
from typing import Literal

from indexes.text.sentences import Span

PersonalKind = Literal["e-mail", "phone", "id", "card", "address"]
PERSONAL_KINDS: tuple[PersonalKind, ...] = ("e-mail", "phone", "id", "card", "address")
# One character for one, so that offsets stay: full-width forms, dashes and spaces of all kinds.
_PLAIN_FORMS = {0xFF01 + n: 0x21 + n for n in range(0x5E)} | dict.fromkeys(
    map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-"
)
_PLAIN_FORMS |= dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u200b\u202f\u3000"), " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalSpan:
    """Where personal data stands in a text, in code points, and its kind."""

    start: int
    end: int
    kind: PersonalKind


def fold_forms(text: str) -> str:
    """Write full-width characters, dashes and spaces in their plain form, at the same offsets.

    >>> fold_forms("１３８－１２３４　ａ＠ｂ．ｃｎ")
    '138-1234 a@b.cn'
    """
    return text.translate(_PLAIN_FORMS)


def mask_spans(text: str, spans: list[Span]) -> str:
    """Cover spans by brackets, as the labels that will stand there look to their neighbours.

    >>> mask_spans("call 123!", [(5, 8)])
    'call []]!'
    """
    pieces = []
    position = 0
    for start, end in sorted(spans):
        pieces += [text[position:start], "[", "]" * (end - start - 1)]
        position = end
    return "".join([*pieces, text[position:]])
