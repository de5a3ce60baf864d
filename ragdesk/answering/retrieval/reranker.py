"""Order the passages of a question anew: the protocol, the settings, and which one is made.

Off by default: none is packaged, and one costs more than all other steps of a retrieval together.
"""

import pkgutil
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from indexes.chunk import Passage
from ragdesk.answering.retrieval.retrieval_options import READER_BACKEND, RERANKERS, RerankOptions
from ragdesk.request_context import trace_step


class Reranker(Protocol):
    """Orders passages by how well they answer a question. Blocks; any thread may call.

    depth: passages that it reads, at most; retrieval gathers so many for it.
    """

    depth: int

    def __call__(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """Return all passages, best first, with scores in 0..1 that never rise down the ranking."""


def order_passages(passages: Sequence[Passage], scores: Sequence[float]) -> tuple[Passage, ...]:
    """Order the first passages by new scores in 0..1; those without one keep their places behind.

    No score is below that of a passage behind: scores never rise down the ranking.
    """
    head, rest = passages[: len(scores)], passages[len(scores) :]
    floor = max((p.score for p in rest), default=0.0)
    ordered = sorted(zip(scores, head, strict=True), key=lambda scored: -scored[0])
    return (*(replace(p, score=max(score, floor)) for score, p in ordered), *rest)


class RerankStep:
    """Reranking for one question: a reranker, and a note of what it changed and took.

    seconds: that it took. passages: as they were before, with their scores.
    """

    def __init__(self, rerank: Reranker, question: str) -> None:
        self._rerank, self._question = rerank, question
        self.seconds = 0.0
        self.passages: tuple[Passage, ...] = ()

    @property
    def depth(self) -> int:
        """Return how many passages the reranker reads at most."""
        return self._rerank.depth

    def __call__(self, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """Order passages anew, best first."""
        self.passages = tuple(passages)
        start = time.perf_counter()
        with trace_step("rerank", values={"ragdesk.candidates": len(passages)}):
            ordered = self._rerank(self._question, passages) if passages else ()
        self.seconds = time.perf_counter() - start
        return ordered


def open_reranker(options: RerankOptions) -> Reranker | None:
    """Open the model that the options name; None when they name none. Raises ModelMissing."""
    if not options.model or options.backend == READER_BACKEND:
        return None
    reranker: Reranker = pkgutil.resolve_name(RERANKERS[options.backend])(options)
    return reranker
