"""Plain TCP for the language model's client, read by asyncio's own streams.

A model's tokens come one by one, so what it takes to read a few bytes is paid for every token.
httpx's own way sets up a deadline and stops listening again around each read; deadlines stand in
``generate.py``, and asyncio's streams bound what they take in ahead. Reading costs a third less
(``eval/bench/RESULTS.md``, Gateway). Addresses with TLS go httpx's own way.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


class Plain(httpx.AsyncHTTPTransport):
    """Sends requests over plain TCP."""

    def __init__(self, limits: httpx.Limits) -> None:
        """Open no connection yet."""
        super().__init__(limits=limits)
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Sockets(),
        )


class _Sockets(httpcore.AsyncNetworkBackend):
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
                return _Stream(*await asyncio.open_connection(host, port))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
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
        """Tell what the pool asks before it uses a connection again: whether anything has come.

        Between two answers that is its end, or the last words of a proxy before it.
        """
        if info == "is_readable":
            heard = getattr(self._reader, "_buffer", b"")  # asyncio tells it in no other way
            return bool(heard) or self._reader.at_eof() or self._reader.exception() is not None
        return None
