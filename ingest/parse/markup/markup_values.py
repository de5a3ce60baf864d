"""Read values that are markup: bodies of articles in an export, cells of a table, answers."""

import html
import re
from collections.abc import Iterator
from typing import Protocol

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.link_spans import LinkSpan
from ingest.parse.markup import hidden_elements, tree_writer
from ingest.parse.markup.html_tree import parse_html, read_line

LONGEST_MARKUP = 2_000_000  # characters of a value; a longer one stays as it is
_LONGEST_BEFORE = 200  # characters before a line that tell it apart
_TAG = re.compile(
    r"</(?:p|div|br|ul|ol|li|table|t[rdh]|span|strong|em|b|i|u|a|h[1-6]|blockquote|pre|code"
    r"|section|article|font)>"
    r"|<(?:br|hr|p|img)\b[^<>]{0,300}+>",
    re.IGNORECASE,
)
_OPENED = re.compile(
    r"<(?:div|ul|ol|li|table|tr|td|span|strong|em|b|i|u|a|h[1-6]|blockquote|pre|code"
    r"|section|article|font)(?:\s[^<>]{0,2000}+)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,5}|#x[\da-fA-F]{2,5});")


class NotePiece(Protocol):
    """Notes the links of a piece of text, as ``DocumentBuilder.note_links`` does."""

    def __call__(self, text: str, links: list[LinkSpan], *, after: str = "") -> None: ...


def has_markup(text: str) -> bool:
    """Tell whether a value is markup, and not words that hold a sign of it.

    >>> has_markup("<p>a &amp; b</p>"), has_markup("a < b and c > d")
    (True, False)
    """
    return _TAG.search(text) is not None


def write_markup_value(text: str, builder: DocumentBuilder) -> None:
    """Write a value that is markup: its headings, lists and tables, and nothing that is hidden."""
    tree = parse_html(_drop_surrogates(text))
    if tree.body is not None:
        unseen = hidden_elements.find_hidden_elements(tree)
        tree_writer.write_tree(tree.body, builder, unseen=unseen)


def read_markup_line(text: str, note_links: NotePiece | None = None) -> str:
    """Return the words of a short value, without tags and entities.

    note_links: called with the words and the links in them, where there are any.

    >>> read_markup_line("A &amp; <b>B</b>"), read_markup_line("1 < 2")
    ('A & B', '1 < 2')
    """
    if has_markup(text):
        tree = parse_html(_drop_surrogates(text))
        return read_line(tree.body, note_links=note_links) if tree.body is not None else ""
    return html.unescape(text) if _ENTITY.search(text) else text


def read_markup_text(text: str, note_links: NotePiece | None = None) -> str:
    """Return the words of a value, its paragraphs and items on lines of their own.

    note_links: called for each line of them with the links in it, where there are any.
    """
    if not has_markup(text):
        return read_markup_line(text)
    builder = DocumentBuilder()
    write_markup_value(text, builder)
    return _finish_value(builder, note_links)


def strip_cell_markup(text: str, note_links: NotePiece | None = None) -> str:
    r"""Return the words of a cell that is written in HTML; any other cell as it is.

    note_links: called for each line of them with the links in it, where there are any.

    >>> strip_cell_markup("<p>Press <b>Start</b>.</p><ul><li>Wait</li></ul>")
    'Press Start.\n\n- Wait'
    >>> strip_cell_markup("a < b, <none>")
    'a < b, <none>'
    """
    if "<" not in text or len(text) > LONGEST_MARKUP:
        return text
    if not (has_markup(text) or _OPENED.search(text)):
        return text
    builder = DocumentBuilder()
    try:
        write_markup_value(text, builder)
    except Unreadable:  # its elements are nested too deep
        return text
    return _finish_value(builder, note_links)


def _finish_value(builder: DocumentBuilder, note_links: NotePiece | None) -> str:
    """Return what was written of a value, and note its links."""
    try:
        document = builder.build_document(title="", media_type="text/html")
    except Unreadable:  # it holds no words: a picture, a rule
        return ""
    if note_links is not None:
        for first, end, spans in _list_link_lines(document):
            before = document.text[max(0, first - _LONGEST_BEFORE) : first]
            note_links(document.text[first:end], spans, after=before)
    return document.text


def _list_link_lines(document: Document) -> Iterator[tuple[int, int, list[LinkSpan]]]:
    """Yield the lines of a text that hold links: what is written of them may be cut at lines."""
    first, end = 0, -1
    spans: list[LinkSpan] = []
    for link in document.links:
        if link.start >= end:
            if spans:
                yield first, end, spans
            spans = []
            first = document.text.rfind("\n", 0, link.start) + 1
            end = document.text.find("\n", link.end)
            end = end if end >= 0 else len(document.text)
        spans.append((link.start - first, link.end - first, link.href))
    if spans:
        yield first, end, spans


def _drop_surrogates(text: str) -> str:
    """Replace halves of characters, which JSON can smuggle in."""
    return text.encode("utf-8", "replace").decode()
