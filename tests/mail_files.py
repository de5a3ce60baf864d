"""Makes small mails, with attachments and in mailboxes."""

from collections.abc import Mapping
from email.message import EmailMessage


def mail(
    text: str = "Hello.",
    *,
    subject: str = "Keys",
    sender: str = "Ann Lee <ann@shop.example>",
    files: Mapping[str, bytes] | None = None,
    mails: tuple[EmailMessage, ...] = (),
) -> EmailMessage:
    """Return a mail with files attached to it, and mails."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "team@shop.example"
    message["Subject"] = subject
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0100"
    message.set_content(text)
    for name, body in (files or {}).items():
        message.add_attachment(body, maintype="application", subtype="octet-stream", filename=name)
    for inner in mails:
        message.add_attachment(inner)
    return message
