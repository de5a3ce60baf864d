"""How much of a card's memory bandwidth FAISS uses, flat and as an inverted file.

One question at a time reads every vector (flat, halves) or some lists (8-bit codes); what it reads
in a second is held against the bytes that a copy on the same card reads and writes in a second.
On a CPU the same is done with the CPU's indexes of the same codes, so that it can be tested.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.lab.gpu.figures import need, seconds, table

GOAL = 0.70  # of the copy's rate
K = 10
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """counts: vectors of each index. copied: bytes of the array that is copied."""

    counts: tuple[int, ...] = (1_000_000, 10_000_000)
    dim: int = 384
    queries: int = 200
    copied: int = 4 << 30
    slab: int = 250_000
    rounds: int = 10


def copy_rate(device: str, size: int, rounds: int) -> float:
    """Measure the bytes a second that a copy within a device's memory reads and writes."""
    import torch

    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / seconds(lambda: target.copy_(source), device=device, rounds=rounds)


def slabs(count: int, sizes: Sizes, seed: int = 0) -> Iterator[Vectors]:
    """Make unit vectors around 4,000 themes, a slab at a time."""
    random = np.random.default_rng(seed)
    themes = np.random.default_rng(1).standard_normal((4_000, sizes.dim), dtype=np.float32)
    for at in range(0, count, sizes.slab):
        rows = min(sizes.slab, count - at)
        made = 1.2 * random.standard_normal((rows, sizes.dim), dtype=np.float32)
        made += themes[random.integers(0, len(themes), rows)]
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        yield made


def empty(device: str, kind: str, sizes: Sizes, lists: int) -> Any:
    """Make an empty index, as ``indexes/vectors/faiss_index.py`` and ``indexes/vectors/on_gpu.py`` hold theirs."""
    from indexes.vectors.faiss_index import faiss

    product = faiss.METRIC_INNER_PRODUCT
    code = faiss.ScalarQuantizer
    if device == "cpu":
        if kind == "flat":
            return faiss.IndexScalarQuantizer(sizes.dim, code.QT_fp16, product)
        centres = faiss.IndexFlatIP(sizes.dim)
        made = faiss.IndexIVFScalarQuantizer(centres, sizes.dim, lists, code.QT_8bit, product)
        made.cp.niter = 10
        return made
    resources = faiss.StandardGpuResources()
    if kind == "flat":
        config = faiss.GpuIndexFlatConfig()
        config.useFloat16 = True
        config.use_cuvs = False
        return faiss.GpuIndexFlatIP(resources, sizes.dim, config)
    config = faiss.GpuIndexIVFScalarQuantizerConfig()
    config.use_cuvs = False
    residual = True
    made = faiss.GpuIndexIVFScalarQuantizer(
        resources, sizes.dim, lists, code.QT_8bit, product, residual, config
    )
    made.cp.niter = 10
    return made


def fill(index: Any, count: int, sizes: Sizes, lists: int) -> float:
    """Train and fill an index; gives the seconds it took without making the vectors."""
    took = 0.0
    few = max(1, min(count, 40 * lists))
    sample = next(slabs(few, replace(sizes, slab=few)))
    began = time.perf_counter()
    if not index.is_trained:
        index.train(sample)
    took += time.perf_counter() - began
    for slab in slabs(count, sizes):
        began = time.perf_counter()
        index.add(slab)
        took += time.perf_counter() - began
    return took


def ask(index: Any, queries: Vectors, **how: Any) -> tuple[list[float], NDArray[np.int64]]:
    """Ask one question after the other: seconds of each, and the places found."""
    index.search(queries[:1], K, **how)
    times = []
    neighbours = []
    for query in queries:
        began = time.perf_counter()
        neighbours.append(index.search(query[None], K, **how)[1][0])
        times.append(time.perf_counter() - began)
    return times, np.array(neighbours)


def measure(device: str, sizes: Sizes) -> list[dict[str, str]]:
    """Measure both kinds at each number of vectors."""
    need("faiss", "torch")
    from indexes.vectors.faiss_index import count_probes, faiss

    copied = copy_rate(device, sizes.copied, sizes.rounds)
    queries = next(slabs(sizes.queries, sizes, seed=2))
    rows = []
    for count in sizes.counts:
        wanted = None
        for kind in ("flat", "ivf"):
            lists = 0 if kind == "flat" else max(1, min(round(4 * count**0.5), count // 40))
            index = empty(device, kind, sizes, lists)
            built = fill(index, count, sizes, lists)
            read = count_probes(lists, 1.0) if lists else 0
            how = {"params": faiss.SearchParametersIVF(nprobe=read)} if lists else {}
            times, neighbours = ask(index, queries, **how)
            wanted = neighbours if wanted is None else wanted
            size = count * sizes.dim * 2
            if lists:  # codes and ids of the lists, and all centres
                size = count * read // lists * (sizes.dim + 8) + lists * sizes.dim * 4
            p50, p95 = np.quantile(times, (0.5, 0.95))
            rows.append(
                {
                    "vectors": f"{count:,}",
                    "kind": kind,
                    "built, s": f"{built:.1f}",
                    "p50, ms": f"{1e3 * p50:.3f}",
                    "p95, ms": f"{1e3 * p95:.3f}",
                    "recall@10": f"{_shared(neighbours, wanted):.3f}",
                    "read, GB/s": f"{size / p50 / 1e9:.0f}",
                    "copy, GB/s": f"{copied / 1e9:.0f}",
                    "share": f"{size / p50 / copied:.1%}",
                }
            )
            del index
    return rows


def section(device: str, sizes: Sizes) -> str:
    """Measure, and say it as a table."""
    rows = table(measure(device, sizes))
    return (
        f"One question at a time, {sizes.dim} dimensions, k {K}. Flat: halves. ivf: 4 √n lists of "
        f"8-bit codes, at most 160 read. recall@10: against flat. share: of the bytes that a copy "
        f"on the same card reads and writes (goal {GOAL:.0%}).\n\n{rows}"
    )


def _shared(neighbours: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    pairs = zip(neighbours.tolist(), wanted.tolist(), strict=True)
    return sum(len(set(row) & set(other)) for row, other in pairs) / wanted.size
