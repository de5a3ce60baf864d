"""How much of our prompts vLLM need not read again: by its own count, on one server or several.

    python -m tests.lab.speed.prefix_cache --url http://127.0.0.1:8000/v1 [--url …] [--write]

Needs running servers of one model, started with ``--enable-prefix-caching``; the tiny random one of
``tests/tiny_llama.py`` does, as only prompts are counted. Rows: distinct questions of one asker;
the same questions asked again; conversations, whose follow-ups the model rewrites first. Several
conversations go on at once. With several servers both ways to choose one are measured: the least
busy, and the one that has read the beginning. Figures are vllm:prefix_cache_hits /
vllm:prefix_cache_queries, in tokens, of all servers together. Each way has salts of its own, so
that none finds what another one left.
"""

import argparse
import asyncio
import logging
import random
import re
import secrets
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from eval.case import Case, read_case_lines
from ragdesk.answering.answer import Question, Turn
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing import openai_client
from ragdesk.answering.writing.llm_pool import LlmPool, LlmServer
from ragdesk.answering.writing.writing_options import GenerateOptions, GroundOptions
from ragdesk.assemble import Workspace
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from tests.lab.quality.handbook import HANDBOOK, cases
from tests.lab.results import write_section

COUNT = re.compile(r"^vllm:prefix_cache_(queries|hits)_total\{[^}]*\} (\S+)$", re.MULTILINE)
ARGUMENTS = "--url URL --url URL --most 40 --write"
AT_ONCE = 4  # conversations that go on at the same time


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of prompts that servers were asked for, and those that they had."""

    queries: float = 0.0
    hits: float = 0.0

    def since(self, before: "Counted") -> "Counted":
        """Return what came since an earlier count."""
        return Counted(self.queries - before.queries, self.hits - before.hits)

    @property
    def share(self) -> str:
        """Return how much of what was asked for was there."""
        return f"{self.hits / self.queries:.1%}" if self.queries else "–"


def count(urls: Sequence[str]) -> Counted:
    """Read the counters of all servers."""
    totals = {"queries": 0.0, "hits": 0.0}
    for url in urls:
        page = httpx.get(f"{url.removesuffix('/v1')}/metrics", timeout=30).text
        for name, value in COUNT.findall(page):
            totals[name] += float(value)
    return Counted(**totals)


async def ask_each(opened: OpenCollection, questions: Sequence[str]) -> None:
    """Ask one after the other, as one asker does."""
    for text in questions:
        await opened.desk.ask(Question(text=text))


async def talk(opened: OpenCollection, case: Case, places: asyncio.Semaphore) -> None:
    """Hold a conversation: its first question, then the follow-up, then the follow-up's own."""
    session = secrets.token_hex(8)
    told = tuple(Turn(role=turn["role"], text=turn["text"]) for turn in case.history)
    later = (*told, Turn(role="user", text=case.question), Turn(role="assistant", text="Yes."))
    for text, history in (
        (told[0].text, ()),
        (case.question, told),
        (f"{case.question.rstrip('?？')}?", later),
    ):
        async with places:
            await opened.desk.ask(Question(text=text, history=history, session=session))


async def measure(desks: Workspace, urls: Sequence[str], most: int) -> dict[str, Counted]:
    """Ask everything, and count."""
    opened = desks.open_collection("default")
    texts = [case.question for case in cases() if case.answerable][:most]
    follow_ups = [
        case for case in read_case_lines(HANDBOOK / "follow_ups.jsonl") if case.answerable
    ][: most // 2]
    rows: dict[str, Counted] = {}
    before = count(urls)

    def note(name: str) -> None:
        nonlocal before
        now = count(urls)
        rows[name], before = now.since(before), now

    await ask_each(opened, texts)
    note(f"one asker, {len(texts)} distinct questions")
    await ask_each(opened, random.Random(7).sample(texts, len(texts)))  # noqa: S311, an order
    note("the same questions again, in another order")
    places = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(talk(opened, case, places) for case in follow_ups))
    note(f"{len(follow_ups)} conversations of three turns")
    await desks.close()
    return rows


class Spread(LlmPool):
    """Asks the least busy server, whatever it has read."""

    def choose_server(self, avoid: Collection[str] = (), affinity: str = "") -> LlmServer:
        """Return the least busy server."""
        del affinity
        return super().choose_server(avoid)


def list_ways(urls: Sequence[str]) -> Iterator[tuple[str, Sequence[str], type[LlmPool]]]:
    """List what is compared: servers, and how one is chosen."""
    yield "one server", urls[:1], LlmPool
    if len(urls) > 1:
        yield f"{len(urls)} servers, the least busy", urls, Spread
        yield f"{len(urls)} servers, the one that read it", urls, LlmPool


def make_settings(urls: Sequence[str]) -> Settings:
    """Make settings by which every question reaches the model, which writes next to nothing."""
    generate = GenerateOptions(
        urls=tuple(urls), max_tokens=16,
        first_seconds=300, silence_seconds=300, total_seconds=600,
    )  # fmt: skip
    decide = DecideOptions(floor=0.0, model_floor=0.0)
    ground = GroundOptions(context=8_192)
    return replace(Settings(), generate=generate, ground=ground, decide=decide)


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", action="append", required=True, dest="urls")
    parser.add_argument("--most", type=int, default=60, help="questions; half as many talks")
    parser.add_argument("--note", default="", help="of the servers: version, model, block size")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    logging.getLogger("ragdesk").setLevel(logging.ERROR)  # every answer is cut off, as asked
    columns: dict[str, dict[str, Counted]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        Workspace(Path(scratch), Settings()).make_job("default").run([HANDBOOK / "documents"])
        for name, urls, pool in list_ways(options.urls):
            openai_client.LlmPool = pool  # type: ignore[misc]
            desks = Workspace(Path(scratch), make_settings(urls))
            columns[name] = asyncio.run(measure(desks, urls, options.most))
    names = list(columns)
    table = [f"| | tokens | {' | '.join(names)} |", f"|{' --- |' * (len(names) + 2)}"]
    for row in columns[names[0]]:
        shares = (columns[name][row].share for name in names)
        table.append(f"| {row} | {columns[names[0]][row].queries:,.0f} | {' | '.join(shares)} |")
    body = "\n".join([options.note, "", *table] if options.note else table)
    print(body)
    if options.write:
        write_section("Prefix cache", f"python -m tests.lab.speed.prefix_cache {ARGUMENTS}", body)


if __name__ == "__main__":
    main()
