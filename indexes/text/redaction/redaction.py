"""Replace personal data in a text by labels of its kind.

Detectors look one after the other, the surest first, at a text in which the finds of the former are
masked; so what is part of one is never taken for another. A text that was redacted holds nothing to
redact. Names of persons are not looked for: no rule tells them from names of products.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from indexes.text.redaction.card_numbers import find_card_numbers
from indexes.text.redaction.email_addresses import find_email_addresses
from indexes.text.redaction.identity_numbers import find_identity_numbers
from indexes.text.redaction.personal_span import (
    PERSONAL_KINDS,
    PersonalKind,
    PersonalSpan,
    fold_forms,
    mask_spans,
)
from indexes.text.redaction.phone_numbers import find_phone_numbers
from indexes.text.redaction.postal_addresses import find_postal_addresses
from indexes.text.scripts import detect_language
from indexes.text.sentences import Span

_Detector = Callable[[str], Iterable[Span]]
_LABELS = {
    "e-mail": ("[e-mail]", "[邮箱]"),
    "phone": ("[phone]", "[电话]"),
    "id": ("[ID number]", "[证件号]"),
    "card": ("[card]", "[卡号]"),
    "address": ("[address]", "[地址]"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionOptions:
    """Personal data that is replaced by a label before questions and answers are stored or logged.

    enabled: replace it. Off keeps what people write as it is.
    kinds: what is replaced: e-mail, phone, id (Chinese resident IDs, passports), card, address.
    regions: countries whose phone numbers are known without their country code. More of them find
        more, and take more numbers for phones.
    ingest: replace it in documents too; the next ingest reads all of them again. Their originals
        are kept to be read again, and no longer served.
    """

    enabled: bool = True
    kinds: tuple[PersonalKind, ...] = field(default=PERSONAL_KINDS, metadata={"narrows": True})
    regions: tuple[str, ...] = ("CN", "US", "GB")
    ingest: bool = False

    def __post_init__(self) -> None:
        for region in self.regions:
            if not re.fullmatch("[A-Z]{2}", region) or region == "UK":
                raise ValueError(f"regions must be ISO codes such as CN or GB, and not {region!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """A text without its personal data.

    spans: where it stood in the original, in order, none overlapping. labels: what stands there
    now, one for each.
    """

    text: str
    spans: tuple[PersonalSpan, ...] = ()
    labels: tuple[str, ...] = ()


def redact_text(text: str, options: RedactionOptions) -> Redaction:
    """Replace personal data by labels, Chinese ones in a Chinese text. Linear in its length.

    >>> redact_text("Call 212-555-0123 or write to ann@mail.example.", RedactionOptions()).text
    'Call [phone] or write to [e-mail].'
    >>> redact_text("邮箱zhang@qq.com谢谢", RedactionOptions()).text
    '邮箱[邮箱]谢谢'
    """
    spans = find_personal_data(text, options) if options.enabled else ()
    if not spans:
        return Redaction(text=text)
    plain_parts = []
    position = 0
    for span in spans:
        plain_parts.append(text[position : span.start])
        position = span.end
    is_chinese = detect_language("".join([*plain_parts, text[position:]])) == "zh"
    labels = tuple(_LABELS[span.kind][is_chinese] for span in spans)
    pieces = [piece for pair in zip(plain_parts, labels, strict=True) for piece in pair]
    return Redaction(text="".join([*pieces, text[position:]]), spans=spans, labels=labels)


def find_personal_data(text: str, options: RedactionOptions) -> tuple[PersonalSpan, ...]:
    """Find personal data of the kinds asked for, in order, none overlapping."""
    working = fold_forms(text)
    finds: list[PersonalSpan] = []
    while True:
        before = len(finds)
        for kind, detect in _list_detectors(options.regions):
            if kind in options.kinds:
                spans = _merge_spans(detect(working))
                finds += [PersonalSpan(start=start, end=end, kind=kind) for start, end in spans]
                working = mask_spans(working, spans) if spans else working
        if len(finds) == before:  # a mask may show a neighbour that was part of a longer word
            return tuple(sorted(finds, key=lambda span: span.start))


def _list_detectors(regions: Sequence[str]) -> tuple[tuple[PersonalKind, _Detector], ...]:
    return (
        ("e-mail", find_email_addresses),
        ("id", find_identity_numbers),
        ("card", find_card_numbers),
        ("phone", lambda text: find_phone_numbers(text, regions)),
        ("address", find_postal_addresses),
    )


def _merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Join spans that overlap."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
