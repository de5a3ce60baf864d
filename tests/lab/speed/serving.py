"""Produce the figures of the promises P4 and P12: publishing and overload drop nothing by surprise.

    python -m tests.lab.speed.serving --publishes 100 --rate 50

Runs ``ragdesk serve`` on the sample company in a process of its own. For P4 a document of it is
changed and published again and again while questions come at an even rate. For P12 questions come
at half to five times what the server can answer. Where there are two cores, the server has one
to itself and those who ask have the other.
"""

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

from ragdesk.assemble import Workspace
from ragdesk.bench.load import LoadResult, run_open_loop
from ragdesk.settings import Settings
from tests.lab.quality.handbook import HANDBOOK, cases
from tests.lab.results import write_section
from tests.lab.speed.serve import serving
from tests.resilience.kills import ROOT

CHANGED = "policies/refunds.md"
PLACES = 192  # connections that ask at once: more than the server takes
CHECKED = 5  # every so many answers, each citation is fetched and compared
TIMES = (0.5, 1.0, 2.0, 5.0)


@dataclass
class Told:
    """What the answers were: how many of each status, generations met, citations that failed."""

    statuses: dict[int, int] = field(default_factory=dict)
    generations: set[int] = field(default_factory=set)
    citations: int = 0
    broken: int = 0
    requests: int = 0


@contextmanager
def apart(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve a home on a core of its own, if there are two; gives its address and its process."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # the server inherits it
    try:
        with serving(home) as base:
            os.sched_setaffinity(0, cores[1:] or cores)
            child = next(p for p in psutil.Process().children() if "serve" in p.cmdline())
            yield base, child
    finally:
        os.sched_setaffinity(0, cores)


def asker(base: str, tally: Told) -> Callable[[str], Mapping[str, float]]:
    """Make a way to ask over kept connections; raises for anything but an answer."""
    limits = httpx.Limits(max_connections=PLACES, max_keepalive_connections=PLACES)
    http = httpx.Client(base_url=base, timeout=30, limits=limits)
    lock = threading.Lock()

    def ask(question: str) -> Mapping[str, float]:
        response = http.post("/v1/answers", json={"question": question})
        with lock:
            tally.statuses[response.status_code] = tally.statuses.get(response.status_code, 0) + 1
            tally.requests += 1
            check = tally.requests % CHECKED == 0
        response.raise_for_status()
        answer = response.json()
        if check:
            _check(http, answer, tally, lock)
        steps: dict[str, float] = answer["seconds"]
        return steps

    return ask


def _check(http: httpx.Client, answer: dict, tally: Told, lock: threading.Lock) -> None:  # type: ignore[type-arg] # JSON
    """Fetch what an answer cites, of its own generation, and compare."""
    broken = 0
    for mark in answer["citations"]:
        text = http.get(
            f"/v1/collections/default/documents/{mark['uri']}/text",
            params={"generation": answer["generation"]},
        )
        broken += text.text[mark["start"] : mark["end"]] != mark["quote"]
    with lock:
        tally.generations.add(answer["generation"])
        tally.citations += len(answer["citations"])
        tally.broken += broken


def publish_often(desks: Workspace, documents: Path, times: int) -> list[float]:
    """Change a document and ingest, again and again; gives the seconds of each."""
    file = documents / CHANGED
    took = []
    text = file.read_text(encoding="utf-8")
    for number in range(times):
        file.write_text(f"{text}\n\nEdition {number} of this page.\n", encoding="utf-8")
        begun = time.perf_counter()
        desks.make_job("default").run([documents])
        took.append(time.perf_counter() - begun)
    return took


def reload(folder: Path, questions: Sequence[str], publishes: int, rate: float) -> str:
    """Publish under load, and say what those who asked met."""
    home = folder / "home"
    documents = folder / "documents"
    shutil.copytree(HANDBOOK / "documents", documents)
    desks = Workspace(home, Settings())
    tally = Told()
    took = list[float]()
    desks.make_job("default").run([documents])
    with apart(home) as (base, server):
        ask = asker(base, tally)
        calm = run_open_loop(ask, questions, rate=rate, seconds=10, places=PLACES)
        before = server.memory_info().rss
        publisher = threading.Thread(
            target=lambda: took.extend(publish_often(desks, documents, publishes))
        )
        publisher.start()
        loads = []
        while publisher.is_alive():
            loads.append(run_open_loop(ask, questions, rate=rate, seconds=5, places=PLACES))
        after = server.memory_info().rss
    waits = [second for load in loads for second in load.took]
    errors = sum(load.errors + load.turned_away for load in loads)
    return f"""
{publishes} publishes of a changed document, a median of {np.median(took):.2f} s each, while
{rate:g} questions a second came, evenly and whatever became of the earlier ones.

| answers | errors | generations answered from | citations fetched | of them broken |
|---|---|---|---|---|
| {len(waits):,} | {errors} | {len(tally.generations)} | {tally.citations:,} | {tally.broken} |

p50, p99 from the moment a question was due: {_marks(waits)} ms; before: {_marks(calm.took)} ms.
Memory of the server: {before / 2**20:.0f} MB before, {after / 2**20:.0f} MB after.
"""


def _marks(seconds: Sequence[float]) -> str:
    """Give the median and the 99th percentile, in ms."""
    p50, p99 = (1000 * float(np.quantile(seconds, q)) for q in (0.5, 0.99))
    return f"{p50:.0f}, {p99:.0f}"


def capacity(ask: Callable[[str], object], questions: Sequence[str], clients: int = 8) -> float:
    """Measure the answers a second when so many clients ask one after the other."""
    ended = time.perf_counter() + 10
    counted = 0
    lock = threading.Lock()

    def client(number: int) -> None:
        nonlocal counted
        while time.perf_counter() < ended:
            ask(questions[(number + counted) % len(questions)])
            with lock:
                counted += 1

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counted / 10


def overload(folder: Path, questions: Sequence[str], seconds: float) -> str:
    """Ask at half to five times the capacity, and say what was answered, and how soon."""
    desks = Workspace(folder / "home", Settings())
    desks.make_job("default").run([HANDBOOK / "documents"])
    rows = []
    with apart(folder / "home") as (base, server):
        most = capacity(asker(base, Told()), questions)
        for times in TIMES:
            tally = Told()
            ask = asker(base, tally)
            load = run_open_loop(ask, questions, rate=times * most, seconds=seconds, places=PLACES)
            rows.append(_row(times, load, tally, most, server))
        time.sleep(1)
        well = httpx.get(f"{base}/readyz").status_code
    heads = [
        *("times the capacity", "asked/s", "answered/s", "of the capacity", "503"),
        *("other errors", "accepted p50, p99 ms", "memory MB"),
    ]
    return "\n".join(
        [
            f"Capacity, 8 clients one after the other: {most:.0f} answers a second.",
            f"Then open loop, {seconds:g} s each.",
            "",
            f"| {' | '.join(heads)} |",
            f"|{'---|' * len(heads)}",
            *rows,
            "",
            f"`/readyz` one second later: {well}.",
        ]
    )


def _row(times: float, load: LoadResult, tally: Told, most: float, server: psutil.Process) -> str:
    rate = len(load.took) / load.seconds
    other = load.errors - tally.statuses.get(503, 0)
    inside = [took - waited for took, waited in zip(load.took, load.waited, strict=True)]
    return (
        f"| {times:g} | {load.rate:.0f} | {rate:.0f} | {rate / most:.0%} "
        f"| {tally.statuses.get(503, 0)} | {other} | {_marks(inside)} "
        f"| {server.memory_info().rss / 2**20:.0f} |"
    )


def main() -> None:
    """Take the figures, print, and write the sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--publishes", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    questions = [case.question for case in cases()]
    command = (
        f"python -m tests.lab.speed.serving --publishes {options.publishes} --rate {options.rate:g}"
    )
    with (
        tempfile.TemporaryDirectory() as first_folder,
        tempfile.TemporaryDirectory() as second_folder,
    ):
        sections = {
            "P4: publishing drops no request": reload(
                Path(first_folder), questions, options.publishes, options.rate
            ),
            "P12: overload is bounded": overload(Path(second_folder), questions, options.seconds),
        }
    for heading, text in sections.items():
        print(f"\n## {heading}\n{text}")
        write_section(heading, command, text, file=ROOT / "tests" / "resilience" / "RESILIENCY.md")


if __name__ == "__main__":
    main()
