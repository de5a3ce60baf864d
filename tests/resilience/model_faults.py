"""Produce the figures of the promise P14: a faulty language model degrades to extraction.

    python -m tests.resilience.model_faults

The sample company, the scripted writer over HTTP, and a TCP proxy between them that breaks on
command. With each fault six questions are asked one after the other; then the fault ends, and the
desk is asked until the model answers again.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from ragdesk.answering.answer import Answer, Question
from ragdesk.answering.desk import Desk
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from tests.fault_proxy import FAULTS, Fault, FaultProxy
from tests.lab.quality.handbook import cases, take_in
from tests.lab.quality.writer import writer
from tests.lab.results import write_section
from tests.resilience.kills import ROOT

ASKED = 6  # more than it takes for the breaker to rest the address
QUICK = GenerateOptions(
    connect_seconds=1.0, first_seconds=2.0, silence_seconds=1.0, rest_seconds=1.0
)


@dataclass(slots=True)
class Met:
    """What a fault did: the reasons given, seconds of each answer, seconds until well again."""

    fault: Fault
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    recovered: float = 0.0
    answered: int = 0
    degraded: int = 0

    def row(self) -> str:
        """Write a row of the table; the first answer meets the fault, later ones may rest it."""
        reasons = ", ".join(f"{name} {n}" for name, n in self.reasons.most_common())
        later = statistics.median(self.seconds[1:])
        return (
            f"| {self.fault} | {self.answered} of {len(self.seconds)} | {self.degraded} "
            f"| {reasons} | {self.seconds[0]:.2f} | {later:.2f} | {max(self.seconds):.2f} "
            f"| {self.recovered:.2f} |"
        )


async def ask(desk: Desk, question: str) -> tuple[Answer, float]:
    """Ask, and take the time."""
    begun = time.perf_counter()
    return await desk.ask(Question(text=question)), time.perf_counter() - begun


async def break_by(fault: Fault, desk: Desk, proxy: FaultProxy, questions: list[str]) -> Met:
    """Break the way to the model, ask, mend it, and ask until the model answers again."""
    outcome = Met(fault)
    await proxy.set(fault)
    for question in questions[:ASKED]:
        answer, seconds = await ask(desk, question)
        outcome.seconds.append(seconds)
        outcome.answered += answer.outcome == "answered"
        outcome.degraded += answer.degraded
        outcome.reasons[(answer.degraded_reason or "none").partition(":")[0]] += 1
    await proxy.set("none")
    begun = time.perf_counter()
    while True:
        answer, _ = await ask(desk, questions[0])
        if not answer.degraded:
            break
    outcome.recovered = time.perf_counter() - begun
    return outcome


async def measure(home: Path, port: int, questions: list[str]) -> list[Met]:
    """Break in every way there is, one after the other, each on a desk of its own."""
    outcomes = []
    for fault in FAULTS:
        async with FaultProxy(port) as proxy:
            generate = replace(QUICK, urls=(proxy.url,))
            desks = Workspace(home, replace(Settings(), generate=generate))
            with desks.open_collection("default") as opened:
                await ask(opened.desk, questions[0])
                outcomes.append(await break_by(fault, opened.desk, proxy, questions))
            await desks.close()
    return outcomes


def table(outcomes: list[Met]) -> str:
    """Write what was met as Markdown."""
    head = [
        *("fault", "answered", "degraded", "reasons", "first answer, s", "later ones, s"),
        *("longest, s", "well again after, s"),
    ]
    deadlines = {
        "connect": QUICK.connect_seconds,
        "first word": QUICK.first_seconds,
        "silence": QUICK.silence_seconds,
    }
    limits = ", ".join(f"{name} {seconds:g} s" for name, seconds in deadlines.items())
    return "\n".join(
        [
            f"Deadlines: {limits}; a resting address is tried again after {QUICK.rest_seconds:g} s.",
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(outcome.row() for outcome in outcomes),
        ]
    )


def main() -> None:
    """Break everything, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.parse_args()
    questions = [case.question for case in cases() if case.answerable and case.lang == "en"]
    with tempfile.TemporaryDirectory() as home, writer("--corrupt", "0") as address:
        opened = take_in(Path(home))
        answered = [
            question
            for question in questions[:40]
            if asyncio.run(opened.desk.ask(Question(text=question))).outcome == "answered"
        ]
        body = table(asyncio.run(measure(Path(home), int(address.rpartition(":")[2]), answered)))
    print(body)
    heading = "P14: a faulty language model degrades to the documents' own words"
    write_section(
        heading,
        "python -m tests.resilience.model_faults",
        body,
        file=ROOT / "tests" / "resilience" / "RESILIENCY.md",
    )


if __name__ == "__main__":
    main()
