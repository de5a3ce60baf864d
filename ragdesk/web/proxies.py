"""What reverse proxies pass on: paths below a sub-path, and whom they speak for.

``[serve] root_path`` says where browsers see the desk. A proxy may take that part of a path away
or leave it: both reach the same routes. Scheme, host and address of the client are believed of the
proxies that ``[serve] trusted_proxies`` names, and of nobody else.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.outbound.ip_addresses import IpAddress

FORWARDED_FOR: Final = "x-forwarded-for"
FORWARDED_HOST: Final = "x-forwarded-host"
FORWARDED_SCHEME: Final = "x-forwarded-proto"
PROXY_HOST: Final = "proxy_host"  # in a request's state: the name a proxy called the server by
MOVED_PERMANENTLY: Final = 308
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_WITH_PORT: Final = re.compile(r"(?P<address>[0-9.]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


class TrustedProxies:
    """The proxies whose word is believed, by their addresses and networks."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(name, strict=False) for name in names]

    def includes(self, address: str) -> bool:
        """Tell whether a connection's address is one of theirs."""
        ip = read_hop(address)
        return ip is not None and any(ip in network for network in self._networks)

    def find_client(self, headers: Headers, address: str) -> str:
        """Return where a request comes from: past all of these proxies, and no further.

        address: of the connection. A hop that is no address ends the way: what stands before it
        is anybody's word.
        """
        hops = ",".join(headers.getlist(FORWARDED_FOR)).split(",")
        while hops and self.includes(address):
            if (hop := read_hop(hops.pop())) is None:
                break
            address = str(hop)
        return address


def read_hop(text: str) -> IpAddress | None:
    """Read an address as proxies write it: with a port, or IPv4 within IPv6; None for others.

    >>> [str(read_hop(text)) for text in (" 203.0.113.9:80", "[::1]:80", "::ffff:10.0.0.1")]
    ['203.0.113.9', '::1', '10.0.0.1']
    """
    bare = text.strip()
    if with_port := _WITH_PORT.fullmatch(bare):
        bare = with_port["address"].strip("[]")
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


class ProxyMiddleware:
    """ASGI middleware outside the gate: a request as its client sent it to the outermost proxy."""

    def __init__(self, app: ASGIApp, root_path: str, proxies: TrustedProxies) -> None:
        self.app = app
        self.root_path = root_path
        self.proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        root, path = self.root_path, scope["path"]
        if root and path == root:  # else the addresses of the page would lead beside it
            moved = RedirectResponse(f"{root}/", MOVED_PERMANENTLY)
            return await moved(scope, receive, send)
        if root and path.startswith(f"{root}/"):
            scope["path"] = path.removeprefix(root)
        if self.proxies.includes((scope.get("client") or ("", 0))[0]):
            _read_forwarded(scope)
        return await self.app(scope, receive, send)


def _read_forwarded(scope: Scope) -> None:
    """Take over scheme and host from a proxy's headers; what is no host stays unread."""
    headers = MutableHeaders(scope=scope)
    scheme = headers.get(FORWARDED_SCHEME, "").partition(",")[0].strip().lower()
    if scheme in {"http", "https"}:
        scope["scheme"] = scheme
    host = headers.get(FORWARDED_HOST, "").strip()
    if _HOST.fullmatch(host):
        scope.setdefault("state", {})[PROXY_HOST] = headers.get("host", "")
        headers["host"] = host


def outer_path(request: Request, path: str) -> str:
    """Return a path of ours as browsers have to ask for it."""
    return cast("str", request.app.state.options.root_path) + path
