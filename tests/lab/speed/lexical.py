"""Choose the lexical engine by measurement: ours, tantivy, bm25s, SQLite FTS5.

    python -m tests.lab.speed.lexical --chunks 100000 1000000 --texts FOLDER FILE…

Chunks are put together from real sentences (or from Zipfian words without ``--texts``), tokenised
once. Every engine builds and searches in child processes of its own, so that memory can be
told apart. Times are CPU time: a busy machine changes them little.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from indexes.text.scripts import detect_language
from indexes.text.sentences import split_sentences
from indexes.text.tokens import tokenize_text
from tests.lab.results import write_section
from tests.lab.speed.lexical_engines import ENGINES, Engine

QUERIES = 200
K = 50
LONGEST = 540  # seconds a child may take
PATIENCE = 20_000  # CPU milliseconds
SMALL = 20_000  # chunks on which equality of segments is checked
TYPES = {".md", ".txt", ".csv"}
MOST_SENTENCES = 80_000
Row = dict[str, Any]


def pool_of(paths: list[Path]) -> list[str]:
    """Draw sentences from text files; without any, make some of Zipfian words."""
    rng = random.Random(1)  # noqa: S311 (seeded data)
    files = [f for p in paths for f in ([p] if p.is_file() else sorted(p.rglob("*")))]
    sentences = []
    for file in files:
        if file.suffix in TYPES:
            text = file.read_text(encoding="utf-8", errors="replace")
            sentences += [text[a:b] for a, b in split_sentences(text) if 20 <= b - a <= 400]
    if not sentences:
        words = [f"word{i}" for i in range(100_000)]
        weights = np.cumsum(1 / np.arange(1, len(words) + 1) ** 1.05).tolist()
        lines = (
            rng.choices(words, cum_weights=weights, k=rng.randint(8, 40)) for _ in range(50_000)
        )
        sentences = [" ".join(line) for line in lines]
    rng.shuffle(sentences)
    return sentences[:MOST_SENTENCES]


def questions_of(pool: list[str]) -> list[list[str]]:
    """Cut questions out of sentences: 5 to 10 words, or 8 to 16 Chinese characters."""
    rng = random.Random(2)  # noqa: S311 (seeded data)
    questions: list[list[str]] = []
    while len(questions) < QUERIES:
        text = rng.choice(pool)
        unit = (
            list(text) if detect_language(text) == "zh" else [f"{word} " for word in text.split()]
        )
        size = rng.randint(8, 16) if detect_language(text) == "zh" else rng.randint(5, 10)
        at = rng.randint(0, max(0, len(unit) - size))
        if terms := tokenize_text("".join(unit[at : at + size])):
            questions.append(terms)
    return questions


def prepare(paths: list[Path], scratch: Path) -> float:
    """Tokenise the pool once, write it and the questions down, and give seconds per MB."""
    pool = pool_of(paths)
    began = time.process_time()
    spelled = [tokenize_text(sentence) for sentence in pool]
    taken = time.process_time() - began
    (scratch / "pool.json").write_text(json.dumps([s for s in spelled if s]), encoding="utf-8")
    (scratch / "questions.json").write_text(json.dumps(questions_of(pool)), encoding="utf-8")
    return taken / (sum(len(s.encode()) for s in pool) / 1e6)


class Corpus:
    """The chunks of one run: the same for a row in every process."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.questions = json.loads((scratch / "questions.json").read_text(encoding="utf-8"))

    @cached_property
    def pool(self) -> list[list[str]]:
        """The tokens of the sentences that chunks are put together from."""
        sentences: list[list[str]] = json.loads((self.scratch / "pool.json").read_text("utf-8"))
        return sentences

    def chunk(self, row: int) -> list[str]:
        """Put a chunk together: 3 to 7 sentences of the pool."""
        rng = random.Random(row)  # noqa: S311 (seeded data)
        return [
            t for _ in range(rng.randint(3, 7)) for t in self.pool[rng.randrange(len(self.pool))]
        ]

    def chunks(self, rows: Iterable[int]) -> Iterator[list[str]]:
        """Put the chunks of these rows together, one after another."""
        return map(self.chunk, rows)


def peak() -> float:
    """Give this process's peak of resident memory in MB (Linux).

    Not ``ru_maxrss``: across an exec that starts from what the parent held.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def timed(engine: Engine, questions: list[list[str]], *, narrow: bool) -> list[float]:
    """Give p50 and p95 in CPU milliseconds; a slow engine is asked 100 questions, not all."""
    times: list[float] = []
    for terms in questions:
        if len(times) >= 100 and sum(times) > PATIENCE:
            break
        began = time.process_time()
        engine.search(terms, K, narrow=narrow)
        times.append((time.process_time() - began) * 1000)
    return [float(p) for p in np.percentile(times, [50, 95])]


def build(engine: Engine, corpus: Corpus, folder: Path, size: int) -> Row:
    """Build, less the time that drawing the chunks takes."""
    began = time.process_time()
    drawn = sum(map(len, corpus.chunks(range(size))))
    drawing = time.process_time() - began
    base = peak()
    engine.build(folder, corpus.chunks(range(size)))
    seconds = time.process_time() - began - 2 * drawing
    disk = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    return {"tokens": drawn, "seconds": seconds, "disk": disk / 2**20, "base": base}


def search(engine: Engine, corpus: Corpus, folder: Path, size: int) -> Row:
    """Open the index and ask every question, without and with the filter."""
    del size
    base = peak()
    engine.open(folder)
    timed(engine, corpus.questions[:10], narrow=False)
    row: Row = {n: timed(engine, corpus.questions, narrow=n == "narrow") for n in ("all", "narrow")}
    return row | {"base": base}


def alter(engine: Engine, corpus: Corpus, folder: Path, size: int) -> Row:
    """Add and remove a hundredth each."""
    if not engine.change:
        return {"seconds": None}
    added = list(corpus.chunks(range(size, size + size // 100)))
    removed = {row: corpus.chunk(row) for row in range(0, size, 100)}
    began = time.process_time()
    engine.alter(folder, added, removed)
    return {"seconds": time.process_time() - began}


def equal(engine: Engine, corpus: Corpus, folder: Path, size: int) -> Row:
    """Count questions whose ten best are the same after a change as in an index built afresh."""
    del size
    if not engine.change:
        return {"equal": None}
    changed = folder.with_suffix(".changed")
    fresh = folder.with_suffix(".fresh")
    engine.build(changed, corpus.chunks(range(SMALL // 2)))
    gone = {row: corpus.chunk(row) for row in range(0, SMALL // 2, 3)}
    engine.alter(changed, corpus.chunks(range(SMALL // 2, SMALL)), gone)
    live = [row for row in range(SMALL) if row not in gone]
    engine.build(fresh, corpus.chunks(live))
    engine.open(changed)
    batched = [engine.search(q, 10, narrow=False) for q in corpus.questions]
    engine.open(fresh)
    searched = [[live[i] for i in engine.search(q, 10, narrow=False)] for q in corpus.questions]
    return {"equal": sum(a == b for a, b in zip(batched, searched, strict=True))}


PHASES: dict[str, Callable[[Engine, Corpus, Path, int], Row]] = {
    "build": build,
    "search": search,
    "alter": alter,
    "equal": equal,
}


def child(name: str, phase: str, size: int, scratch: Path) -> None:
    """Do one phase of one engine, in a process whose peak memory is its own."""
    folder = scratch / f"{name.replace(' ', '')}-{size}"
    row = PHASES[phase](ENGINES[name](), Corpus(scratch), folder, size)
    row["peak"] = peak()
    print(json.dumps(row))


def phase_of(name: str, phase: str, size: int, scratch: Path) -> Row | None:
    """Start the child and read what it found; None when it took too long or broke down."""
    call = [sys.executable, "-m", "tests.lab.speed.lexical", "--child", name, phase, str(size)]
    try:
        done = subprocess.run(
            [*call, "--scratch", str(scratch)], stdout=subprocess.PIPE, timeout=LONGEST, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        print(f"{name}, {phase}, {size:,}: {type(error).__name__}", file=sys.stderr)
        return None
    row: Row = json.loads(done.stdout)
    print(f"{name}, {phase}, {size:,}: {row}", file=sys.stderr)
    return row


def measure(name: str, size: int, scratch: Path) -> str:
    """Take one engine through its phases; a line of the table."""
    built = phase_of(name, "build", size, scratch)
    if built is None:
        return f"| {size:,} | {name} | over {LONGEST} s or out of memory | | | | | | |"
    figures = phase_of(name, "search", size, scratch)
    changed = phase_of(name, "alter", size, scratch)
    shutil.rmtree(scratch / f"{name.replace(' ', '')}-{size}")
    cells = [f"{built['seconds']:.1f} s", f"{built['peak'] - built['base']:,.0f} MB"]
    cells.append(f"{built['disk']:,.0f} MB")
    if figures is None:
        cells += [f"over {LONGEST} s"] * 3
    else:
        cells += [f"{figures[n][0]:.1f} / {figures[n][1]:.1f} ms" for n in ("all", "narrow")]
        cells.append(f"{figures['peak'] - figures['base']:,.0f} MB")
    again = changed is None or changed["seconds"] is None
    cells.append("built again" if again or changed is None else f"{changed['seconds']:.2f} s")
    return f"| {size:,} | {name} | {' | '.join(cells)} |"


def facts(scratch: Path) -> list[str]:
    """Say of each engine what no timing shows."""
    lines = ["| engine | filter | change | equal to a fresh index |", "| --- | --- | --- | --- |"]
    for name, engine in ENGINES.items():
        same = phase_of(name, "equal", SMALL, scratch)
        count = None if same is None else same["equal"]
        equal_count = "–" if count is None else f"{count} of {QUERIES} questions"
        lines.append(
            f"| {name} | {engine.filter} | {engine.change or 'build again'} | {equal_count} |"
        )
    return lines


def report(sizes: list[int], paths: list[Path], scratch: Path) -> str:
    """Measure everything and write the tables."""
    speed = prepare(paths, scratch)
    lines = [
        f"{QUERIES} questions of both languages, the {K} best, warm. CPU time, one thread.",
        f"Tokenising takes {speed:.2f} s/MB and is left out. The filter leaves every tenth chunk.",
        "Memory is what the engine adds to its process, mapped pages included.",
        "The change adds and removes 1 %.",
        "",
        "| chunks | engine | build | memory | disk | p50 / p95 | with filter | memory | change |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [measure(name, size, scratch) for size in sizes for name in ENGINES]
    half = f"{SMALL:,} chunks in two parts, a sixth removed, against an index of the rest:"
    return "\n".join([*lines, "", half, "", *facts(scratch)])


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[100_000])
    parser.add_argument("--texts", type=Path, nargs="*", default=[])
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        name, phase, size = args.child
        child(name, phase, int(size), args.scratch)
        return
    with tempfile.TemporaryDirectory() as scratch:
        body = report(args.chunks, args.texts, Path(scratch))
    print(body)
    shown = " ".join(["--chunks", *map(str, args.chunks)])
    names = " ".join(path.name for path in args.texts)
    texts = f" --texts {names}" if names else ""
    write_section("Lexical engine", f"python -m tests.lab.speed.lexical {shown}{texts}", body)


if __name__ == "__main__":
    main()
