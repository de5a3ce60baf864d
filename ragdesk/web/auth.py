"""Authentication of requests: their host, their key, and the scope that a route needs.

A desk on loopback that never had a key is open to the local user; from its first key on every
request needs one. While it is open, pages of other sites must not reach it: host and origin of a
request have to be ours (against DNS rebinding), and only a proxy that the settings name may pass it
on, as behind a proxy everybody comes from loopback.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ragdesk.errors import (
    Forbidden,
    HomeUnusable,
    Overloaded,
    Refusal,
    Unauthenticated,
    WrongHost,
)
from ragdesk.support import access
from ragdesk.support.access import LOCAL_PRINCIPAL, Principal, authorize, make_principal
from ragdesk.support.key_store import KeyStore
from ragdesk.web import problems
from ragdesk.web.connections import RateLimit

BEARER_SCHEME = "bearer"
BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="A key: rd_…")  # for OpenAPI
LONGEST_TOKEN = 200
# Headers in which proxies name the client that they speak for.
PROXY_HEADERS = frozenset(
    [
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "fastly-client-ip",
    ]
)
PROXY_HEADER_PREFIX = "x-forwarded-"
KEYLESS_PATHS = ("/", "/admin", "/healthz", "/readyz", "/openapi.json")  # answered without a key
KEYLESS_FOLDER = "/page/"


def is_loopback(host: str) -> bool:
    """Tell whether an address reaches this machine alone.

    >>> [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "desk.local")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Checks keys, and whether the desk is open to the local user."""

    keys: KeyStore
    loopback: bool
    allowed_hosts: frozenset[str] = frozenset()
    trusted_proxies: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Tell whether requests need no key. Read at each request: the first key closes a desk."""
        return self.loopback and not self.keys.has_had_keys()

    def authenticate(self, authorization: str | None) -> Principal:
        """Return who asks. Raises Unauthenticated, the same for every reason."""
        if self.is_open:
            return LOCAL_PRINCIPAL
        scheme, _, token = (authorization or "").partition(" ")
        key = self.keys.find_by_token(token.strip()[:LONGEST_TOKEN])
        if scheme.lower() != BEARER_SCHEME or key is None:
            raise Unauthenticated
        return make_principal(key)

    def reauthenticate(self, name: str) -> Principal:
        """Return the principal of a job's owner as of now. Raises Forbidden for a lapsed key."""
        if name == LOCAL_PRINCIPAL.name and self.is_open:
            return LOCAL_PRINCIPAL
        if (key := self.keys.find_valid(name)) is None:
            raise Forbidden("Whoever asked for this may no longer do it: the key lapsed.")
        return make_principal(key)

    def check_host(self, headers: Headers) -> None:
        """Refuse names that are not ours, and pages of other sites. Raises Refusal."""
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        expected = is_loopback(name) or name in self.allowed_hosts  # first: keys may be unreadable
        if not expected and self.is_open:
            raise WrongHost("This server does not answer under that name. See serve.allowed_hosts.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host and self.is_open:
            raise Forbidden("Pages of other sites may not use an open desk.")

    def check_proxy(self, headers: Headers, address: str) -> None:
        """Refuse what a proxy passed on, while requests need no key. Raises Forbidden."""
        names = {name.lower() for name in headers}
        passed_on = names & PROXY_HEADERS or any(n.startswith(PROXY_HEADER_PREFIX) for n in names)
        if passed_on and self.is_open and not self._trusts(address):
            raise Forbidden(
                "A proxy passed this on, and the desk has no key: whoever reaches the proxy could "
                "ask. Make a key: ragdesk keys create NAME. Or name the proxy, if it asks who "
                "comes in: serve.trusted_proxies"
            )

    def _trusts(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        networks = (ipaddress.ip_network(name, strict=False) for name in self.trusted_proxies)
        return any(ip in network for network in networks)


class AuthMiddleware:
    """ASGI middleware: host, proxy and key of every request are checked before anything is read.

    Requests without a valid key are refused at a limited rate; ``waiting`` wait at most.
    """

    def __init__(self, app: ASGIApp, gate: Authenticator, waiting: int) -> None:
        self.app = app
        self.gate = gate
        self.pace = RateLimit()
        self.longest = waiting * self.pace.interval

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        peer = scope.get("state", {}).get("connection")
        try:
            self.gate.check_host(headers)
            self.gate.check_proxy(headers, (scope.get("client") or ("", 0))[0])
            await self._check_key(scope["path"], headers, peer)
        except ValueError:  # urlsplit refuses half an IPv6 address
            return await problems.error_response(WrongHost("No such host."))(scope, receive, send)
        except (Refusal, HomeUnusable) as error:
            return await problems.error_response(error)(scope, receive, send)
        return await self.app(scope, receive, send)

    async def _check_key(self, path: str, headers: Headers, peer: Any) -> None:
        keyless = path in KEYLESS_PATHS or path.startswith(KEYLESS_FOLDER)
        shown = headers.get("authorization")
        try:
            if keyless and shown is None and not self.gate.is_open:
                return  # most of those who come and go: nothing is looked up for them
            who = self.gate.authenticate(shown)
        except HomeUnusable:  # whoever may come in cannot be told: the server is alive all the same
            if keyless:
                return
            raise
        except Unauthenticated:
            if keyless:
                return
            wait_seconds = self.pace.take_turn(self.longest)
            if wait_seconds is None:
                if peer is not None:
                    peer.hang_up()
                raise Overloaded("Too many requests come without a valid key.") from None
            await asyncio.sleep(wait_seconds)
            raise
        if peer is not None:
            peer.trusted = True
            peer.owner = who.name


def require_scope(scope: access.Scope) -> Callable[[Request], Awaitable[Principal]]:
    """Make a dependency that lets only who holds ``scope`` pass, in their collections."""

    async def check(
        request: Request, _shown: Annotated[object, Depends(BEARER)] = None
    ) -> Principal:
        gate: Authenticator = request.app.state.gate
        who = gate.authenticate(request.headers.get("authorization"))
        request.state.who = who.name
        authorize(who, scope, request.path_params.get("collection"))
        return who

    return check
