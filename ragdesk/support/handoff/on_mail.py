"""Tell a team of every hand-off by e-mail (SMTP). A reply goes to the address the customer left."""

import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

from ragdesk.errors import DeliveryFailed
from ragdesk.support.handoff.handoff_options import HandoffMailOptions
from ragdesk.support.handoff.handoff_states import HandoffAction
from ragdesk.support.handoff.outbox import HandoffLink, Letter
from ragdesk.support.handoff.outside_text import write_note, write_subject

TIMEOUT_SECONDS_OF_MAIL: Final = 20.0
MAILED: Final = frozenset(HandoffAction) - {HandoffAction.TAKE, HandoffAction.RATE}


class MailChannel:
    """Sends one mail an action, all of a hand-off in one thread.

    context: certificates that are trusted; None asks the system's.
    """

    def __init__(self, options: HandoffMailOptions, context: ssl.SSLContext | None = None) -> None:
        self._options = options
        self._context = context

    def __call__(
        self, letter: Letter, _link: HandoffLink, _store_link: Callable[[HandoffLink], None]
    ) -> None:
        if letter.action not in MAILED:
            return
        send_mail(build_mail(letter, self._options), self._options, self._context)


def send_mail(
    mail: EmailMessage, options: HandoffMailOptions, context: ssl.SSLContext | None = None
) -> None:
    """Send a mail by the server of the settings. Blocks. Raises DeliveryFailed.

    context: certificates that are trusted; None asks the system's.
    """
    try:
        with _connect(options, context or ssl.create_default_context()) as server:
            if options.user:
                server.login(options.user, options.password)
            server.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        code = getattr(error, "smtp_code", "")
        reason = f"{type(error).__name__} {code}".strip()
        raise DeliveryFailed(f"The mail server did not take a mail: {reason}.") from error


def _connect(options: HandoffMailOptions, context: ssl.SSLContext) -> smtplib.SMTP:
    wait = TIMEOUT_SECONDS_OF_MAIL
    if options.encryption == "tls":
        return smtplib.SMTP_SSL(options.host, options.port, timeout=wait, context=context)
    server = smtplib.SMTP(options.host, options.port, timeout=wait)
    if options.encryption == "starttls":
        try:
            server.starttls(context=context)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
    return server


def build_mail(letter: Letter, options: HandoffMailOptions) -> EmailMessage:
    """Write the mail of a letter. Nothing that a customer wrote becomes a header of its own."""
    handoff = letter.body["handoff"]
    domain = options.sender.rpartition("@")[2]
    first = f"<ragdesk-{handoff['id']}@{domain}>"
    mail = EmailMessage(policy=SMTP)
    is_first = letter.action is HandoffAction.OPEN
    mail["Subject"] = f"{'' if is_first else 'Re: '}[ragdesk] {write_subject(letter)}"
    mail["From"] = Address(display_name="ragdesk", addr_spec=options.sender)
    mail["To"] = ", ".join(options.to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(letter.created, UTC))
    mail["Message-ID"] = first if is_first else f"<ragdesk-{letter.id}@{domain}>"
    if not is_first:
        mail["In-Reply-To"] = first
        mail["References"] = first
    _set_reply_to(mail, handoff["contact"])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(write_note(letter))
    return mail


def _set_reply_to(mail: EmailMessage, contact: dict[str, Any]) -> None:
    """Let a reply go to the customer, if the address that they left is one."""
    if not contact["email"]:
        return
    try:
        mail["Reply-To"] = Address(addr_spec=contact["email"])
    except (ValueError, IndexError, MessageError):  # the contact stands in the text all the same
        return
