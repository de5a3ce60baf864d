"""The limits of the server: what it accepts, and how long it waits."""

import ipaddress
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where the server listens, and the bounds of what it takes.

    host: address to listen on. Any address but loopback needs a key first.
    port: port to listen on.
    allowed_hosts: host names, beside loopback's, that requests may be addressed to while no
        key exists. A page of another site cannot reach an open desk through a name of its own.
    max_json_bytes: largest JSON body. The longest question fits 15 times.
    max_upload_bytes: largest document put over HTTP.
    max_question: characters of a question or a query.
    trusted_proxies: addresses or networks of reverse proxies that ask who comes in before they pass
        a request on. Without a key, a request that any other proxy passed on is refused: it may
        come from anywhere.
    max_connections: connections open at the same time. It is lower where the process may open few
        files. The next one takes the place of the one that idles for longest, first of those
        that have shown no key; behind a proxy that keeps connections, allow as many as it may open.
    max_unauthenticated: requests without a valid key that wait to be refused; further ones are
        hung up on. Some 50 a second are refused at once.
    max_arriving: requests whose body is on its way; the slowest makes room for the next. Bodies
        and questions have places of their own, as a body comes at its client's pace.
    max_uploads: documents on their way at the same time; likewise.
    max_in_flight: requests answered at the same time; further ones get 503 and Retry-After.
    max_jobs: document jobs that may wait; further ones get 503. One collection alone takes half
        of these places, several less each, so that there is always one left for another; and so
        does one key, however many collections it writes.
    max_collections: collections in home up to which a document put over HTTP makes a new one;
        then 429. Each holds some ten files open. The command line makes more.
    read_seconds: time for the body of a request to begin to arrive; then 64 KiB a second will do.
    write_seconds: how long a client may read nothing of an answer before it is hung up on.
    keep_alive_seconds: how long an idle connection, or one that sends no request, stays open.
    drain_seconds: how long SIGTERM waits for answers that are being written.
    poll_seconds: how often the server looks for a newly published generation.
    retry_seconds: how long until a generation that could not be opened is tried again.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    max_json_bytes: int = 131_072
    max_upload_bytes: int = 33_554_432
    max_question: int = 2_000
    max_connections: int = 2_000
    max_unauthenticated: int = 64
    max_arriving: int = 256
    max_uploads: int = 32
    max_in_flight: int = 64
    max_jobs: int = 128
    max_collections: int = 256
    read_seconds: float = 20.0
    write_seconds: float = 30.0
    keep_alive_seconds: int = 10
    drain_seconds: int = 30
    poll_seconds: float = 0.5
    retry_seconds: float = 15.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:  # noqa: PLR2004, the range of TCP ports
            raise ValueError("port must lie between 0 and 65535")
        for name in (
            "max_json_bytes",
            "max_upload_bytes",
            "max_question",
            "max_connections",
            "max_unauthenticated",
            "max_arriving",
            "max_uploads",
            "max_in_flight",
            "max_jobs",
            "max_collections",
            "keep_alive_seconds",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("poll_seconds", "read_seconds", "write_seconds", "retry_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0")
        if self.drain_seconds < 0:
            raise ValueError("drain_seconds must be at least 0")
        for name in self.trusted_proxies:
            ipaddress.ip_network(name, strict=False)
