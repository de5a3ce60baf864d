"""Weigh what a turn's words and its vector tell of its kind: two models, added up.

The words have a model of their own, so that a desk without an embedder recognises turns too. The
vector of a question is made for retrieval anyway; each embedder that weights were fitted for has a
small network, by the digest of its files. What it cannot read is judged by words alone.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from indexes.embedding.embedder import Embedder
from indexes.search_results import Vectors
from ragdesk.answering.turns.turn_features import extract_turn_features
from ragdesk.answering.turns.turn_kind import TurnKind

TURN_WEIGHTS_FILE: Final = Path(__file__).with_name("turn_weights.json")
WEIGHT_UNIT: Final = 0.02  # of the whole numbers that weights are stored as
_EDGES_AND_NUMBERS: Final = frozenset({"^", "$", "0"})  # as they stand in the names of features
TurnWeights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VectorNetwork:
    """A network over the vectors of one embedder, of one hidden layer that lets nothing below 0 by.

    hidden (dim, n), hidden_intercepts (n,), output (n, kinds), intercepts (kinds,).
    """

    hidden: TurnWeights
    hidden_intercepts: TurnWeights
    output: TurnWeights
    intercepts: TurnWeights

    def score_vector(self, vector: Vectors) -> TurnWeights:
        """Return the scores (kinds,) of a vector (dim,)."""
        layer = np.maximum(vector @ self.hidden + self.hidden_intercepts, 0.0)
        return np.asarray(layer @ self.output + self.intercepts, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class TurnClassifier:
    """Tells how likely a turn is of each kind.

    kinds: in the order of the columns. words: weights (kinds,) of each feature, and their
    ``intercepts`` (kinds,). vectors: by the first 16 characters of an embedder's revision.
    word_share: of the words beside a vector; the rest is the vector's.
    """

    kinds: tuple[TurnKind, ...]
    words: Mapping[str, TurnWeights]
    intercepts: TurnWeights
    vectors: Mapping[str, VectorNetwork]
    word_share: float = 0.5

    def score_turn(self, text: str, embedder: Embedder | None = None) -> dict[TurnKind, float]:
        """Return the likelihood (0..1) of each kind; all of them together are 1.

        embedder: reads the text too, if it can and there are weights for it.
        """
        logits = self.score_words(text)
        if embedder is not None and (by_vector := self._score_vector(text, embedder)) is not None:
            logits = self.word_share * logits + (1 - self.word_share) * by_vector
        shares = np.exp(logits - logits.max())
        return dict(zip(self.kinds, (shares / shares.sum()).tolist(), strict=True))

    def knows_words(self, text: str, kind: TurnKind) -> bool:
        """Tell whether a word of a turn speaks for a kind: length and numbers say too little."""
        at = self.kinds.index(kind)
        return any(
            self.words[name][at] > 0
            for name in extract_turn_features(text)
            if name in self.words
            and not name.startswith("shape ")
            and not _EDGES_AND_NUMBERS.issuperset(name.split())
        )

    def _score_vector(self, text: str, embedder: Embedder) -> TurnWeights | None:
        model = self.vectors.get(embedder.card.revision[:16])
        if model is None or not embedder.card.can_embed(text):
            return None
        vector = embedder.embed_query(text)
        return None if vector is None else model.score_vector(vector)

    def score_words(self, text: str) -> TurnWeights:
        """Return the sum of weights (kinds,) of a turn's features."""
        logits = self.intercepts.copy()
        for name, value in extract_turn_features(text).items():
            if (weights := self.words.get(name)) is not None:
                logits += value * weights
        return logits


@cache
def load_classifier() -> TurnClassifier:
    """Load the classifier that comes with the package."""
    return parse_classifier(json.loads(TURN_WEIGHTS_FILE.read_text(encoding="utf-8")))


def parse_classifier(stored: Mapping[str, Any]) -> TurnClassifier:
    """Make a classifier of its stored form. Raises ValueError where a row is too short or long."""
    kinds = tuple(TurnKind(name) for name in stored["kinds"])
    most = len(kinds)
    vectors = {}
    for digest, network in stored["vectors"].items():
        size = len(network["hidden_intercepts"])
        vectors[digest] = VectorNetwork(
            hidden=_parse_rows(network["hidden"], size),
            hidden_intercepts=_parse_row(network["hidden_intercepts"], size),
            output=_parse_rows(network["output"], most),
            intercepts=_parse_row(network["intercepts"], most),
        )
    return TurnClassifier(
        kinds=kinds,
        words={name: _parse_row(row, most) for name, row in stored["words"].items()},
        intercepts=_parse_row(stored["intercepts"], most),
        vectors=vectors,
        word_share=float(stored["word_share"]),
    )


def _parse_rows(rows: list[list[int]], size: int) -> TurnWeights:
    return np.array([_parse_row(row, size) for row in rows])


def _parse_row(numbers: list[int], size: int) -> TurnWeights:
    if len(numbers) != size or not all(map(math.isfinite, numbers)):
        raise ValueError(f"a row of turn weights has {len(numbers)} numbers, not {size}")
    return np.array(numbers, dtype=np.float32) * np.float32(WEIGHT_UNIT)
