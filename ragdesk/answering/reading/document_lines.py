"""The lines and paragraphs of a document's text, as spans. Pure."""

import re
from collections.abc import Iterator, Sequence

from indexes.text.sentences import Span, split_sentences

_LINE = re.compile(r"[^\n]+")
_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*")


def trim_span(text: str, start: int, end: int) -> Span:
    """Return a span without the white space around it.

    >>> trim_span("a  b ", 1, 5)
    (3, 4)
    """
    piece = text[start:end]
    indent = len(piece) - len(piece.lstrip())
    return start + indent, max(start + indent, start + len(piece.rstrip()))


def list_lines(text: str, start: int, end: int) -> list[Span]:
    r"""List the lines of a stretch that hold anything, without the white space around them.

    >>> list_lines("a\n\n  b \n", 0, 8)
    [(0, 1), (5, 6)]
    """
    lines = (trim_span(text, *match.span()) for match in _LINE.finditer(text, start, end))
    return [(first, last) for first, last in lines if first < last]


def list_paragraphs(text: str, start: int, end: int) -> list[Span]:
    r"""List what blank lines set apart in a stretch.

    >>> list_paragraphs("a\nb\n\nc", 0, 6)
    [(0, 3), (5, 6)]
    """
    paragraphs: list[Span] = []
    at = start
    for match in _PARAGRAPH_BREAK.finditer(text, start, end):
        paragraphs.append(trim_span(text, at, match.start()))
        at = match.end()
    paragraphs.append(trim_span(text, at, end))
    return [(first, last) for first, last in paragraphs if first < last]


def find_paragraph_start(text: str, at: int, limit: int = 0) -> int:
    """Find where the paragraph begins that a place stands in, at ``limit`` at the earliest."""
    breaks = [match.end() for match in _PARAGRAPH_BREAK.finditer(text, limit, at)]
    return breaks[-1] if breaks else limit


def find_last_sentence(text: str, start: int, end: int) -> Span | None:
    """Find the last sentence of a stretch, None where it has none."""
    sentences = split_sentences(text[start:end])
    if not sentences:
        return None
    first, last = sentences[-1]
    return start + first, start + last


def subtract_spans(span: Span, holes: Sequence[Span]) -> Iterator[Span]:
    """Yield what is left of a span without some others, which come in order.

    >>> list(subtract_spans((0, 9), [(2, 4), (8, 12)]))
    [(0, 2), (4, 8)]
    """
    at, end = span
    for first, last in holes:
        if last <= at or first >= end:
            continue
        if first > at:
            yield at, first
        at = last
    if at < end:
        yield at, end
