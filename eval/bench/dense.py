"""Measure how many vectors deserve which index: recall@10 against exact, and time per query.

    python -m eval.bench.dense --counts 20000 100000 300000

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

from indexes import dense
from indexes.hits import Mask

DIM, QUERIES, K = 384, 200, 10
Vectors = NDArray[np.float32]


def clustered(count: int, seed: int) -> tuple[Vectors, Vectors]:
    """Make unit vectors (count, 384) in clusters of clusters, and queries far off their targets.

    The spread gives cosines of about 0.7 at rank 1 and 0.5 at rank 10, as questions have
    to sentences with all-MiniLM-L6-v2.
    """
    random = np.random.default_rng(seed)
    topics = random.standard_normal((64, DIM))
    themes = 1.0 * topics[random.integers(0, 64, 2_000)] + random.standard_normal((2_000, DIM))
    rows = themes[random.integers(0, 2_000, count)] + 1.6 * random.standard_normal((count, DIM))
    near = rows[random.integers(0, count, QUERIES)]
    queries = (
        near
        + 1.9 * random.standard_normal((QUERIES, DIM)) * np.linspace(0.5, 1.5, QUERIES)[:, None]
    )
    return _unit(rows), _unit(queries)


def mixed(vectors: Vectors, count: int, seed: int) -> Vectors:
    """Grow real vectors to a number by mixing random pairs of them."""
    random = np.random.default_rng(seed)
    more = max(0, count - len(vectors))
    one, other = (vectors[random.integers(0, len(vectors), more)] for _ in range(2))
    share = random.uniform(0.2, 0.5, (more, 1))
    noise = 0.4 / DIM**0.5 * random.standard_normal((more, DIM))
    return np.concatenate([vectors[:count], _unit((1 - share) * one + share * other + noise)])


def measure(vectors: Vectors, queries: Vectors, folder: Path) -> None:
    """Print build time, recall@10 and time per query of each kind, whole and filtered."""
    count = len(vectors)
    rows = np.arange(count)
    opened: dict[str, dense.Dense] = {}
    kinds: tuple[dense.Kind, ...] = ("flat", "ivf")
    for how in kinds:
        started = time.perf_counter()
        dense.write(folder / f"{how}-{count}", vectors, rows, how=how)
        print(f"{count:,} {how}: written in {time.perf_counter() - started:.1f} s")
        opened[how] = dense.Dense(folder / f"{how}-{count}")
    random = np.random.default_rng(1)
    for share in (1.0, 0.5, 0.25, 0.1, 0.02):
        mask = None if share == 1.0 else random.random(count) < share
        _compare(opened, queries, mask, f"  {share:6.0%} permitted")


def _compare(
    opened: dict[str, dense.Dense], queries: Vectors, mask: Mask | None, what: str
) -> None:
    exact = [set(opened["flat"].search(q, K, mask=mask).rows.tolist()) for q in queries]
    for how, index in opened.items():
        found = [set(index.search(q, K, mask=mask).rows.tolist()) for q in queries]
        recall = np.mean([len(a & b) / K for a, b in zip(found, exact, strict=True)])
        p50, p95 = _timed(partial(index.search, k=K, mask=mask), queries)
        print(f"{what} {how:>4}: recall@{K} {recall:.4f}, p50 {p50:.2f} ms, p95 {p95:.2f} ms")


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
    asked = parser.parse_args()
    for count in asked.counts:
        if asked.vectors:
            vectors = mixed(np.load(asked.vectors, allow_pickle=False), count, asked.seed)
            queries = np.load(asked.queries, allow_pickle=False)[:QUERIES]
        else:
            vectors, queries = clustered(count, asked.seed)
        with tempfile.TemporaryDirectory() as folder:
            measure(vectors, queries, Path(folder))


if __name__ == "__main__":
    main()
