"""Weigh what a turn's words and its vector tell of its kind, by the weights of the package.

``text_classifier.py`` is the classifier; each embedder that weights were fitted for has a small
network.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexes.embedding.embedder import Embedder
from ragdesk.answering.turns.text_classifier import (
    ClassWeights,
    TextClassifier,
    VectorNetwork,
    share_likelihoods,
    shorten_revision,
)
from ragdesk.answering.turns.turn_features import extract_turn_features
from ragdesk.answering.turns.turn_kind import TurnKind

TURN_WEIGHTS_FILE: Final = Path(__file__).with_name("turn_weights.json")
WEIGHT_UNIT: Final = 0.02  # of the whole numbers that weights are stored as
_EDGES_AND_NUMBERS: Final = frozenset({"^", "$", "0"})  # as they stand in the names of features


class TurnClassifier(TextClassifier[TurnKind]):
    """Tells how likely a turn is of each kind."""

    __slots__ = ()

    @property
    def kinds(self) -> tuple[TurnKind, ...]:
        """Return the kinds, in the order of the columns."""
        return self.labels

    def score_turn(self, text: str, embedder: Embedder | None = None) -> dict[TurnKind, float]:
        """Return the likelihood (0..1) of each kind; all of them together are 1.

        embedder: reads the text too, if it can and there are weights for it.
        """
        vector, digest = None, ""
        if embedder is not None and shorten_revision(embedder.card) in self.vectors:
            digest = shorten_revision(embedder.card)
            vector = embedder.embed_query(text) if embedder.card.can_embed(text) else None
        logits = self.weigh_text(extract_turn_features(text), vector, digest)
        return dict(zip(self.kinds, share_likelihoods(logits).tolist(), strict=True))

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
        labels=kinds,
        words={name: _parse_row(row, most) for name, row in stored["words"].items()},
        intercepts=_parse_row(stored["intercepts"], most),
        vectors=vectors,
        word_share=float(stored["word_share"]),
    )


def _parse_rows(rows: list[list[int]], size: int) -> ClassWeights:
    return np.array([_parse_row(row, size) for row in rows])


def _parse_row(numbers: list[int], size: int) -> ClassWeights:
    if len(numbers) != size or not all(map(math.isfinite, numbers)):
        raise ValueError(f"a row of turn weights has {len(numbers)} numbers, not {size}")
    return np.array(numbers, dtype=np.float32) * np.float32(WEIGHT_UNIT)
