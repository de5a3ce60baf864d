"""The limits of the server: what it accepts, and how long it waits."""

import ipaddress
import math
import re
from dataclasses import dataclass
from typing import Final

ROOT_PATH: Final = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
OWN_FOLDERS: Final = frozenset({"v1", "page", "admin", "inbox", "mcp", "docs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where the server listens, and how much it takes from its clients.

    host: address to listen on. On any address but loopback it does not start without a key
        (``ragdesk keys create``).
    port: port to listen on.
    allowed_hosts: host names, beside localhost, under which the server may be called while there is
        no key. Other names are refused, so that no web page can reach an open desk through its own
        name.
    root_path: the sub-path under which browsers see the desk, as /help for
        https://example.com/help/; empty where it has a host of its own. The proxy may take it away
        or leave it.
    trusted_proxies: addresses or networks of reverse proxies that check who comes in. While there
        is no key, requests that any other proxy passes on are refused. Of these the client's
        address (X-Forwarded-For), by which visitors are limited, scheme and host (-Proto, -Host)
        are believed; of others they are not read.
    max_json_bytes: largest JSON body, in bytes. The longest question fits 15 times.
    max_upload_bytes: largest document that is taken over HTTP, in bytes.
    max_question: characters of a question or a search, at most.
    max_connections: connections open at the same time; it is lower where the process may open few
        files. A further one takes the place of the longest idle one, first of those without a key.
        Behind a proxy, allow as many as it keeps open.
    max_unauthenticated: requests without a valid key that wait to be refused; further ones are hung
        up on. Some 50 a second are refused at once.
    max_arriving: requests whose body is on its way at the same time; the slowest makes room for the
        next. Bodies and questions have places of their own, as a body comes at its client's pace.
    max_uploads: documents being uploaded at the same time; the slowest makes room for a further
        one.
    max_in_flight: requests answered at the same time; further ones get 503 and Retry-After.
    max_jobs: ingest and removal jobs that may wait; further ones get 503. One collection, and one
        key, alone take about half of these places, so that others find one.
    max_collections: collections in HOME, at most, for a document put over HTTP to begin a new one;
        then 429. Each holds about ten files open. The command line may make more.
    read_seconds: seconds until the body of a request must begin to arrive; after that it must come
        at 64 KiB a second or more.
    write_seconds: seconds for which a client may read nothing of its answer before it is hung up
        on.
    keep_alive_seconds: seconds for which an idle connection, or one without a request, stays open.
    unready_seconds: seconds for which a stopping server (SIGTERM) still takes requests, while
        ``/readyz`` is a 503 and connections end with their response: longer than a load balancer
        takes to look away, and than it keeps an idle connection.
    drain_seconds: seconds that a stopping server (SIGTERM) waits for answers in progress.
    poll_seconds: seconds between two looks for a newly published generation.
    retry_seconds: seconds until a generation that could not be opened is tried again.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    root_path: str = ""
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
    unready_seconds: float = 0.0
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
        if not 0 <= self.unready_seconds < math.inf:
            raise ValueError("unready_seconds must be at least 0")
        if self.drain_seconds < 0:
            raise ValueError("drain_seconds must be at least 0")
        first = self.root_path.split("/")[1:2]
        if not ROOT_PATH.fullmatch(self.root_path) or OWN_FOLDERS.intersection(first):
            raise ValueError(
                f"root_path {self.root_path!r} is no sub-path. Write it as /help: with / before "
                f"and not behind it, and none of these first: {', '.join(sorted(OWN_FOLDERS))}"
            )
        for name in self.trusted_proxies:
            ipaddress.ip_network(name, strict=False)
