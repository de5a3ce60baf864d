"""Take real folders in as one job, ask questions of them, and check every citation.

    python -m tests.lab.quality.corpora PATH… --questions tests/lab/questions.jsonl

Everything goes through the public interface: ``ragdesk ingest --json`` as a whole process, whose
tree is watched for memory, then ``ragdesk serve`` over HTTP. The answers are printed for a person
to read; the check ``text[start:end] == quote`` is made against ``GET …/text``.
"""

import argparse
import collections
import contextlib
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from tests.lab.results import write_section


def run_watched(command: list[str]) -> tuple[str, float, float]:
    """Run a command to its end: its stdout, seconds, and the peak of its tree's memory in MB."""
    began = time.perf_counter()
    peak = 0
    with tempfile.TemporaryFile("w+") as out:
        process = psutil.Popen(command, stdout=out)
        while process.poll() is None:
            peak = max(peak, _tree_rss(process))
            time.sleep(0.1)
        out.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}")
        return out.read(), time.perf_counter() - began, peak / 2**20


def _tree_rss(process: psutil.Process) -> int:
    total = 0
    for part in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended between listing and asking
            total += part.memory_info().rss
    return total


@contextlib.contextmanager
def served(home: Path) -> Iterator[httpx.Client]:
    """Serve a home on a free port of the loopback until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "ragdesk", "--home", str(home), "serve", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait_until_ready(client)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(client: httpx.Client) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            if client.get("/readyz").status_code == httpx.codes.OK:
                return
        time.sleep(0.1)
    sys.exit("the server did not become ready within 60 s")


def unresolved(client: httpx.Client, answer: dict[str, Any]) -> int:
    """Count the citations of an answer whose quote is not the stored text at their offsets."""
    bad = 0
    for citation in answer["citations"]:
        uri = quote(citation["uri"], safe="/")
        path = f"/v1/collections/{answer['collection']}/documents/{uri}/text"
        text = client.get(path, params={"generation": answer["generation"]}).text
        bad += text[citation["start"] : citation["end"]] != citation["quote"]
    return bad


def show(answer: dict[str, Any]) -> str:
    """Print an answer for a person to check."""
    lines = [f"Q  {answer['question']}", f"   [{answer['outcome']}] {answer['text']}"]
    for c in answer["citations"]:
        page = f", page {c['page']}" if c["page"] else ""
        lines.append(f"   [{c['number']}] {c['uri']}{page} · {' > '.join(c['path'])}")
    return "\n".join(lines)


def report_ingest(
    report: dict[str, Any], seconds: float, peak: float, paths: Sequence[Path]
) -> str:
    """Write the ingest's counts as Markdown."""
    names = ("documents", "chunks", "vectors", "embedded")
    rows = [f"| {name} | {report[name]:,} |" for name in names]
    rows += [_share_row(path, report["skipped"]) for path in paths if path.is_dir()]
    rows += [
        f"| skipped | {len(report['skipped'])} |",
        f"| notes | {len(report['notes'])} |",
        f"| seconds, whole process | {seconds:.1f} |",
    ]
    rows.append(f"| peak memory of the process tree | {peak:,.0f} MB |")
    skipped = _count_lines(s["reason"] for s in report["skipped"])
    notes = _count_lines(note["note"] for note in report["notes"])
    table = "\n".join(["| | |", "| --- | --- |", *rows])
    return f"{table}\n\nSkipped:\n\n{skipped}\n\nNotes, their numbers as n:\n\n{notes}\n"


def _share_row(path: Path, skipped: Sequence[Mapping[str, Any]]) -> str:
    """Write how many of a folder's files yield their text."""
    files = sum(1 for file in path.rglob("*") if file.is_file())
    uris = {item["uri"].removeprefix(f"{path.name}/") for item in skipped}
    lost = sum((path / uri).is_file() for uri in uris)
    return f"| files of {path.name} that yield their text | {files - lost} of {files} |"


def _count_lines(reasons: Iterable[str]) -> str:
    """Count what is said alike, the most frequent first."""
    kinds = collections.Counter(re.sub(r"\d[\d,]*", "n", reason) for reason in reasons)
    return "\n".join(f"- {count} × {reason}" for reason, count in kinds.most_common()) or "none"


def main() -> None:
    """Ingest, ask, check, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--home", type=Path, help="kept afterwards; a temporary one without it")
    parser.add_argument("--heading", default="Corpora", help="of the section that is written")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = args.home or Path(scratch)
        ragdesk = [sys.executable, "-m", "ragdesk", "--home", str(home)]
        out, seconds, peak = run_watched([*ragdesk, "ingest", *args.paths, "--json"])
        body = report_ingest(json.loads(out), seconds, peak, [Path(path) for path in args.paths])
        print(body)
        if args.questions:
            body += "\n" + ask_all(home, args.questions)
    names = " ".join(Path(path).name for path in args.paths)
    write_section(args.heading, f"python -m tests.lab.quality.corpora {names}", body)


def ask_all(home: Path, questions: Path) -> str:
    """Ask every question over HTTP, print the answers, and say how many citations resolve."""
    cited = bad = 0
    outcomes: collections.Counter[str] = collections.Counter()
    with served(home) as client:
        for line in questions.read_text(encoding="utf-8").splitlines():
            answer = client.post(
                "/v1/answers", json={"question": json.loads(line)["question"]}
            ).json()
            print(show(answer), end="\n\n")
            cited = cited + len(answer["citations"])
            bad = bad + unresolved(client, answer)
            outcomes[answer["outcome"]] += 1
    counts = ", ".join(f"{count} {name}" for name, count in outcomes.items())
    return f"Questions: {counts}. Citations: {cited}, of which {bad} do not resolve.\n"


if __name__ == "__main__":
    main()
