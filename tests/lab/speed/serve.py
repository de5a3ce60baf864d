"""How long an answer takes over HTTP, and on the command line from a cold start.

    python -m tests.lab.speed.serve --home HOME --questions FILE

Starts ``ragdesk serve`` on HOME, asks every question a few times from 1 and from 8 clients that
keep their connection, then times ``ragdesk ask`` as a whole process. The machine's own share (a
bare request to /healthz) stands beside, and what the server holds in memory at the end.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.lab.results import write_section

PATIENCE = 120.0  # seconds until the server must answer


@dataclass(slots=True)
class Load:
    """What some clients met: seconds of each answer, what went wrong, seconds of it all."""

    clients: int
    seconds: list[float] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    errors: int = 0
    wall: float = 0.0

    def row(self) -> str:
        """Write a row of the table."""
        p50, p95, p99 = (quantile(self.seconds, q) * 1000 for q in (0.50, 0.95, 0.99))
        own = quantile(self.inside, 0.50) * 1000
        rate = len(self.seconds) / self.wall
        return (
            f"| {self.clients} | {len(self.seconds)} | {p50:.1f} | {p95:.1f} | {p99:.1f} "
            f"| {own:.1f} | {rate:.0f} | {self.errors} |"
        )


def quantile(values: Sequence[float], q: float) -> float:
    """Give the value that a share q of the others does not exceed (nearest rank).

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    ordered = sorted(values) or [0.0]
    return ordered[max(0, -(-int(q * 1000) * len(ordered) // 1000) - 1)]


@contextlib.contextmanager
def serving(home: Path) -> Iterator[str]:
    """Run ``ragdesk serve`` on a free port until the block ends; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "ragdesk", "--home", str(home), "serve", "--port", str(port)]
    process = subprocess.Popen([*command, "--log", "warning"])
    base = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + PATIENCE
        while not _ready(base):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"ragdesk serve did not start on {home}")
            time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(30)


def read_memory(base: str) -> float:
    """Return the resident memory, in MB, of the process that listens at an address."""
    port = httpx.URL(base).port
    own = psutil.Process().children(recursive=True)
    trees = [p for p in own if any(c.laddr.port == port for c in p.net_connections("tcp"))]
    return max(p.memory_info().rss for p in trees) / 2**20


def _ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def load(base: str, questions: Sequence[str], *, clients: int, repeats: int) -> Load:
    """Ask all questions ``repeats`` times from some clients at once."""
    result = Load(clients)
    lock = threading.Lock()
    work = iter([question for _ in range(repeats) for question in questions])

    def client() -> None:
        with httpx.Client(base_url=base, timeout=60) as http:
            while True:
                with lock:
                    question = next(work, None)
                if question is None:
                    return
                _ask(http, question, result, lock)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.wall = time.perf_counter() - started
    return result


def _ask(http: httpx.Client, question: str, result: Load, lock: threading.Lock) -> None:
    started = time.perf_counter()
    response = http.post("/v1/answers", json={"question": question})
    seconds = time.perf_counter() - started
    with lock:
        if response.status_code != httpx.codes.OK:
            result.errors += 1
            return
        answer: dict[str, Any] = response.json()
        result.seconds.append(seconds)
        result.inside.append(answer["seconds"]["total"])
        result.outcomes.append(answer["outcome"])


def cold(home: Path, question: str, runs: int) -> list[float]:
    """Time ``ragdesk ask`` as whole processes."""
    command = [sys.executable, "-m", "ragdesk", "--home", str(home), "ask", question]
    return [_timed(lambda: _run(command)) for _ in range(runs)]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(home: Path, questions: Sequence[str], repeats: int, runs: int) -> str:
    """Take all figures, and write them as a section's body.

    A server keeps what it read of the sentences it compared: each number of clients asks one of
    its own, warmed by every third question, the others once, and then these again.
    """
    warm, asked = questions[::3], [q for n, q in enumerate(questions) if n % 3]
    rows: list[str] = []
    for clients in (1, 8):
        with serving(home) as base, httpx.Client(base_url=base) as http:
            collections = http.get("/v1/collections").json()["collections"]
            load(base, warm, clients=1, repeats=1)
            bare = [_timed(lambda: http.get("/healthz")) for _ in range(200)]
            first = load(base, asked, clients=clients, repeats=1)
            again = load(base, asked, clients=clients, repeats=repeats)
            memory = read_memory(base)
        rows += [f"| first time {first.row()}", f"| again {again.row()}"]
    starts = cold(home, questions[0], runs)
    documents = sum(collection["documents"] for collection in collections)
    answered = first.outcomes.count("answered") / max(1, len(first.outcomes))
    preface = (
        f"{len(asked)} questions to {documents:,} documents ({chunks(home):,} chunks), "
        f"{answered:.0%} answered, after {len(warm)} others; loopback, kept connections, "
        f"client and server on the same {len(os.sched_getaffinity(0))} cores."
    )
    ends = (
        f"A bare request (`/healthz`): p50 {quantile(bare, 0.5) * 1000:.1f} ms, "
        f"p95 {quantile(bare, 0.95) * 1000:.1f} ms.\n"
        f"`ragdesk ask` cold, whole process, {runs} runs: median {statistics.median(starts):.2f} s "
        f"({min(starts):.2f}-{max(starts):.2f}).\n"
        f"Resident memory of the server after that load: {memory:.0f} MB."
    )
    heads = (
        "asked | clients | answers | p50 ms | p95 ms | p99 ms | inside p50 ms | answers/s | errors"
    )
    return "\n".join([preface, "", f"| {heads} |", "|" + " --- |" * 9, *rows, "", ends])


def chunks(home: Path) -> int:
    """Count the chunks that answer, over all collections."""
    command = [sys.executable, "-m", "ragdesk", "--home", str(home), "indexes", "list", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return sum(collection.get("chunks", 0) for collection in json.loads(done.stdout)["collections"])


def read(file: Path) -> list[str]:
    """Read questions: JSON lines with ``question``, or plain lines."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [json.loads(line)["question"] if line.startswith("{") else line for line in lines]


def main() -> None:
    """Take the figures and write the section "Serve" of RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.lab.speed.serve")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="print, and leave RESULTS.md alone")
    options = parser.parse_args()
    body = measure(options.home, read(options.questions), options.repeats, options.runs)
    print(body)
    if not options.dry:
        command = (
            f"python -m tests.lab.speed.serve --home HOME --questions {options.questions.name}"
        )
        write_section("Serve", command, body)


if __name__ == "__main__":
    main()
