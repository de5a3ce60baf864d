"""Rich text (RTF) where no LibreOffice is at hand: its words, line by line, and its tables."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath

from striprtf.striprtf import rtf_to_text

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.office.unread_parts import UnreadParts

RICH_TEXT_TYPE = "application/rtf"
_PLAIN_NOTE = "read without LibreOffice, as lines of words: headings and lists may be lost"
# What the library leaves out, by the word that opens it, and the kind of its note.
_LEFT_OUT = (
    ("{\\pict", "picture"),
    ("{\\footnote", "footnote"),
    ("{\\header", "margin"),
    ("{\\footer", "margin"),
    ("{\\shptxt", "box"),
    ("{\\object", "object"),
    ("\\annotation", "comment"),
)


def parse(body: bytes, uri: str) -> Document:
    """Read rich text. Raises Unreadable: damaged, or without text."""
    source = body.decode("latin-1")  # every byte is a sign; codes of others name their own table
    # The library writes addresses among the words, which are the text.
    source = source.replace('HYPERLINK "', 'LINK "')
    try:
        text: str = rtf_to_text(source, errors="replace")  # type: ignore[no-untyped-call]
    except (ValueError, LookupError, OverflowError) as error:
        raise Unreadable("damaged: its rich text cannot be read") from error
    builder = DocumentBuilder()
    for is_row, lines in groupby(_iterate_lines(text), key=lambda line: line.endswith("|")):
        if is_row:
            table_rows.write_table(builder, ([*line.split("|")][:-1] for line in lines))
        else:
            for line in lines:
                builder.add_paragraph(line)
    unread = UnreadParts()
    for opening, kind in _LEFT_OUT:
        unread.add(kind, source.count(opening))
    document = builder.build_document(title=PurePosixPath(uri).stem, media_type=RICH_TEXT_TYPE)
    return replace(document, notes=(_PLAIN_NOTE, *unread.list_notes()))


def _iterate_lines(text: str) -> Iterator[str]:
    return (line for line in map(str.strip, text.split("\n")) if line)
