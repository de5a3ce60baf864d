"""What was opened is closed by who opened it, whatever ends the request. The collector is off."""

import asyncio
import contextlib
import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import HashEmbedder
from web_home import publish, serving

from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings

ASK = {"question": "When does a refund reach my account?"}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """A server's oldest objects may wait for hours for it."""
    gc.disable()
    yield
    gc.enable()


def handles(home: Path) -> int:
    """Count the open files, and the mapped ones, that lie in a home's first collection."""
    inside = str(home / "collections/default")
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += str(link.readlink()).startswith(inside)
    return count + Path("/proc/self/maps").read_text(encoding="utf-8").count(inside)


def check_one_is_open(home: Path) -> None:
    """Wait until as many files are open as the newest generation needs, and no more."""
    desks = Workspace(home, Settings(), HashEmbedder())
    wait(lambda: handles(home) == needed(desks))


def needed(desks: Workspace) -> int:
    before = handles(desks.home)
    with desks.open_collection("default"):
        return handles(desks.home) - before


def wait(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def test_a_closed_collection_leaves_no_file_open_and_none_mapped(home):
    desks = Workspace(home, Settings(), HashEmbedder())
    assert handles(home) == 0
    with desks.open_collection("default") as opened:
        assert handles(home) > 5
        assert opened.search(Question(text="refund"), 3)
    assert handles(home) == 0


def test_a_collection_that_cannot_be_opened_leaves_nothing_open(home):
    segment = next((home / "collections/default/segments").iterdir())
    (segment / "entries.npy").write_bytes(b"nothing of ours")
    desks = Workspace(home, Settings(), HashEmbedder())
    kept = []
    for _ in range(3):
        try:
            desks.open_collection("default")
        except Exception as error:  # noqa: BLE001, kept as a server keeps it
            kept.append(error)
    assert len(kept) == 3
    assert handles(home) == 0


@pytest.fixture
def app(home, keys) -> Iterator[Any]:
    with serving(home, keys, poll_seconds=0.02) as client:
        yield client


def swap(client: Any, home: Path) -> None:
    """Publish, and wait until the newer generation is the one that is served."""
    number = publish(home, "default", {"refunds.md": "# Refunds\nA refund takes 30 days.\n"})

    def served() -> bool:
        listed = client.get("/v1/collections").json()["collections"]
        return {one["name"]: one["generation"] for one in listed}["default"] == number

    wait(served)


def scope(body: bytes) -> dict[str, Any]:
    headers = {"host": "localhost:8080", "content-type": "application/json"}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/answers",
        "raw_path": b"/v1/answers",
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8080),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()]
        + [(b"content-length", str(len(body)).encode())],
    }


class Client:
    """One request over ASGI itself: leaves, or breaks, at the message that it is told to."""

    def __init__(self, *, stream: bool, at: str = "", leaves: bool = False) -> None:
        self.body = json.dumps({**ASK, "stream": stream}).encode()
        self.at, self.leaves, self.gone = at, leaves, asyncio.Event()
        self.read, self.parts = False, 0

    async def receive(self) -> dict[str, Any]:
        if not self.read:
            self.read = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == self.at:
            if not self.leaves:
                raise OSError("the connection is gone")
            self.gone.set()
            await asyncio.sleep(60)  # who does not read, either

    async def ask(self, app: Any) -> None:
        with contextlib.suppress(OSError):
            await app(scope(self.body), self.receive, self.send)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("http.response.start", False),  # a response that is never begun
        ("http.response.body", False),  # one that breaks off
        ("http.response.body", True),  # a client that leaves in the middle
        ("", False),
    ],
)
def test_every_end_of_an_answer_lets_go_of_its_generation(app, home, stream, at, leaves):
    client = Client(stream=stream, at=at, leaves=leaves and stream)
    app.portal.call(client.ask, app.app)
    swap(app, home)
    check_one_is_open(home)


def test_an_answer_that_fails_lets_go_of_its_generation(app, home, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Retriever, "__call__", lambda *_, **__: 1 / 0)
        for stream in (True, False):
            app.post("/v1/answers", json={**ASK, "stream": stream})
    swap(app, home)
    check_one_is_open(home)


@pytest.mark.parametrize("stream", [True, False])
def test_a_search_whose_request_was_cancelled_ends_before_its_files_are_closed(
    app, home, monkeypatch, stream
):
    find, begun, go = Retriever.__call__, threading.Event(), threading.Event()
    ends: list[object] = []

    def slowly(
        self: Retriever,
        question: Question,
        analysis: QuestionAnalysis | None = None,
        *,
        top_k: int | None = None,
    ) -> object:
        begun.set()
        go.wait(30)
        try:
            ends.append(find(self, question, analysis, top_k=top_k).passages)
        except BaseException as error:
            ends.append(error)
            raise
        return find(self, question, analysis, top_k=top_k)

    with monkeypatch.context() as slow:
        slow.setattr(Retriever, "__call__", slowly)
        client = Client(stream=stream)
        request = app.portal.start_task_soon(client.ask, app.app)
        wait(begun.is_set)
        request.cancel()
        swap(app, home)  # the server lets go of what the thread still reads
        go.set()
        wait(lambda: bool(ends))
    assert ends[0]
    assert not isinstance(ends[0], BaseException)
    check_one_is_open(home)


def test_handles_stay_flat_over_many_publishes_with_questions_running(app, home):
    stop, problems = threading.Event(), []

    def ask(number: int) -> None:
        while not stop.is_set():
            answer = app.post("/v1/answers", json={**ASK, "stream": bool(number % 2)})
            if answer.status_code != 200:
                problems.append(answer.text)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        swap(app, home)
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    check_one_is_open(home)
    assert "ragdesk_open_generations 2" in app.get("/metrics").text


def test_asking_a_closed_collection_again_and_again_keeps_no_frames(home, keys):
    for file in (home / "collections/other/generations").rglob("MANIFEST.json"):
        file.write_text("{}")

    def depth(error: BaseException | None) -> int:
        frames, at = 0, error.__traceback__ if error else None
        while at is not None:
            frames, at = frames + 1, at.tb_next
        return frames

    with serving(home, keys) as client:
        kept = []
        for _ in range(3):
            for _ in range(10):
                client.post("/v1/search", json={"query": "x", "collection": "other"})
            kept.append(depth(client.app.state.desk.open_collections._places["other"].error))
    assert kept[0] == kept[2]
