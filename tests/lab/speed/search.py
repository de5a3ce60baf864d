"""Time a search in the process that holds the index: hybrid retrieval, and its dense lane alone.

Used by ``tests.lab.speed.ingest``, so that our searches and a peer's are timed in one round, over the
same folder, each with its model loaded and its first questions past.
"""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexes.embedding.background import open_background
from indexes.embedding.embedder import EmbedOptions, embed_question, open_embedder
from indexes.index import Index
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.retriever import Retriever

QUESTIONS = Path(__file__).parents[1] / "questions.jsonl"
REPEATS = 3
WARM = 3


@dataclass(frozen=True, slots=True)
class Search:
    """Milliseconds of a search: of the whole way, and of embedding and FAISS alone."""

    p50: float
    p95: float
    dense_p50: float


def search(home: Path) -> Search:
    """Search the default collection of a home for the English questions of the bench, in turn."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    questions = [q["question"] for q in map(json.loads, lines) if q["lang"] == "en"]
    embedder = open_embedder(EmbedOptions(), home / "models")
    with closing(Index.open(home / "collections" / "default", card=embedder.card)) as index:
        background = open_background(embedder, home / "models")
        retrieve = Retriever(index=index, embedder=embedder, background=background)
        whole = _timed(lambda text: retrieve(Question(text=text)), questions)
        dense = _timed(
            lambda text: index.search_dense(embed_question(embedder, text), k=5), questions
        )
    p50, p95 = np.percentile(whole, [50, 95])
    return Search(float(p50), float(p95), float(np.median(dense)))


def _timed(ask: Callable[[str], Any], questions: list[str]) -> list[float]:
    for text in questions[:WARM]:
        ask(text)
    took: list[float] = []
    for text in questions * REPEATS:
        began = time.perf_counter()
        ask(text)
        took.append(1e3 * (time.perf_counter() - began))
    return took
