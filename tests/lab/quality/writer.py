"""Let a scripted writer reword the sample company and lie in a known share of its sentences.

    python -m tests.lab.quality.writer [--home HOME]

How many lies does the check catch, how many good sentences does it lose, in each language? The
writer is ``tests/scripted_writer.py``, over HTTP. Writes "Scripted writer" of RESULTS.md.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ragdesk.answering.answer import Answer, ClaimVerdict, Question
from ragdesk.answering.writing.sanitize import sanitize_text
from ragdesk.answering.writing.writing_options import GenerateOptions, VerifyOptions
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from tests.lab.quality.handbook import HANDBOOK, cases
from tests.lab.results import write_section

WRITER = Path(__file__).parents[2] / "scripted_writer.py"


@contextlib.contextmanager
def writer(*options: str) -> Iterator[str]:
    """Run the scripted writer in a process of its own, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(WRITER), "--port", str(port), *options])
    try:
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def run(desks: Workspace) -> list[Answer]:
    """Ask every question that has an answer."""
    questions = [case.question for case in cases() if case.answerable]
    with desks.open_collection("default") as opened:
        answers = [await opened.desk.ask(Question(text=text)) for text in questions]
    await desks.close()
    return answers


def table(answers: list[Answer], record: list[dict[str, Any]], show: int) -> list[str]:
    """Match what was said with what was done to it, and count."""
    verdicts = {claim.text: claim.verdict for answer in answers for claim in answer.claims}
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in record:
        verdict = verdicts.get(sanitize_text(row["text"], row["source"]).strip())
        if verdict is None:
            continue
        kind = row["corrupted"] or "none"
        rejected = verdict is ClaimVerdict.UNSUPPORTED
        for name in {kind, kind if kind == "none" else "any"}:
            counts[row["language"], name][0] += rejected
            counts[row["language"], name][1] += 1
        if rejected != (kind != "none") and show:
            print(kind, verdict, "|", row["text"], "|", row["source"], file=sys.stderr)
    rows = []
    for (language, kind), (caught, total) in sorted(counts.items()):
        what = "good sentences lost" if kind == "none" else f"caught: {kind}"
        rows.append(f"| {language} | {what} | {caught} of {total} | {caught / total:.2f} |")
    return rows


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with the sample company taken in")
    parser.add_argument("--show", action="store_true", help="print what was judged wrongly")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, writer("--corrupt", "0.3") as url:
        keep = VerifyOptions(failed="keep")
        generate = GenerateOptions(urls=(f"{url}/v1",))
        settings = replace(Settings(), generate=generate, verify=keep)
        desks = Workspace(options.home or Path(scratch), settings)
        if options.home is None:
            desks.make_job("default").run([HANDBOOK / "documents"])
        answers = asyncio.run(run(desks))
        with urllib.request.urlopen(f"{url}/record") as response:  # noqa: S310, our own
            record = json.load(response)
    rows = table(answers, record, options.show)
    degraded = sum(answer.degraded for answer in answers)
    head = "| language | what | sentences | share |\n| --- | --- | --- | --- |"
    body = "\n".join([head, *rows, "", f"{len(answers)} answers, {degraded} of them degraded."])
    print(body)
    write_section("Scripted writer", "python -m tests.lab.quality.writer", body)


if __name__ == "__main__":
    main()
