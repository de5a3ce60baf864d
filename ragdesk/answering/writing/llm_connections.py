"""Connections for the language model's client: plain TCP by asyncio's own streams, and bounded.

A model's tokens come one by one, so what it takes to read a few bytes is paid for every token.
httpx's own way sets up a deadline and stops listening again around each read; deadlines stand in
``openai_client.py``, and asyncio's streams bound what they take in ahead. Reading costs a third
less (``tests/lab/RESULTS.md``, Gateway). Addresses with TLS go httpx's own way.

What comes is foreign: it is read a few KiB at a time, the event loop runs in between, and the head
of a reply has an end (httpcore itself parses 64 KiB at once, and 100 interim replies a second).
"""

import asyncio
import re
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from ragdesk.answering.writing.event_loop_yield import LoopTurns

READ_STEP = (
    4_096  # bytes read at once: as many as the parser of the protocol takes in 10 ms at the worst
)
LONGEST_HEAD = 32_768  # bytes of a status line and all headers, interim replies included
_MIN_WAIT = 0.0005  # seconds: a read that took longer has waited, so the event loop has run
_HEAD_END = re.compile(rb"\n\r?\n")
_INTERIM = re.compile(rb"HTTP/\d\.\d 1")


class BoundedTransport(httpx.AsyncHTTPTransport):
    """Sends requests over bounded connections, with or without TLS."""

    def __init__(self, limits: httpx.Limits, *, secure: bool = False) -> None:
        """Open no connection yet. secure: for addresses with TLS."""
        context = httpx.create_ssl_context(verify=secure, trust_env=False)
        super().__init__(verify=context, limits=limits)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_TlsBackend() if secure else _PlainBackend(),
        )


class _PlainBackend(httpcore.AsyncNetworkBackend):
    """Opens connections. What goes wrong is told in httpcore's words."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, the protocol of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, without local address or options: none is asked for here."""
        del local_address, socket_options
        try:
            async with asyncio.timeout(timeout):
                return _BoundedStream(_AsyncioStream(*await asyncio.open_connection(host, port)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class _TlsBackend(httpcore.AnyIOBackend):
    """Opens connections as httpcore does, which puts TLS over them; what is read is bounded."""

    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        """Connect."""
        return _BoundedStream(await super().connect_tcp(*args, **options))


class _BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that is read in small steps, with turns for others, and whose head ends."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream, self._turns = stream, LoopTurns()
        self._head: bytes | None = None  # of the reply that is awaited, as far as it is read
        self._head_bytes = 0  # bytes of it, and of the interim ones before it

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        await self._turns.yield_turn()
        began = time.monotonic()
        data = await self._stream.read(min(max_bytes, READ_STEP), timeout)
        if time.monotonic() - began > _MIN_WAIT:
            self._turns.restart()
        if self._head is not None:
            self._read_head(data)
        return data

    def _read_head(self, data: bytes) -> None:
        self._head, self._head_bytes = (self._head or b"") + data, self._head_bytes + len(data)
        if self._head_bytes > LONGEST_HEAD:
            raise httpcore.RemoteProtocolError("The head of the reply has no end.")
        while self._head and (end := _HEAD_END.search(self._head)):
            interim = _INTERIM.match(self._head)
            self._head = self._head[end.end() :] if interim else None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._head, self._head_bytes = b"", 0  # a request is sent: a reply follows
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109, the protocol of httpcore
    ) -> httpcore.AsyncNetworkStream:
        return _BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _AsyncioStream(httpcore.AsyncNetworkStream):
    """One connection. Reads and writes take no deadline of their own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        del timeout
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        del timeout
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close at once; what was not read is nobody's any more."""
        self._writer.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """Return whether anything has come, which the pool asks before it reuses a connection.

        Between two answers that is its end, or the last words of a proxy before it.
        """
        if info == "is_readable":
            buffered = getattr(self._reader, "_buffer", b"")  # asyncio tells it in no other way
            return bool(buffered) or self._reader.at_eof() or self._reader.exception() is not None
        return None
