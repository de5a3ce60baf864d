"""Read question and passage together with a cross-encoder of sentence-transformers: its only door.

One of six layers costs some 20 ms a passage on two cores, and none is packaged: the settings name
a local one. Its raw scores go through one logistic curve: for a model that ends in a sigmoid that
is its own score, for one that ends in nothing it is the same order on a scale of 0..1.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indexes.chunk import Passage
from indexes.errors import ModelMissing
from ragdesk.answering.retrieval.reranker import Reranker, order_passages
from ragdesk.answering.retrieval.retrieval_options import RerankOptions
from ragdesk.errors import SettingsError

BATCH = 8  # pairs a pass, sorted by length: larger ones pad more and gain nothing on a few cores
ACTIVATIONS = frozenset({"Sigmoid", "Identity"})  # that a logistic curve stands for
LARGEST_LOGIT = 500.0  # beyond it a score is 0 or 1, and exp overflows soon after


class CrossEncoderReranker(Reranker):
    """Scores each passage beside the question with a local model. Any thread may call.

    Raises ModelMissing where there is none, SettingsError where it does not give one score a pair.
    """

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

        self.depth = options.depth
        self._folder = options.model
        self._lock = threading.Lock()  # one pass fills all cores; two share them
        self._model = Model(
            options.model,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
        self._check_head()
        self._limit_input()

    def __call__(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """Order the first passages by the model; scores are squeezed into 0..1."""
        if not (head := passages[: self.depth]):
            return tuple(passages)
        pairs = [(question, p.chunk.indexed_text) for p in head]
        with self._lock:
            raw = self._model.predict(
                pairs, batch_size=BATCH, show_progress_bar=False, activation_fn=_keep_scores
            )
        logits = np.asarray(raw, dtype=float).ravel()
        if not np.isfinite(logits).all():
            raise ValueError(f"The cross-encoder {self._folder} gave a score that is no number.")
        scores = 1 / (1 + np.exp(-np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)))
        return order_passages(passages, scores.tolist())

    def _check_head(self) -> None:
        """Refuse a model whose output is no single score that grows with relevance."""
        labels = self._model.num_labels
        if labels != 1:
            raise SettingsError(
                f"rerank.model {self._folder} has {labels} labels; a reranker needs one score a "
                "pair. Name a cross-encoder with one label."
            )
        activation = type(self._model.activation_fn).__name__
        if activation not in ACTIVATIONS:
            raise SettingsError(
                f"rerank.model {self._folder} ends in {activation}; a reranker ends in Sigmoid or "
                "Identity. Name another cross-encoder."
            )

    def _limit_input(self) -> None:
        """Cut inputs to the positions that the model has.

        RoBERTa's kind counts from behind its padding: of 514 positions, 512 can be used.
        """
        for name, module in self._model.named_modules():
            padding = getattr(module, "padding_idx", None)
            if name.endswith("position_embeddings") and padding is not None:
                usable = module.num_embeddings - padding - 1
                self._model.max_seq_length = min(self._model.max_seq_length or usable, usable)


def _keep_scores(scores: Any) -> Any:
    """Leave scores as they are: one scale for all questions is made above."""
    return scores
