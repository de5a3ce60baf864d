"""Parse e-mail: subject, sender, date and body, without quoted history and attachments."""

import email
import re
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from email.policy import EmailPolicy
from pathlib import PurePosixPath
from typing import cast

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import plain_text, text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.mail.html_links import note_html_links
from ingest.parse.markup import hidden_elements, tree_writer
from ingest.parse.markup.html_tree import parse_html

MAIL_TYPE = "message/rfc822"

# Where an answer ends and what it answers begins.
_HISTORY = re.compile(
    r"^(?:>?[^\S\n]*+On [^\0]{5,200}? wrote:[^\S\n]*+$|在[^\0]{5,200}?写道[：:][^\S\n]*+$"
    r"|_{20,}+[^\S\n]*+$"
    r"|-{2,}+\s*+(?:Original Message|Forwarded message|原始邮件|转发的邮件)\s*+-{2,}"
    r"|(?:From|发件人)\s*+[:：].*\n\*?(?:Sent|Date|To|发送时间|日期|收件人)\*?\s*[:：])",
    re.MULTILINE,
)
# Each line of a part is held against the end of every part around it.
_MULTIPART = re.compile(rb"^content-type:\s*+multipart/", re.IGNORECASE | re.MULTILINE)
MOST_MULTIPARTS = 100
LONGEST_FIELD = 2000  # characters of a header field: 28 KB of parameters took 0.7 s
_QUOTED_LINE = re.compile(r"^>.*\n?", re.MULTILINE)
_HISTORY_MARKUP = (
    "blockquote[type=cite],.gmail_quote,#appendonsend,#divRplyFwdMsg,.yahoo_quoted,.moz-cite-prefix"
)


class _Policy(EmailPolicy):
    """Truncate header fields: the standard library's parser is quadratic in their length."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        short = value if hasattr(value, "name") else value[:LONGEST_FIELD]
        return cast("str", super().header_fetch_parse(name, short))


_POLICY = _Policy()


def parse(body: bytes, uri: str) -> Document:
    """Read an e-mail. Raises Unreadable when it says nothing."""
    if len(_MULTIPART.findall(body)) > MOST_MULTIPARTS:
        raise Unreadable(f"more than {MOST_MULTIPARTS} mails or groups of parts within one another")
    message = cast("EmailMessage", email.message_from_bytes(body, policy=_POLICY))
    builder = DocumentBuilder()
    subject = _decode_field(message, "Subject")
    builder.add_heading(1, subject)
    lines = (
        f"{name}: {value}" for name in ("From", "Date") if (value := _decode_field(message, name))
    )
    head = "\n".join(lines)
    if head:
        builder.add_paragraph(head)
    _write_body(message, builder)
    builder.add_list(f"- Attachment: {name}" for name in _list_attachments(message))
    return builder.build_document(title=subject or PurePosixPath(uri).stem, media_type=MAIL_TYPE)


def _decode_field(message: EmailMessage, name: str) -> str:
    """Decode a header field; one that cannot be decoded is left out."""
    try:
        return str(message.get(name, ""))
    except (ValueError, LookupError, IndexError, AttributeError):
        return ""  # the standard library's header parser stumbles over some malformed ones


def _write_body(message: EmailMessage, builder: DocumentBuilder) -> None:
    """Write the body, plain where there is a plain one."""
    part = message.get_body(preferencelist=("plain",))
    if part is not None and (text := _decode_part(part)).strip():
        html = message.get_body(preferencelist=("html",))
        if html is not None:
            note_html_links(_decode_part(html), builder)
        plain_text.write_plain_text(drop_quoted_history(text), builder)
        return
    part = message.get_body(preferencelist=("html",))
    if part is not None:
        tree = parse_html(_decode_part(part))
        unseen = hidden_elements.find_hidden_elements(tree) | {
            node.mem_id for node in tree.css(_HISTORY_MARKUP)
        }
        if tree.body is not None:
            tree_writer.write_tree(tree.body, builder, unseen=unseen)


def _decode_part(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return (
        text_encoding.decode_text(payload, declared=part.get_content_charset() or "")
        if payload
        else ""
    )


def drop_quoted_history(text: str) -> str:
    r"""Drop the quoted history below an answer; a message that is all history is kept.

    >>> drop_quoted_history("Yes.\n\nOn Monday, Ann <a@b.example> wrote:\n> Really?\n")
    'Yes.'
    """
    text = text.replace("\r\n", "\n")
    history = _HISTORY.search(text)
    answer = text[: history.start()] if history else text
    answer = _QUOTED_LINE.sub("", answer).strip()
    return answer or text.strip()


def _list_attachments(message: EmailMessage) -> Iterator[str]:
    for part in message.walk():
        if part.get_content_disposition() == "attachment" and (name := part.get_filename()):
            yield name
