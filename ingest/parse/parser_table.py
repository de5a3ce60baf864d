"""The table of parsers: which one reads which media type, and its version.

A version counts what a parser makes of the same bytes. Raise it by hand in the row of every type
whose documents come out otherwise (text, blocks, title, language, pages): then the documents of
that type alone are read again. It is the same where a library that a parser stands on (pdfium,
comrak, lxml) decides it, or where a file is taken for another type. What several parsers share
raises each of them; HTML is read by Markdown, EPUB and mail too. ``tests/golden`` fails where it
was forgotten.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParserRow:
    """A parser: the module below ``ingest.parse`` with its ``parse(body, uri)``, and its version.

    suffixes: of the names of such documents, where its libraries take long to import: a child
    imports them only if a file of the job has one. Empty: it is always imported. takes_options: its
    ``parse`` also takes ``options``, those of ``parse_options.py``.
    """

    module: str
    version: int
    suffixes: frozenset[str] = frozenset()
    takes_options: bool = False


_OFFICE = "application/vnd.openxmlformats-officedocument."

PARSER_TABLE: dict[str, ParserRow] = {
    "text/csv": ParserRow("data.delimited", 4),
    "text/html": ParserRow("markup.html", 3),
    "text/markdown": ParserRow("markup.markdown", 3),
    "text/plain": ParserRow("plain_text", 1),
    "application/jsonl": ParserRow("data.json_records", 1),
    "text/vtt": ParserRow("data.subtitles", 1),
    "application/pdf": ParserRow("pdf.reader", 1, frozenset({".pdf"})),
    f"{_OFFICE}wordprocessingml.document": ParserRow(
        "office.docx", 3, frozenset({".docx", ".docm", ".dotx"})
    ),
    f"{_OFFICE}presentationml.presentation": ParserRow(
        "office.pptx", 3, frozenset({".pptx", ".pptm", ".ppsx"})
    ),
    f"{_OFFICE}spreadsheetml.sheet": ParserRow(
        "office.xlsx", 3, frozenset({".xlsx", ".xlsm", ".xltx"}), takes_options=True
    ),
    "application/vnd.ms-excel": ParserRow(
        "office.old_sheets", 1, frozenset({".xls"}), takes_options=True
    ),
    "application/vnd.oasis.opendocument.spreadsheet": ParserRow(
        "office.ods", 1, frozenset({".ods"}), takes_options=True
    ),
    "application/epub+zip": ParserRow("markup.epub", 3, frozenset({".epub"})),
    "message/rfc822": ParserRow("mail.message", 3, frozenset({".eml", ".mht", ".mhtml"})),
}


def list_parser_versions() -> dict[str, int]:
    """Return the version of the parser of each media type."""
    return {media_type: row.version for media_type, row in PARSER_TABLE.items()}
