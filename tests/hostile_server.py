"""A language model's server that means harm: it sends without end, or what it must not.

    async with HostileServer() as server: server.case = "line"; … server.url … server.sent

Every case is a generator of bytes, sent until the client hangs up, a minute is over, or ``most``
bytes are gone: what a client does not take is not sent, so ``sent`` tells how much it took.
"""

import asyncio
import contextlib
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain, repeat
from typing import Any, Self

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
OPEN = OK + b"connection: close\r\n\r\n"  # what follows ends with the connection
LISTED = b'{"data": [{"id": "hostile"}]}'


def event(**choice: Any) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, **choice}]})}\n\n".encode()


def words(text: str, **more: Any) -> bytes:
    return event(delta={"content": text}, **more)


def whole(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chunked(body: bytes, size: int) -> Iterator[bytes]:
    """Cut a body into tiny chunks of the protocol, 64 KiB at a time."""
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    made = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    yield OK + b"transfer-encoding: chunked\r\n\r\n"
    yield made


def bomb() -> Iterator[bytes]:
    """Give 200 KB of gzip, without end, that are 1,000 times as many bytes: one line."""
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield OK + b"content-encoding: gzip\r\nconnection: close\r\n\r\n"
    yield coder.compress(b"data: ")
    piece = coder.compress(bytes(4 << 20)) + coder.flush(zlib.Z_FULL_FLUSH)
    yield piece
    yield from repeat(coder.compress(bytes(4 << 20)) + coder.flush(zlib.Z_FULL_FLUSH))


SAID = '{"text": "Returns take 30 days.", "citations": [1]}, '
UNBORNE = '{"text": "Parking is free for 90 minutes.", "citations": [1]}, '
BEGUN = words('{"sentences": [{"text": "')

# What the chat is answered; the list of models is sound.
CHATS: dict[str, Callable[[], Iterator[bytes]]] = {
    "line": lambda: chain([OPEN, b"data: "], repeat(b"a" * 65_536)),
    "chunks of a byte": lambda: chain(
        chunked(BEGUN, 1), repeat(b"1\r\na\r\n" * 10_000)
    ),
    "empty events": lambda: chain([OPEN], repeat(event(delta={}) * 500)),
    "comments": lambda: chain([OPEN], repeat(b": ping\n\n" * 8_000)),
    "reasoning": lambda: chain([OPEN], repeat(event(delta={"reasoning_content": "so " * 300}) * 60)),
    "sentence": lambda: chain([OPEN, BEGUN], repeat(words("on and ") * 500)),
    "word": lambda: iter([OPEN, BEGUN, words("a" * 60_000), words('"}'), words("", finish_reason="stop")]),
    "sentences": lambda: chain([OPEN, words('{"sentences": [')], repeat(words(UNBORNE) * 200)),
    "big event": lambda: chain([OPEN], [words("a" * 10_000_000)], repeat(b"\n" * 65_536)),
    "deep event": lambda: iter([OPEN, b'data: {"choices": ' + b"[" * 200_000 + b"\n\n"]),
    "deep sentence": lambda: iter([OPEN, words('{"sentences": [{"text": ' + "[" * 50_000 + "]" * 50_000 + "}]}")]),
    "digits": lambda: iter([OPEN, b'data: {"choices": ' + b"9" * 200_000 + b"}\n\n"]),
    "tool call": lambda: iter([OPEN, event(delta={"tool_calls": [{}]}, finish_reason="tool_calls")]),
    "gzip bomb": bomb,
    "headers": lambda: chain([OK], repeat(b"x: y\r\n" * 10_000)),
    "interim": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 2_500),
    "error body": lambda: chain(
        [b"HTTP/1.1 500 X\r\nconnection: close\r\n\r\n"], repeat(b"a" * 65_536)
    ),
    "odd patience": lambda: iter(
        [whole(b"{}", "503 X", "retry-after: Mon, 99999999999999999999 Jan 2020 00:00:00 GMT\r\n")]
    ),
    "redirect": lambda: iter([whole(b"{}", "307 X", "location: /elsewhere\r\n")]),
}  # fmt: skip
FULL = words('{"sentences": [' + SAID[:-2] + "]}") + words("", finish_reason="stop")
COOKIES = b"".join(b"set-cookie: c%d=%s\r\n" % (n, b"v" * 100) for n in range(200))
# What the chat is answered by a server that means harm and answers all the same.
ANSWERS: dict[str, Callable[[], Iterator[bytes]]] = {
    "cookies": lambda: iter([OK + COOKIES + b"connection: close\r\n\r\n", FULL]),
}
# What the list of models is answered.
LISTS: dict[str, Callable[[], Iterator[bytes]]] = {
    "list of models": lambda: chain([OPEN, b'{"data": ['], repeat(b'{"id": "a"}, ' * 5_000)),
    "model's name": lambda: iter([whole(json.dumps({"data": [{"id": "a" * 400_000}]}).encode())]),
    "deep list": lambda: iter([whole(b"[" * 400_000)]),
    "coded list": bomb,
}
HEALTH = "health"  # it refuses the chat, and its health has no end


class HostileServer:
    """Listens on a port of loopback. sent: bytes of the case, since it was set."""

    def __init__(self, *, most: int = 2 << 30, seconds: float = 60.0) -> None:
        self.case, self.sent, self.most = "", 0, most
        self.elsewhere = self.healths = 0  # requests that a redirect brought, and for the health
        self.heads: list[bytes] = []  # of all requests
        self._seconds = seconds
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def set(self, case: str) -> None:
        self.case, self.sent = case, 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        broken = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*broken):
            async with asyncio.timeout(self._seconds):
                head = await reader.readuntil(b"\r\n\r\n")
                async for piece in self._reply(head):
                    writer.write(piece)
                    await writer.drain()
                    self.sent += len(piece)
                writer.close()
                await writer.wait_closed()
        writer.transport.abort()

    async def _reply(self, head: bytes) -> AsyncIterator[bytes]:
        self.heads.append(head)
        listed = head.startswith(b"GET /v1/models")
        self.elsewhere += head.startswith((b"GET /elsewhere", b"POST /elsewhere"))
        if listed and self.case == HEALTH:
            self.healths += 1
            pieces = chain([OPEN], repeat(b"a" * 65_536))
        elif listed:
            pieces = LISTS.get(self.case, lambda: iter([whole(LISTED)]))()
        else:
            refused = lambda: iter([whole(b"{}", "500 X")])  # noqa: E731
            pieces = (CHATS | ANSWERS).get(self.case, refused)()
        for piece in pieces:
            if self.sent > self.most:
                return
            yield piece
