"""Run the app under uvicorn, with limits on connections that are slow or idle.

uvicorn's own timeout runs between requests only. Here headers must arrive in time, no further
request is begun while an answer waits to be read, a body that nobody will read is drained and its
connection closed, and a connection whose client does not read its answer in time is ended.
"""

import asyncio
import contextlib
import fcntl
import logging
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from ragdesk.errors import KeyRequired
from ragdesk.support.key_store import KeyStore
from ragdesk.web.acceptor import Acceptor
from ragdesk.web.auth import is_loopback
from ragdesk.web.connections import KEYLESS_PAUSE, Connections
from ragdesk.web.request_middleware import MAX_HEADER_BYTES
from ragdesk.web.serve_options import ServeOptions

# Seconds; by Python's 0.005 threads that compute hold up the words of streams.
SWITCH_INTERVAL = 0.001
LINGER_SECONDS = 2.0  # seconds in which what a refused client still sends is read and thrown away
LINGER_BYTES = 1_048_576
NO_ROOM_RESPONSE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n"
    b"Content-Length: 18\r\nConnection: close\r\n\r\nNo connection left"
)
log = logging.getLogger("ragdesk.web")


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose request, or whose reader, does not come in time."""

    def __init__(self, *args: Any, connections: Connections, **more: Any) -> None:
        super().__init__(*args, **more)
        self.ledger = connections
        self.trusted = False
        self.owner = ""
        self.app_state = {**self.app_state, "connection": self}
        self._deadline: asyncio.TimerHandle | None = None
        self._postponed = False
        self._lingering: int | None = None
        self._unread = 0
        self._read_at = self._received_at = self._arrives_since = time.monotonic()
        self._counted: object = None  # the request whose body is counted
        self._received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock, if there is room."""
        super().connection_made(transport)
        if not self.ledger.register(self):
            transport.write(NO_ROOM_RESPONSE)
            transport.close()
            return
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Start the clock with a request's first byte, and stop it when its headers are in."""
        self._received_at = time.monotonic()
        if self.transport.is_closing():
            return
        if self._lingering is not None:
            self._lingering += len(data)
            if self._lingering > LINGER_BYTES:  # a reset would take the answer away
                self.flow.pause_reading()
            return
        if self._deadline is None:
            self._start_clock()
        self._received += len(data)
        super().data_received(data)
        if self._under_way():
            self._stop_clock()

    def eof_received(self) -> None:
        """Close once a refused client has said all it had to say."""
        if self._lingering is not None:
            self.transport.close()

    def handle_events(self) -> None:
        """Note that a request is under way once its headers are in."""
        super().handle_events()
        if self._under_way():
            self.ledger.mark_busy(self)
            if self._counted is not self.cycle:
                self._counted = self.cycle
                self._arrives_since = time.monotonic()
                self._received = 0

    def on_response_complete(self) -> None:
        """Begin with the next request when this answer was taken, and its client may go on."""
        if not self.transport.is_closing():
            self.ledger.mark_idle(self)
            if self.cycle.more_body:
                self._linger()
                return
            if self.flow.write_paused:  # what waits to be read keeps no place
                self._postponed = True
                return
            if not self.trusted and self.ledger.pace.take_turn() is None:
                self.flow.pause_reading()
                self.loop.call_later(KEYLESS_PAUSE, self._continue_reading)
                return
        super().on_response_complete()

    def resume_writing(self) -> None:
        """Go on with a request that waited for the answer before it to be read."""
        super().resume_writing()
        if self._postponed:
            self._postponed = False
            self._continue_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        self.ledger.forget(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close at once if nothing is under way, else after this answer."""
        if self.transport.is_closing():
            return
        if self._lingering is not None:
            self.transport.abort()
            return
        super().shutdown()

    def stalled_seconds(self) -> float:
        """Seconds for which the client has read nothing of what waits for it."""
        return time.monotonic() - self._read_at if self._unread else 0.0

    def owed_seconds(self) -> float:
        """Seconds for which the client has sent nothing of the body that it owes."""
        owes = self._under_way() and self.cycle.more_body
        return time.monotonic() - self._received_at if owes else 0.0

    def arrival(self) -> tuple[float, int] | None:
        """Seconds since a body is on its way, and the bytes that came; None if all is there."""
        if not (self._under_way() and self.cycle.more_body):
            return None
        return time.monotonic() - self._arrives_since, self._received

    def measure_progress(self) -> None:
        """Note how far the client has read: by the kernel's count, for ours moves in leaps."""
        unread = self.transport.get_write_buffer_size()
        if unread:
            unread += _unsent_bytes(self.transport)
        if unread < self._unread or not self._unread:
            self._read_at = time.monotonic()
        self._unread = unread

    def hang_up(self) -> None:
        """End it now, whatever has not been sent."""
        self.transport.abort()

    def _under_way(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _continue_reading(self) -> None:
        self.flow.resume_reading()
        super().on_response_complete()

    def _linger(self) -> None:
        """Let a client that still sends read its answer: a closed socket would take it away."""
        self._lingering = 0
        self._stop_clock()
        self.flow.resume_reading()
        with contextlib.suppress(OSError):
            self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _start_clock(self) -> None:
        self._deadline = self.loop.call_later(self.config.timeout_keep_alive, self.transport.close)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _unsent_bytes(transport: asyncio.Transport) -> int:
    """Count what the kernel still keeps for the other side; 0 where it does not say."""
    bound = transport.get_extra_info("socket")
    try:
        return int(struct.unpack("i", fcntl.ioctl(bound.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0])
    except OSError:
        return 0


class AnnouncingServer(uvicorn.Server):
    """A server that announces its address once it listens: also a port that the system chose."""

    def __init__(self, config: uvicorn.Config, connections: Connections, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app
        self.ledger = connections
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, and announce the address."""
        await super().startup(sockets)
        for listener in self.servers:
            for bound in listener.sockets:
                asyncio.get_running_loop().remove_reader(bound.fileno())
                self._take_over_socket(bound.dup())
            for bound in listener.sockets[:1]:
                host, port = bound.getsockname()[:2]
                address = f"[{host}]" if ":" in host else host
                sys.stderr.write(f"ragdesk: http://{address}:{port}/ (Ctrl-C ends it)\n")

    def _take_over_socket(self, bound: socket.socket) -> None:
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
        """Let running requests end, and wait for no client that neither sends nor reads.

        First ``/readyz`` says that it ends, and each response that its connection does: so a load
        balancer looks away before nobody listens any more.
        """
        self._app.state.is_ending = True
        await self._wait_unready(self.ledger.options.unready_seconds)
        self.ledger.draining = True
        self._app.state.end_streams()
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)
        self._captured_signals = [
            signal_number
            for signal_number in self._captured_signals
            if signal_number != signal.SIGTERM  # it was obeyed: raised anew it would end us by it
        ]

    async def _wait_unready(self, seconds: float) -> None:
        """Go on for so long; a second signal cuts it short."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and len(self._captured_signals) <= 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def check_listen_address(options: ServeOptions, keys: KeyStore) -> None:
    """Refuse to listen where others could ask without a key. Raises KeyRequired.

    Where keys are lost, nobody can come in: that is said, and the desk stays closed.
    """
    if not is_loopback(options.host) and not keys.has_valid_key():
        raise KeyRequired(
            f"{options.host} can be reached by others, and there is no key yet. Make one: "
            "ragdesk keys create NAME"
        )
    if keys.are_lost():
        log.warning(
            "this desk had keys and has none now: it lets nobody in. "
            "Make one: ragdesk keys create NAME"
        )


def run_server(app: FastAPI, options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT, then let running answers end. Blocks.

    Raises ModelMissing where the language model of this process cannot be loaded.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    connections = Connections(options)
    http = partial(BoundedProtocol, connections=connections)
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
    app.state.is_ending = False
    try:
        AnnouncingServer(config, connections, app).run()
    except SystemExit as ended:  # how uvicorn says that the app did not start
        raise app.state.failed or ended from None
