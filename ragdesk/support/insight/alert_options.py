"""The settings of alerts: ``[alerts]`` and ``[surge]``."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeOptions:
    """When a surge of refusals or anger is reported.

    hours: length of the window that is looked at.
    days: of the history before, that it is held against.
    least: questions of the kind in the window, below which nothing is reported.
    sigmas: standard deviations above what the history lets expect.
    """

    hours: int = 6
    days: int = 28
    least: int = 10
    sigmas: float = 4.0
