"""Authentication of requests: their host, their key or session, and the scope that a route needs.

A desk on loopback that never had a key is open to the local user; from its first key on every
request needs one. While it is open, pages of other sites must not reach it: host and origin of a
request have to be ours (against DNS rebinding), and only a proxy that the settings name may pass it
on, as behind a proxy everybody comes from loopback.
"""

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.requests import Request

from ragdesk.errors import Forbidden, Overloaded, Unauthenticated, WrongHost
from ragdesk.request_context import run_in_pool
from ragdesk.support import access
from ragdesk.support.access import LOCAL_PRINCIPAL, Principal, authorize
from ragdesk.support.sign_in.identity import Identity, IdentityStore
from ragdesk.support.sign_in.publishable_keys import PUBLISHABLE_PREFIX
from ragdesk.web.connections import RateLimit
from ragdesk.web.credentials import (
    Credentials,
    check_forgery,
    check_site,
    read_credentials,
)
from ragdesk.web.proxies import TrustedProxies

BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="A key: rd_…")  # for OpenAPI
SAME_MOMENT = 0.1  # seconds within which nobody is looked up again for one request
DATABASE_THREADS = 8  # that look up keys in a database on another machine
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
    """Checks keys and sessions, and whether the desk is open to the local user.

    waiting: requests without a valid key that wait to be refused, at most.
    """

    identities: IdentityStore
    loopback: bool
    allowed_hosts: frozenset[str] = frozenset()
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    waiting: int = 64
    pace: RateLimit = field(default_factory=RateLimit)
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(DATABASE_THREADS, "sign-in")
    )

    @property
    def is_open(self) -> bool:
        """Tell whether requests need no key. Read at each request: the first key closes a desk."""
        return self.loopback and not self.identities.keys.has_had_keys()

    def authenticate(self, credentials: Credentials) -> Identity:
        """Return who asks. Raises Unauthenticated, the same for every reason; Forbidden.

        A key that is shown counts, and the session beside it does not.
        """
        if self.is_open:
            return Identity(who=LOCAL_PRINCIPAL, label=LOCAL_PRINCIPAL.name)
        token = credentials.bearer_token or ""
        if credentials.authorization is None and credentials.cookie is not None:
            identity = self.identities.find_by_session(credentials.cookie)
        elif credentials.authorization is not None and token.startswith(PUBLISHABLE_PREFIX):
            identity = self.identities.find_by_site(token, credentials.visitor)
        else:  # where nothing is shown, too: keys that cannot be read are another matter
            identity = self.identities.find_by_key(token)
        if identity is None:
            raise Unauthenticated
        check_forgery(credentials, identity, self.identities.sessions)
        check_site(credentials, identity)
        return identity

    async def identify(self, credentials: Credentials) -> Identity:
        """Return who asks, as ``authenticate`` does, and let nobody else wait for it.

        A file beside us answers in a fifth of a millisecond, before a thread has begun; a database
        of several servers may take its time.
        """
        if not self.identities.keys.database.is_shared:
            return self.authenticate(credentials)
        return await run_in_pool(self.threads, self.authenticate, credentials)

    async def refuse_slowly(self, peer: Any) -> None:
        """Wait until a request without a valid key may be refused. Raises Overloaded.

        peer: its connection, hung up on where too many wait.
        """
        wait_seconds = self.pace.take_turn(self.waiting * self.pace.interval)
        if wait_seconds is None:
            if peer is not None:
                peer.hang_up()
            raise Overloaded("Too many requests come without a valid key.") from None
        await asyncio.sleep(wait_seconds)

    def reauthenticate(self, name: str) -> Principal:
        """Return the principal of a job's owner as of now. Raises Forbidden for a lapsed key."""
        if name == LOCAL_PRINCIPAL.name and self.is_open:
            return LOCAL_PRINCIPAL
        if (who := self.identities.find_by_name(name)) is None:
            raise Forbidden("Whoever asked for this may no longer do it: the key lapsed.")
        return who

    def check_host(self, headers: Headers, proxy_host: str = "") -> None:
        """Refuse names that are not ours, and pages of other sites. Raises Refusal.

        proxy_host: the name that a trusted proxy used, where it says by which name it was called.
        """
        host = headers.get("host", "")
        names = {urlsplit(f"//{name}").hostname or "" for name in (host, proxy_host)} - {""}
        expected = any(is_loopback(name) or name in self.allowed_hosts for name in names)
        if not expected and self.is_open:
            raise WrongHost("This server does not answer under that name. See serve.allowed_hosts.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host and self.is_open:
            raise Forbidden("Pages of other sites may not use an open desk.")

    def check_proxy(self, headers: Headers, address: str) -> None:
        """Refuse what a proxy passed on, while requests need no key. Raises Forbidden."""
        names = {name.lower() for name in headers}
        passed_on = names & PROXY_HEADERS or any(n.startswith(PROXY_HEADER_PREFIX) for n in names)
        if passed_on and self.is_open and not self.proxies.includes(address):
            raise Forbidden(
                "A proxy passed this on, and the desk has no key: whoever reaches the proxy could "
                "ask. Make a key: ragdesk keys create NAME. Or name the proxy, if it asks who "
                "comes in: serve.trusted_proxies"
            )

    def client_address(self, headers: Headers, address: str) -> str:
        """Return where a request comes from: past the proxies that the settings name.

        address: of the connection. What any other proxy, or a client, says of it is not believed.
        """
        return self.proxies.find_client(headers, address)


def require_scope(scope: access.Scope) -> Callable[[Request], Awaitable[Principal]]:
    """Make a dependency that lets only who holds ``scope`` pass, in their collections."""

    async def check(
        request: Request, _bearer: Annotated[object, Depends(BEARER)] = None
    ) -> Principal:
        who = (await identify_request(request)).who
        authorize(who, scope, request.path_params.get("collection"))
        return who

    return check


async def require_identity(
    request: Request, _bearer: Annotated[object, Depends(BEARER)] = None
) -> Identity:
    """Let whoever is known pass, whatever they may do. Raises Unauthenticated, Forbidden."""
    return await identify_request(request)


async def identify_request(request: Request) -> Identity:
    """Return who asks, whatever they may do: as of now, as a body may have taken its time.

    What the gate learned just before still holds. Raises Unauthenticated, Forbidden.
    """
    identified = getattr(request.state, "identified", 0.0)
    if time.monotonic() - identified < SAME_MOMENT:
        identity = cast("Identity", request.state.identity)
    else:
        identity = await reidentify_request(request)
    request.state.who = identity.who.name
    return identity


async def reidentify_request(request: Request) -> Identity:
    """Return who asks as of this moment: for what lasts longer than a request usually does.

    Raises Unauthenticated, Forbidden.
    """
    gate = cast("Authenticator", request.app.state.gate)
    root_path = request.app.state.options.root_path
    return await gate.identify(read_credentials(request.headers, request.method, root_path))
