"""Take personal data out of a parsed document before it is split, with all that its offsets name.

It is done in the child that parses: no personal data leaves it but in the original, which the
server does not serve then. What a document is called (its uri) stays, as do the names of files in
it.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from indexes.chunk import DocumentLink
from indexes.text.redaction.personal_span import PersonalKind
from indexes.text.redaction.redaction import Redaction, RedactionOptions, redact_text
from ingest.document import Block, Document
from ingest.parse.pdf.text_boxes import move_boxes

REDACTION_VERSION = 1  # raise it when other data is found: documents are read again then
_KIND_NAMES: Mapping[PersonalKind, tuple[str, str]] = {
    "e-mail": ("1 e-mail address", "{:,} e-mail addresses"),
    "phone": ("1 phone number", "{:,} phone numbers"),
    "id": ("1 ID number", "{:,} ID numbers"),
    "card": ("1 card number", "{:,} card numbers"),
    "address": ("1 postal address", "{:,} postal addresses"),
}


def list_redaction_changes(options: RedactionOptions) -> dict[str, Any]:
    """Return how documents are redacted as plain values, for manifests and children; else nothing.

    >>> list_redaction_changes(RedactionOptions())
    {}
    """
    if not options.ingest:
        return {}
    facts = {"kinds": sorted(options.kinds), "regions": list(options.regions)}
    return {"redaction": {**facts, "version": REDACTION_VERSION}}


def make_redactor(facts: Mapping[str, Any]) -> Callable[[Document], Document]:
    """Make what takes personal data out of documents, by such values."""
    options = RedactionOptions(kinds=tuple(facts["kinds"]), regions=tuple(facts["regions"]))
    redact_text("+86 10 6234 5678", options)  # loads the library of numbers
    return partial(redact_document, options=options)


def is_redacted(reading: Mapping[str, Any] | None) -> bool:
    """Tell whether documents that were read by these versions had personal data taken out.

    >>> is_redacted({"options": {"redaction": {}}}), is_redacted(None)
    (True, False)
    """
    options = (reading or {}).get("options")
    return isinstance(options, Mapping) and "redaction" in options


def redact_document(document: Document, options: RedactionOptions) -> Document:
    """Return a document with labels in place of personal data, and a note that counts them."""

    def redact(text: str) -> str:
        return redact_text(text, options).text

    redaction = redact_text(document.text, options)
    move = _make_move(redaction)
    links = tuple(_move_links(document.links, redaction, move, redact))
    return replace(
        document,
        title=redact(document.title),
        text=redaction.text,
        blocks=tuple(_move_block(block, redaction.text, move, redact) for block in document.blocks),
        pages=tuple(
            replace(page, start=move(page.start), end=move(page.end)) for page in document.pages
        ),
        boxes=move_boxes(document.boxes, move) if redaction.spans else document.boxes,
        links=links,
        notes=(*document.notes, *describe_redaction(redaction)),
        members=tuple(
            replace(member, context=redact(member.context)) for member in document.members
        ),
    )


def describe_redaction(redaction: Redaction) -> tuple[str, ...]:
    """Return a note on what was taken out of a document; none where nothing was.

    >>> describe_redaction(redact_text("ann@mail.example", RedactionOptions()))
    ('personal data was replaced by labels: 1 e-mail address',)
    """
    counts = Counter(span.kind for span in redaction.spans)
    words = [
        single if counts[kind] == 1 else several.format(counts[kind])
        for kind, (single, several) in _KIND_NAMES.items()
        if counts[kind]
    ]
    return (f"personal data was replaced by labels: {', '.join(words)}",) if words else ()


def _make_move(redaction: Redaction) -> Callable[[int], int]:
    """Make the function from offsets of the original to those of the redacted text.

    An offset within personal data becomes the start of its label, so that order is kept.
    """
    starts = [span.start for span in redaction.spans]
    shifts = [0]
    for span, label in zip(redaction.spans, redaction.labels, strict=True):
        shifts.append(shifts[-1] + len(label) - (span.end - span.start))

    def move(offset: int) -> int:
        count = bisect_right(starts, offset)
        if count and offset < redaction.spans[count - 1].end:
            return starts[count - 1] + shifts[count - 1]
        return offset + shifts[count]

    return move


def _move_block(
    block: Block, text: str, move: Callable[[int], int], redact: Callable[[str], str]
) -> Block:
    start, end = move(block.start), move(block.end)
    question = block.question and (move(block.question[0]), move(block.question[1]))
    return replace(
        block,
        start=start,
        end=end,
        path=tuple(map(redact, block.path)),
        header=text[start : move(block.start + len(block.header))] if block.header else "",
        question=question,
        similar_questions=tuple(map(redact, block.similar_questions)),
    )


def _move_links(
    links: Sequence[DocumentLink],
    redaction: Redaction,
    move: Callable[[int], int],
    redact: Callable[[str], str],
) -> list[DocumentLink]:
    """Move links; one whose words or address hold personal data is dropped."""
    ends = [span.end for span in redaction.spans]
    clean_links = []
    for start, end, href in links:
        following = bisect_right(ends, start)  # the first that ends behind the link's start
        is_touched = following < len(ends) and redaction.spans[following].start < end
        if not is_touched and redact(href) == href:
            clean_links.append(DocumentLink(move(start), move(end), href))
    return clean_links
