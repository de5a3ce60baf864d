"""Search large collections as the desk does: recall, times by filter, memory.

    python -m tests.lab.speed.million --squad dev-v2.0.json --texts FOLDER FILE… --count 100000 1000000

Real sentences are grown to the number asked for (``tests.lab.speed.synthetic_corpus``) and published as any
collection is; SQuAD's questions, which took no part in that, are asked. Everything made is kept in
``--place``, and an interrupted run goes on from there. The filters are groups of the documents, and
recall is held against a plain product over all vectors, or over those of the group.
"""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from indexes.chunk import SearchFilter
from indexes.embedding.background import open_background
from indexes.embedding.embedder import Embedder, EmbedOptions, embed_question, open_embedder
from indexes.embedding.model_files import PACKAGED_MODEL
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.retriever import Retriever
from tests.lab.results import write_section
from tests.lab.speed.synthetic_corpus import (
    EACH,
    SHARES,
    Grown,
    Rows,
    Vectors,
    collect,
    draw,
    grow,
    member,
)

K = 10
WARM = 20
HEAD = """| chunks | permitted | recall@10 | of the real part | dense p50, ms | p95, ms \
| hybrid p50, ms | p95, ms | first, ms |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Real:
    """Real sentences with their vectors (n, dim), and questions with theirs (m, dim)."""

    sentences: Sequence[str]
    vectors: Vectors
    questions: Sequence[str]
    asked: Vectors


def real(place: Path, squad: Path, texts: Sequence[Path], embedder: Embedder, seed: int) -> Real:
    """Draw and embed, or take what was drawn and embedded before."""
    words = place / "real.json"
    numbers = place / "real.npz"
    if not words.exists():
        words.write_text(json.dumps(draw(squad, texts, seed)), encoding="utf-8")
    sentences, questions = json.loads(words.read_text(encoding="utf-8"))
    if not numbers.exists():
        vectors = np.stack([embed_question(embedder, question) for question in questions])
        np.savez(numbers, vectors=embedder.embed_passages(sentences), asked=vectors)
    kept = np.load(numbers, allow_pickle=False)
    return Real(sentences, kept["vectors"], questions, kept["asked"])


def exact(vectors: Vectors, queries: Vectors, allowed: NDArray[np.bool_] | None) -> Rows:
    """Find the ten nearest of those allowed by a plain product: (queries, 10)."""
    best = np.full((len(queries), K), -2.0, np.float32)
    rows = np.zeros((len(queries), K), np.int64)
    for at in range(0, len(vectors), 65_536):
        scores = queries @ np.asarray(vectors[at : at + 65_536]).T
        if allowed is not None:
            scores = np.where(allowed[at : at + 65_536], scores, np.float32(-2.0))
        top = np.argpartition(-scores, K, axis=1)[:, :K]
        candidates = np.concatenate([best, np.take_along_axis(scores, top, axis=1)], axis=1)
        names = np.concatenate([rows, top + at], axis=1)
        kept = np.argsort(-candidates, axis=1)[:, :K]
        best = np.take_along_axis(candidates, kept, axis=1)
        rows = np.take_along_axis(names, kept, axis=1)
    return rows


@dataclass(frozen=True, slots=True)
class Found:
    """Recall@10, that of the real sentences alone, and milliseconds.

    first: of the first search under a filter, when its mask and its statistics are made.
    """

    recall: float
    real: float
    dense: tuple[float, float]
    hybrid: tuple[float, float]
    first: float

    def row(self, count: int, group: str) -> str:
        """Write a table row."""
        permitted = f"{1 / SHARES[group]:.1%}" if group != "all" else "all"
        cells = [f"{count:,}", permitted, f"{self.recall:.4f}", f"{self.real:.4f}"]
        cells += [f"{milliseconds:.2f}" for milliseconds in (*self.dense, *self.hybrid)]
        return f"| {' | '.join(cells)} | {self.first:.0f} |"


def measure(retrieve: Retriever, known: Real, grown: Grown, group: str) -> Found:
    """Ask every question of those that a group may see: by vectors alone, and the whole way."""
    where = SearchFilter(groups=frozenset({group})) if group != "all" else SearchFilter()
    mine = [group in member(n) for n in range(-(-len(grown.vectors) // EACH))]
    allowed = np.repeat(np.array(mine), EACH)[: len(grown.vectors)]
    wanted = exact(grown.vectors, known.asked, None if group == "all" else allowed)
    index = retrieve.index
    questions = [Question(text=text, where=where) for text in known.questions]
    began = time.perf_counter()
    retrieve(questions[0])
    first = 1e3 * (time.perf_counter() - began)
    mask = index.make_mask(where)
    for vector, question in zip(known.asked[:WARM], questions, strict=False):
        index.search_dense(vector, k=K, mask=mask)
        retrieve(question)
    hits, dense = _timed(lambda vector: index.search_dense(vector, k=K, mask=mask), known.asked)
    _, hybrid = _timed(retrieve, questions)
    hits_ = [
        (row < grown.real, row in set(hit.rows.tolist()))
        for hit, truth in zip(hits, wanted, strict=True)
        for row in truth.tolist()
    ]
    own = [there for is_real, there in hits_ if is_real]
    share = sum(own) / max(1, len(own))
    return Found(sum(there for _, there in hits_) / len(hits_), share, dense, hybrid, first)


def _timed(ask: Any, questions: Iterable[Any]) -> tuple[list[Any], tuple[float, float]]:
    answers = []
    spent = []
    for question in questions:
        began = time.perf_counter()
        answers.append(ask(question))
        spent.append(1e3 * (time.perf_counter() - began))
    p50, p95 = np.percentile(spent, [50, 95])
    return answers, (float(p50), float(p95))


def rate(retrieve: Retriever, questions: Sequence[str], threads: int) -> float:
    """Count hybrid searches a second when so many threads ask."""
    questions_ = [Question(text=text) for text in questions]
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        for _ in pool.map(retrieve, questions_):
            pass
        return len(questions_) / (time.perf_counter() - began)


def made(place: Path, known: Real, count: int, embedder: Embedder, seed: int) -> tuple[Path, Grown]:
    """Grow and publish, or take what an earlier run published."""
    grown = grow(known.vectors, count, seed, place)
    collection = place / "collections" / f"grown-{count}"
    if not (collection / "CURRENT").exists():
        collection.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        collect(collection, grown, known.sentences, embedder, _tell)
        print(f"{count:,}: published in {time.perf_counter() - began:.0f} s", flush=True)
    return collection, grown


def _tell(chunks: int, _: int) -> None:
    if chunks % 25_600 < 256:
        print(f"{chunks:,} chunks", flush=True)


def report(place: Path, known: Real, count: int, embedder: Embedder, seed: int) -> list[str]:
    """Measure one size: its rows of the table, and what it takes."""
    collection, grown = made(place, known, count, embedder, seed)
    background = open_background(embedder, place / "models")
    process = psutil.Process()
    rows = []
    before = process.memory_info().rss
    with closing(Index.open(collection)) as index:
        retrieve = Retriever(index=index, embedder=embedder, background=background)
        for text in known.questions:
            retrieve(Question(text=text))
        megabytes = (process.memory_info().rss - before) / 1e6
        for group in SHARES:
            rows.append(measure(retrieve, known, grown, group).row(count, group))
            print(rows[-1], flush=True)
        rates = [rate(retrieve, known.questions, threads) for threads in (1, 2)]
    folder = collection / "segments"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    preface = (
        f"{count:,} chunks: {size:,.0f} MB of segments; opened and asked {len(known.questions)} "
    )
    preface += f"questions, {megabytes:,.0f} MB more in memory, mapped pages included; "
    preface += f"{rates[0]:.0f} hybrid searches/s by one thread, {rates[1]:.0f} by two."
    print(preface, flush=True)
    return [*rows, preface]


def main() -> None:
    """Make, measure, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--squad", type=Path, required=True)
    parser.add_argument("--texts", type=Path, nargs="*", default=[])
    parser.add_argument("--count", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--place", type=Path, required=True, help="what is made is kept here")
    parser.add_argument("--model", default=PACKAGED_MODEL, help="as [embed] model names it")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--make", action="store_true", help="make everything, and measure nothing")
    options = parser.parse_args()
    options.place.mkdir(parents=True, exist_ok=True)
    embedder = open_embedder(EmbedOptions(model=options.model), options.place / "models")
    known = real(options.place, options.squad, options.texts, embedder, options.seed)
    if options.make:
        for count in options.count:
            made(options.place, known, count, embedder, options.seed)
        return
    parts = [report(options.place, known, count, embedder, options.seed) for count in options.count]
    table = "\n".join(row for part in parts for row in part[:-1])
    notes = "\n".join(f"- {part[-1]}" for part in parts)
    body = f"""
{len(known.sentences):,} real sentences, grown; {len(known.questions)} held-out real questions;
groups of documents as filters. Dense: the vector is given, ten wanted, one thread. Hybrid: the
whole way of the desk from the words of a question to eight passages, embedding included. First:
the first search under a filter, which makes its mask and its statistics of words.

{HEAD}
{table}

{notes}
"""
    counts = " ".join(map(str, options.count))
    model = "" if options.model == PACKAGED_MODEL else f" --model {options.model}"
    command = "python -m tests.lab.speed.million --squad dev-v2.0.json --texts …"
    command += f" --count {counts}{model}"
    write_section("Large collections", command, body)


if __name__ == "__main__":
    main()
