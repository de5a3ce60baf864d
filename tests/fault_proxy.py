"""A TCP proxy that breaks on command, between the desk and its language model.

    proxy = FaultProxy(target_port); async with proxy: proxy.fault = "stall"; …

refuse: nobody listens. reset: the connection is torn. http500, http503: a status instead. stall:
no byte comes. late_stall, late_reset, truncate: after some of the answer. drip: headers, then one
byte a second that says nothing. garbage: bytes that are no HTTP; noise: HTTP whose events are none.
"""

import asyncio
import contextlib
import socket
import struct
from typing import Literal, Self

Fault = Literal[
    "none", "refuse", "reset", "http500", "http503", "stall", "late_stall", "late_reset",
    "truncate", "drip", "garbage", "noise",
]  # fmt: skip
FAULTS: tuple[Fault, ...] = Fault.__args__[1:]  # type: ignore[attr-defined]
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


class FaultProxy:
    def __init__(self, target: int, *, after: int = 700) -> None:
        """Stand before a port. after: bytes of an answer that pass before a late fault."""
        self.target, self.after = target, after
        self.fault: Fault = "none"
        self.met = 0  # connections that the fault met
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        await self.set(self.fault)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def set(self, fault: Fault) -> None:
        """Break in this way from now on; connections that stand are cut."""
        await self._stop()
        self.fault, self.met = fault, 0
        if fault != "refuse":
            self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)

    async def _stop(self) -> None:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.met += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault in {"none", "late_stall", "late_reset", "truncate"}:
            await self._pass_on(reader, writer)
            return
        await reader.readuntil(b"\r\n\r\n")
        match self.fault:
            case "reset":
                _tear(writer)
            case "http500" | "http503":
                writer.write(
                    f"HTTP/1.1 {self.fault[4:]} X\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{{}}".encode()
                )
                await writer.drain()
            case "stall":
                await asyncio.sleep(3_600)
            case "drip":
                writer.write(CHUNKED)
                while True:
                    writer.write(b"1\r\n:\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.1)
            case "garbage":
                writer.write(b"\x00\xff NOT HTTP " * 50)
                await writer.drain()
            case "noise":
                writer.write(CHUNKED + b"10\r\ndata: not json\n\n\r\n0\r\n\r\n")
                await writer.drain()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", self.target)
        up = asyncio.ensure_future(_copy(reader, to))
        passed = 0
        try:
            while data := await there.read(256):
                writer.write(data)
                await writer.drain()
                passed += len(data)
                if self.fault == "none" or passed < self.after:
                    continue
                if self.fault == "late_stall":
                    await asyncio.sleep(3_600)
                if self.fault == "late_reset":
                    _tear(writer)
                return
        finally:
            up.cancel()
            to.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()


def _tear(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST instead of FIN."""
    held = writer.get_extra_info("socket")
    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
