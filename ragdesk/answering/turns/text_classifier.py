"""Weigh what a text's words and its vector tell of its label: two models, added up.

The words have a model of their own, so that a desk without an embedder classifies too. The vector
of a question is made for retrieval anyway; each embedder that weights were fitted for has a model,
by the digest of its files. What it cannot read is judged by words alone. Kinds of turns, intents
and sentiment are three sets of labels of this one classifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexes.embedding.embedder import EmbedderCard
from indexes.search_results import Vectors

ClassWeights = NDArray[np.float32]
Label = TypeVar("Label", bound=str)


class VectorModel(Protocol):
    """Scores the labels of a text by its vector."""

    def score_vector(self, vector: Vectors) -> ClassWeights:
        """Return the scores (labels,) of a vector (dim,)."""


@dataclass(frozen=True, slots=True)
class VectorNetwork:
    """A network over the vectors of one embedder, of one hidden layer that lets nothing below 0 by.

    hidden (dim, n), hidden_intercepts (n,), output (n, labels), intercepts (labels,).
    """

    hidden: ClassWeights
    hidden_intercepts: ClassWeights
    output: ClassWeights
    intercepts: ClassWeights

    def score_vector(self, vector: Vectors) -> ClassWeights:
        """Return the scores (labels,) of a vector (dim,)."""
        layer = np.maximum(vector @ self.hidden + self.hidden_intercepts, 0.0)
        return np.asarray(layer @ self.output + self.intercepts, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class VectorWeights:
    """A linear model over the vectors of one embedder: output (dim, labels), intercepts (labels,).

    For what has few examples a label, where a hidden layer learns them by heart.
    """

    output: ClassWeights
    intercepts: ClassWeights

    def score_vector(self, vector: Vectors) -> ClassWeights:
        """Return the scores (labels,) of a vector (dim,)."""
        return np.asarray(vector @ self.output + self.intercepts, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class TextClassifier(Generic[Label]):
    """Tells how likely each label is for a text, by the names of its features and its vector.

    labels: in the order of the columns. words: weights (labels,) of each feature, and their
    ``intercepts`` (labels,). vectors: by the first 16 characters of an embedder's revision.
    word_share: of the words beside a vector; the rest is the vector's.
    """

    labels: tuple[Label, ...]
    words: Mapping[str, ClassWeights]
    intercepts: ClassWeights
    vectors: Mapping[str, VectorModel]
    word_share: float = 0.5

    def weigh_words(self, features: Mapping[str, float]) -> ClassWeights:
        """Return the sum of weights (labels,) of a text's features."""
        logits = self.intercepts.copy()
        for name, value in features.items():
            if (weights := self.words.get(name)) is not None:
                logits += value * weights
        return logits

    def weigh_text(
        self, features: Mapping[str, float], vector: Vectors | None = None, digest: str = ""
    ) -> ClassWeights:
        """Return the scores (labels,) of a text. digest: of the embedder that made its vector."""
        logits = self.weigh_words(features)
        model = self.vectors.get(digest)
        if model is None or vector is None:
            return logits
        return self.word_share * logits + (1 - self.word_share) * model.score_vector(vector)


def shorten_revision(card: EmbedderCard) -> str:
    """Return what names the vector model of an embedder: int8 and fp32 share one."""
    return card.revision[:16]


def share_likelihoods(logits: ClassWeights) -> ClassWeights:
    """Return the likelihoods (…, labels) of scores (…, labels); those of a row are 1 together.

    >>> share_likelihoods(np.zeros(2, np.float32)).tolist()
    [0.5, 0.5]
    """
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True), dtype=np.float32)
