"""Run the app under uvicorn: bounded, patient with what runs, impatient with what idles."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from ragdesk.errors import KeyRequired
from ragdesk.support.access import Keys
from ragdesk.web.accept import Acceptor
from ragdesk.web.connection import Impatient
from ragdesk.web.connections import Connections
from ragdesk.web.gate import is_loopback
from ragdesk.web.limits import ServeOptions
from ragdesk.web.watch import MAX_HEADER_BYTES

SWITCH = 0.001  # seconds; by Python's 0.005 threads that compute hold up the words of streams
log = logging.getLogger("ragdesk.web")


class Telling(uvicorn.Server):
    """A server that says where it listens once it does: the port too that the system chose."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self.ledger = connections
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, and say so."""
        await super().startup(sockets)
        for held in self.servers:
            for bound in held.sockets:
                asyncio.get_running_loop().remove_reader(bound.fileno())
                self._accept(bound.dup())
            for bound in held.sockets[:1]:
                host, port = bound.getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                sys.stderr.write(f"ragdesk: http://{shown}:{port}/ (Ctrl-C ends it)\n")

    def _accept(self, bound: socket.socket) -> None:
        """Accept in our own way on a socket that asyncio listens on, and in its way no more."""
        make = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        protocol = partial(
            make,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        self._acceptors.append(Acceptor(bound, protocol, self.ledger))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what runs end, and wait for no client that neither sends nor reads."""
        self.ledger.draining = True
        for acceptor in self._acceptors:
            acceptor.close()
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
    more: dict[str, Any] = {"http": http, "ws": "none", "lifespan": "on"}
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
