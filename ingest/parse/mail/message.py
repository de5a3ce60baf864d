"""Parse e-mail: subject, sender, date and text; what is attached becomes documents of its own."""

import re
from collections.abc import Sequence
from dataclasses import replace
from email.message import MIMEPart
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import PurePosixPath

from ingest.document import Document, Member
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.mail import calendar_entry, mail_parts, mail_thread, markup_thread
from ingest.parse.mail.html_links import note_html_links
from ingest.parse.mail.mail_parts import MAIL_TYPE, Attachment, MailParts

_DAY = re.compile(r"\d{4}-\d\d-\d\d ")
DEEPEST_MAIL = 3  # mails within one another that are read


def parse(body: bytes, uri: str) -> Document:
    """Read an e-mail. Raises Unreadable when it says nothing."""
    message = mail_parts.read_message(body)
    builder = DocumentBuilder()
    subject = mail_parts.decode_field(message, "Subject")
    parts = MailParts()
    _write_mail(message, parts, builder, depth=1)
    return finish_mail(builder, parts, title=subject or PurePosixPath(uri).stem)


def finish_mail(
    builder: DocumentBuilder,
    parts: MailParts,
    *,
    title: str,
    media_type: str = MAIL_TYPE,
) -> Document:
    """Close the document of a mail, with its attachments as members and what was not read."""
    names = [attachment.name for attachment in parts.attachments]
    builder.close_sections(2)
    builder.add_list(f"- Attachment: {name}" for name in names)
    document = builder.build_document(title=title, media_type=media_type)
    return replace(
        document,
        members=_make_members(parts.attachments),
        notes=(*document.notes, *parts.describe_unread()),
    )


def describe_mail(subject: str, sender: str, date: str) -> str:
    """Describe a mail in the words that lead its attachments: subject, sender's name and day.

    >>> describe_mail("Prices", "Ann Lee <ann@shop.example>", "Mon, 02 Mar 2026 09:00:00 +0100")
    'Prices (mail of Ann Lee, 2026-03-02)'
    >>> describe_mail("Prices", "ann@shop.example", "2026-03-02 08:00 UTC")
    'Prices (mail of ann@shop.example, 2026-03-02)'
    """
    name, address = parseaddr(sender)
    try:
        day = parsedate_to_datetime(date).date().isoformat() if date else ""
    except (ValueError, TypeError, IndexError):
        day = date[:10] if _DAY.match(date) else date[:40]
    origin = ", ".join(filter(None, [f"mail of {name or address}" if name or address else "", day]))
    words = " ".join(subject.split())[:200]
    return f"{words} ({origin})" if words and origin else words or origin


def _make_members(attachments: Sequence[Attachment]) -> tuple[Member, ...]:
    return tuple(
        Member(
            name=mail_parts.make_member_name(number, attachment.name),
            body=attachment.body,
            context=attachment.context,
        )
        for number, attachment in enumerate(attachments, start=1)
    )


def _write_mail(
    message: MIMEPart, parts: MailParts, builder: DocumentBuilder, *, depth: int
) -> None:
    """Write a mail, and the mails within it below a heading each."""
    if depth > DEEPEST_MAIL:
        parts.count_unread(f"mail that lies more than {DEEPEST_MAIL} deep")
        return
    builder.close_sections(depth)
    builder.add_heading(depth, mail_parts.decode_field(message, "Subject"), asks=False)
    fields = [(name, mail_parts.decode_field(message, name)) for name in ("From", "Date")]
    builder.add_paragraph("\n".join(f"{name}: {value}" for name, value in fields if value))
    first, first_file = len(parts.texts), len(parts.attachments)
    mail_parts.sort_parts(message, parts)
    named = (mail_parts.decode_field(message, name) for name in ("Subject", "From", "Date"))
    parts.set_context(describe_mail(*named), first=first_file)
    texts = parts.texts[first:]
    del parts.texts[first:]
    for kind, part in texts:
        builder.close_sections(depth + 1)
        if kind == "mail":
            _write_mail(part, parts, builder, depth=depth + 1)
        else:
            _write_text(kind, part, parts, builder)


def _write_text(kind: str, part: MIMEPart, parts: MailParts, builder: DocumentBuilder) -> None:
    try:
        text = mail_parts.decode_part(part)
    except Unreadable:
        parts.count_unread("text in an encoding that cannot be told")
        return
    if kind == "calendar":
        calendar_entry.write_calendar(text, builder)
    elif kind == "links":
        note_html_links(text, builder)
    elif kind == "markup":
        markup_thread.write_mail_markup(text, builder)
    else:
        mail_thread.write_mail_text(text, builder)
