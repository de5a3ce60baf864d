"""Run the app under uvicorn: bounded, patient with what runs, impatient with what idles."""

import asyncio
import logging
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from ragdesk.errors import KeyRequired
from ragdesk.support.access import Keys
from ragdesk.web.gate import is_loopback
from ragdesk.web.limits import ServeOptions
from ragdesk.web.watch import MAX_HEADER_BYTES

SWITCH = 0.001  # seconds; by Python's 0.005 threads that compute hold up the words of streams
log = logging.getLogger("ragdesk.web")


class Impatient(H11Protocol):
    """HTTP/1.1 that also closes a connection whose request does not arrive in time.

    uvicorn's own timeout runs between requests only; a client that connects and says nothing,
    or a letter of a header a minute, would keep its place for ever.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        """Start the clock with a request's first byte, and stop it when its headers are in."""
        if self._deadline is None:
            self._start()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._deadline = self.loop.call_later(self.config.timeout_keep_alive, self.transport.close)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Telling(uvicorn.Server):
    """A server that says where it listens once it does: the port too that the system chose."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, and say so."""
        await super().startup(sockets)
        for held in self.servers:
            for bound in held.sockets[:1]:
                host, port = bound.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                sys.stderr.write(f"ragdesk: http://{shown}:{port}/ (Ctrl-C ends it)\n")


def check(options: ServeOptions, keys: Keys) -> None:
    """Refuse to listen where others could ask without a key. Raises KeyRequired."""
    if not is_loopback(options.host) and not keys.usable():
        raise KeyRequired(
            f"{options.host} can be reached by others, and there is no key yet. Make one: "
            "ragdesk keys create NAME"
        )


def run(app: FastAPI, options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT, then let running answers end. Blocks.

    Raises ModelMissing where the language model of this process cannot be loaded.
    """
    sys.setswitchinterval(SWITCH)
    more: dict[str, Any] = {"http": Impatient, "ws": "none", "lifespan": "on"}
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=options.keep_alive_seconds,
        timeout_graceful_shutdown=options.drain_seconds,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        **more,
    )
    app.state.failed = None
    try:
        Telling(config).run()
    except SystemExit as ended:  # how uvicorn says that the app did not start
        raise app.state.failed or ended from None
