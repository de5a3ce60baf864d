"""A language model's server beside the tests: the scripted writer, over real HTTP, in a thread."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn
from scripted_writer import passages
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def running(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an app on loopback until the end of the block; give its address with /v1."""
    port = port or free_port()
    config = uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join(20)


@contextlib.contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer by a handler of the standard library until the end of the block; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def hesitating(go: threading.Event) -> Starlette:
    """Make a writer that says one sentence, and the next one only when it is let go."""

    async def chat(request: Request) -> Response:
        given = passages((await request.json())["messages"][-1]["content"])
        number = next(n for n, text in given.items() if "working days" in text)
        said = (
            "A refund reaches your bank account within 5 working days.",
            "Gift cards are not refunded.",
        )
        texts = [json.dumps({"text": one, "citations": [number]}) for one in said]

        async def write() -> AsyncIterator[str]:
            for words in (f'{{"sentences": [{texts[0]},', None, f" {texts[1]}]}}"):
                if words is None:
                    await asyncio.to_thread(go.wait, 60)
                    continue
                choice = {"index": 0, "delta": {"content": words}, "finish_reason": None}
                yield f"data: {json.dumps({'choices': [choice]})}\n\n"
            end = {"index": 0, "delta": {}, "finish_reason": "stop"}
            yield f"data: {json.dumps({'choices': [end]})}\n\ndata: [DONE]\n\n"

        return StreamingResponse(write(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
