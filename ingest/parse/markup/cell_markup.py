"""Read the markup that exports leave in the cells of a table: its words, in paragraphs."""

import re

from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.markup import hidden_elements, tree_writer
from ingest.parse.markup.html_tree import parse_html

LONGEST_MARKUP = 2_000_000  # characters of a cell; a longer one stays as it is
_ELEMENT = re.compile(
    r"</?(?:p|div|br|ul|ol|li|table|tr|td|span|strong|em|b|i|u|a|img|h[1-6]|blockquote|pre|code"
    r"|section|article|font|hr)(?:\s[^<>]{0,2000}+)?/?>",
    re.IGNORECASE,
)


def strip_cell_markup(text: str) -> str:
    r"""Return the words of a cell that is written in HTML; any other cell as it is.

    >>> strip_cell_markup("<p>Press <b>Start</b>.</p><ul><li>Wait</li></ul>")
    'Press Start.\n\n- Wait'
    >>> strip_cell_markup("a < b, <none>")
    'a < b, <none>'
    """
    if "<" not in text or len(text) > LONGEST_MARKUP or not _ELEMENT.search(text):
        return text
    builder = DocumentBuilder()
    try:
        tree = parse_html(text)
        if tree.body is None:
            return text
        unseen = hidden_elements.find_hidden_elements(tree)
        tree_writer.write_tree(tree.body, builder, unseen=unseen, questions=set())
    except Unreadable:  # its elements are nested too deep
        return text
    try:
        return builder.build_document(title="", media_type="text/html").text
    except Unreadable:  # it holds no words: a picture, a rule
        return ""
