"""Take the links of a mail that is read from its plain part out of its HTML part."""

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.markup import tree_writer
from ingest.parse.markup.html_tree import parse_html

_MARKS = " -0123456789."  # of the items of a list, which a plain part marks otherwise


def note_html_links(markup: str, builder: DocumentBuilder) -> None:
    """Note where the words of a mail lead by its HTML part; its plain part is written next.

    An HTML part that cannot be read has no links: its words are those of the plain part.
    """
    if "href" not in markup.lower():
        return
    scratch = DocumentBuilder()
    try:
        tree = parse_html(markup)
        if tree.body is None:
            return
        tree_writer.write_tree(tree.body, scratch)
        document = scratch.build_document(title="", media_type="text/html")
    except Unreadable:
        return
    _note_lines(document, builder)


def _note_lines(document: Document, builder: DocumentBuilder) -> None:
    """Note the links line by line, as the parts break their paragraphs at other places."""
    for link in document.links:
        first = document.text.rfind("\n", 0, link.start) + 1
        end = document.text.find("\n", link.end)
        line = document.text[first : end if end >= 0 else len(document.text)]
        marks = len(line) - len(line.lstrip(_MARKS))
        first += min(marks, link.start - first)
        builder.note_links(
            document.text[first : end if end >= 0 else len(document.text)],
            [(link.start - first, link.end - first, link.href)],
            may_be_missing=True,  # of a quoted history, or words that the plain part says otherwise
        )
