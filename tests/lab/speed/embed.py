"""Measure what the embedder's machinery costs: nDCG@10, chunks a second, time of a query.

    python -m tests.lab.speed.embed --scifact FOLDER [--model FOLDER]

FOLDER holds SciFact (5,183 abstracts, training claims) as corpus_train.csv, claims_train.csv and
qrels.tsv. Speeds are taken in rounds, one backend after the other, on chunks of 190 tokens. Writes
the section "Embedding" of RESULTS.md, and says what to write into ``indexes/embedding/embedder.py``.
"""

import argparse
import csv
import re
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from numpy.typing import NDArray

from indexes.embedding.embedder import (
    ACCEPTED_COST,
    Backend,
    Embedder,
    EmbedOptions,
    embed_question,
    open_embedder,
)
from tests.lab.results import write_section

BACKENDS: tuple[Backend, ...] = ("torch", "onnx", "onnx-int8")
TOKENS = 190
CHUNKS = 24
ROUNDS = 5
QUERIES = 40
_SENTENCE = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")  # of a printed array

Vectors = NDArray[np.float32]


@dataclass
class Measured:
    """What one backend did. Speeds are of rounds; cpu: seconds of all cores for one chunk."""

    embedder: Embedder
    vectors: Vectors
    ndcg: float
    chunks: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    query: list[float] = field(default_factory=list)


def scifact(folder: Path) -> tuple[dict[str, str], dict[str, str], list[ir_measures.Qrel]]:
    """Read abstracts (title first), the training claims that are judged, and the judgements."""
    csv.field_size_limit(1 << 30)
    with (folder / "corpus_train.csv").open(encoding="utf-8", newline="") as rows:
        texts = {row["doc_id"]: f"{row['title']} {abstract(row)}" for row in csv.DictReader(rows)}
    with (folder / "claims_train.csv").open(encoding="utf-8", newline="") as rows:
        claims = {row["id"]: row["claim"] for row in csv.DictReader(rows)}
    with (folder / "qrels.tsv").open(encoding="utf-8", newline="") as rows:
        qrels = [
            ir_measures.Qrel(row["query-id"], row["corpus-id"], int(row["score"]))
            for row in csv.DictReader(rows, delimiter="\t")
            if row["query-id"] in claims
        ]
    judged = {qrel.query_id for qrel in qrels}
    return texts, {name: claims[name] for name in claims if name in judged}, qrels


def abstract(row: Mapping[str, str]) -> str:
    """Join the sentences of an abstract, which is printed as an array of strings."""
    return " ".join(a or b for a, b in _SENTENCE.findall(row["abstract"]))


def ndcg(
    documents: Vectors, names: list[str], questions: Mapping[str, Vectors], qrels: list[Any]
) -> float:
    """Rank all documents for each question by cosine; nDCG@10 in points (ir-measures)."""
    run: list[ir_measures.ScoredDoc] = []
    for name, vector in questions.items():
        scores = documents @ vector
        best = np.argsort(-scores, kind="stable")[:10]
        run.extend(ir_measures.ScoredDoc(name, names[i], float(scores[i])) for i in best)
    measure = ir_measures.nDCG @ 10
    return 100 * float(ir_measures.calc_aggregate([measure], qrels, run)[measure])


def speed(measured: Mapping[str, Measured], texts: list[str], questions: list[str]) -> None:
    """Time the backends in turn, so that a busy moment of the machine hits all of them alike."""
    any_one = next(iter(measured.values())).embedder
    chunks = [
        text[: cuts[TOKENS]] for text in texts if len(cuts := any_one.token_starts(text)) > TOKENS
    ]
    for _ in range(ROUNDS):
        for backend_ in measured.values():
            wall = time.perf_counter()
            cpu = time.process_time()
            backend_.embedder.embed_passages(chunks[:CHUNKS])
            backend_.chunks.append(CHUNKS / (time.perf_counter() - wall))
            backend_.cpu.append((time.process_time() - cpu) / CHUNKS)
            for question in questions[: QUERIES // ROUNDS]:
                wall = time.perf_counter()
                backend_.embedder.embed_query(question)
                backend_.query.append(1e3 * (time.perf_counter() - wall))


def table(measured: Mapping[str, Measured]) -> str:
    """Write the section's table; cosines and prices are against the first backend."""
    first = next(iter(measured.values()))
    lines = [
        "| backend | nDCG@10 | price | cosine to torch | chunks/s | CPU ms a chunk | query ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, backend_ in measured.items():
        cosine = (backend_.vectors * first.vectors).sum(axis=1)
        lines.append(
            f"| {name} | {backend_.ndcg:.2f} | {first.ndcg - backend_.ndcg:+.2f}"
            f" | {cosine.mean():.4f} / {cosine.min():.4f}"
            f" | {statistics.median(backend_.chunks):.1f} / {max(backend_.chunks):.1f}"
            f" | {1e3 * min(backend_.cpu):.1f}"
            f" | {statistics.median(backend_.query):.1f} / {min(backend_.query):.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the section down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scifact", type=Path, required=True)
    parser.add_argument("--model", default="packaged")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "ragdesk-bench"))
    parser.add_argument("--limit", type=int, help="abstracts; all of them for a figure to keep")
    arguments = parser.parse_args()

    texts, claims, qrels = scifact(arguments.scifact)
    names = list(texts)[: arguments.limit]
    measured: dict[str, Measured] = {}
    for backend in BACKENDS:
        options = EmbedOptions(
            model=arguments.model, backend=backend, device="cpu", reads_cjk=False
        )
        embedder = open_embedder(options, arguments.cache)
        start = time.perf_counter()
        vectors = embedder.embed_passages([texts[name] for name in names])
        took = time.perf_counter() - start
        questions = {name: embed_question(embedder, claim) for name, claim in claims.items()}
        points = ndcg(vectors, names, questions, qrels)
        measured[backend] = Measured(embedder, vectors, points)
        print(f"{backend}: nDCG@10 {points:.2f}, {len(names) / took:.1f} abstracts/s", flush=True)
    speed(measured, [texts[name] for name in names], list(claims.values()))

    int8 = measured["onnx-int8"].embedder
    alone = np.stack([embed_question(int8, texts[name]) for name in names[:50]])
    together = float(np.abs(alone - measured["onnx-int8"].vectors[:50]).max())
    card = measured["onnx"].embedder.card
    price = measured["torch"].ndcg - measured["onnx-int8"].ndcg
    body = (
        f"{card.name} ({card.revision}), {len(names):,} abstracts, {len(claims)} training claims "
        f"of SciFact; chunks of {TOKENS} tokens, {ROUNDS} rounds in turn. Cosine: mean / worst; "
        f"speeds: median / best; CPU: best.\n\n{table(measured)}\n\n"
        f"A text embedded alone and among others differs by at most {together:.0e} (int8).\n"
        f"`auto` takes int8 where it costs at most {ACCEPTED_COST} points: here {price:+.2f}."
    )
    print(body)
    print(f'For indexes/embedding/embedder.py: INT8_COST["{card.revision}"] = {price:.2f}')
    if arguments.limit is None:
        write_section("Embedding", "python -m tests.lab.speed.embed --scifact FOLDER", body)


if __name__ == "__main__":
    main()
