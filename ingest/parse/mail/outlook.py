"""Parse Outlook messages (.msg) as mails: subject, sender, date, text and attachments.

The only file that imports oxmsg. Of it only the storages are used: values are read from their
streams, as they stand there, so that one malformed property does not cost the others.
"""

import io
import mimetypes
import re
from contextlib import suppress
from pathlib import PurePosixPath

from olefile import OleFileIO
from oxmsg.properties import Properties
from oxmsg.storage import Storage

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.mail import html_links, mail_thread, markup_thread, message
from ingest.parse.mail.mail_parts import MailParts, decode_field, read_message

OUTLOOK_TYPE = "application/vnd.ms-outlook"

_SUBJECT, _BODY, _MARKUP, _RICH = 0x0037, 0x1000, 0x1013, 0x1009
_HEADERS, _SENDER, _ADDRESS, _SMTP_ADDRESS = 0x007D, 0x0C1A, 0x0C1F, 0x5D01
_SENT, _DELIVERED = 0x0039, 0x0E06
_FILE, _LONG_NAME, _SHORT_NAME, _DISPLAY_NAME, _MIME = 0x3701, 0x3707, 0x3704, 0x3001, 0x370E
_UNICODE, _BYTES, _BINARY = 0x001F, 0x001E, 0x0102
_EMBEDDED = "__substg1.0_3701000D"
_ROOT_OFFSET, _EMBEDDED_OFFSET = 32, 24  # bytes before the first property of a message
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*+=\s*+["']?+\s*+([\w.:-]{2,40})""", re.IGNORECASE
)


def parse(body: bytes, uri: str) -> Document:
    """Read an Outlook message. Raises Unreadable when it is damaged or says nothing."""
    try:
        with OleFileIO(io.BytesIO(body)) as file:
            storage = Storage.from_ole(file)
    except (OSError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise Unreadable("damaged: its parts cannot be opened") from error
    builder = DocumentBuilder()
    parts = MailParts()
    _write_message(storage, parts, builder, depth=1)
    title = _read_text(storage, _SUBJECT) or PurePosixPath(uri).stem
    return message.finish_mail(builder, parts, title=title, media_type=OUTLOOK_TYPE)


def _write_message(
    storage: Storage, parts: MailParts, builder: DocumentBuilder, *, depth: int
) -> None:
    """Write a message, then those that are attached to it below a heading each."""
    if depth > message.DEEPEST_MAIL:
        parts.count_unread(f"mail that lies more than {message.DEEPEST_MAIL} deep")
        return
    first_file = len(parts.attachments)
    builder.close_sections(depth)
    subject = _read_text(storage, _SUBJECT)
    builder.add_heading(depth, subject, asks=False)
    fields = {"From": _find_sender(storage), "Date": _find_date(storage, depth)}
    builder.add_paragraph("\n".join(f"{name}: {value}" for name, value in fields.items() if value))
    if words := _read_text(storage, _BODY).strip():
        with suppress(Unreadable):  # it says the same, and where its words lead
            html_links.note_html_links(_read_markup(storage), builder)
        mail_thread.write_mail_text(words, builder)
    elif markup := _read_markup(storage):
        markup_thread.write_mail_markup(markup, builder)
    elif _read_stream(storage, _RICH, _BINARY):
        parts.count_unread("text in Outlook's rich form")
    for attached in storage.iter_attachment_storages():
        _sort_attachment(attached, parts, builder, depth=depth)
    parts.set_context(message.describe_mail(subject, *fields.values()), first=first_file)


def _read_markup(storage: Storage) -> str:
    """Return a message's HTML. Raises Unreadable where its encoding cannot be told."""
    markup = _read_stream(storage, _MARKUP, _BINARY)
    charset = _CHARSET.search(markup)
    declared = charset[1].decode("ascii") if charset else ""
    return text_encoding.decode_text(markup, declared=declared) if markup else ""


def _sort_attachment(
    attached: Storage, parts: MailParts, builder: DocumentBuilder, *, depth: int
) -> None:
    inner = next((storage for storage in attached.storages if storage.name == _EMBEDDED), None)
    if inner:
        _write_message(inner, parts, builder, depth=depth + 1)
        return
    names = (_read_text(attached, name) for name in (_LONG_NAME, _SHORT_NAME, _DISPLAY_NAME))
    name = next(filter(None, names), "")
    kind = _read_text(attached, _MIME) or mimetypes.guess_type(name)[0] or ""
    parts.add_file(name, _read_stream(attached, _FILE, _BINARY), kind.casefold())


def _find_sender(storage: Storage) -> str:
    """Return who sent a message: as its header says, or else by its properties."""
    headers = _read_text(storage, _HEADERS)
    if headers and (sender := decode_field(read_message(headers.encode()), "From")):
        return sender
    name = _read_text(storage, _SENDER)
    address = _read_text(storage, _SMTP_ADDRESS) or _read_text(storage, _ADDRESS)
    return f"{name} <{address}>" if name and "@" in address else name or address


def _find_date(storage: Storage, depth: int) -> str:
    headers = _read_text(storage, _HEADERS)
    if headers and (moment := decode_field(read_message(headers.encode()), "Date")):
        return moment
    offset = _ROOT_OFFSET if depth == 1 else _EMBEDDED_OFFSET
    properties = Properties(storage, properties_header_offset=offset)
    with suppress(Exception):  # a damaged property costs the date alone
        sent = properties.date_prop_value(_SENT) or properties.date_prop_value(_DELIVERED)
        return f"{sent:%Y-%m-%d %H:%M} UTC" if sent else ""
    return ""


def _read_text(storage: Storage, name: int) -> str:
    """Return a property that is text; nothing where there is none."""
    if wide := _read_stream(storage, name, _UNICODE):
        return wide.decode("utf-16-le", "replace").strip("\0")
    narrow = _read_stream(storage, name, _BYTES).strip(b"\0")
    with suppress(Unreadable):
        return text_encoding.decode_text(narrow) if narrow else ""
    return ""


def _read_stream(storage: Storage, name: int, kind: int) -> bytes:
    try:
        return storage.property_stream_bytes(name, kind)
    except KeyError:
        return b""
