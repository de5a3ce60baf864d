"""Who may come in: the host asked for, the key shown, and the scope a route needs.

Without a key a desk on loopback is open to the local user; from the first key on it asks
for one. While it is open, a page of another site must not reach it: its host name has to be
ours (against DNS rebinding), and its origin too.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ragdesk.errors import Forbidden, Refusal, Unauthenticated, WrongHost
from ragdesk.support import access
from ragdesk.support.access import LOCAL, Keys, Principal, authorize, principal
from ragdesk.web import problems

SCHEME = "bearer"
BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="A key: rd_…")  # for OpenAPI
LONGEST_TOKEN = 200


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
class Gate:
    """Knows the keys, and whether the desk is open to the local user."""

    keys: Keys
    loopback: bool
    allowed_hosts: frozenset[str] = frozenset()

    @property
    def open(self) -> bool:
        """Read at each request: the first key closes an open desk."""
        return self.loopback and not self.keys.any()

    def who(self, authorization: str | None) -> Principal:
        """Say who asks. Raises Unauthenticated, the same for every reason."""
        if self.open:
            return LOCAL
        scheme, _, token = (authorization or "").partition(" ")
        key = self.keys.find(token.strip()[:LONGEST_TOKEN])
        if scheme.lower() != SCHEME or key is None:
            raise Unauthenticated
        return principal(key)

    def check_host(self, headers: Headers) -> None:
        """Refuse names that are not ours, and pages of other sites. Raises Refusal."""
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if self.open and not is_loopback(name) and name not in self.allowed_hosts:
            raise WrongHost("This server does not answer under that name. See serve.allowed_hosts.")
        origin = headers.get("origin")
        if self.open and origin is not None and urlsplit(origin).netloc != host:
            raise Forbidden("Pages of other sites may not use an open desk.")


class HostCheck:
    """ASGI middleware: every request passes ``Gate.check_host`` first."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self.gate.check_host(Headers(scope=scope))
            except (Refusal, ValueError) as error:  # urlsplit refuses half an IPv6 address
                known = error if isinstance(error, Refusal) else WrongHost("No such host.")
                return await problems.from_error(known)(scope, receive, send)
        return await self.app(scope, receive, send)


def may(scope: access.Scope) -> Callable[[Request], Awaitable[Principal]]:
    """Make a dependency that lets only who holds ``scope`` pass, in their collections."""

    async def check(
        request: Request, _shown: Annotated[object, Depends(BEARER)] = None
    ) -> Principal:
        gate: Gate = request.app.state.gate
        who = gate.who(request.headers.get("authorization"))
        request.state.who = who.name
        authorize(who, scope, request.path_params.get("collection"))
        return who

    return check
