"""Run the app under uvicorn: bounded, patient with what runs, impatient with what idles."""

import asyncio
import logging
import socket
import sys
import time
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from ragdesk.errors import KeyRequired
from ragdesk.support.access import Keys
from ragdesk.web.connection import Impatient
from ragdesk.web.connections import Connections
from ragdesk.web.gate import is_loopback
from ragdesk.web.limits import ServeOptions
from ragdesk.web.watch import MAX_HEADER_BYTES

SWITCH = 0.001  # seconds; by Python's 0.005 threads that compute hold up the words of streams
ACCEPTED = 16  # connections taken in at once, before what is under way goes on
QUEUED = 2_048  # further ones that the kernel keeps
QUIET = 60.0  # seconds between two lines about the same shortage
NO_HANDLE = "socket.accept() out of system resource"  # asyncio's words
log = logging.getLogger("ragdesk.web")


class Shortage:
    """Says once that no handle is left for a new connection, then counts for a while."""

    def __init__(self) -> None:
        self._count, self._last = 0, -QUIET

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle what asyncio has to say; anything else in its own way."""
        if context.get("message") != NO_HANDLE:
            loop.default_exception_handler(context)
            return
        self._count += 1
        if time.monotonic() - self._last >= QUIET:
            reason = str(context.get("exception"))
            log.error("no connection can be accepted", extra={"n": self._count, "reason": reason})
            self._count, self._last = 0, time.monotonic()


class Telling(uvicorn.Server):
    """A server that says where it listens once it does: the port too that the system chose."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self.ledger = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, and say so."""
        asyncio.get_running_loop().set_exception_handler(Shortage())
        await super().startup(sockets)
        for held in self.servers:
            for bound in held.sockets:
                with bound.dup() as own:
                    own.listen(QUEUED)
            for bound in held.sockets[:1]:
                host, port = bound.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                sys.stderr.write(f"ragdesk: http://{shown}:{port}/ (Ctrl-C ends it)\n")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what runs end, and wait for no client that neither sends nor reads."""
        self.ledger.draining = True
        await super().shutdown(sockets)


def check(options: ServeOptions, keys: Keys) -> None:
    """Refuse to listen where others could ask without a key. Raises KeyRequired.

    Where keys are lost, nobody can come in: that is said, and the desk stays closed.
    """
    if not is_loopback(options.host) and not keys.usable():
        raise KeyRequired(
            f"{options.host} can be reached by others, and there is no key yet. Make one: "
            "ragdesk keys create NAME"
        )
    if keys.lost():
        log.warning(
            "this desk had keys and has none now: it lets nobody in. "
            "Make one: ragdesk keys create NAME"
        )


def run(app: FastAPI, options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT, then let running answers end. Blocks.

    Raises ModelMissing where the language model of this process cannot be loaded.
    """
    sys.setswitchinterval(SWITCH)
    connections = Connections(options)
    http = partial(Impatient, connections=connections)
    more: dict[str, Any] = {"http": http, "ws": "none", "lifespan": "on", "backlog": ACCEPTED}
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
        Telling(config, connections).run()
    except SystemExit as ended:  # how uvicorn says that the app did not start
        raise app.state.failed or ended from None
