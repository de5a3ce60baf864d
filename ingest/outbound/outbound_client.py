"""Ask other servers: listed ones only, each redirect checked again, bounded in size and time.

Nothing of the environment has a say (no proxy, no ``.netrc``), no cookie is kept, and a redirect
to another origin takes no header along that was meant for the first one.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx

from ingest.errors import AddressRefused, OutboundFailed
from ingest.outbound.allowed_hosts import AllowedHosts, url_origin
from ingest.outbound.host_resolver import Resolve, resolve_host
from ingest.outbound.outbound_options import OutboundOptions
from ingest.outbound.pinned_connections import PinnedTransport, bound_traffic
from ingest.outbound.reply_body import ACCEPTED_ENCODINGS, unpack_body

# It writes every address at info level, and one may name a customer.
logging.getLogger("httpx").setLevel(logging.WARNING)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundReply:
    """What a server answered. url: of the last redirect. Names of headers are in small letters."""

    status: int
    url: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def is_ok(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300  # noqa: PLR2004, the classes of HTTP


class OutboundClient:
    """Sends requests to listed hosts. Safe to share between threads.

    headers: of every request to the origin that is asked first, and of none to another.
    resolve: gives the addresses of a name; each is checked before it is connected to.
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        options: OutboundOptions | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        resolve: Resolve = resolve_host,
    ) -> None:
        self.hosts, self.options = hosts, options or OutboundOptions()
        self._headers = dict(headers or {})
        self._client = httpx.Client(
            transport=PinnedTransport(hosts, resolve, ca_file=self.options.ca_file),
            timeout=self.options.stall_seconds,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": self.options.user_agent, "Accept-Encoding": ACCEPTED_ENCODINGS},
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> OutboundReply:
        """Fetch an address. Raises AddressRefused, OutboundFailed; any status is a reply."""
        return self.send("GET", address, headers=headers)

    def send(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        seconds: float | None = None,
    ) -> OutboundReply:
        """Send a request, and follow its redirects. Raises AddressRefused, OutboundFailed.

        seconds: less time than the options give, where it is given.
        """
        url = self.hosts.check_url(address)
        own_headers = {**self._headers, **(headers or {})}
        first_origin = url_origin(url)
        total = min(self.options.total_seconds, seconds or self.options.total_seconds)
        deadline = time.monotonic() + total
        for _ in range(self.options.max_redirects + 1):
            sent_headers = own_headers if url_origin(url) == first_origin else {}
            reply = self._exchange(method, url, sent_headers, content, deadline - time.monotonic())
            if reply.status not in _REDIRECTS or "location" not in reply.headers:
                return reply
            url = self._check_location(url, reply.headers["location"])
            if reply.status not in _SAME_METHOD and method != "HEAD":
                method, content = "GET", None
                own_headers = _without_content(own_headers)
            if url_origin(url) != first_origin:
                own_headers, content = {}, None  # for good: the way back is somebody else's choice
        raise OutboundFailed(
            "too_many_redirects",
            f"{first_origin} redirects more than {self.options.max_redirects} times.",
        )

    def _check_location(self, url: httpx.URL, location: str) -> httpx.URL:
        try:
            target = url.join(location)
        except (httpx.InvalidURL, ValueError) as error:
            raise AddressRefused(f"{url_origin(url)} redirects to no address.") from error
        try:
            return self.hosts.check_url(target)
        except AddressRefused as error:
            raise AddressRefused(f"{url_origin(url)} redirects. {error}") from error

    def _exchange(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes | None,
        seconds: float,
    ) -> OutboundReply:
        largest = self.options.largest_reply
        try:
            with (
                bound_traffic(seconds, largest),
                self._client.stream(
                    method,
                    url,
                    headers=headers,
                    content=content,
                    timeout=max(0.001, min(seconds, self.options.stall_seconds)),
                ) as reply,
            ):
                encoding = reply.headers.get("content-encoding", "")
                pieces = reply.iter_raw() if method != "HEAD" else iter(())
                return OutboundReply(
                    status=reply.status_code,
                    url=str(url),
                    body=unpack_body(pieces, encoding, largest),
                    headers={name.lower(): value for name, value in reply.headers.items()},
                )
        except httpx.TimeoutException as error:
            raise OutboundFailed("too_slow", f"{url_origin(url)} took too long.") from error
        except httpx.TransportError as error:
            reason = "bad_reply" if isinstance(error, httpx.ProtocolError) else "unreachable"
            what = "broke off" if isinstance(error, httpx.ProtocolError) else "cannot be reached"
            raise OutboundFailed(reason, f"{url_origin(url)} {what}: {error}.") from error

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _without_content(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}
