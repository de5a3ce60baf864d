"""Produce the figures of P14, continued: a language model's server that means harm.

    python -m tests.resilience.hostile_model

Each case (tests/hostile_server.py) meets a small desk in a process of its own, whose address space
is held to 6 GiB: it asks one question and measures how long it took to answer in the documents' own
words, how much memory that took beyond what the process had, and how long its event loop stood.
A thread's own seconds are told beside those of the clock: the machine may be busy.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from fakes import CARD, HashEmbedder  # noqa: E402
from hostile_server import CHATS, HEALTH, LISTS, HostileServer  # noqa: E402
from model_desk import by_model  # noqa: E402 - the tests' own modules

from indexes.build import Build  # noqa: E402
from indexes.chunk import Chunk, DocumentRecord  # noqa: E402
from indexes.index import Index  # noqa: E402
from ragdesk.answering.answer import Question  # noqa: E402
from ragdesk.answering.answer_options import DecideOptions  # noqa: E402
from ragdesk.answering.desk import Desk  # noqa: E402
from ragdesk.answering.retrieval.retriever import Retriever  # noqa: E402

GIB = 1 << 30
TEXT = "Unused articles can be sent back within 30 days of delivery."
ASKED = "Within how many days can unused articles be sent back?"
QUICK = {
    "connect_seconds": 1.0,
    "first_seconds": 5.0,
    "silence_seconds": 2.0,
    "total_seconds": 10.0,
    "rest_seconds": 0.05,
}
LONGEST = 40  # seconds of a case


def small_desk(folder: Path) -> Desk:
    """Make a desk of one document."""
    record = DocumentRecord(
        id="a", uri="a.md", source="s", text=TEXT, digest="a", media_type="text/plain",
        title="Returns", language="en",
    )  # fmt: skip
    chunk = Chunk(
        document="a", uri="a.md", title="Returns", language="en", text=TEXT, start=0, end=len(TEXT)
    )
    with Build(folder, HashEmbedder(CARD)) as build:
        build.add(record, [chunk])
        build.publish()
    retrieve = Retriever(index=Index.open(folder), embedder=HashEmbedder(CARD))
    return Desk(retrieve=retrieve, collection="c", decide=DecideOptions(floor=0.0))


class Ticks:
    """Measures how long an event loop stands. clock, computing: the longest, in seconds."""

    def __init__(self) -> None:
        self.clock = self.computing = 0.0

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            used = time.thread_time()
            await asyncio.sleep(0.005)
            self.clock = max(self.clock, time.monotonic() - began - 0.005)
            self.computing = max(self.computing, time.thread_time() - used)


def forget_peak() -> None:
    """Begin to measure the peak anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak() -> int:
    """Give the most memory this process held resident, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


async def meet(url: str, case: str, folder: Path) -> dict[str, Any]:
    """Ask one question while a case goes on, and measure."""
    desk = small_desk(folder)
    await desk.ask(Question(text=ASKED))  # what is loaded once is loaded
    model = "" if case in LISTS else "hostile"
    trips = 1 if case == HEALTH else 3
    asking = by_model(desk, url, model=model, trips=trips, **QUICK)
    asking.writer.engine.here()
    forget_peak()
    before = peak()
    ticks = Ticks()
    ticking = asyncio.ensure_future(ticks.run())
    await asyncio.sleep(0.05)
    ticks.clock = ticks.computing = 0.0
    began = time.monotonic()
    answer = await asking.ask(Question(text=ASKED))
    seconds = time.monotonic() - began
    if case == HEALTH:
        await asyncio.sleep(2 * QUICK["connect_seconds"])
    ticking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticking
    await asking.writer.engine.close()
    return {
        "reason": (answer.degraded_reason or "").partition(":")[0],
        "degraded": answer.degraded and answer.generator == "extractive",
        "answered": answer.outcome == "answered",
        "seconds": seconds,
        "peak": peak() - before,
        "stall": ticks.clock,
        "computing": ticks.computing,
    }


async def try_case(case: str) -> dict[str, Any]:
    """Let a process of its own meet a case."""
    async with HostileServer(seconds=LONGEST) as server:
        server.set(case)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.resilience.hostile_model",
            "--url", server.url, "--meet", case,
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST):
                out, err = await child.communicate()
        except TimeoutError:
            child.kill()
            await child.wait()
            return {"case": case, "sent": server.sent, "died": f"no answer in {LONGEST} s"}
        facts = {"case": case, "sent": server.sent, "elsewhere": server.elsewhere}
        if child.returncode:
            return {**facts, "died": err.decode().strip().splitlines()[-1][:80]}
        return {**facts, **json.loads(out)}


def row(facts: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    """Write a row of the table. before: what another version did in the same case."""
    return f"| {facts['case']} |" + "".join(map(_cells, [facts, before] if before else [facts]))


def _cells(facts: dict[str, Any]) -> str:
    sent = f" {facts['sent'] / 1e6:,.1f} |"
    if "died" in facts:
        return f"{sent} **{facts['died'].partition(':')[0]}** | | | |"
    reason = facts["reason"] if facts["degraded"] else f"**{facts['reason'] or 'not degraded'}**"
    if facts["reason"] == "cut_off":
        reason = "cut_off (what was checked stands)"
    return (
        f"{sent} {reason} | {facts['seconds']:.2f} | {facts['peak'] / 1e6:,.0f} "
        f"| {facts['stall'] * 1e3:,.0f} ({facts['computing'] * 1e3:,.0f}) |"
    )


def table(cases: list[dict[str, Any]], before: dict[str, dict[str, Any]]) -> str:
    """Write what was met as Markdown, beside what another version did before."""
    head = " sent, MB | degrades | s | memory, MB | loop stood, ms (computing) |"
    times = 2 if before else 1
    beside = "Right half: the same on 363a9ed." if before else ""
    deadlines = "Deadlines: first word 5 s, silence 2 s, whole 10 s."
    return "\n".join(
        [
            f"{deadlines} Buffers of sockets hold some MB of what is sent. {beside}",
            "In brackets, what the loop's own thread computed: the rest is the machine's other work.",
            "",
            "| case |" + head * times,
            "|---" * (1 + 5 * times) + "|",
            *(row(case, before.get(case["case"])) for case in cases),
        ]
    )


def main() -> None:
    """Try every case, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--meet", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="write what was met there, and nowhere else")
    parser.add_argument("--before", type=Path, help="such a file, of another version")
    options = parser.parse_args()
    if options.meet:
        resource.setrlimit(resource.RLIMIT_AS, (6 * GIB, 6 * GIB))
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(asyncio.run(meet(options.url, options.meet, Path(folder)))))
        return
    cases = []
    for case in (*CHATS, *LISTS, HEALTH):
        cases.append(asyncio.run(try_case(case)))
        print(row(cases[-1]), flush=True)
    if options.out:
        options.out.write_text(json.dumps({case["case"]: case for case in cases}), encoding="utf-8")
    else:
        before = json.loads(options.before.read_text(encoding="utf-8")) if options.before else {}
        from tests.lab.results import write_section  # noqa: PLC0415 - only to write

        write_section(
            "P14, continued: a language model's server that means harm",
            "python -m tests.resilience.hostile_model",
            table(cases, before),
            file=ROOT / "tests" / "resilience" / "RESILIENCY.md",
        )


if __name__ == "__main__":
    main()
