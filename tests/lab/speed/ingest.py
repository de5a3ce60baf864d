"""Take a folder in, timed as a whole process, against other programs and against our ceiling.

    python -m tests.lab.speed.ingest FOLDER --peer 'python lc.py FOLDER' --peer … --rounds 3

Each round takes the folder into a fresh collection, searches it in a process that holds it, times
the two halves of the work alone, and runs the peers, so that all meet the same machine; the
load beside each round says how busy others kept it. The exported model is kept between the
rounds, as it is between two ingests of one home; what its export costs stands in a line of its
own. The ceiling is what the machine would need if parsing and embedding filled every core without
a gap:
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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexes.chunk_views import iter_views
from indexes.embedding.embedder import EmbedOptions, open_embedder
from indexes.embedding.model_files import find_model
from ingest import source_files
from ingest.document import ParsedDocument, Raw
from ingest.originals import digest_file
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.split import SplitOptions
from tests.lab.quality.corpora import run_watched
from tests.lab.results import write_section
from tests.lab.speed.search import Search, search

LIMIT = GuardOptions().file_size
PARTS = ("parse", "embed")
PEERS = """
The peers in the same rounds, whole processes; its own ingest is what a peer says of itself.

| round | peer | s | its own ingest s | peer / ragdesk | peak MB | search p50, ms | p95, ms |
|---|---|---|---|---|---|---|---|
{rows}
"""


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
    output, seconds, peak = run_watched(command)
    return Run(seconds, peak, json.loads(output))


def theirs(command: Sequence[str]) -> Run:
    """Run the peer; the last line it prints may be JSON with figures of its own."""
    output, seconds, peak = run_watched(list(command))
    last = output.strip().rpartition("\n")[2]
    return Run(seconds, peak, json.loads(last) if last.startswith("{") else {})


def parts(folder: Path, home: Path) -> Parts:
    """Parse everything in one child, then embed every text once, each on its own."""
    files = [
        file_
        for file_ in source_files.list_files(folder.resolve())
        if isinstance(file_, source_files.SourceFile)
    ]
    raws = [_raw(file_) for file_ in files]
    tokenizer = find_model("packaged", home / "models").tokenizer
    embedder = open_embedder(EmbedOptions(), home / "models")
    split = asdict(SplitOptions().shrink_to(embedder.card.max_tokens))
    guard = Guard(GuardOptions(workers=1), tokenizer=tokenizer, split=split)
    with guard:
        list(
            guard.parse_files(raws[:1], make_id=lambda raw, _: raw.digest)
        )  # the child's imports are past
        began = time.perf_counter()
        outcomes = [
            outcome for _, outcome in guard.parse_files(raws, make_id=lambda raw, _: raw.digest)
        ]
        parse = time.perf_counter() - began
    documents = [outcome for outcome in outcomes if isinstance(outcome, ParsedDocument)]
    chunks = [
        c for document in documents for c in document.chunks if embedder.card.can_embed(c.text)
    ]
    texts = list(dict.fromkeys(words for chunk in chunks for _, words in iter_views(chunk)))
    embedder.embed_passages(texts[:8])
    began = time.perf_counter()
    embedder.embed_passages(texts)
    return Parts(
        parse=parse,
        embed=time.perf_counter() - began,
        documents=len(documents),
        pages=sum(len(document.record.pages) for document in documents),
        chunks=sum(len(document.chunks) for document in documents),
        texts=len(texts),
    )


def _raw(source_file: source_files.SourceFile) -> Raw:
    digest = digest_file(source_file.path, limit=LIMIT)
    return Raw(
        uri=source_file.name,
        source="bench",
        file=source_file.path,
        digest=digest.digest,
        size=digest.size,
    )


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured, and the load average (1 minute) at its beginning."""

    load: float
    own: Run
    search: Search
    alone: Parts
    peers: Mapping[str, Run]

    @property
    def share(self) -> float:
        """How much of the ceiling's speed the job reached."""
        return self.alone.ceiling / self.own.seconds

    def row(self, number: int) -> str:
        """Write the round as a table row."""
        own = self.own
        alone = self.alone
        cells = [number, f"{self.load:.1f}", f"{own.seconds:.1f}", f"{own.peak:.0f}"]
        cells += [f"{alone.parse:.1f}", f"{alone.embed:.1f}", f"{alone.ceiling:.1f}"]
        cells += [f"{self.share:.0%}"]
        return f"| {' | '.join(map(str, cells))} |"

    def searches(self, number: int) -> str:
        """Write the round's own searches as a table row."""
        times = (self.search.p50, self.search.p95, self.search.dense_p50)
        return f"| {number} | {' | '.join(f'{milliseconds:.1f}' for milliseconds in times)} |"

    def beside(self, number: int) -> list[str]:
        """Write a table row for each peer of the round."""
        return [self._peer(number, name, run) for name, run in self.peers.items()]

    def _peer(self, number: int, name: str, run: Run) -> str:
        cells = [str(number), name, f"{run.seconds:.1f}", str(run.report.get("ingest_s", "-"))]
        cells += [f"{run.seconds / self.own.seconds:.2f}", f"{run.peak:.0f}"]
        cells += [str(run.report.get(key, "-")) for key in ("q_p50_ms", "q_p95_ms")]
        return f"| {' | '.join(cells)} |"


def measured(folder: Path, home: Path, peers: Sequence[str]) -> Round:
    """Measure one round. peers: their commands; each is called by the name that it gives."""
    load = os.getloadavg()[0]
    own = ours(folder, home)
    searched = search(home)
    alone = parts(folder, home)
    ran = [theirs(shlex.split(command)) for command in peers]
    named = {str(r.report.get("name", n)): r for n, r in enumerate(ran, start=1)}
    return Round(load, own, searched, alone, named)


def table(first: Run, rounds: Sequence[Round]) -> str:
    """Write the section's body."""
    report = rounds[0].own.report
    alone = rounds[0].alone
    parse, embed = (statistics.median(getattr(r.alone, n) for r in rounds) for n in PARTS)
    pages = f", {alone.pages / parse:.0f} pages/s" if alone.pages else ""
    rows = "\n".join(round_.row(number) for number, round_ in enumerate(rounds, start=1))
    searches = "\n".join(round_.searches(number) for number, round_ in enumerate(rounds, start=1))
    beside = "\n".join(row for n, round_ in enumerate(rounds, start=1) for row in round_.beside(n))
    share = statistics.median(round_.share for round_ in rounds)
    noisy = " Above 100 % is noise: measure again on a quiet machine." if share > 1 else ""
    return f"""\
{report["documents"]} documents, {alone.pages} pages, {report["chunks"]} chunks, \
{report["vectors"]} vectors, {len(report["skipped"])} skipped.

| round | load | ragdesk s | peak MB | parse alone s | embed alone s | ceiling s | share |
|---|---|---|---|---|---|---|---|
{rows}

The first ingest of a home, with the model's export: {first.seconds:.1f} s, {first.peak:.0f} MB.
Parse and split alone, one process{pages}. Embed alone: {alone.texts / embed:.1f} texts/s.
Share of the ceiling, median of {len(rounds)} rounds: {share:.0%}.{noisy}

Searching the same folder, ms, model loaded; hybrid is our whole way to eight passages.

| round | hybrid p50 | hybrid p95 | our dense lane alone, p50 |
|---|---|---|---|
{searches}
{PEERS.format(rows=beside) if beside else ""}"""


def main() -> None:
    """Measure and print; the section is written after each round, so that nothing is lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--peer", action="append", default=[], help="a command that takes the same folder in"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--heading", default="Ingest", help="of the section that is written")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        first = ours(options.folder, home)
        rounds = list[Round]()
        for _ in range(options.rounds):
            rounds.append(measured(options.folder, home, options.peer))
            body = table(first, rounds)
            print(body, flush=True)
            if not options.dry:
                names = f"{options.folder.name}{' --peer …' * len(options.peer)}"
                command = f"python -m tests.lab.speed.ingest {names} --rounds {len(rounds)}"
                write_section(options.heading, command, body)


if __name__ == "__main__":
    main()
