"""Connections to the address that was checked, and to no other, within a deadline.

A name is resolved once; what it resolves to is checked, and connected to by its number. TLS still
asks for a certificate of the name. So a name that resolves to something else a moment later (DNS
rebinding) changes nothing.
"""

import contextvars
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from ingest.outbound.allowed_hosts import AllowedHosts
from ingest.outbound.host_resolver import Resolve
from ingest.outbound.ip_addresses import IpAddress

_HEAD_BYTES = 262_144  # of a reply beside its body: status, headers, interim replies, chunk sizes


@dataclass(slots=True)
class TrafficBound:
    """What is left of a request's time and bytes. Times are of ``time.monotonic``."""

    deadline: float
    bytes_left: int

    def seconds_left(self, wanted: float | None, error: type[Exception]) -> float:
        """Return for how long a step may wait, at most as long as wanted."""
        rest = self.deadline - time.monotonic()
        if rest <= 0:
            raise error("The whole request took too long.")
        return rest if wanted is None else min(rest, wanted)


_BOUND: contextvars.ContextVar[TrafficBound] = contextvars.ContextVar("outbound_bound")


@contextmanager
def bound_traffic(seconds: float, body_bytes: int) -> Iterator[TrafficBound]:
    """Bound all that this thread sends and receives over pinned connections meanwhile."""
    bound = TrafficBound(time.monotonic() + seconds, body_bytes + _HEAD_BYTES)
    token = _BOUND.set(bound)
    try:
        yield bound
    finally:
        _BOUND.reset(token)


class PinnedTransport(httpx.HTTPTransport):
    """Sends requests over pinned connections. No proxy, no settings of the environment."""

    def __init__(
        self, hosts: AllowedHosts, resolve: Resolve, *, ca_file: str = "", connections: int = 4
    ) -> None:
        """Open no connection yet. Raises OSError for a ca_file that cannot be read."""
        context = make_tls_context(ca_file)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=15,
            http1=True,
            http2=False,
            network_backend=_PinnedBackend(hosts, resolve),
        )


def make_tls_context(ca_file: str) -> ssl.SSLContext:
    """Return how certificates are checked: by the public authorities, or by one's own."""
    if ca_file:
        return ssl.create_default_context(cafile=ca_file)
    return httpx.create_ssl_context(verify=True, trust_env=False)


class _PinnedBackend(httpcore.NetworkBackend):
    def __init__(self, hosts: AllowedHosts, resolve: Resolve) -> None:
        self._hosts, self._resolve = hosts, resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check, and connect to one of the addresses."""
        del local_address
        bound = _BOUND.get()
        addresses = self._find_addresses(
            host, port, bound.seconds_left(timeout, httpcore.ConnectTimeout)
        )
        failure: Exception = httpcore.ConnectError(f"{host} has no address.")
        for address in addresses:
            wait = bound.seconds_left(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(
                    str(address), port, wait, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _BoundedStream(stream)
        raise failure

    def _find_addresses(self, host: str, port: int, seconds: float) -> Sequence[IpAddress]:
        try:
            addresses = self._resolve(host, port, seconds)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
        return self._hosts.check_addresses(host, addresses)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    """A connection whose every step ends with the request's deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        bound = _BOUND.get()
        data = self._stream.read(max_bytes, bound.seconds_left(timeout, httpcore.ReadTimeout))
        bound.bytes_left -= len(data)
        if bound.bytes_left < 0:
            raise httpcore.RemoteProtocolError("More came than was allowed.")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _BOUND.get().seconds_left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        wait = _BOUND.get().seconds_left(timeout, httpcore.ConnectTimeout)
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, wait))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
