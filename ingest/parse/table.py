"""Which parser reads which media type, and what to say of those that none reads."""

from collections.abc import Callable

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import (
    delimited,
    docx,
    epub,
    html,
    mail,
    markdown,
    pdf,
    plain,
    pptx,
    records,
    sniff,
    subtitles,
    xlsx,
)

PARSERS: dict[str, Callable[[bytes, str], Document]] = {
    "application/pdf": pdf.parse,
    delimited.MEDIA_TYPE: delimited.parse,
    docx.MEDIA_TYPE: docx.parse,
    epub.MEDIA_TYPE: epub.parse,
    html.MEDIA_TYPE: html.parse,
    mail.MEDIA_TYPE: mail.parse,
    markdown.MEDIA_TYPE: markdown.parse,
    plain.MEDIA_TYPE: plain.parse,
    pptx.MEDIA_TYPE: pptx.parse,
    records.MEDIA_TYPE: records.parse,
    subtitles.MEDIA_TYPE: subtitles.parse,
    xlsx.MEDIA_TYPE: xlsx.parse,
}

_REASONS = {
    "application/msword": "a legacy Word file (.doc); save it as .docx",
    "application/vnd.ms-powerpoint": "a legacy PowerPoint file (.ppt); save it as .pptx",
    "application/vnd.ms-excel": "a legacy Excel file (.xls); save it as .xlsx",
    "application/vnd.ms-outlook": "an Outlook message (.msg); save it as .eml",
    "application/vnd.ms-outlook-pst": "an Outlook mailbox (.pst); save its messages as .eml",
    "application/mbox": "a mailbox; save its messages as .eml files",
    "application/x-encrypted-office": "encrypted: it asks for a password",
    "application/vnd.oasis.opendocument.text": "an OpenDocument text (.odt); save it as .docx",
    "application/vnd.oasis.opendocument.spreadsheet": (
        "an OpenDocument spreadsheet (.ods); save it as .xlsx"
    ),
    "application/vnd.oasis.opendocument.presentation": (
        "an OpenDocument presentation (.odp); save it as .pptx"
    ),
    "application/x-iwork": "an Apple iWork file; export it as .docx, .xlsx, .pptx or PDF",
    "application/rtf": "a rich text file (.rtf); save it as .docx",
    "application/postscript": "a PostScript file; save it as PDF",
    "application/xml": "an XML file; export it as HTML, CSV or text",
    "application/vnd.sqlite3": "a SQLite database; export its tables as CSV",
    "application/x-executable": "a program, not a document",
    "application/java-archive": "a program, not a document",
    "application/vnd.ms-htmlhelp": "a compiled help file (.chm); extract its HTML pages",
}
_KINDS = {
    "image": "a picture without text that can be read; scanned pages need text recognition first",
    "audio": "an audio file; add its transcript instead",
    "video": "a video; add its transcript instead",
    "font": "a font, not a document",
}
_ARCHIVE = "an archive; unpack it and add the files in it"


def media_type(body: bytes, uri: str) -> str:
    """Name a file's type by its content. Raises Unreadable when it is empty or no known format."""
    return sniff.media_type(body, uri)


def parse(body: bytes, uri: str) -> Document:
    """Read a document of any type known here. Raises Unreadable with a reason for people."""
    kind = media_type(body, uri)
    parser = PARSERS.get(kind)
    if parser is None:
        raise Unreadable(_REASONS.get(kind) or _KINDS.get(kind.partition("/")[0], _ARCHIVE))
    try:
        return parser(body, uri)
    except RecursionError as error:
        raise Unreadable("its parts are nested too deep") from error
