"""Order the passages of a question anew: the protocol, the settings, and which one is made.

Off by default: none is packaged, and one costs more than all other steps of a retrieval together.
"""

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from indexes.chunk import Passage

# By ``[advanced.rerank] backend``: the class to call with RerankOptions. By name, as it is
# imported only where a model is named: its library takes seconds. A line makes another one known.
RERANKERS = {
    "cross-encoder": "ragdesk.answering.retrieval.cross_encoder:CrossEncoderReranker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankOptions:
    """Whether a second model (a cross-encoder) reads the passages found and orders them anew.

    backend: which kind of model it is: ``cross-encoder``.
    model: folder of a sentence-transformers cross-encoder in safetensors. Empty: no reranking.
    depth: so many best passages are read; the others keep their places after them.
    """

    backend: str = "cross-encoder"
    model: str = ""
    depth: int = 8

    def __post_init__(self) -> None:
        if self.backend not in RERANKERS:
            raise ValueError(f"backend must be one of {', '.join(RERANKERS)}")


class Reranker(Protocol):
    """Orders passages by how well they answer a question. Blocks; any thread may call."""

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


def open_reranker(options: RerankOptions) -> Reranker | None:
    """Open the model that the options name; None when they name none. Raises ModelMissing."""
    if not options.model:
        return None
    reranker: Reranker = pkgutil.resolve_name(RERANKERS[options.backend])(options)
    return reranker
