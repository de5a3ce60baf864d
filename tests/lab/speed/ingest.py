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
    said, seconds, peak = run_watched(command)
    return Run(seconds, peak, json.loads(said))


def theirs(command: Sequence[str]) -> Run:
    """Run the peer; the last line it prints may be JSON with figures of its own."""
    said, seconds, peak = run_watched(list(command))
    last = said.strip().rpartition("\n")[2]
    return Run(seconds, peak, json.loads(last) if last.startswith("{") else {})


def parts(folder: Path, home: Path) -> Parts:
    """Parse everything in one child, then embed every text once, each on its own."""
    files = [
        one
        for one in source_files.list_files(folder.resolve())
        if isinstance(one, source_files.SourceFile)
    ]
    raws = [_raw(one) for one in files]
    tokenizer = find_model("packaged", home / "models").tokenizer
    embedder = open_embedder(EmbedOptions(), home / "models")
    split = asdict(SplitOptions().shrink_to(embedder.card.max_tokens))
    guard = Guard(GuardOptions(workers=1), tokenizer=tokenizer, split=split)
    with guard:
        list(
            guard.parse_files(raws[:1], make_id=lambda raw, _: raw.digest)
        )  # the child's imports are past
        began = time.perf_counter()
        found = [
            outcome for _, outcome in guard.parse_files(raws, make_id=lambda raw, _: raw.digest)
        ]
        parse = time.perf_counter() - began
    documents = [one for one in found if isinstance(one, ParsedDocument)]
    chunks = [c for one in documents for c in one.chunks if embedder.card.can_embed(c.text)]
    texts = list(dict.fromkeys(words for chunk in chunks for _, words in iter_views(chunk)))
    embedder.embed_passages(texts[:8])
    began = time.perf_counter()
    embedder.embed_passages(texts)
    return Parts(
        parse=parse,
        embed=time.perf_counter() - began,
        documents=len(documents),
        pages=sum(len(one.record.pages) for one in documents),
        chunks=sum(len(one.chunks) for one in documents),
        texts=len(texts),
    )


def _raw(found: source_files.SourceFile) -> Raw:
    seen = digest_file(found.path, limit=LIMIT)
    return Raw(uri=found.name, source="bench", file=found.path, digest=seen.digest, size=seen.size)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured, and the load average (1 minute) at its beginning."""

    load: float
    own: Run
    found: Search
    alone: Parts
    peers: Mapping[str, Run]

    @property
    def share(self) -> float:
        """How much of the ceiling's speed the job reached."""
        return self.alone.ceiling / self.own.seconds

    def row(self, number: int) -> str:
        """Write the round as a table row."""
        own, alone = self.own, self.alone
        cells = [number, f"{self.load:.1f}", f"{own.seconds:.1f}", f"{own.peak:.0f}"]
        cells += [f"{alone.parse:.1f}", f"{alone.embed:.1f}", f"{alone.ceiling:.1f}"]
        cells += [f"{self.share:.0%}"]
        return f"| {' | '.join(map(str, cells))} |"

    def searches(self, number: int) -> str:
        """Write the round's own searches as a table row."""
        times = (self.found.p50, self.found.p95, self.found.dense_p50)
        return f"| {number} | {' | '.join(f'{one:.1f}' for one in times)} |"

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
    found = search(home)
    alone = parts(folder, home)
    ran = [theirs(shlex.split(one)) for one in peers]
    named = {str(r.report.get("name", n)): r for n, r in enumerate(ran, start=1)}
    return Round(load, own, found, alone, named)


def table(first: Run, rounds: Sequence[Round]) -> str:
    """Write the section's body."""
    report, alone = rounds[0].own.report, rounds[0].alone
    parse, embed = (statistics.median(getattr(r.alone, n) for r in rounds) for n in PARTS)
    pages = f", {alone.pages / parse:.0f} pages/s" if alone.pages else ""
    rows = "\n".join(one.row(number) for number, one in enumerate(rounds, start=1))
    searches = "\n".join(one.searches(number) for number, one in enumerate(rounds, start=1))
    beside = "\n".join(row for n, one in enumerate(rounds, start=1) for row in one.beside(n))
    share = statistics.median(one.share for one in rounds)
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
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        first, rounds = ours(asked.folder, home), list[Round]()
        for _ in range(asked.rounds):
            rounds.append(measured(asked.folder, home, asked.peer))
            body = table(first, rounds)
            print(body, flush=True)
            if not asked.dry:
                names = f"{asked.folder.name}{' --peer …' * len(asked.peer)}"
                command = f"python -m tests.lab.speed.ingest {names} --rounds {len(rounds)}"
                write_section(asked.heading, command, body)


if __name__ == "__main__":
    main()
