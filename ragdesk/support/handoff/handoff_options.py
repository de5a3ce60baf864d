"""The settings of hand-offs: ``[handoff]``."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from ragdesk.support.handoff.opening_hours import find_zone, parse_hours

HandoffRule = Literal[
    "customer_asked",
    "complaint",
    "safety",
    "needs_account",
    "refused_twice",
    "unsupported",
    "low_confidence",
]
HANDOFF_RULES: Final[tuple[HandoffRule, ...]] = get_args(HandoffRule)
SECRET: Final = {"secret": True}
_EMAIL = re.compile(r"[^@\s<>,;\"]+@[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffOptions:
    """Whether and when a conversation is handed over to a person, and where else it is told.

    enabled: whether conversations are handed over at all. Turn it off where nobody reads ``/inbox``
        and no other way below is set: nobody would answer.
    rules: what hands a conversation over by itself. The button hands over in any case.
    low_confidence: for the rule of that name, the confidence below which an answer is handed over.
    hours: when somebody is there, such as ``mon-fri 09:00-17:00``. Empty: always.
    time_zone: of ``hours``, such as ``Europe/Berlin``.
    away: said outside of ``hours``, in English. Empty: a sentence of ours with the next hours.
    away_zh: the same in Chinese.
    """

    enabled: bool = True
    rules: tuple[HandoffRule, ...] = (
        "customer_asked",
        "complaint",
        "safety",
        "needs_account",
        "refused_twice",
        "unsupported",
    )
    low_confidence: float = 0.3
    hours: tuple[str, ...] = field(default=(), metadata={"narrows": True})
    time_zone: str = "UTC"
    away: str = ""
    away_zh: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.low_confidence <= 1:
            raise ValueError("low_confidence must lie between 0 and 1")
        parse_hours(self.hours)
        find_zone(self.time_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffWebhookOptions:
    """A signed webhook that hears of every hand-off (Standard Webhooks).

    url: address that each event is posted to. Empty: none.
    secret: what it is signed with, as ``whsec_`` and base64 of 24 to 64 bytes.
    """

    url: str = ""
    secret: str = field(default="", metadata=SECRET)

    def __post_init__(self) -> None:
        check_webhook(self.url, self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZendeskOptions:
    """Hand-offs as tickets of Zendesk (Tickets API).

    url: of the account, such as ``https://example.zendesk.com``. Empty: none.
    email: of the agent in whose name tickets are made.
    token: an API token of the account.
    """

    url: str = ""
    email: str = ""
    token: str = field(default="", metadata=SECRET)

    def __post_init__(self) -> None:
        check_address("url", self.url)
        if self.url and not (self.email and self.token):
            raise ValueError("email and token must be set with url")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatwootOptions:
    """Hand-offs as conversations of Chatwoot (Application API, an inbox of the kind API).

    url: of the server, such as ``https://app.chatwoot.com``. Empty: none.
    account: number of the account.
    inbox: number of the inbox.
    token: access token of an agent.
    webhook_secret: secret of the inbox's webhook, by which replies come back. Empty: none do.
    """

    url: str = ""
    account: int = 0
    inbox: int = 0
    token: str = field(default="", metadata=SECRET)
    webhook_secret: str = field(default="", metadata=SECRET)

    def __post_init__(self) -> None:
        check_address("url", self.url)
        if self.url and not (self.account and self.inbox and self.token):
            raise ValueError("account, inbox and token must be set with url")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffMailOptions:
    """Hand-offs as e-mails to a team (SMTP).

    host: of the server that takes mails. Empty: none are sent.
    port: 587 begins in plain text and turns to TLS, 465 is TLS from the start.
    encryption: ``starttls``, ``tls``, or ``none`` for a server on this machine alone.
    user: name to sign in with. Empty: without.
    password: of that user.
    sender: address that mails come from.
    to: addresses that hand-offs go to.
    """

    host: str = ""
    port: int = 587
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = field(default="", metadata=SECRET)
    sender: str = ""
    to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.host:
            return
        if not self.to:
            raise ValueError("to must be addresses such as desk@example.org")
        check_mail_addresses("sender and to", (self.sender, *self.to))
        if not 0 < self.port < 65_536:  # noqa: PLR2004, ports
            raise ValueError("port must lie between 1 and 65535")
        if self.encryption == "none" and self.host not in LOCAL_HOSTS:
            raise ValueError("encryption may be none for a server on this machine alone")


LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_address(name: str, address: str) -> None:
    """Raise ValueError for an address that is not https, nor http on this machine."""
    if not address:
        return
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in LOCAL_HOSTS
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.username:
        raise ValueError(f"{name} must begin with https://, or http:// on this machine")


def check_webhook(url: str, secret: str) -> None:
    """Raise ValueError for an address that is none, or one without a secret to sign with."""
    check_address("url", url)
    if not url:
        return
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:  # noqa: PLR2004, of the specification
        raise ValueError("secret must be whsec_ and base64 of 24 to 64 random bytes")


def check_mail_addresses(name: str, addresses: tuple[str, ...]) -> None:
    """Raise ValueError for an address that is none. name: of the setting."""
    if not all(_EMAIL.fullmatch(each) for each in addresses):
        raise ValueError(f"{name} must be addresses such as desk@example.org")
