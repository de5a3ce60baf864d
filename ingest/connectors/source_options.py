"""The settings of sources that are no folders: ``[sources.NAME]``, one a table."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

SourceKind = Literal["website", "confluence", "notion", "feishu"]
FIXED_ADDRESSES: Final[Mapping[str, str]] = {
    "notion": "https://api.notion.com",
    "feishu": "https://open.feishu.cn",
}
_FASTEST = 50.0  # requests a second


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSourceOptions:
    """A source that is no folder, for ``ragdesk ingest --source NAME``.

    kind: website, confluence (Cloud), notion or feishu.
    address: of the website or of its sitemap; of Confluence, such as
        https://example.atlassian.net/wiki; of Lark https://open.larksuite.com. Notion and Feishu
        need none. Its host is asked, and no other.
    hosts: further hosts that a website's sitemap may list and redirects may lead to.
    user: e-mail address of the account that the token is of (Confluence); id of the app (Feishu).
    token: API token (Confluence), token of the integration (Notion), secret of the app (Feishu).
    roots: what is read. Of a website beginnings of paths, such as /help/; of Confluence keys of
        spaces; of Notion ids of pages with all below them; of Feishu ids of knowledge spaces, or
        folder:TOKEN. Empty: all that the token may see.
    groups: by a group there, the groups here whose members are all in it, such as
        { "people-team" = ["hr"] }, or ["*"] for everyone. What is not named lets nobody in.
    private_networks: networks of your own in which the host may lie, such as 10.0.0.0/8.
    ca_file: certificates of your own authority, where the host has none of a public one.
    rate: requests a second at most.
    """

    kind: SourceKind
    address: str = ""
    hosts: tuple[str, ...] = ()
    user: str = ""
    token: str = field(default="", metadata={"secret": True}, repr=False)
    roots: tuple[str, ...] = field(default=(), metadata={"narrows": True})
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    private_networks: tuple[str, ...] = ()
    ca_file: str = ""
    rate: float = 2.0

    def __post_init__(self) -> None:
        if not self.address and self.kind not in FIXED_ADDRESSES:
            raise ValueError(f"address must be set for a source of the kind {self.kind}")
        for address in filter(None, (self.address, *self.hosts)):
            _check_web_address(address)
        self._check_login()
        if not 0 < self.rate <= _FASTEST:
            raise ValueError(f"rate must lie between 0 and {_FASTEST:g} requests a second")
        for network in self.private_networks:
            ipaddress.ip_network(network)
        if any(not name.strip() for names in self.groups.values() for name in names):
            raise ValueError("groups must not be empty names")

    def _check_login(self) -> None:
        """Raise ValueError where a kind lacks what it needs, or has what it cannot use."""
        if self.hosts and self.kind != "website":
            raise ValueError("hosts are of a website alone")
        if self.kind == "website" and (self.user or self.token):
            raise ValueError("a website is read as everybody sees it: without user and token")
        if self.kind != "website" and not self.token:
            raise ValueError(f"token must be set for a source of the kind {self.kind}")
        if self.kind in {"confluence", "feishu"} and not self.user:
            raise ValueError(f"user must be set for a source of the kind {self.kind}")
        if not all(part.isprintable() and part.isascii() for part in (self.user, self.token)):
            raise ValueError("user and token must be of printable ASCII characters")


def _check_web_address(address: str) -> None:
    """Raise ValueError for what is no web address; the client reads it once more, and strictly."""
    parts = urlsplit(address if "://" in address else f"https://{address}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("address must be a web address such as https://docs.example.com")
