"""A paced OpenAI-compatible writer: says the passages' sentences, so many tokens a second.

    python -m tests.lab.speed.paced_server --port 9000 [--rate 50] [--tokens 200]

What it writes passes every check, so that a gateway's own cost shows and nothing else. It notes on
the machine's monotonic clock when each token left: ``GET /record`` gives, for each question, when
it came in, the tokens, and their times.
"""

import argparse
import asyncio
import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from indexes.text.sentences import split_sentences

PASSAGE = re.compile(r"^\[(\d+)\] ", re.MULTILINE)
ASKED = re.compile(r"\n(?:Question: |问题：)")
TOKEN = re.compile(r"\s*(?:[A-Za-z]{1,6}|\d{1,3}|[^\sA-Za-z\d]{1,2})|\s+")
# characters of a sentence that is said
SHORTEST = 24
LONGEST = 400


def tokenize(text: str) -> list[str]:
    """Cut a text into pieces about as long as a model's tokens.

    >>> tokenize("Refunds take 14 days.")
    ['Refund', 's', ' take', ' 14', ' days', '.']
    """
    return TOKEN.findall(text)


def written(user: str, tokens: int) -> str:
    """Write an answer of about so many tokens in the passages' own sentences, as JSON."""
    block = user.partition("<passages>\n")[2].partition("\n</passages>")[0]
    marks = list(PASSAGE.finditer(block))
    ends = [*(mark.start() for mark in marks[1:]), len(block)]
    sentences: list[dict[str, Any]] = []
    left = tokens
    for mark, end in zip(marks, ends, strict=True):
        body = block[mark.end() : end].partition("\n")[2]
        for a, b in split_sentences(body):
            if left > 0 and SHORTEST <= b - a <= LONGEST and "|" not in body[a:b]:
                sentences.append({"text": body[a:b], "citations": [int(mark[1])]})
                left -= len(tokenize(body[a:b]))
    return json.dumps({"sentences": sentences}, ensure_ascii=False)


def app(*, rate: float, tokens: int) -> Starlette:
    """Make the writer. rate: tokens a second of each stream. tokens: of an answer, about."""
    record: dict[str, Any] = {}

    async def chat(request: Request) -> Response:
        came = time.monotonic()
        user = (await request.json())["messages"][-1]["content"]
        pieces = tokenize(written(user, tokens))
        noted = {"came": came, "tokens": pieces, "sent": []}
        record[ASKED.split(user)[-1]] = noted
        return StreamingResponse(stream(noted, 1 / rate), media_type="text/event-stream")

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "paced", "object": "model"}]})

    async def show_record(request: Request) -> Response:
        copy_ = dict(record)
        if request.method == "DELETE":
            record.clear()
        return JSONResponse(copy_)

    routes = [
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/models", models),
        Route("/record", show_record, methods=["GET", "DELETE"]),
    ]
    return Starlette(routes=routes)


async def stream(noted: dict[str, Any], apart: float) -> AsyncIterator[bytes]:
    """Send the tokens, each when it is due, whatever became of those before."""
    begun = time.monotonic()
    for number, piece in enumerate(noted["tokens"], start=1):
        await asyncio.sleep(max(0.0, begun + number * apart - time.monotonic()))
        event = frame({"delta": {"content": piece}, "finish_reason": None})
        noted["sent"].append(time.monotonic())
        yield event
    yield frame({"delta": {}, "finish_reason": "stop"})
    yield b"data: [DONE]\n\n"


def frame(choice: dict[str, Any]) -> bytes:
    """Write an event as vLLM writes it."""
    chunk = {
        "id": "chatcmpl-8f14e45fceea167a5a36dedd4bea2543",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "paced",
        "choices": [{"index": 0, "logprobs": None, **choice}],
    }
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


@contextlib.contextmanager
def paced(rate: float, tokens: int) -> Iterator[str]:
    """Run the paced writer in a process of its own, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--rate", str(rate), "--tokens", str(tokens)]
    process = subprocess.Popen([sys.executable, "-m", "tests.lab.speed.paced_server", *options])
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{base}/v1/models")
                break
            time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--tokens", type=int, default=200)
    options = parser.parse_args()
    made = app(rate=options.rate, tokens=options.tokens)
    uvicorn.run(made, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
