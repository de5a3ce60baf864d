"""Say what a million, ten and a hundred million chunks would need, from measured unit costs.

    python -m tests.lab.speed.capacity

The unit costs stand in ``capacity.toml`` beside this file, each with the bench that measured it,
so that a machine of another kind needs its own numbers and no new formulas. Nothing here is
measured: it is arithmetic, and says so.
"""

import argparse
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.lab.results import write_section

COSTS = Path(__file__).with_name("capacity.toml")
SIZES = (1_000_000, 10_000_000, 100_000_000)
FORMULAS = """
With n chunks of t tokens and d dimensions, a share v of which has a vector:

- vectors on disk: 4 n v d bytes at full precision, and n v (d + 8) bytes of 8-bit codes
- texts, words and lists on disk: n times what a chunk took when it was measured
- memory of a replica: the codes, the lexical index and half a kilobyte a document are touched by
  every search; the rest is mapped, and read where a search asks for it
- lists read by a search: 160 of 4 √n, so √n vectors of work: p50 grows as √n
- the rest of a hybrid search, at any size: embedding the question, reading the best passages
- embedding: n v / (texts a second of the machine, or of one GPU)
- queries a second: 1 / (CPU seconds of one hybrid search), times the cores, by one process for
  each; the threads of a single one gave two thirds of that where both were measured
"""


@dataclass(frozen=True, slots=True)
class Need:
    """What so many chunks need: GB of disk and memory, hours, milliseconds, queries a second."""

    chunks: int
    disk: float
    memory: float
    cpu_hours: float
    gpu_hours: float
    search: float
    rate: float


def need(chunks: int, costs: dict[str, float]) -> Need:
    """Compute what a number of chunks needs, on machines of the kind that was measured.

    >>> costs = {"dimensions": 384, "voiced": 1.0, "text_bytes": 1000, "lexical_bytes": 700,
    ...          "documents_share": 0.1, "cpu_texts": 100, "gpu_texts": 4000, "dense_ms": 3.0,
    ...          "lexical_ms": 8.0, "rest_ms": 15.0, "measured_at": 1_000_000, "cores": 2}
    >>> round(need(1_000_000, costs).disk, 1), round(need(1_000_000, costs).cpu_hours, 1)
    (3.6, 2.8)
    """
    vectors = chunks * costs["voiced"]
    dim = costs["dimensions"]
    codes = vectors * (dim + 8)
    lexical = chunks * costs["lexical_bytes"]
    disk = 4 * vectors * dim + codes + lexical + chunks * costs["text_bytes"]
    memory = codes + lexical + 512 * chunks * costs["documents_share"]
    scale = chunks / costs["measured_at"]
    search_milliseconds = costs["dense_ms"] * math.sqrt(scale) + costs["lexical_ms"] * scale
    search = costs["rest_ms"] + search_milliseconds
    return Need(
        chunks=chunks,
        disk=disk / 1e9,
        memory=memory / 1e9,
        cpu_hours=vectors / costs["cpu_texts"] / 3600,
        gpu_hours=vectors / costs["gpu_texts"] / 3600,
        search=search,
        rate=costs["cores"] * 1_000 / search,
    )


def advice(need_: Need) -> str:
    """Say what to use at a size, by the memory in GB and the milliseconds of a search."""
    if need_.memory <= 16 and need_.search <= 50:
        return "one machine, FAISS; segments merge by themselves"
    if need_.memory <= 64:
        return "one large machine, or Milvus; Ray for the first ingest; more replicas for load"
    return "Milvus Distributed, Ray with GPUs, and several collections for the words"


def table(costs: dict[str, float]) -> str:
    """Write the section's body."""
    rows = [
        f"| {n.chunks:,} | {n.disk:,.0f} | {n.memory:,.1f} | {n.cpu_hours:,.1f} "
        f"| {n.gpu_hours:,.2f} | {n.search:,.0f} | {n.rate:,.1f} | {advice(n)} |"
        for n in (need(size, costs) for size in SIZES)
    ]
    known = "\n".join(f"- {name}: {value:g}" for name, value in costs.items())
    lines = "\n".join(rows)
    return f"""
Arithmetic, not a measurement: unit costs are from the benches that `capacity.toml` names.
{FORMULAS}
| chunks | disk, GB | memory, GB | hours of {costs["cores"]:g} cores | hours of one GPU \
| a search, ms | searches/s | use |
|---|---|---|---|---|---|---|---|
{lines}

The words of a search are looked up on one machine, and their part of it grows in step with the
collection: from some ten million chunks on, it is what a user waits for, and a collection has to
be split. Nothing here splits it by itself.

{known}
"""


def main() -> None:
    """Compute, print, and write the section."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    ).parse_args()
    facts = tomllib.loads(COSTS.read_text(encoding="utf-8"))
    body = table({name: float(cost["value"]) for name, cost in facts.items()})
    print(body)
    write_section("Capacity", "python -m tests.lab.speed.capacity", body)


if __name__ == "__main__":
    main()
