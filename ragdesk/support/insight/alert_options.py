"""The settings of alerts: ``[alerts]``."""

from dataclasses import dataclass, field

from ragdesk.support.handoff.handoff_options import SECRET, check_mail_addresses, check_webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOptions:
    """Who is told when refusals or anger surge against the weeks before.

    url: address that each surge is posted to (Standard Webhooks). Empty: none.
    secret: what it is signed with, as ``whsec_`` and base64 of 24 to 64 bytes.
    to: addresses that get an e-mail, by the server and sender of ``[handoff_mail]``.
    """

    url: str = ""
    secret: str = field(default="", metadata=SECRET)
    to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_webhook(self.url, self.secret)
        check_mail_addresses("to", self.to)
