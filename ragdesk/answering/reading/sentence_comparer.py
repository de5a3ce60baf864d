"""Compare sentences with a question by a model that has learnt which sentence answers.

An embedding model finds passages, and is trained to. Which sentence of them answers a customer who
uses other words it tells less well: of English sentences it put the right one first for 34 of 101
questions over three help centres, the packaged English model for 57, the words for 41. Both
packaged models have therefore learnt further, on help texts and customers' questions of ours
(SENTENCES.md), and compare each the sentences of its languages: as a whole, and word by word.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from indexes.embedding.adapted_encoder import TextVectors
from indexes.search_results import Scores
from ragdesk.answering.reading.sentence_vector_cache import SentenceVectorCache


def name_sentence_weights(language: str) -> Path:
    """Return the file of what a packaged model has learnt for questions of a language."""
    return Path(__file__).with_name(f"sentence_weights_{language}.safetensors")


class SentenceEncoder(Protocol):
    """Turns a question and sentences into the vectors of their tokens."""

    def encode_query(self, text: str) -> TextVectors: ...
    def encode_passages(self, texts: Sequence[str]) -> Sequence[TextVectors]: ...


@dataclass(frozen=True, slots=True)
class SentenceMatches:
    """How close some texts are to a question: (n,) each, 0..1.

    cosines: of the texts as a whole. token_matches: the mean, over the question's tokens, of the
    greatest cosine to a token of the text.
    """

    cosines: Scores
    token_matches: Scores


class SentenceComparer:
    """Compares texts with a question. Any thread may call.

    open_encoder: opens the model, at the first question that needs it. Raises ModelMissing.
    cache: shared with other comparers, whose models have other names; one of its own by default.
    """

    def __init__(
        self,
        open_encoder: Callable[[], SentenceEncoder],
        cache: SentenceVectorCache | None = None,
        model: str = "",
    ) -> None:
        self._open_encoder = open_encoder
        self._model = model
        self._encoder: SentenceEncoder | None = None
        self._cache = SentenceVectorCache() if cache is None else cache
        self._lock = threading.Lock()

    def __call__(self, question: str, texts: Sequence[str]) -> SentenceMatches:
        """Compare some texts with a question."""
        encoder = self.open()
        question_vectors = encoder.encode_query(question)
        text_vectors = (
            self._cache.read(texts, encoder.encode_passages, self._model) if texts else ()
        )
        cosines = [float(question_vectors.whole @ text.whole) for text in text_vectors]
        matches = [match_tokens(question_vectors, text) for text in text_vectors]
        return SentenceMatches(_clip_scores(cosines), _clip_scores(matches))

    def open(self) -> SentenceEncoder:
        """Open the model, once."""
        with self._lock:
            if self._encoder is None:
                self._encoder = self._open_encoder()
            return self._encoder


def match_tokens(question: TextVectors, text: TextVectors) -> float:
    """Return how well the tokens of a question are met by those of a text, 0..1 (MaxSim)."""
    if not (len(question.tokens) and len(text.tokens)):
        return 0.0
    tokens = text.tokens.astype(np.float32, copy=False)  # of some, 16 bits are kept
    return float((question.tokens @ tokens.T).max(axis=1).mean())


def _clip_scores(scores: Sequence[float]) -> Scores:
    return np.clip(np.asarray(scores, dtype=np.float32), 0.0, 1.0)
