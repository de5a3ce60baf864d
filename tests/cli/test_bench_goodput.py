"""``ragdesk bench serve --model``: what counts as good, of a real server and a model's stream."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from click.testing import CliRunner
from fakes import HashEmbedder
from small_server import SmallReply, SmallServer
from web_home import publish

from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.bench.goodput import GoodputBounds, GoodputResult, goodput_as_markdown
from ragdesk.bench.load import LoadResult
from ragdesk.cli.main import cli
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web.api import build_app

TEXT = "A refund reaches your account within 14 days. Keep the receipt of the parcel."
SAID = json.dumps(
    {
        "answerable": True,
        "sentences": [
            {"text": f"{one}.", "citations": [1]} for one in TEXT.rstrip(".").split(". ")
        ],
    }
)
GOOD = {"model": 1.0, "first": 0.5, "rate": 40.0, "total": 1.0}


def load(*answers: dict[str, float], waited: float = 0.1) -> LoadResult:
    times = (waited,) * len(answers)
    return LoadResult(rate=2.0, seconds=10.0, took=times, waited=times, answers=answers)


def test_what_is_late_slow_or_not_the_model_s_is_no_goodput():
    answers = (
        GOOD, {**GOOD, "first": 0.95}, {**GOOD, "rate": 29.0}, {**GOOD, "model": 0.0},
        {name: value for name, value in GOOD.items() if name != "first"},
        {**GOOD, "rate": float("inf")},
    )  # fmt: skip
    result = GoodputResult(load=load(*answers), bounds=GoodputBounds())
    told = result.as_json()
    assert (told["good"], told["late"], told["slow"], told["by_model"]) == (2, 1, 1, 5)
    assert told["good_per_second"] == 0.2
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert "| 2 | 0.2 |" in goodput_as_markdown([result])


def test_waiting_for_ones_turn_counts_against_the_first_word():
    assert GoodputResult(load=load(GOOD, waited=0.4), bounds=GoodputBounds()).good == 1
    assert GoodputResult(load=load(GOOD, waited=0.6), bounds=GoodputBounds()).good == 0
    assert goodput_as_markdown([GoodputResult(load=load(), bounds=GoodputBounds())])


@contextlib.contextmanager
def serving(home: Path, model: str, *, cached: bool = False) -> Iterator[str]:
    generate = GenerateOptions(urls=(f"{model}/v1",), model="m")
    cache = AnswerCacheOptions(use="always" if cached else "never")
    settings = replace(
        Settings(), generate=generate, decide=DecideOptions(floor=0.0), answer_cache=cache
    )
    keys = KeyStore(home)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        app = build_app(Workspace(home, settings, HashEmbedder()), keys)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            until = time.monotonic() + 30
            while not server.started:
                assert time.monotonic() < until
                time.sleep(0.02)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            keys.close()


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.txt"
    file.write_text("When does a refund reach my account?\n", encoding="utf-8")
    return file


def bench(url: str, questions: Path, *more: str) -> dict:
    command = ["bench", "serve", "--model", "--url", url, "--questions", str(questions)]
    done = CliRunner().invoke(cli, [*command, "--rate", "4", "--seconds", "1", "--json", *more])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def write_in_pieces() -> Iterator[bytes]:
    for at in range(0, len(SAID), 24):
        part = {"choices": [{"delta": {"content": SAID[at : at + 24]}, "finish_reason": None}]}
        yield f"data: {json.dumps(part)}\n\n".encode()
        time.sleep(0.02)
    yield b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def test_a_model_s_stream_is_timed_through_a_real_server(tmp_path, questions):
    publish(tmp_path / "home", "default", {"refunds.md": f"# Refunds\n\n{TEXT}\n"})
    with (
        SmallServer(lambda _: SmallReply(body=write_in_pieces())) as model,
        serving(tmp_path / "home", model.url) as url,
    ):
        easy = bench(url, questions, "--first", "60", "--tokens", "0.001", "--send", "show")
        (told,) = easy["loads"]
        assert told["errors"] == told["turned_away"] == 0
        assert told["good"] == told["by_model"] == told["answers"] == 4
        assert easy["goodput"] == told["good_per_second"] > 0
        assert min(told["first_seconds"]["p50"], told["tokens_per_second"]["p50"]) > 0
        hard = bench(url, questions, "--first", "0.000001")
        assert hard["goodput"] == 0
        assert hard["loads"][0]["late"] == 4


def test_answers_of_the_cache_are_no_goodput(tmp_path, questions):
    publish(tmp_path / "home", "default", {"refunds.md": f"# Refunds\n\n{TEXT}\n"})
    with (
        SmallServer(lambda _: SmallReply(body=write_in_pieces())) as model,
        serving(tmp_path / "home", model.url, cached=True) as url,
    ):
        bench(url, questions)
        told = bench(url, questions, "--first", "60", "--tokens", "0.001")
    assert told["loads"][0]["answers"] == 4
    assert told["loads"][0]["by_model"] == told["goodput"] == 0


def test_answers_in_the_documents_words_are_no_goodput(tmp_path, questions):
    publish(tmp_path / "home", "default", {"refunds.md": f"# Refunds\n\n{TEXT}\n"})
    with (
        SmallServer(lambda _: SmallReply(status=500)) as model,
        serving(tmp_path / "home", model.url) as url,
    ):
        told = bench(url, questions, "--first", "60", "--tokens", "0.001")
    assert told["loads"][0]["answers"] == 4
    assert told["loads"][0]["by_model"] == told["goodput"] == 0


def test_a_server_that_is_not_there_is_named(questions):
    command = ["bench", "serve", "--model", "--url", "http://127.0.0.1:9", "--json"]
    done = CliRunner().invoke(cli, [*command, "--questions", str(questions)])
    assert done.exit_code == 1
    assert "Is ragdesk serve running?" in done.output
