"""What the desk adds to a streaming language model: time to the first words, between them, CPU.

    python -m tests.lab.speed.gateway [--rate 50] [--tokens 200] [--rounds 4]

A paced writer (``tests.lab.speed.paced_server``) in a process of its own is asked directly with a plain httpx
client, and through ``ragdesk serve`` in a process of its own, by 1 and by 16 at once. The desk has
one core, the writer and those who ask the other one. All take their times off one clock, so how
far an event lags behind the token that made it due is measured token by token. CPU is that of the
whole desk; asked directly, that of the client, which does nothing but read. Writes "Gateway" of
RESULTS.md.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from indexes.chunk import Passage
from ragdesk.answering.answer import Question
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.prompt_builder import PromptBuilder, estimate_tokens
from ragdesk.answering.writing.prompts import PromptSource
from ragdesk.answering.writing.sanitize import GrowingSanitizer
from ragdesk.answering.writing.structured_decoder import StructuredDecoder
from ragdesk.answering.writing.writing_options import GroundOptions, VerifyOptions
from ragdesk.open_collection import OpenCollection
from tests.lab.quality.handbook import cases, take_in
from tests.lab.results import write_section
from tests.lab.speed.paced_server import paced
from tests.lab.speed.serving import apart

AT_ONCE = (1, 16)
SENTENCE = 1_000  # more characters than one has
SETTINGS = """
[generate]
urls = ["{url}/v1"]
max_tokens = 1024
[decide]
floor = 0.0
[advanced.clarify]
floor = 1.1
"""
Json = dict[str, Any]


@dataclass(slots=True)
class Heard:
    """One stream as its client heard it: the events, and when each came."""

    question: str
    sent_at: float
    events: list[tuple[float, str, Json]] = field(default_factory=list)


@dataclass(slots=True)
class Cost:
    """What was met, in seconds, and the CPU it took.

    start: until the writer is asked. lag: of an event behind the token that made it due. gap: how
    much longer than between their tokens it was between two events. whole: answers that were.
    """

    start: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    tokens: int = 0
    cpu: float = 0.0
    whole: int = 0


async def listen(http: httpx.AsyncClient, url: str, body: Json, question: str) -> Heard:
    """Ask, and note when each event came; nothing is read before the stream has ended."""
    sent_at = time.monotonic()
    async with http.stream("POST", url, json=body) as response:
        response.raise_for_status()
        chunks = [(time.monotonic(), chunk) async for chunk in response.aiter_raw()]
    heard = Heard(question, sent_at)
    rest = b""
    for came, chunk in chunks:
        *events, rest = (rest + chunk).split(b"\n\n")
        for event in events:
            head, _, data = event.rpartition(b"data: ")
            if data != b"[DONE]":
                name = head.decode().removeprefix("event: ").strip()
                heard.events.append((came, name, json.loads(data)))
    return heard


async def ask_all(url: str, bodies: dict[str, Json], at_once: int) -> list[Heard]:
    """Ask every question, so many at once; each client asks its next when one is answered."""
    left = list(bodies.items())
    heard: list[Heard] = []

    async def client(http: httpx.AsyncClient, number: int) -> None:
        await asyncio.sleep(number * 0.15)  # not all at the same moment
        while left:
            question, body = left.pop()
            heard.append(await listen(http, url, body, question))

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=120, limits=limits, trust_env=False) as http:
        await asyncio.gather(*(client(http, number) for number in range(at_once)))
    return heard


def direct(heard: Sequence[Heard], record: Json) -> Cost:
    """Hold what came straight from the writer against its own notes."""
    cost = Cost()
    for stream in heard:
        noted = record[stream.question]
        came = [at for at, _, event in stream.events if event["choices"][0]["delta"].get("content")]
        cost.start.append(noted["came"] - stream.sent_at)
        cost.lag += [at - sent for at, sent in zip(came, noted["sent"], strict=True)]
        cost.gap += np.diff(cost.lag[-len(came) :]).tolist()
        cost.tokens += len(came)
    return cost


def due(tokens: Sequence[str], *, show: bool) -> list[tuple[int, int]]:
    """Give for each token that makes an event due, how much of which sentence it brings."""
    read = StructuredDecoder(99, growing=show)
    number = 0
    growing = GrowingSanitizer()
    arrivals: list[tuple[int, int]] = []
    for at, token in enumerate(tokens):
        for sentence in read.feed(token):
            if not sentence.is_complete:
                growing.grow(sentence.text)
            reached = SENTENCE - 1 if sentence.is_complete else len(growing.text)
            arrivals.append((at, reached + SENTENCE * number))
            if sentence.is_complete:
                number = number + 1
                growing = GrowingSanitizer()
    return arrivals


def through(heard: Sequence[Heard], record: Json, *, show: bool) -> Cost:
    """Hold what came through the desk against the writer's notes, retrieval taken off."""
    cost = Cost()
    for stream in heard:
        noted = record.get(stream.question)
        done = stream.events[-1][2]
        if noted is None or stream.events[-1][1] != "done" or done["withheld"] or done["degraded"]:
            continue
        cost.whole += 1
        came = _deltas(stream)
        steps = due(noted["tokens"], show=show)
        for at, reached in came:
            token = next(token for token, brought in steps if brought >= reached)
            cost.lag.append(at - noted["sent"][token])
        cost.start.append(noted["came"] - stream.sent_at - done["seconds"]["retrieve"])
        cost.gap += np.diff(cost.lag[-len(came) :]).tolist()
        cost.tokens += len(noted["tokens"])
    return cost


def _deltas(stream: Heard) -> list[tuple[float, int]]:
    """Give when each stretch of a sentence came, and how far the sentence reached by then."""
    arrivals = []
    number = 0
    reached = 0
    for at, name, data in stream.events:
        if name == "delta":
            words = data["text"]  # with a mark, the end of a sentence
            reached += len(words if reached else words.lstrip())
            arrivals.append((at, SENTENCE * number + (SENTENCE - 1 if "[" in words else reached)))
        if name == "verdict":
            number = number + 1
            reached = 0
    return arrivals


def bodies(opened: OpenCollection, questions: Sequence[str]) -> dict[str, Json]:
    """Write what the desk would send to the writer for each question."""
    ground = PromptBuilder(
        options=GroundOptions(),
        count_tokens=estimate_tokens,
        answer_tokens=1024,
        sentences=8,
        structured=True,
    )
    made = {}
    for text in questions:
        retrieval = opened.retrieve(Question(text=text))
        sources = [PromptSource(passage) for passage in retrieval.passages]
        prompt = ground(text, retrieval.analysis.language, sources)
        messages_ = [("system", prompt.system), ("user", prompt.user)]
        messages = [{"role": role, "content": content} for role, content in messages_]
        made[text] = {"model": "paced", "messages": messages, "stream": True}
    return made


def alone(opened: OpenCollection, heard: Sequence[Heard]) -> float:
    """Give the CPU seconds of finding the passages of some questions and checking the answers."""
    questions = {stream.question: stream.events[-1][2] for stream in heard}
    cited = {text: opened.retrieve(Question(text=text)) for text in questions}  # warms, too
    work: list[tuple[ClaimChecker, str, list[Passage]]] = []
    for text, done in questions.items():
        marks = {c["number"]: c["chunk"] for c in done["citations"]}
        verify = ClaimChecker(options=VerifyOptions(), idf=cited[text].idf)
        for claim in done["claims"]:
            chunks = {marks[number] for number in claim["citations"]}
            passages = [p for p in cited[text].passages if p.chunk.id in chunks]
            work.append((verify, claim["text"], passages))
    begun = time.process_time()
    for text in questions:
        opened.retrieve(Question(text=text))
    for verify, claim_text, passages in work:
        verify(claim_text, passages)
    return time.process_time() - begun


def row(name: str, at_once: int, cost: Cost, base: Cost, own: float) -> str:
    """Write a row: what was met, and beside it what was added to the direct way."""
    cells = [name, str(at_once), str(len(cost.start)), f"{cost.tokens:,}"]
    for kind in ("start", "lag", "gap"):
        here = getattr(cost, kind)
        there = getattr(base, kind)
        cells += [f"{_ms(here, 0.5):.1f}, {_ms(here, 0.99):.1f}"]
        cells += [f"{_ms(here, 0.99) - _ms(there, 0.99):+.1f}" if cost is not base else ""]
    token = 1e6 / max(1, cost.tokens)
    cells += [f"{cost.cpu * token:.0f}"]
    cells += [f"{(cost.cpu - own) * token:.0f}" if cost is not base else ""]
    return f"| {' | '.join(cells)} |"


def _ms(seconds: Sequence[float], q: float) -> float:
    return 1000 * float(np.quantile(seconds or [0.0], q))


def measure(
    home: Path, url: str, questions: Sequence[str], opened: OpenCollection
) -> Iterator[str]:
    """Ask both ways, and give the rows of the table."""
    made = bodies(opened, questions)
    (home / "ragdesk.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
    with apart(home) as (base, server):
        for send in ("hold", "show"):  # warm
            asks = {text: {"question": text, "stream": True, "verify": send} for text in made}
            asyncio.run(ask_all(f"{base}/v1/answers", dict(list(asks.items())[:16]), 16))
        for at_once in AT_ONCE:
            part = dict(list(made.items())[: len(made) if at_once > 1 else len(made) // 8])
            begun = time.process_time()
            heard = asyncio.run(ask_all(f"{url}/v1/chat/completions", part, at_once))
            spent = time.process_time() - begun
            plainly = direct(heard, httpx.delete(f"{url}/record").json())
            plainly.cpu = spent
            yield row("direct", at_once, plainly, plainly, 0.0)
            for send in ("hold", "show"):
                asks = {text: {"question": text, "stream": True, "verify": send} for text in part}
                before = sum(server.cpu_times()[:2])
                heard = asyncio.run(ask_all(f"{base}/v1/answers", asks, at_once))
                spent = sum(server.cpu_times()[:2]) - before
                record = httpx.delete(f"{url}/record").json()
                cost = through(heard, record, show=send == "show")
                cost.cpu = spent
                cost.tokens = sum(len(n["tokens"]) for n in record.values())
                print(send, at_once, f"{cost.whole} of {len(heard)} whole", file=sys.stderr)
                yield row(f"ragdesk, {send}", at_once, cost, plainly, alone(opened, heard))


HEAD = (
    "| asked | at once | answers | tokens | before the writer is asked, p50, p99 ms | added p99 "
    "| event behind its token, p50, p99 ms | added p99 "
    "| longer between events than between tokens, p50, p99 ms | added p99 "
    "| CPU a token, µs | without retrieval and check, µs |\n|" + " --- |" * 12
)


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4, help="answers of each of 16 at once")
    parser.add_argument("--dry", action="store_true", help="print, and leave RESULTS.md alone")
    options = parser.parse_args()
    questions = [case.question for case in cases() if case.answerable][: 16 * options.rounds]
    with tempfile.TemporaryDirectory() as scratch, paced(options.rate, options.tokens) as url:
        opened = take_in(Path(scratch))
        rows = []
        for line in measure(Path(scratch), url, questions, opened):
            rows.append(line)
            print(line, flush=True)
    preface = f"{options.rate:g} tokens a second of each stream, answers of about {options.tokens} tokens."
    if not options.dry:
        write_section(
            "Gateway",
            "python -m tests.lab.speed.gateway",
            f"{preface}\n\n{HEAD}\n" + "\n".join(rows),
        )


if __name__ == "__main__":
    main()
