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
    imports them only if a file of the job has one. Empty: it is always imported.
    """

    module: str
    version: int
    suffixes: frozenset[str] = frozenset()


_OFFICE = "application/vnd.openxmlformats-officedocument."

PARSER_TABLE: dict[str, ParserRow] = {
    "text/csv": ParserRow("data.delimited", 3),
    "text/html": ParserRow("markup.html", 2),
    "text/markdown": ParserRow("markup.markdown", 2),
    "text/plain": ParserRow("plain_text", 1),
    "application/jsonl": ParserRow("data.json_records", 1),
    "text/vtt": ParserRow("data.subtitles", 1),
    "application/pdf": ParserRow("pdf.reader", 2, frozenset({".pdf"})),
    f"{_OFFICE}wordprocessingml.document": ParserRow(
        "office.docx", 2, frozenset({".docx", ".docm", ".dotx"})
    ),
    f"{_OFFICE}presentationml.presentation": ParserRow(
        "office.pptx", 2, frozenset({".pptx", ".pptm", ".ppsx"})
    ),
    f"{_OFFICE}spreadsheetml.sheet": ParserRow("office.xlsx", 2, frozenset({".xlsx", ".xlsm"})),
    "application/epub+zip": ParserRow("markup.epub", 2, frozenset({".epub"})),
    "message/rfc822": ParserRow("mail.message", 2, frozenset({".eml", ".mht", ".mhtml"})),
}


OCR_TYPES = frozenset({"application/pdf"})  # whose pages OCR may read


def list_parser_versions() -> dict[str, int]:
    """Return the version of the parser of each media type."""
    return {media_type: row.version for media_type, row in PARSER_TABLE.items()}
