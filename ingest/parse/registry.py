"""Parse a document of any media type, and give a reason for types that no parser reads.

The libraries of the parsers take longer to import (0.4 s together) than most files to read, so each
is imported with its first file. A limited process calls ``prepare_parsers`` before it sets its
limits, so that these measure the document alone. Which parser reads which type stands in
``parser_table.py``.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import media_types
from ingest.parse.office.recalculation_state import Recalculation
from ingest.parse.parse_options import ParseOptions
from ingest.parse.parser_table import FORMULA_TYPES, OCR_TYPES, PARSER_TABLE


def _run_parser(module: str, body: bytes, uri: str, **reading: Any) -> Document:
    document: Document = import_module(f"ingest.parse.{module}").parse(body, uri, **reading)
    return document


PARSERS: dict[str, Callable[..., Document]] = {
    media_type: partial(_run_parser, row.module) for media_type, row in PARSER_TABLE.items()
}

_USUAL_OPTIONS = ParseOptions()
_REASONS = {
    media_types.XLSB: "a binary Excel workbook (.xlsb); save it as .xlsx",
    "application/vnd.ms-outlook-pst": "an Outlook mailbox (.pst); save its messages as .eml",
    "application/x-encrypted-office": "encrypted: it asks for a password",
    "application/x-iwork": "an Apple iWork file; export it as .docx, .xlsx, .pptx or PDF",
    "application/postscript": "a PostScript file; save it as PDF",
    "application/vnd.sqlite3": "a SQLite database; export its tables as CSV",
    "application/x-executable": "a program, not a document",
    "application/java-archive": "a program, not a document",
    "application/vnd.ms-htmlhelp": "a compiled help file (.chm); extract its HTML pages",
}
_KIND_REASONS = {
    "image": "a picture; save it as a PDF, whose pages can be read by OCR",
    "audio": "an audio file; add its transcript instead",
    "video": "a video; add its transcript instead",
    "font": "a font, not a document",
}
_ARCHIVE_REASON = "an archive; unpack it and add the files in it"


class ParserNotPrepared(Exception):
    """A document of a type whose parser this process did not prepare."""


def prepare_parsers(names: Collection[str] | None) -> frozenset[str]:
    """Import the parsers of documents of these names (None: of all); returns their types."""
    ends = None if names is None else {PurePosixPath(name.lower()).suffix for name in names}
    rows = {
        media_type: row
        for media_type, row in PARSER_TABLE.items()
        if not row.suffixes or ends is None or row.suffixes & ends
    }
    for row in rows.values():
        import_module(f"ingest.parse.{row.module}")
    return frozenset(rows)


def read_media_type(body: bytes, uri: str) -> str:
    """Return a file's media type by its content. Raises Unreadable for an empty or unknown one."""
    return media_types.detect_media_type(body, uri)


def parse_document(  # noqa: PLR0913 - how it is read, by format
    body: bytes,
    uri: str,
    *,
    prepared: Collection[str] | None = None,
    options: ParseOptions = _USUAL_OPTIONS,
    known_type: str = "",
    ocr: Mapping[str, Any] | None = None,
    recalculation: Recalculation | None = None,
) -> Document:
    """Read a document of any type known here. Raises Unreadable with a reason for people.

    prepared: types that may be read in this process; for others it raises ParserNotPrepared.
    known_type: its media type, where its container knows it; else it is found by the content.
    ocr: of documents whose pages OCR may read, how (``pdf.reader.parse``). recalculation: of
    workbooks, how formulas are computed that are not computed here (``office.xlsx.parse``).
    """
    kind = known_type if known_type in PARSERS else read_media_type(body, uri)
    parser = PARSERS.get(kind)
    if parser and prepared is not None and kind not in prepared:
        raise ParserNotPrepared(kind)
    if parser is None:
        raise Unreadable(
            _REASONS.get(kind) or _KIND_REASONS.get(kind.partition("/")[0], _ARCHIVE_REASON)
        )
    settings: dict[str, Any] = {"options": options} if PARSER_TABLE[kind].takes_options else {}
    if kind in OCR_TYPES:
        settings |= ocr or {}
    if kind in FORMULA_TYPES and recalculation is not None:
        settings["recalculation"] = recalculation
    try:
        return parser(body, uri, **settings)
    except RecursionError as error:
        raise Unreadable("its parts are nested too deep") from error
