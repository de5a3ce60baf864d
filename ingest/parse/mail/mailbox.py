"""Parse mailboxes (mbox): each mail in it is a document of its own."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from ingest.document import Document, Member
from ingest.errors import Unreadable

MAILBOX_TYPE = "application/mbox"

_MAIL_TYPE = "message/rfc822"
MOST_MAILS = 50_000
_BEGINNING = b"From "
_LONGEST_LINE = 300  # bytes of a line between two mails
_ESCAPED = re.compile(rb"^>(>*+From )", re.MULTILINE)
_FIELD = re.compile(rb"[!-9;-~]{1,100}+:")
_YEAR_DIGITS = 4


def parse(body: bytes, uri: str) -> Document:
    """Read a mailbox: how many mails it holds, and the mails. Raises Unreadable without one.

    Its own text leads to nothing, so that it is no text to be found.
    """
    members = list[Member]()
    unread = 0
    for mail in _iter_mails(body):
        if len(members) < MOST_MAILS:
            number = str(len(members) + 1)
            members.append(Member(name=number, body=mail, media_type=_MAIL_TYPE))
        else:
            unread += 1
    if not members:
        raise Unreadable("a mailbox without a mail")
    return Document(
        title=PurePosixPath(uri).stem,
        text=f"Mailbox: {len(members)} {'mail' if len(members) == 1 else 'mails'}",
        blocks=(),
        media_type=MAILBOX_TYPE,
        language="en",
        members=tuple(members),
        notes=(f"{unread:,} mails after the first {MOST_MAILS:,} were not read",) if unread else (),
    )


def begins_mailbox(body: bytes) -> bool:
    """Tell whether bytes begin as a mailbox does: the line between two mails, then a header."""
    return _begins_mail(body, 0) >= 0


def _iter_mails(body: bytes) -> Iterator[bytes]:
    """Yield the mails between the lines that begin with ``From `` and tell a moment."""
    start = _begins_mail(body, 0)
    at = 0
    while start >= 0:
        at = body.find(b"\n" + _BEGINNING, max(at, start - 1)) + 1
        if not at:
            yield _read_mail(body[start:])
            return
        if (after := _begins_mail(body, at)) >= 0:
            yield _read_mail(body[start:at])
            start = after


def _begins_mail(body: bytes, at: int) -> int:
    """Return where the header of a mail begins, if the line at a place is one between mails."""
    end = body.find(b"\n", at, at + _LONGEST_LINE)
    if end < 0 or not body.startswith(_BEGINNING, at):
        return -1
    words = body[at:end].split()
    has_year = any(len(word) == _YEAR_DIGITS and word.isdigit() for word in words)
    has_time = any(word.count(b":") in {1, 2} and word[:1].isdigit() for word in words)
    has_address = words[1:] and b"@" in words[1] and body[max(at - 2, 0) : at] in {b"", b"\n\n"}
    if not (has_year and has_time) and not has_address:
        return -1
    return end + 1 if _FIELD.match(body, end + 1) or body.startswith(b">", end + 1) else -1


def _read_mail(body: bytes) -> bytes:
    """Return the bytes of a mail, without the marks before lines that begin with ``From ``."""
    return _ESCAPED.sub(rb"\1", body).rstrip(b"\r\n") + b"\n"
