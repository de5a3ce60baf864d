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
CONVERTED_MODULE = "office.converted"
_CONVERSION = 1  # of what LibreOffice is asked for; the version of such a parser grows with it
_WORD = ParserRow("office.docx", 4, frozenset({".docx", ".docm", ".dotx"}), takes_options=True)
_SLIDES = ParserRow("office.pptx", 4, frozenset({".pptx", ".pptm", ".ppsx"}), takes_options=True)


def _convert_to(row: ParserRow, *suffixes: str) -> ParserRow:
    """Return the row of a format that is converted first and then read by another row's parser."""
    return ParserRow(CONVERTED_MODULE, row.version + _CONVERSION, frozenset(suffixes))


PARSER_TABLE: dict[str, ParserRow] = {
    "text/csv": ParserRow("data.delimited", 4),
    "text/html": ParserRow("markup.html", 3),
    "application/xml": ParserRow("markup.xml_text", 1),
    "text/markdown": ParserRow("markup.markdown", 3),
    "text/plain": ParserRow("plain_text", 2),
    "application/yaml": ParserRow("data.yaml_lines", 1),
    "application/jsonl": ParserRow("data.json_records", 2),
    "text/vtt": ParserRow("data.subtitles", 1),
    "application/pdf": ParserRow("pdf.reader", 3, frozenset({".pdf"})),
    f"{_OFFICE}wordprocessingml.document": _WORD,
    f"{_OFFICE}presentationml.presentation": _SLIDES,
    "application/msword": _convert_to(_WORD, ".doc", ".dot"),
    "application/rtf": _convert_to(_WORD, ".rtf"),
    "application/vnd.oasis.opendocument.text": _convert_to(_WORD, ".odt"),
    "application/vnd.ms-powerpoint": _convert_to(_SLIDES, ".ppt", ".pps"),
    "application/vnd.oasis.opendocument.presentation": _convert_to(_SLIDES, ".odp"),
    f"{_OFFICE}spreadsheetml.sheet": ParserRow(
        "office.xlsx", 5, frozenset({".xlsx", ".xlsm", ".xltx"}), takes_options=True
    ),
    "application/vnd.ms-excel": ParserRow(
        "office.old_sheets", 1, frozenset({".xls"}), takes_options=True
    ),
    "application/vnd.oasis.opendocument.spreadsheet": ParserRow(
        "office.ods", 1, frozenset({".ods"}), takes_options=True
    ),
    "application/epub+zip": ParserRow("markup.epub", 3, frozenset({".epub"})),
    "message/rfc822": ParserRow("mail.message", 5, frozenset({".eml", ".mht", ".mhtml", ".mbox"})),
    "multipart/related": ParserRow("markup.mhtml", 1, frozenset({".mht", ".mhtml", ".doc"})),
    "application/mbox": ParserRow("mail.mailbox", 1, frozenset({".mbox"})),
    "application/vnd.ms-outlook": ParserRow("mail.outlook", 3, frozenset({".msg"})),
    "text/calendar": ParserRow("mail.calendar_entry", 1),
}

CONTEXT_TYPES = frozenset({"message/rfc822", "application/vnd.ms-outlook"})
"""Containers that lead what lies in them: a mail says what its attachments are about."""

CONTAINER_TYPES = CONTEXT_TYPES | {"application/mbox"}
"""Types of files that may hold further documents."""


OCR_TYPES = frozenset({"application/pdf"})  # whose pages OCR may read
FORMULA_TYPES = frozenset({f"{_OFFICE}spreadsheetml.sheet"})  # in which LibreOffice may compute


def list_parser_versions() -> dict[str, int]:
    """Return the version of the parser of each media type."""
    return {media_type: row.version for media_type, row in PARSER_TABLE.items()}
