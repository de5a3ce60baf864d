"""What the server takes, and how long it waits."""

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
    max_in_flight: requests answered at the same time; further ones get 503 and Retry-After.
    max_jobs: document jobs that may wait; further ones get 503. One collection alone takes half
        of these places, several less each, so that there is always one left for another.
    read_seconds: time for the body of a request to begin to arrive; then 64 KiB a second will do.
    keep_alive_seconds: how long an idle connection, or one that sends no request, stays open.
    drain_seconds: how long SIGTERM waits for answers that are being written.
    poll_seconds: how often the server looks for a newly published generation.
    retry_seconds: how long until a generation that could not be opened is tried again.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    max_json_bytes: int = 131_072
    max_upload_bytes: int = 33_554_432
    max_question: int = 2_000
    max_in_flight: int = 64
    max_jobs: int = 128
    read_seconds: float = 20.0
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
            "max_in_flight",
            "max_jobs",
            "keep_alive_seconds",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("poll_seconds", "read_seconds", "retry_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0")
        if self.drain_seconds < 0:
            raise ValueError("drain_seconds must be at least 0")
