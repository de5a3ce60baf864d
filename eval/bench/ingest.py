"""Take a folder in, timed as a whole process, against another program and against our ceiling.

    python -m eval.bench.ingest FOLDER --peer 'python lc.py FOLDER' --rounds 3

Each round takes the folder into a fresh collection, times the two halves of the work alone, and
runs the peer, so that all three meet the same machine; the load beside each round says how busy
others kept it. The exported model is kept between the rounds, as it is between two ingests of
one home; what its export costs stands in a line of its own. The ceiling is what the machine would
need if parsing and embedding filled every core without a gap:
(cores x embed-only + parse-only) / cores, parse-only being measured in one process. No job can
be faster: a share above 100 % says that the machine changed amid its round. It is shown as it was
measured, and the figures are then to be taken again on a quiet machine.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.bench.corpora import run_watched
from eval.bench.results import write_section
from indexes.embed import EmbedOptions, open_embedder
from indexes.segments import views
from indexes.text import readable
from indexes.weights import find
from ingest import sources
from ingest.document import Raw
from ingest.guard import Guard, GuardOptions, Parsed
from ingest.originals import look
from ingest.split import SplitOptions

LIMIT = GuardOptions().file_size


@dataclass(frozen=True, slots=True)
class Run:
    """One process from its start to its end: seconds, peak memory of its tree in MB, its JSON."""

    seconds: float
    peak: float
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """The two halves of the work, each alone: seconds of parsing in one process, of embedding."""

    parse: float
    embed: float
    documents: int
    pages: int
    chunks: int
    texts: int

    @property
    def ceiling(self) -> float:
        """Seconds that a job without a gap would need."""
        cores = len(os.sched_getaffinity(0))
        return (cores * self.embed + self.parse) / cores


def ours(folder: Path, home: Path) -> Run:
    """Take a folder into a home whose collections are removed before; its model is kept."""
    shutil.rmtree(home / "collections", ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "ragdesk",
        "--home",
        str(home),
        "ingest",
        str(folder),
        "--json",
    ]
    said, seconds, peak = run_watched(command)
    return Run(seconds, peak, json.loads(said))


def theirs(command: Sequence[str]) -> Run:
    """Run the peer; the last line it prints may be JSON with figures of its own."""
    said, seconds, peak = run_watched(list(command))
    last = said.strip().rpartition("\n")[2]
    return Run(seconds, peak, json.loads(last) if last.startswith("{") else {})


def parts(folder: Path, home: Path) -> Parts:
    """Parse everything in one child, then embed every text once, each on its own."""
    files = [one for one in sources.files(folder.resolve()) if isinstance(one, sources.Found)]
    raws = [_raw(one) for one in files]
    tokenizer = find("packaged", home / "models").tokenizer
    embedder = open_embedder(EmbedOptions(), home / "models")
    split = asdict(SplitOptions().fitted(embedder.card.max_tokens))
    guard = Guard(GuardOptions(workers=1), tokenizer=tokenizer, split=split)
    with guard:
        list(guard.run(raws[:1], name=lambda raw: raw.digest))  # the child's imports are past
        began = time.perf_counter()
        found = [outcome for _, outcome in guard.run(raws, name=lambda raw: raw.digest)]
        parse = time.perf_counter() - began
    documents = [one for one in found if isinstance(one, Parsed)]
    reads = embedder.card.reads_cjk
    chunks = [c for one in documents for c in one.chunks if reads or readable(c.text)]
    texts = list(dict.fromkeys(words for chunk in chunks for _, words in views(chunk)))
    embedder.passages(texts[:8])
    began = time.perf_counter()
    embedder.passages(texts)
    return Parts(
        parse=parse,
        embed=time.perf_counter() - began,
        documents=len(documents),
        pages=sum(len(one.record.pages) for one in documents),
        chunks=sum(len(one.chunks) for one in documents),
        texts=len(texts),
    )


def _raw(found: sources.Found) -> Raw:
    seen = look(found.path, limit=LIMIT)
    return Raw(uri=found.name, source="bench", file=found.path, digest=seen.digest, size=seen.size)


def table(first: Run, rounds: Sequence[tuple[Run, Run | None]], alone: Parts) -> str:
    """Write the section's body."""
    report = rounds[0][0].report
    median = statistics.median(run.seconds for run, _ in rounds)
    pages = f", {alone.pages / alone.parse:.0f} pages/s" if alone.pages else ""
    rows = "\n".join(
        f"| {number} | {run.seconds:.1f} | {run.peak:.0f} | {_peer(run, peer)} |"
        for number, (run, peer) in enumerate(rounds, start=1)
    )
    return f"""\
{report["documents"]} documents, {alone.pages} pages, {report["chunks"]} chunks, \
{report["vectors"]} vectors, {len(report["skipped"])} skipped.

| round | ragdesk s | peak MB | peer s | its own ingest s | its peak MB | peer / ragdesk |
|---|---|---|---|---|---|---|
{rows}

The first ingest of a home, with the model's export: {first.seconds:.1f} s, {first.peak:.0f} MB.
Parse and split alone, one process: {alone.parse:.1f} s{pages}.
Embed alone: {alone.embed:.1f} s, {alone.texts / alone.embed:.1f} texts/s.
Ceiling: {alone.ceiling:.1f} s; our median of {median:.1f} s is {alone.ceiling / median:.0%} of it.
"""


def _peer(run: Run, peer: Run | None) -> str:
    if peer is None:
        return "- | - | - | -"
    inner, ratio = peer.report.get("ingest_s", "-"), peer.seconds / run.seconds
    return f"{peer.seconds:.1f} | {inner} | {peer.peak:.0f} | {ratio:.2f}"


def main() -> None:
    """Measure, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", help="a command that takes the same folder in")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="print only")
    asked = parser.parse_args()
    peer = shlex.split(asked.peer) if asked.peer else None
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        first = ours(asked.folder, home)
        rounds = [
            (ours(asked.folder, home), theirs(peer) if peer else None) for _ in range(asked.rounds)
        ]
        body = table(first, rounds, parts(asked.folder, home))
    print(body)
    if not asked.dry:
        names = f"{asked.folder.name}" + (" --peer …" if peer else "")
        write_section(
            "Ingest", f"python -m eval.bench.ingest {names} --rounds {asked.rounds}", body
        )


if __name__ == "__main__":
    main()
