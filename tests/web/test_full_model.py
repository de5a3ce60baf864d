"""When every place at the language model is taken: over real HTTP, streamed and not."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from engines import running
from fakes import HashEmbedder

from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.web import api

ASK = {"question": "When does a refund reach my account?"}
SILENT = 60.0  # seconds after which a model that says nothing would be given up


@pytest.fixture
def model() -> Iterator[socket.socket]:
    """Listen as a model that lets every question in and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def address(model, home, keys) -> Iterator[str]:
    generate = GenerateOptions(
        urls=(f"http://127.0.0.1:{model.getsockname()[1]}/v1",),
        running=1,
        waiting=0,
        first_seconds=SILENT,
    )
    settings = replace(Settings(), generate=generate, decide=DecideOptions(floor=0.0))
    with running(api.build_app(Workspace(home, settings, HashEmbedder()), keys)) as url:
        yield f"{url}/answers"


@pytest.mark.parametrize("stream", [True, False])
def test_who_finds_no_place_is_told_before_a_word_and_when_to_come_again(model, address, stream):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.post, address, json=ASK, timeout=30)
        model.settimeout(20)
        held, _ = model.accept()  # the only place is taken
        full = httpx.post(address, json={**ASK, "stream": stream}, timeout=30)
        assert not first.done()
        assert full.status_code == 503
        assert int(full.headers["retry-after"]) >= 1
        assert full.headers["content-type"] == "application/problem+json"
        assert full.json()["code"] == "overloaded"
        model.close()
        held.close()
        answered = first.result()

    assert answered.status_code == 200
    assert answered.json()["degraded"] is True
    assert answered.json()["citations"]
