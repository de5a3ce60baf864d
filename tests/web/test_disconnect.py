"""A client that leaves: the work for it stops, nobody is alarmed, and who waits beside it is served."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from engines import running
from fakes import HashEmbedder
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.access import LOCAL_PRINCIPAL
from ragdesk.web import api
from ragdesk.web.idempotency import IdempotencyCache

ASK = {"question": "When does a refund reach my account?"}
FOLLOW_UP = {
    "question": "And how long does it take?",
    "history": [{"role": "user", "text": "What about a refund?"}, {"role": "assistant", "text": "Yes."}],
}  # fmt: skip


@pytest.fixture
def model() -> Iterator[socket.socket]:
    """Listen as a model that lets every question in and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        yield listening


@pytest.fixture
def address(model, home, keys) -> Iterator[str]:
    url = f"http://127.0.0.1:{model.getsockname()[1]}/v1"
    generate = GenerateOptions(urls=(url,), first_seconds=60.0)
    settings = replace(Settings(), generate=generate, decide=DecideOptions(floor=0.0))
    with running(api.build_app(Workspace(home, settings, HashEmbedder()), keys)) as served:
        yield f"{served}/answers"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body", [ASK, FOLLOW_UP], ids=["question", "follow-up"])
def test_whoever_leaves_stops_the_model_and_alarms_nobody(model, address, caplog, body, stream):
    with caplog.at_level(logging.ERROR), pytest.raises(httpx.ReadTimeout):
        httpx.post(address, json={**body, "stream": stream}, timeout=1)
    held, _ = model.accept()
    held.settimeout(20)
    while held.recv(1 << 16):  # the question, and then its end
        pass
    held.close()
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def asking(key: str) -> Request:
    scope = {"type": "http", "method": "POST", "path": "/v1/answers", "query_string": b""}
    request = Request({**scope, "headers": [], "server": ("here", 80), "scheme": "http"})
    request.state.idempotency_key = key
    return request


def test_who_waits_for_the_same_answer_is_served_when_the_first_leaves():
    async def both() -> list[object]:
        once, left = IdempotencyCache(), asyncio.Event()

        async def gone() -> Response:
            await left.wait()
            raise ClientDisconnect

        async def made() -> Response:
            return JSONResponse({"answer": 42})

        first = asyncio.create_task(once.get_or_make(asking("k"), LOCAL_PRINCIPAL, b"digest", gone))
        await asyncio.sleep(0)
        others = [once.get_or_make(asking("k"), LOCAL_PRINCIPAL, b"digest", made) for _ in range(3)]
        waiting = [asyncio.create_task(one) for one in others]
        await asyncio.sleep(0)
        left.set()
        return await asyncio.gather(first, *waiting, return_exceptions=True)

    first, *waiting = asyncio.run(both())
    assert isinstance(first, ClientDisconnect)
    assert [one.body for one in waiting] == [b'{"answer":42}'] * 3
