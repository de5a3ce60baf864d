"""Measure a large dense index: recall@10 against exact and time, by lists probed and by filter.

    python -m eval.bench.million --vectors x.npy --queries q.npy --count 1000000

``--vectors`` and ``--queries`` hold real embeddings (n, dim) of sentences and of questions that
were not used to make them. They are grown to a million as sentences grow: a point between two
near neighbours, and the residual that some real vector had against such a point, so that
neighbours lie as far apart as real ones do. The table says how near both are to check that.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from eval.bench.results import write_section
from indexes import dense

K, NEAR, SAMPLE = 10, 6, 4_000
Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
SHARES = (1.0, 0.5, 0.1, 0.01, 0.001)


def unit(vectors: Vectors) -> Vectors:
    """Bring vectors (n, dim) to length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def neighbours(vectors: Vectors, of: Vectors, k: int) -> Rows:
    """Find the k nearest of ``vectors`` for each of ``of`` (m, dim): (m, k), best first."""
    found = []
    for at in range(0, len(of), 512):
        scores = of[at : at + 512] @ vectors.T
        best = np.argpartition(-scores, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        found.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(found).astype(np.int64)


def grown(real: Vectors, count: int, seed: int) -> Vectors:
    """Grow real vectors to a number; the first are the real ones."""
    random = np.random.default_rng(seed)
    near = neighbours(real, real, NEAR)[:, 1:]  # the first is the vector itself
    some = random.permutation(len(real))[:SAMPLE]
    middle = unit(real[near[some, 0]] + real[near[some, 1]])
    residual = real[some] - np.sum(real[some] * middle, axis=1, keepdims=True) * middle
    made = np.empty((count, real.shape[1]), np.float32)
    made[: len(real)] = real[:count]
    for at in range(len(real), count, 65_536):
        size = min(65_536, count - at)
        one = random.integers(0, len(real), size)
        other = near[one, random.integers(0, NEAR - 1, size)]
        share = random.random((size, 1), dtype=np.float32)
        noise = residual[random.integers(0, len(residual), size)]
        made[at : at + size] = unit(unit(share * real[one] + (1 - share) * real[other]) + noise)
    return made


def exact(
    vectors: Vectors, queries: Vectors, masks: Sequence[NDArray[np.bool_] | None]
) -> list[Rows]:
    """Find the ten nearest by a plain product, for each mask: (queries, 10) each."""
    best = [np.full((len(queries), K), -2.0, np.float32) for _ in masks]
    rows = [np.zeros((len(queries), K), np.int64) for _ in masks]
    for at in range(0, len(vectors), 65_536):
        scores = queries @ vectors[at : at + 65_536].T
        for i, mask in enumerate(masks):
            part = scores if mask is None else np.where(mask[at : at + 65_536], scores, -2.0)
            every = np.concatenate([best[i], part], axis=1)
            top = np.argpartition(-every, K, axis=1)[:, :K]
            best[i] = np.take_along_axis(every, top, axis=1)
            numbers = np.arange(at, at + part.shape[1])
            names = np.concatenate([rows[i], np.broadcast_to(numbers, part.shape)], axis=1)
            rows[i] = np.take_along_axis(names, top, axis=1)
    return rows


@dataclass(frozen=True, slots=True)
class Found:
    """Recall@10, that of the real part alone, and milliseconds a query."""

    recall: float
    real: float
    p50: float
    p95: float


def measure(
    index: dense.Dense, queries: Vectors, wanted: Rows, mask: NDArray[np.bool_] | None, real: int
) -> Found:
    """Search each query twice (the first touches the pages), time the second."""
    spent, hit, hit_real, all_real = [], 0, 0, 0
    for query in queries:
        index.search(query, K, mask=mask)
    for query, truth in zip(queries, wanted, strict=True):
        began = time.perf_counter()
        hits = index.search(query, K, mask=mask)
        spent.append(1_000 * (time.perf_counter() - began))
        found, known = set(hits.rows.tolist()), set(truth.tolist())
        hit += len(found & known)
        own = {row for row in known if row < real}
        hit_real, all_real = hit_real + len(found & own), all_real + len(own)
    p50, p95 = (float(np.percentile(spent, share)) for share in (50, 95))
    return Found(hit / wanted.size, hit_real / max(all_real, 1), p50, p95)


def main() -> None:
    """Grow, write, search, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=200)
    parser.add_argument("--parts", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--folder", type=Path, help="keep the index here, or take it from here")
    asked = parser.parse_args()
    real = np.load(asked.vectors, allow_pickle=False)
    queries = np.load(asked.queries, allow_pickle=False)[: asked.asked]
    vectors = grown(real, asked.count, asked.seed)
    with tempfile.TemporaryDirectory() as scratch:
        place = asked.folder or Path(scratch, "index")
        body = report(place, vectors, queries, min(len(real), asked.count), asked.parts)
    command = f"python -m eval.bench.million --vectors x.npy --queries q.npy --count {asked.count}"
    write_section(f"Dense index of {asked.count:,} vectors", command, body)


def report(place: Path, vectors: Vectors, queries: Vectors, real: int, parts: Sequence[int]) -> str:
    """Write the index, search it in every way; returns the section's body."""
    began, wrote = time.perf_counter(), 0.0
    if not place.exists():
        dense.write(place, vectors, np.arange(len(vectors)))
        wrote = time.perf_counter() - began
    dice = np.random.default_rng(1)
    masks = [None if share == 1 else dice.random(len(vectors)) < share for share in SHARES]
    wanted = exact(vectors, queries, masks)
    own = exact(vectors[:real], queries, [None])[0]
    all_, apart = (
        float(np.sum(vectors[rows] * queries[:, None, :], axis=-1).mean())
        for rows in (wanted[0], own)
    )
    del vectors
    index, before = dense.Dense(place), psutil.Process().memory_info().rss
    lines, setting = [], (dense.PROBED, dense.LISTS)
    for part in parts:
        dense.PROBED, dense.LISTS = 1 / part, index.count
        found = measure(index, queries, wanted[0], None, real)
        lines.append(_row(f"1/{part}", 1.0, found))
    dense.PROBED, dense.LISTS = setting
    for share, mask, truth in zip(SHARES, masks, wanted, strict=True):
        lines.append(_row("as set", share, measure(index, queries, truth, mask, real)))
    size = sum(file.stat().st_size for file in place.iterdir()) / 1e6
    held = (psutil.Process().memory_info().rss - before) / 1e6
    table = "\n".join(lines)
    return f"""
{index.count:,} vectors, {real:,} of them real sentences; {len(queries)} held-out real
questions, one thread. Written in {wrote:.0f} s, {size:,.0f} MB on disk, {held:,.0f} MB of it in
memory after all searches. The ten nearest lie at a cosine of {all_:.3f} on average; among the
real sentences alone, at {apart:.3f}.

| lists probed | permitted | recall@10 | of the real part | p50, ms | p95, ms |
|---|---|---|---|---|---|
{table}
"""


def _row(probed: str, share: float, found: Found) -> str:
    row = f"| {probed} | {share:.1%} | {found.recall:.4f} | {found.real:.4f} "
    row += f"| {found.p50:.2f} | {found.p95:.2f} |"
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
