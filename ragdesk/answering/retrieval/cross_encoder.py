"""Read question and passage together with a cross-encoder of sentence-transformers: its only door.

One costs some 20 ms a passage on two cores, and none is packaged: the settings name a local one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indexes.chunk import Passage
from indexes.errors import ModelMissing
from ragdesk.answering.retrieval.reranker import Reranker, RerankOptions, order_passages


class CrossEncoderReranker(Reranker):
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
        if not (head := passages[: self._depth]):
            return tuple(passages)
        pairs = [(question, p.chunk.indexed_text) for p in head]
        raw = np.asarray(self._model.predict(pairs, show_progress_bar=False), dtype=float).ravel()
        return order_passages(passages, (1 / (1 + np.exp(-raw))).tolist())


def _keep_scores(scores: Any) -> Any:
    """Leave scores as they are: one scale for all questions is made above."""
    return scores
