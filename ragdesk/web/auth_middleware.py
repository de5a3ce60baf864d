"""The gate around every request: host, proxy, key, origin and limits, before anything is read."""

import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Forbidden, HomeUnusable, Refusal, Unauthenticated, WrongHost
from ragdesk.support.sign_in.identity import Identity
from ragdesk.web import problems
from ragdesk.web.auth import Authenticator
from ragdesk.web.credentials import Credentials, read_credentials
from ragdesk.web.cross_origin import KnownOrigins, allow_origin, is_preflight
from ragdesk.web.limits import Admission, RequestLimits
from ragdesk.web.proxies import PROXY_HOST

# Answered without a key.
KEYLESS_PATHS: Final = (
    *("/", "/admin", "/inbox"),
    *("/healthz", "/readyz", "/openapi.json", "/docs", "/v1/sign-in", "/v1/page"),
    *("/widget", "/widget.js"),
)
# The door of channels looks itself at what each message is proven with.
KEYLESS_FOLDERS: Final = ("/page/", "/v1/oidc/", "/v1/channels/")
KEYLESS_POSTS: Final = ("/v1/session", "/v1/hooks/chatwoot")  # their routes look at what they bring
SIGN_IN_PATHS: Final = ("/v1/session", "/v1/oidc/")  # limited by the network they come from
KEY_PATH: Final = "/widget"  # as are these: a key is looked up


class AuthMiddleware:
    """ASGI middleware: every request is checked, and refused at a limited rate without a key."""

    def __init__(
        self, app: ASGIApp, gate: Authenticator, limits: RequestLimits, root_path: str = ""
    ) -> None:
        self.app = app
        self.gate = gate
        self.limits = limits
        self.root_path = root_path
        self.origins = KnownOrigins(gate.identities.sites)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        admission: Admission | None = None
        try:
            credentials = read_credentials(headers, scope["method"], self.root_path)
            peer_address = (scope.get("client") or ("", 0))[0]
            self.gate.check_host(headers, scope.get("state", {}).get(PROXY_HOST, ""))
            self.gate.check_proxy(headers, peer_address)
            if credentials.origin is not None and is_preflight(scope, headers):
                reply = await run_in_thread(self.origins.answer_preflight, credentials.origin)
                return await reply(scope, receive, send)
            identity = await self._identify(scope, credentials)
            site = identity.site if identity else None
            if (
                site is not None
                and credentials.origin is not None
                and credentials.origin in site.origins
            ):
                send = allow_origin(send, credentials.origin)  # what limits say is read, too
            address = self.gate.client_address(headers, peer_address)
            scope.setdefault("state", {})["address"] = address
            admission = await self._admit(scope, identity, address)
        except ValueError:  # urlsplit refuses half an IPv6 address
            return await problems.error_response(WrongHost("No such host."))(scope, receive, send)
        except (Refusal, HomeUnusable) as error:
            return await problems.error_response(error)(scope, receive, send)
        if admission is None:
            return await self.app(scope, receive, send)
        try:
            return await self.app(scope, receive, admission.wrap_send(send))
        finally:
            admission.end()

    async def _identify(self, scope: Scope, credentials: Credentials) -> Identity | None:
        """Find who asks, and note that they were here. None where nobody has to be known."""
        keyless = is_keyless(scope["method"], scope["path"])
        state = scope.setdefault("state", {})
        peer = state.get("connection")
        try:
            if keyless and credentials.are_missing and not self.gate.is_open:
                return None  # most of those who come and go: nothing is looked up for them
            identity = await self.gate.identify(credentials)
        except (HomeUnusable, Forbidden):  # of the first: nobody can be told, but the server lives
            if keyless:
                return None
            raise
        except Unauthenticated:
            if keyless:
                return None
            await self.gate.refuse_slowly(peer)
            raise
        state |= {"identity": identity, "identified": time.monotonic()}
        if peer is not None:
            peer.trusted = bool(identity.who.person)  # a publishable key alone is known to all
            peer.owner = identity.who.name
        if identity.is_due(time.time()):
            await run_in_thread(self.gate.identities.note_use, identity)
        return identity

    async def _admit(
        self, scope: Scope, identity: Identity | None, address: str
    ) -> Admission | None:
        is_counted = scope["path"].startswith(SIGN_IN_PATHS) or scope["path"] == KEY_PATH
        if is_counted and is_keyless(scope["method"], scope["path"]):
            return await self.limits.admit(None, address)
        if identity is None or is_keyless(scope["method"], scope["path"]):
            return None
        return await self.limits.admit(identity, address)


def is_keyless(method: str, path: str) -> bool:
    """Tell whether a request is answered without a key."""
    if path in KEYLESS_PATHS or path.startswith(KEYLESS_FOLDERS):
        return True
    return method == "POST" and path in KEYLESS_POSTS
