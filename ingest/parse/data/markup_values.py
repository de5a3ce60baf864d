"""Read values that are markup: bodies of articles in an export, with their tags and entities."""

import html
import re

from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.markup import hidden_elements, tree_writer
from ingest.parse.markup.html_tree import parse_html, read_line

_TAG = re.compile(
    r"</(?:p|div|h[1-6]|[ou]l|li|table|t[rdh]|strong|em|a|span|b|i|u|pre|code|blockquote|font)>"
    r"|<(?:br|hr|p|img)\b[^<>]{0,300}+>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,5}|#x[\da-fA-F]{2,5});")


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


def read_markup_line(text: str) -> str:
    """Return the words of a short value, without tags and entities.

    >>> read_markup_line("A &amp; <b>B</b>"), read_markup_line("1 < 2")
    ('A & B', '1 < 2')
    """
    if has_markup(text):
        tree = parse_html(_drop_surrogates(text))
        return read_line(tree.body) if tree.body is not None else ""
    return html.unescape(text) if _ENTITY.search(text) else text


def read_markup_text(text: str) -> str:
    """Return the words of a value, its paragraphs and items on lines of their own."""
    if not has_markup(text):
        return read_markup_line(text)
    builder = DocumentBuilder()
    write_markup_value(text, builder)
    return builder.text


def _drop_surrogates(text: str) -> str:
    """Replace halves of characters, which JSON can smuggle in."""
    return text.encode("utf-8", "replace").decode()
