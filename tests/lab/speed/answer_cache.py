"""Measure what an answer costs that is given again, beside one that is made.

    python -m tests.lab.speed.answer_cache [--questions 200] [--write]

The questions about the sample company are asked twice, one after the other, with every answer kept
(``use = always``). Printed: milliseconds of a whole request to the app in this process; of the
cache alone, with 20,000 answers of others in it (the key, the look-up, the answer as it goes out),
in time and in processor time; of keeping an answer; and what an answer takes in memory. ``--write``
writes "Answer cache: cost" of RESULTS.md.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from starlette.testclient import TestClient

from ragdesk.answering.answer import Answer, Question
from ragdesk.answering.answer_cache.answer_cache import AnswerCache, CacheKey
from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.access import LOCAL_PRINCIPAL
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api
from ragdesk.web.answer_caching import open_ticket
from ragdesk.web.server_state import ServerState
from tests.lab.quality.handbook import HANDBOOK, cases
from tests.lab.results import write_section

OTHERS = 20_000
ALWAYS = AnswerCacheOptions(use="always", rewordings=True, megabytes=4_000)


def make_row(name: str, seconds: Sequence[float]) -> str:
    """Return a row of the table: the median and the 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    late = ordered[int(0.99 * (len(ordered) - 1))]
    return f"| {name} | {1e3 * statistics.median(ordered):.3f} | {1e3 * late:.3f} |"


def fill_cache(cache: AnswerCache, key: CacheKey, answer: Answer) -> None:
    """Keep answers of others."""
    for number in range(OTHERS):
        cache.store(replace(key, asker=number), answer, changes=cache.changes)


async def time_hits(state: ServerState, questions: Sequence[str]) -> list[tuple[float, float]]:
    """Return what the cache alone takes for each question that it holds, in two clocks."""
    times: list[tuple[float, float]] = []
    async with state.open_collections.use_collection("default") as opened:
        for text in questions:
            question = Question(text=text)
            begun, worked = time.perf_counter(), time.thread_time()
            ticket = open_ticket(state, LOCAL_PRINCIPAL, opened, question)
            if ticket and ticket.find_answer():
                times.append((time.perf_counter() - begun, time.thread_time() - worked))
    return times


async def time_storing(state: ServerState, answers: Sequence[Answer]) -> list[float]:
    """Return what keeping an answer takes, in processor time."""
    times: list[float] = []
    async with state.open_collections.use_collection("default") as opened:
        for answer in answers:
            question = Question(text=f"{answer.question} ")
            if ticket := open_ticket(state, LOCAL_PRINCIPAL, opened, question):
                worked = time.thread_time()
                ticket.keep_answer(replace(answer, cached=False))
                times.append(time.thread_time() - worked)
    return times


def measure(client: TestClient, questions: Sequence[str]) -> str:
    """Ask all questions twice, and return what it took as a table."""
    state: ServerState = client.app.state.desk  # type: ignore[attr-defined]
    cache, portal = state.answer_cache, client.portal
    if cache is None or portal is None:
        raise AssertionError("the app is not running")
    made: list[float] = []
    given: list[float] = []
    kept: list[str] = []
    for times in (made, given):
        for text in questions:
            begun = time.perf_counter()
            reply = client.post("/v1/answers", json={"question": text}).json()
            taken = time.perf_counter() - begun
            if times is made or reply.get("cached"):
                times.append(taken)
            if reply.get("cached"):
                kept.append(text)
    size = round(cache.bytes / len(cache))
    entries = [(entry.key, entry.answer) for entry in cache.list_entries()]
    fill_cache(cache, *entries[0])
    hits = portal.call(time_hits, state, kept)
    stores = portal.call(time_storing, state, [answer for _, answer in entries])
    about = f"{len(questions)} questions, {len(kept)} given again, {size:,} bytes an answer. "
    about += f"{OTHERS:,} answers of others in the cache. Milliseconds."
    rows = [
        "| | p50 | p99 |",
        "| --- | --- | --- |",
        make_row("a request, its answer made", made),
        make_row("a request, its answer given again", given),
        make_row("the cache alone, a hit", [took for took, _ in hits]),
        make_row("the same, of a processor", [worked for _, worked in hits]),
        make_row("an answer kept, of a processor", stores),
    ]
    return "\n".join([about, "", *rows])


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="write the table to RESULTS.md")
    chosen = parser.parse_args()
    questions = [case.question for case in cases() if not case.history][: chosen.questions]
    with tempfile.TemporaryDirectory() as folder, closing(KeyStore(Path(folder))) as keys:
        workspace = Workspace(Path(folder), replace(Settings(), answer_cache=ALWAYS))
        workspace.make_job("default").run([HANDBOOK / "documents"])
        app = api.build_app(workspace, keys)
        with TestClient(app, base_url="http://localhost:8080") as client:
            table = measure(client, questions)
    print(table)
    if chosen.write:
        command = "python -m tests.lab.speed.answer_cache --write"
        write_section("Answer cache: cost", command, table)


if __name__ == "__main__":
    main()
