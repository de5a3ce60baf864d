"""Sort the parts of a mail: what is its text, what is attached, what is not read."""

import email
import mimetypes
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage, MIMEPart
from email.policy import EmailPolicy
from functools import lru_cache
from typing import Literal, cast

from ingest.errors import Unreadable
from ingest.parse import text_encoding

MAIL_TYPE = "message/rfc822"
# Each line of a part is held against the end of every part around it.
_MULTIPART = re.compile(rb"^content-type:\s*+multipart/", re.IGNORECASE | re.MULTILINE)
MOST_MULTIPARTS = 100
LONGEST_FIELD = 2000  # characters of a header field: 28 KB of parameters took 0.7 s
MOST_ATTACHMENTS = 500
_LONGEST_NAME = 120
_MAILS = frozenset({"message/rfc822", "message/global"})
_UNREAD_KINDS = {"image": "picture", "audio": "sound", "video": "film"}
_SIGNATURES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
_SEALED = frozenset(
    {"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"}
)
_RICH_LENGTH = 300  # characters: a shorter plain text beside markup may only say "see the markup"
PartKind = Literal["links", "plain", "markup", "calendar", "mail"]


_TAG = re.compile(r"<[^<>]{1,2000}>")


class _Policy(EmailPolicy):
    """Truncate header fields, and decode those that are written without any encoding.

    The standard library's parser is quadratic in their length; bytes above ASCII it takes for none.
    """

    def header_fetch_parse(self, name: str, value: str) -> str:
        if hasattr(value, "name"):
            return cast("str", super().header_fetch_parse(name, value))
        short = value[:LONGEST_FIELD]
        if not short.isascii():
            short = text_encoding.decode_text(short.encode("utf-8", "surrogateescape"))
        return _parse_field(name, short)


@lru_cache(maxsize=64)  # a part is asked for its type and name a dozen times
def _parse_field(name: str, value: str) -> str:
    """Parse a header field; the type of a part that cannot be parsed is taken as it stands."""
    try:
        return cast("str", _PLAIN_POLICY.header_fetch_parse(name, value))
    except (ValueError, LookupError, AttributeError):
        if not name.lower().startswith("content-"):
            raise
        return "".join(value.splitlines())


_PLAIN_POLICY = EmailPolicy()
_POLICY = _Policy()


@dataclass(slots=True)
class Attachment:
    """A file that came with a mail: the name it was sent under, and its bytes.

    context: what leads it, which is said of its own mail.
    """

    name: str
    body: bytes
    context: str = ""


@dataclass(slots=True)
class MailParts:
    """The parts of a mail, and of mails within it, in their order.

    texts: what is to be written; of a mail within the mail, the message. unread: how many parts of
    a kind are not read, by the word for one.
    """

    texts: list[tuple[PartKind, MIMEPart]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)

    def count_unread(self, word: str) -> None:
        """Note one more part that is not read."""
        self.unread[word] = self.unread.get(word, 0) + 1

    def add_file(self, name: str, body: bytes, kind: str) -> None:
        """Add a file that came with the mail, unless its media type says that it is not read."""
        general = kind if kind != "application/octet-stream" else mimetypes.guess_type(name)[0]
        if kind in _SEALED:
            self.count_unread("encrypted or sealed text")
        elif kind == "application/ms-tnef":
            self.count_unread("file winmail.dat, Outlook's own form of a mail,")
        elif word := _UNREAD_KINDS.get((general or "").partition("/")[0]):
            self.count_unread(word)
        elif not body:
            self.count_unread("empty attachment")
        elif len(self.attachments) >= MOST_ATTACHMENTS:
            self.count_unread("further attachment")
        else:
            ending = mimetypes.guess_extension(kind) or ""
            self.attachments.append(Attachment(name or f"attachment{ending}", body))

    def set_context(self, context: str, *, first: int) -> None:
        """Say what leads the attachments of a mail, from the first on.

        Those of a mail within it have been told theirs before.
        """
        for attachment in self.attachments[first:]:
            attachment.context = attachment.context or context

    def describe_unread(self) -> list[str]:
        """Return a note for each kind of part that is not read."""
        return [
            f"1 {word} was not read" if count == 1 else f"{count} {word}s were not read"
            for word, count in self.unread.items()
        ]


def read_message(body: bytes) -> EmailMessage:
    """Read the parts of a mail. Raises Unreadable where too many lie within one another."""
    if len(_MULTIPART.findall(body)) > MOST_MULTIPARTS:
        raise Unreadable(f"more than {MOST_MULTIPARTS} mails or groups of parts within one another")
    return cast("EmailMessage", email.message_from_bytes(body, policy=_POLICY))


def decode_field(message: MIMEPart, name: str) -> str:
    """Decode a header field; one that cannot be decoded is left out."""
    try:
        return str(message.get(name, ""))
    except (ValueError, LookupError, IndexError, AttributeError, Unreadable):
        return ""  # the standard library's header parser stumbles over some malformed ones


def decode_part(part: MIMEPart) -> str:
    """Return the text of a part by the encoding it declares, or else by its content."""
    payload = _read_payload(part)
    return (
        text_encoding.decode_text(payload, declared=part.get_content_charset() or "")
        if payload
        else ""
    )


def sort_parts(message: MIMEPart, parts: MailParts) -> None:
    """Sort the parts of a message into texts, attachments and what is not read."""
    kind = message.get_content_type()
    children = list(_iter_children(message))
    if kind == "multipart/alternative":
        _sort_alternatives(children, parts)
    elif kind == "multipart/related":
        _sort_page(children, parts)
    elif message.get_content_maintype() == "multipart":
        for child in children:
            sort_parts(child, parts)
    elif kind in _MAILS and children:
        parts.texts += [("mail", child) for child in children]
    elif kind == "text/calendar":
        parts.texts.append(("calendar", message))
    elif _is_file(message) or message.get_content_maintype() != "text":
        _sort_file(message, parts)
    else:
        parts.texts.append(("markup" if kind == "text/html" else "plain", message))


def _sort_page(children: Sequence[MIMEPart], parts: MailParts) -> None:
    """Sort a page and what it is shown with: pictures, styles and scripts, and true files."""
    for child in children[:1]:
        sort_parts(child, parts)
    for child in children[1:]:
        if child.get_content_maintype() in _UNREAD_KINDS or _is_file(child):
            _sort_file(child, parts)
        elif child.is_multipart() or child.get_content_type() == "text/html":
            sort_parts(child, parts)


def _sort_alternatives(children: Sequence[MIMEPart], parts: MailParts) -> None:
    """Take one of the forms of a text: the plain one, if it says as much; and an invitation."""
    forms = list[MailParts]()
    for child in children:
        form = MailParts()
        sort_parts(child, form)
        forms.append(form)
    plain = _find_form(forms, "plain")
    markup = _find_form(forms, "markup")
    if plain and markup:
        size = _count_letters(plain, "plain")
        marked = _count_letters(markup, "markup")
        is_stub = size < _RICH_LENGTH and marked > 20 * max(size, 20)
        plain = None if is_stub or not size else plain
    chosen = plain or markup
    if plain and markup:  # what the words lead to stands in the markup alone
        parts.texts += [("links", part) for kind, part in markup.texts if kind == "markup"]
    for form in forms:
        is_chosen = form is chosen
        parts.texts += [
            (kind, part)
            for kind, part in form.texts
            if is_chosen or kind in {"calendar", "mail"} or chosen is None
        ]
        parts.attachments += form.attachments
        for word, count in form.unread.items():
            parts.unread[word] = parts.unread.get(word, 0) + count


def _count_letters(form: MailParts, kind: PartKind) -> int:
    """Count the letters of one kind of text, without tags; what cannot be decoded has none."""
    count = 0
    for own_kind, part in form.texts:
        if own_kind == kind:
            with suppress(Unreadable):
                count += len(_TAG.sub("", decode_part(part)).strip())
    return count


def _find_form(forms: list[MailParts], kind: PartKind) -> MailParts | None:
    return next((form for form in forms if any(k == kind for k, _ in form.texts)), None)


def _iter_children(message: MIMEPart) -> Iterator[MIMEPart]:
    payload = message.get_payload()
    for child in payload if isinstance(payload, list) else ():
        if isinstance(child, MIMEPart):
            yield child


def _is_file(part: MIMEPart) -> bool:
    return part.get_content_disposition() == "attachment" or bool(_read_name(part))


def _sort_file(part: MIMEPart, parts: MailParts) -> None:
    """Sort a part that is no text of the mail itself.

    Signatures say nothing; a report of delivery repeats what the text before it says.
    """
    kind = part.get_content_type()
    if kind not in _SIGNATURES and part.get_content_maintype() != "message":
        parts.add_file(_read_name(part), _read_payload(part), kind)


def _read_payload(part: MIMEPart) -> bytes:
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError):  # a damaged transfer encoding
        return b""
    return payload if isinstance(payload, bytes) else b""


def _read_name(part: MIMEPart) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, LookupError, IndexError, AttributeError, TypeError, Unreadable):
        return ""


def make_member_name(number: int, name: str) -> str:
    r"""Make the last part of an attachment's uri of its number and the name it was sent under.

    >>> make_member_name(2, "C:\\temp\\price  list.pdf")
    '2-price list.pdf'
    """
    words = " ".join(name.replace("\\", "/").rpartition("/")[2].replace("\0", "").split())
    stem, dot, ending = words.rpartition(".")
    if len(words) > _LONGEST_NAME and dot and len(ending) < _LONGEST_NAME // 4:
        words = f"{stem[: _LONGEST_NAME - len(ending) - 1]}.{ending}"
    words = words.encode("utf-8", "replace").decode()  # lone surrogates
    return f"{number}-{words[:_LONGEST_NAME].strip() or 'attachment'}"
