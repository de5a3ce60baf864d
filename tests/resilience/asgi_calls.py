"""Call an application as a server would, without one: also streams, of which it reads the start."""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.testclient import TestClient
from starlette.types import Message

STREAM_SECONDS: Final = 0.05  # of silence after which a stream without an end is left
AT_ONCE: Final = 6  # calls; a person follows eight streams at most


@dataclass(kw_only=True)
class AsgiReply:
    """What an application answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class AsgiClient:
    """Calls the app of a client that was entered, in its event loop."""

    def __init__(self, client: TestClient) -> None:
        self._app: Any = client.app
        self._portal: Any = client.portal

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: Any = None
    ) -> AsgiReply:
        """Call a route. body: bytes, or values that are sent as JSON."""
        reply: AsgiReply = self._portal.call(self._call, method, path, headers, body)
        return reply

    def call_all(self, paths: Sequence[str], headers: Mapping[str, str]) -> list[AsgiReply]:
        """Get every path, some at the same time; gives the replies in their order."""
        replies: list[AsgiReply] = self._portal.call(self._call_all, paths, headers)
        return replies

    async def _call_all(self, paths: Sequence[str], headers: Mapping[str, str]) -> list[AsgiReply]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def get(path: str) -> AsgiReply:
            async with turn:
                return await self._call("GET", path, headers, None)

        return await asyncio.gather(*(get(path) for path in paths))

    async def _call(
        self, method: str, path: str, headers: Mapping[str, str], body: Any
    ) -> AsgiReply:
        data = body if isinstance(body, bytes) else b"" if body is None else _encode(body)
        sent = {"host": "localhost:8080", **headers}
        if body is not None:
            kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
            sent |= {"content-type": kind, "content-length": str(len(data))}
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": place,
            "raw_path": place.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("localhost", 8080),
            "state": {},
        }
        reply, gone = AsgiReply(), asyncio.Event()
        pieces = [data]
        leaving: asyncio.TimerHandle | None = None

        def leave_soon() -> None:
            nonlocal leaving
            if leaving is not None:
                leaving.cancel()
            leaving = asyncio.get_running_loop().call_later(STREAM_SECONDS, gone.set)

        async def receive() -> Message:
            if pieces:
                return {"type": "http.request", "body": pieces.pop(), "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {n.decode(): v.decode() for n, v in message["headers"]}
                return
            reply.body += message.get("body", b"")
            if not message.get("more_body", False):
                gone.set()
            elif path.partition("?")[0].endswith("/events"):
                leave_soon()

        with contextlib.suppress(asyncio.CancelledError):
            await self._app(scope, receive, send)
        return reply


def _encode(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
