"""Parse MHTML: a page saved with all its files in one (``.mht``, Confluence's "Export to Word")."""

import email
import re
from dataclasses import replace
from email.message import Message
from email.policy import compat32

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import text_encoding
from ingest.parse.link_spans import read_address
from ingest.parse.markup import html

MHTML_TYPE = "multipart/related"

_MULTIPART = re.compile(rb"^content-type:\s*+multipart/", re.IGNORECASE | re.MULTILINE)
MOST_PART_GROUPS = 20  # each line of a part is held against the end of every part around it
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


def parse(body: bytes, uri: str) -> Document:
    """Read the page of an MHTML file. Raises Unreadable when it holds none."""
    if len(_MULTIPART.findall(body)) > MOST_PART_GROUPS:
        raise Unreadable(f"more than {MOST_PART_GROUPS} groups of parts within one another")
    message = email.message_from_bytes(body, policy=compat32)
    pages = [part for part in message.walk() if part.get_content_type() in _PAGE_TYPES]
    if not pages:
        raise Unreadable("a saved page that holds no page")
    address = _read_location(pages[0]) or _read_location(message)
    document = html.read_page(_read_part(pages[0]), uri, address=address)
    notes = (*document.notes, *_describe_frames(len(pages) - 1))
    return replace(document, media_type=MHTML_TYPE, notes=notes)


def _read_part(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or not payload:
        return ""
    charset = part.get_content_charset("")
    return text_encoding.decode_text(payload, declared=charset)


def _read_location(part: Message) -> str:
    """Return the web address that a part was found at; "" where it names none."""
    for name in ("Content-Location", "Snapshot-Content-Location", "Content-Base"):
        address = read_address("".join(str(part.get(name, "")).split()))
        if address and address.lower().startswith(("http://", "https://")):
            return address
    return ""


def _describe_frames(count: int) -> tuple[str, ...]:
    frames = "1 page within the page was" if count == 1 else f"{count:,} pages within the page were"
    return (f"{frames} not read",) if count else ()
