"""Read question and passage together, and order the passages anew. Off by default.

A cross-encoder costs some 20 ms a passage on two cores, and none is packaged: the settings
name a local one. The only door to one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from indexes.chunk import Passage
from indexes.errors import ModelMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankOptions:
    """Whether a second model (a cross-encoder) reads the passages found and orders them anew.

    model: folder of a sentence-transformers cross-encoder in safetensors. Empty: no reranking.
    depth: so many best passages are read; the others keep their places after them.
    """

    model: str = ""
    depth: int = 8


class Reranker(Protocol):
    """Orders passages by how well they answer a question; returns all of them, best first."""

    def __call__(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]: ...


class CrossEncoderReranker:
    """Scores each passage beside the question with a local model. Any thread may call."""

    def __init__(self, options: RerankOptions) -> None:
        if not Path(options.model).is_dir():
            raise ModelMissing(
                f"No cross-encoder at {options.model}. Set rerank.model, or leave it out."
            )
        if not any(Path(options.model).glob("*.safetensors")):
            raise ModelMissing(
                f"{options.model} holds no weights as safetensors; pickled ones are never read."
            )
        from sentence_transformers import CrossEncoder as Model  # noqa: PLC0415 - takes seconds

        self._depth = options.depth
        self._model = Model(
            options.model,
            local_files_only=True,
            trust_remote_code=False,
            activation_fn=_keep_scores,
            model_kwargs={"use_safetensors": True},
        )

    def __call__(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """Order the first passages by the model; scores are squeezed into 0..1."""
        head, rest = passages[: self._depth], passages[self._depth :]
        if not head:
            return tuple(passages)
        pairs = [(question, p.chunk.indexed_text) for p in head]
        raw = np.asarray(self._model.predict(pairs, show_progress_bar=False), dtype=float).ravel()
        scores = 1 / (1 + np.exp(-raw))
        floor = max((p.score for p in rest), default=0.0)  # scores never rise down the ranking
        ordered = sorted(zip(scores.tolist(), head, strict=True), key=lambda scored: -scored[0])
        return (*(replace(p, score=max(score, floor)) for score, p in ordered), *rest)


def _keep_scores(scores: Any) -> Any:
    """Leave scores as they are: one scale for all questions is made above."""
    return scores


def open_reranker(options: RerankOptions) -> Reranker | None:
    """Open the cross-encoder that the options name; None when they name none."""
    return CrossEncoderReranker(options) if options.model else None
