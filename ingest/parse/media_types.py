"""Detect a file's media type by its content, and by its name where the content is ambiguous."""

import io
import re
import zipfile
from pathlib import PurePosixPath

from ingest.errors import Unreadable
from ingest.parse import text_encoding
from ingest.parse.data import delimited, json_values
from ingest.parse.mail import mailbox
from ingest.parse.markup.template_code import (
    TEMPLATE_SUFFIXES,
    has_template_code,
    remove_between,
    remove_template_code,
)

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
XLS = "application/vnd.ms-excel"
ODS = "application/vnd.oasis.opendocument.spreadsheet"

HEAD_CHARACTERS = 65_536  # characters of a text that are looked at

_FILE_SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"AT&TFORM", "image/vnd.djvu"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xca\xfe\xba\xbe", "application/x-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-executable"),
    (b"\0asm", "application/x-executable"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OTTO", "font/otf"),
    (b"\0\1\0\0\0", "font/ttf"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
    (b"!BDN", "application/vnd.ms-outlook-pst"),
    (b"MZ", "application/x-executable"),
)
SHORT_MARK = 3  # bytes of a mark that a text may begin with, too
# Names of streams in a compound file, in UTF-16: what each tells.
_STREAMS = (
    ("__nameid_version1.0", "application/vnd.ms-outlook"),  # first: others may be attached to it
    ("EncryptedPackage", "application/x-encrypted-office"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("Workbook", XLS),
    ("Book", XLS),
)
_ENTRIES = (
    ("word/", DOCX),
    ("ppt/", PPTX),
    ("xl/workbook.bin", XLSB),
    ("xl/", XLSX),
    ("Index/Document.iwa", "application/x-iwork"),
    ("META-INF/MANIFEST.MF", "application/java-archive"),
)
_HEADER_FIELD = re.compile(
    r"(?:From|To|Subject|Date|Received|MIME-Version|Message-ID|Return-Path|Content-Type|Delivered-To|X-[\w-]{1,100}+|DKIM-Signature|Reply-To|Cc)\s*:",
    re.IGNORECASE,
)
_RELATED = re.compile(r"^Content-Type:\s{1,8}multipart/related\b", re.IGNORECASE | re.MULTILINE)
_LOCATION = re.compile(r"^(?:Snapshot-)?Content-Location:", re.IGNORECASE | re.MULTILINE)
_RECEIVED = re.compile(
    r"^(?:To|Received|Delivered-To|Cc|Return-Path):", re.IGNORECASE | re.MULTILINE
)
_YAML_LINE = re.compile(r"[ \t]*+(?:#|-[ \t]|---|[\w\"'][^:\n]{0,200}:(?:[ \t]|$))")
_HTML = re.compile(
    r"(?:\s++|<!--.*?-->|<\?xml[^>]*+>(?<=\?>))*+<(?:!doctype\s+html|html|head|body|frameset)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML = re.compile(r"\s*<\?xml\b|\s*<!DOCTYPE\s+(?!html)|\s*<svg\b", re.IGNORECASE)
_XML_SUFFIXES = frozenset({".xml", ".dita", ".dbk", ".rss", ".atom"})
_ROOT = re.compile(r"\s*+<[A-Za-z!]")
_FIRST_TAG = re.compile(r"<([A-Za-z][\w:.-]*+)")
_CLOSING_TAG = re.compile(
    r"</(?:p|div|h[1-6]|ul|ol|li|table|tr|td|section|article|span|a)>", re.IGNORECASE
)
_PAGE_PART = re.compile(
    r"\s*+<(?:meta|link|title|style|script|div|table|section|main|header|nav|article|form|center"
    r"|font|p|h[1-6]|ul|ol|img|a|span)\b",
    re.IGNORECASE,
)
_COMMENT = (("<!--", "-->"),)
_SCRIPT = re.compile(r"<(script|style)\b.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_MARKDOWN = (
    re.compile(r"\A---[ \t]*\n(?:.*\n){0,60}?---[ \t]*\n"),
    re.compile(r"^#{1,6} \S", re.MULTILINE),
    re.compile(r"^(?:```|~~~)", re.MULTILINE),
    re.compile(r"(?<![^)\s])(?>[^)\s]*?\]\()[^)\s]++\)"),  # a link, looked for once a word
    re.compile(r"\*\*\S[^*\n]*\S\*\*|__\S[^_\n]*\S__"),
    re.compile(r"^(?:[-*+]|\d+\.) \S", re.MULTILINE),
    re.compile(r"^> \S", re.MULTILINE),
)
# Below a table's header: no CSV has it.
_TABLE_RULE = re.compile(r"^\|?[ \t]*:?-{3,}:?[ \t]*\|", re.MULTILINE)
_SUFFIX_TYPES = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".mdx": "text/markdown",
    ".mkd": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    **dict.fromkeys(TEMPLATE_SUFFIXES, "text/html"),
    ".xls": "text/html",  # what is text under this name: a table of a web page, mostly
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".tab": "text/csv",
    ".eml": "message/rfc822",
}


def detect_media_type(body: bytes, uri: str) -> str:
    """Return a file's media type, also of types that no parser reads.

    Raises Unreadable for an empty file and for bytes that are neither text nor a known format.
    """
    if not body.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Unreadable("the file is empty")
    return _detect_binary(body) or _detect_text(
        text_encoding.decode_text(body, lenient=True)[: HEAD_CHARACTERS + 1],
        PurePosixPath(uri.lower()).suffix,
    )


def _detect_binary(body: bytes) -> str:
    if b"%PDF-" in body[:1024] and not _HTML.match(body[:1024].decode("latin-1")):
        return "application/pdf"
    if body.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _detect_zip(body)
    if body.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        named = (kind for name, kind in _STREAMS if name.encode("utf-16-le") in body)
        return next(named, "application/x-ole-storage")
    if mailbox.begins_mailbox(body):
        return "application/mbox"
    return _detect_recording(body) or _detect_magic(body)


def _detect_recording(body: bytes) -> str:
    """Detect pictures, sound and film that state their type behind a length."""
    if body[4:8] == b"ftyp":
        return "image/heic" if body[8:12] in {b"heic", b"mif1", b"avif"} else "video/mp4"
    if body.startswith(b"RIFF"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(body[8:12], "video/x-msvideo")
    return ""


def _detect_magic(body: bytes) -> str:
    if body[257:262] == b"ustar":
        return "application/x-tar"
    readable = text_encoding.is_text(body)
    for magic, kind in _FILE_SIGNATURES:
        if body.startswith(magic) and not (len(magic) <= SHORT_MARK and readable):
            return kind
    return ""


def _detect_zip(body: bytes) -> str:
    """Detect a zip-based format by its entries. Nothing is unpacked but a short ``mimetype``."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = archive.namelist()
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:  # noqa: PLR2004
                return archive.read("mimetype").decode("ascii", "replace").strip()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Unreadable("damaged: its archive cannot be opened") from error
    for entry, kind in _ENTRIES:
        if any(name.startswith(entry) for name in names):
            return kind
    return "application/epub+zip" if "META-INF/container.xml" in names else "application/zip"


def _detect_text(text: str, suffix: str) -> str:
    head = text.lstrip("\ufeff")
    if has_template_code(head, suffix) and (page := _read_template(head, suffix)):
        return page
    is_whole = len(text) <= HEAD_CHARACTERS
    if kind := _detect_markup(head, suffix) or _detect_mail(head):
        return kind
    if json_values.looks_like_json(head, suffix, is_whole=is_whole):
        return "application/jsonl"
    if _is_yaml(head, suffix):
        return "application/yaml"
    return _weigh_marks(head, suffix)


def _detect_markup(head: str, suffix: str) -> str:
    """Detect a text by how it begins."""
    if _HTML.match(head):
        return "text/html"
    if _XML.match(head) or (suffix in _XML_SUFFIXES and _ROOT.match(head)):
        root = _FIRST_TAG.search(remove_between(head, _COMMENT))
        return "text/html" if root and root[1].lower() == "html" else "application/xml"
    if head.startswith("WEBVTT"):
        return "text/vtt"
    if head[:15].upper() == "BEGIN:VCALENDAR":
        return "text/calendar"
    return ""


def _read_template(head: str, suffix: str) -> str:
    """Tell a page among templates: what is left without their code is markup; "" for others."""
    page = remove_template_code(head, suffix)
    if _HTML.match(page) or (suffix in TEMPLATE_SUFFIXES and _CLOSING_TAG.search(page)):
        return "text/html"
    return "text/html" if _is_page_part(page) else ""


def _is_page_part(head: str) -> bool:
    """Tell whether a text is a part of a page: it begins with markup and closes some."""
    return bool(_CLOSING_TAG.search(head) and _PAGE_PART.match(remove_between(head, _COMMENT)))


def _detect_mail(head: str) -> str:
    """Detect an e-mail by its header: three known fields or more before the first blank line."""
    fields = [
        line
        for line in re.split(r"\n[ \t]*\r?\n", head, maxsplit=1)[0].splitlines()
        if line[:1].strip()
    ]
    known = {name[0].lower() for line in fields if (name := _HEADER_FIELD.match(line))}
    if known and _is_saved_page(head):
        return "multipart/related"
    rest = sum(1 for line in fields if re.match(r"[\w-]+\s*:", line))
    return "message/rfc822" if len(known) > 2 and rest == len(fields) else ""  # noqa: PLR2004


def _is_saved_page(head: str) -> bool:
    """Tell a page saved with its files from a mail with them: no one receives it."""
    fields, _, parts = head.partition("\n\n") if "\r\n" not in head else head.partition("\r\n\r\n")
    return bool(
        _RELATED.search(fields)
        and _LOCATION.search(fields + parts)
        and not _RECEIVED.search(fields)
    )


def _is_yaml(head: str, suffix: str) -> bool:
    """Tell YAML by its name, if most of its lines are keys, items or comments."""
    if suffix not in {".yaml", ".yml"}:
        return False
    lines = [line for line in head.splitlines()[:500] if line.strip()]
    return 2 * sum(1 for line in lines if _YAML_LINE.match(line)) > len(lines)


def _has_markdown_lines(head: str) -> bool:
    """Tell whether lines without markup, outside of scripts, are Markdown's."""
    lines = [line for line in _SCRIPT.sub("", head).splitlines() if "<" not in line]
    prose = "\n".join(lines)
    return sum(1 for mark in _MARKDOWN if mark.search(prose)) > 1


def _weigh_marks(head: str, suffix: str) -> str:
    """Weigh the marks of Markdown, markup and tables; the name decides between close ones."""
    suffix_type = _SUFFIX_TYPES.get(suffix, "")
    marks = sum(1 for mark in _MARKDOWN if mark.search(head)) + (
        2 if _TABLE_RULE.search(head) else 0
    )
    tags = len(_CLOSING_TAG.findall(head))
    named = suffix_type == "text/markdown"
    if marks > 1 and not named and _is_page_part(head) and not _has_markdown_lines(head):
        marks = 0  # what looks like Markdown stands in its scripts
        suffix_type = "text/html"
    if suffix_type == "text/html" and tags and marks < 3:  # noqa: PLR2004
        return "text/html"
    if suffix_type == "text/csv" and marks < 3 and delimited.find_delimiter(head):  # noqa: PLR2004
        return "text/csv"
    delimiter = delimited.find_delimiter(head) if marks < 2 else ""  # noqa: PLR2004
    if delimiter and delimited.is_regular_table(head, delimiter):
        return "text/csv"
    if marks > 1 or suffix_type == "text/markdown":
        return "text/markdown"
    if tags > 5 and tags * 200 > len(head):  # noqa: PLR2004
        return "text/html"
    return suffix_type if suffix_type == "text/csv" else "text/plain"
