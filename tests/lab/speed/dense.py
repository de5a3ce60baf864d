"""Measure how many vectors deserve which index: recall@10 against exact, and time per query.

    python -m tests.lab.speed.dense --counts 20000 100000 300000

Vectors are clustered like sentences, not uniform: nothing is near anything in uniform data.
``--vectors`` and ``--queries`` take arrays (n, dim) of real embeddings (.npy) instead; where
more are asked for than are there, pairs of them are mixed.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes.vectors import faiss_index
from tests.lab.results import write_section

DIM = 384
QUERIES = 200
K = 10
Vectors = NDArray[np.float32]
HEAD = """200 queries, 384 dimensions, one thread. permitted: by a random filter.

| vectors | kind | written, s | permitted | recall@10 | p50, ms | p95, ms |
|---|---|---|---|---|---|---|"""


def clustered(count: int, seed: int) -> tuple[Vectors, Vectors]:
    """Make unit vectors (count, 384) in clusters of clusters, and queries far off their targets.

    They fill 96 of the 384 dimensions, and queries lie at cosines of about 0.75 and 0.45 to ranks
    1 and 10: questions and sentences of all-MiniLM-L6-v2 lie at 0.70 and 0.53.
    """
    random = np.random.default_rng(seed)
    basis = random.standard_normal((96, DIM))
    topics = random.standard_normal((64, 96))
    themes = topics[random.integers(0, 64, 2_000)] + random.standard_normal((2_000, 96))
    rows = themes[random.integers(0, 2_000, count)] + 1.5 * random.standard_normal((count, 96))
    neighbours = rows[random.integers(0, count, QUERIES)]
    queries = neighbours + 1.7 * random.standard_normal((QUERIES, 96))
    return _unit(rows @ basis), _unit(queries @ basis)


def mixed(vectors: Vectors, count: int, seed: int) -> Vectors:
    """Grow real vectors to a number by mixing random pairs of them."""
    random = np.random.default_rng(seed)
    more = max(0, count - len(vectors))
    left, right = (vectors[random.integers(0, len(vectors), more)] for _ in range(2))
    share = random.uniform(0.2, 0.5, (more, 1))
    noise = 0.4 / DIM**0.5 * random.standard_normal((more, DIM))
    return np.concatenate([vectors[:count], _unit((1 - share) * left + share * right + noise)])


def measure(vectors: Vectors, queries: Vectors, folder: Path) -> list[str]:
    """Measure build time, recall@10 and time per query of each kind; returns table rows."""
    count = len(vectors)
    rows = np.arange(count)
    opened: dict[str, faiss_index.FaissIndex] = {}
    written: dict[str, float] = {}
    kinds: tuple[faiss_index.IndexKind, ...] = ("flat", "ivf")
    for how in kinds:
        started = time.perf_counter()
        faiss_index.write_vectors(folder / f"{how}-{count}", vectors, rows, index_kind=how)
        written[how] = time.perf_counter() - started
        opened[how] = faiss_index.FaissIndex(folder / f"{how}-{count}")
    random = np.random.default_rng(1)
    rows_told = []
    for share in (1.0, 0.5, 0.25, 0.1, 0.02):
        mask = None if share == 1.0 else random.random(count) < share
        exact = [set(opened["flat"].search(q, K, mask=mask).rows.tolist()) for q in queries]
        for name, index in opened.items():
            neighbours = [set(index.search(q, K, mask=mask).rows.tolist()) for q in queries]
            recall = np.mean([len(a & b) / K for a, b in zip(neighbours, exact, strict=True)])
            p50, p95 = _timed(partial(index.search, k=K, mask=mask), queries)
            head = f"| {count:,} | {name} | {written[name]:.1f} | {share:.0%} | {recall:.4f} "
            rows_told.append(f"{head}| {p50:.2f} | {p95:.2f} |")
            print(rows_told[-1], flush=True)
    return rows_told


def _timed(search: Callable[[Vectors], object], queries: Vectors) -> tuple[float, float]:
    spent = []
    for query in queries:
        started = time.perf_counter()
        search(query)
        spent.append(1_000 * (time.perf_counter() - started))
    return float(np.percentile(spent, 50)), float(np.percentile(spent, 95))


def _unit(vectors: NDArray[np.float64]) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def main() -> None:
    """Read the arguments, and measure each count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000, 100_000, 300_000])
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    lines = [HEAD]
    for count in options.counts:
        if options.vectors:
            vectors = mixed(np.load(options.vectors, allow_pickle=False), count, options.seed)
            queries = np.load(options.queries, allow_pickle=False)[:QUERIES]
        else:
            vectors, queries = clustered(count, options.seed)
        with tempfile.TemporaryDirectory() as folder:
            lines += measure(vectors, queries, Path(folder))
    what = "real sentences and questions, mixed" if options.vectors else "clustered vectors"
    counts = " ".join(map(str, options.counts))
    files = " --vectors x.npy --queries q.npy" if options.vectors else ""
    command = f"python -m tests.lab.speed.dense --counts {counts}{files}"
    write_section(f"Dense index by size: {what}", command, "\n".join(lines))


if __name__ == "__main__":
    main()
