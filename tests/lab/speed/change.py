"""Measure what a change costs, as a whole process, in collections of different sizes.

    python -m tests.lab.speed.change --chunks 1000 10000 100000

Each collection is a folder of Markdown and HTML that was taken in once. Then ``ragdesk ingest``
is run where nothing changed, and where one paragraph of one document did; and a document is put
into the running collection, as a server does. Larger collections are made with vectors drawn at
random, as embedding them would take an hour: what is measured embeds with the model itself.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.embedding.embedder import Embedder, EmbedOptions, open_embedder
from indexes.embedding.model_files import find_model
from indexes.store.segments import CANARY_TEXT
from indexes.upkeep import history
from ingest.job import IngestJob
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.split import SplitOptions
from tests.lab.embedder_proxy import Through
from tests.lab.quality.corpora import run_watched
from tests.lab.results import write_section

WORDS = 45  # of a paragraph, and so of a chunk
EACH = 5  # chunks of a document
HEAD = """| chunks | documents | unchanged: s | embedded | MB | one paragraph: s | embedded | MB \
| a put: s | segments |
|---|---|---|---|---|---|---|---|---|---|"""
REAL_UP_TO = 6_000  # chunks embedded by the model when the collection is made


@dataclass
class Drawn(Through):
    """The model's card, and vectors drawn at random for all but the canary."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Draw vectors (n, dim)."""
        if list(texts) == [CANARY_TEXT]:
            return self.real.embed_passages(texts)
        drawn = np.random.default_rng(len(texts)).standard_normal((len(texts), self.card.dim))
        unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return np.asarray(unit, dtype=np.float32)


def grow(folder: Path, chunks: int, seed: int) -> list[Path]:
    """Write documents of five paragraphs, Markdown and HTML in turn."""
    dice = np.random.default_rng(seed)
    made = []
    words = np.array([f"w{n}" for n in range(4_000)] + ["refund", "order", "card"] * 300)
    for n in range(max(1, chunks // EACH)):
        paragraphs = [" ".join(words[dice.integers(0, len(words), WORDS)]) for _ in range(EACH)]
        html = n % 4 == 3
        file = folder / f"{n % 50}" / f"{n}.{'html' if html else 'md'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        mark = "".join(f"<h2>Part {i}</h2><p>{p}.</p>" for i, p in enumerate(paragraphs))
        plain = "\n\n".join(f"## Part {i}\n\n{p}." for i, p in enumerate(paragraphs))
        text = f"<title>Document {n}</title>{mark}" if html else f"# Document {n}\n\n{plain}\n"
        file.write_text(text, encoding="utf-8")
        made.append(file)
    return made


def _grown(folder: Path) -> list[Path]:
    return sorted((f for f in folder.rglob("*.*")), key=lambda file: int(file.stem))


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a whole process, its peak of memory in MB, and the texts it embedded."""

    seconds: float
    peak: float
    embedded: int


def ingest(home: Path, folder: Path) -> Cost:
    """Run ``ragdesk ingest`` once."""
    command = [sys.executable, "-m", "ragdesk", "--home", str(home), "ingest", str(folder)]
    output, seconds, peak = run_watched([*command, "--json"])
    return Cost(seconds, peak, json.loads(output)["embedded"])


def change(file: Path, step: int) -> None:
    """Change one paragraph of a Markdown document."""
    body = file.read_text(encoding="utf-8")
    head, _, rest = body.partition("## Part 2\n\n")
    file.write_text(f"{head}## Part 2\n\nchange{step} {rest}", encoding="utf-8")


def measure(place: Path, chunks: int, rounds: int) -> str:
    """Make a collection of a size and measure changes of it; returns a table row."""
    home = place / "home"
    folder = place / "kb"
    files = grow(folder, chunks, seed=chunks) if not folder.exists() else _grown(folder)
    real = open_embedder(EmbedOptions(), home / "models")
    job = IngestJob(
        collection=home / "collections" / "default",
        embedder=real if chunks <= REAL_UP_TO else Drawn(real),
        tokenizer=find_model("packaged", home / "models").tokenizer,
    )
    if not job.collection.exists():
        began = time.perf_counter()
        job.run([folder])
        print(f"{chunks:,}: made in {time.perf_counter() - began:.0f} s", flush=True)
    time.sleep(3)  # a file that has just changed is read again
    ingest(home, folder)
    same = [ingest(home, folder) for _ in range(rounds)]
    changed = []
    for step in range(rounds):
        change(files[step], time.time_ns())
        changed.append(ingest(home, folder))
    put = puts(job, real, place, rounds)
    now = history.list_history(job.collection)[-1]
    cells = [
        f"{now.chunks:,}",
        f"{now.documents:,}",
        *_cost_cells(same),
        *_cost_cells(changed),
        f"{put:.2f}",
        str(now.segments),
    ]
    return f"| {' | '.join(cells)} |"


def puts(job: IngestJob, real: Embedder, place: Path, rounds: int) -> float:
    """Put documents one by one with children that are up, as a server does; median seconds."""
    split = asdict(SplitOptions().shrink_to(real.card.max_tokens))
    spent = []
    with Guard(GuardOptions(workers=1), tokenizer=job.tokenizer, split=split) as children:
        own = IngestJob(
            collection=job.collection,
            embedder=real,
            tokenizer=job.tokenizer,
            running_guard=children,
        )
        for step in range(rounds + 1):  # the first opens the collection and warms the child
            file = place / "put.md"
            file.write_text(f"# Put {step}\n\nWords that were put at step {step}.", "utf-8")
            began = time.perf_counter()
            own.put("put.md", file)
            spent.append(time.perf_counter() - began)
    return statistics.median(spent[1:])


def _cost_cells(costs: Sequence[Cost]) -> list[str]:
    seconds = statistics.median(cost.seconds for cost in costs)
    peak = max(cost.peak for cost in costs)
    texts = max(cost.embedded for cost in costs)
    return [f"{seconds:.2f}", str(texts), f"{peak:.0f}"]


def main() -> None:
    """Measure each size, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--chunks", type=int, nargs="+", default=[1_000, 5_000, 10_000, 100_000])
    parser.add_argument("--place", type=Path, help="keep the collections here, or take them")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for chunks in options.chunks:
        with tempfile.TemporaryDirectory() as scratch:
            place = options.place / str(chunks) if options.place else Path(scratch)
            rows.append(measure(place, chunks, options.rounds))
        print(rows[-1], flush=True)
    table = "\n".join(rows)
    body = f"""
Whole processes, medians of {options.rounds}: seconds, texts embedded, peak MB of the process tree.
A put: in a running process, the document embedded, published and synced. Collections above
{REAL_UP_TO:,} chunks were made with vectors drawn at random.

{HEAD}
{table}
"""
    sizes = " ".join(map(str, options.chunks))
    write_section("Cost of a change", f"python -m tests.lab.speed.change --chunks {sizes}", body)


if __name__ == "__main__":
    main()
