"""Turn cosines into similarities that mean the same under any embedder.

A similarity is 0 for what has nothing to do with the question, some .4 to .6 for a good match and
1 for the same words. It counts by how many spreads a cosine stands above those of unrelated
passages, which are a sample of the rows in the passage's language and our neutral texts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexes.embedding.background import Background
from indexes.search_results import Scores, Vectors

FULL_SPREADS: Final = 8.0
"""Spreads above the mean that are a similarity of 1: with it, those of MiniLM in English are about
the cosines that they were, and a good match of any model lies at .5 to .6 (XQuAD: MiniLM 4.8,
multilingual-e5-small 4.8 in English and 4.3 in Chinese; the best of the others 3.0 to 3.5)."""
NEUTRAL_ROWS: Final = 24
"""So many rows our neutral texts count for: one document of a collection is no background."""
OTHER_LANGUAGE_WORTH: Final = 0.8
"""Of two passages that stand out as much, the one in the question's language comes first: of XQuAD
in both languages .989 (English) and .984 (Chinese); with 1 it is .843 and .815."""
SHARED_PART: Final = 0.5
"""Part of what all questions of a language share that is taken off before passages of another
language are compared: R@1 of XQuAD questions over paragraphs of the other language .725 to .773
(English) and .703 to .727 (Chinese); all of it .748 and .716."""
_LEAST_SPREAD: Final = 1e-4
_NO_COSINES: Final[Scores] = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityScale:
    """How cosines become similarities: mean and spread of unrelated ones.

    worth: a factor on what comes out. The default takes cosines as they are.
    """

    mean: float = 0.0
    spread: float = 1 / FULL_SPREADS
    worth: float = 1.0

    def normalise(self, cosines: Scores) -> Scores:
        """Return the similarities (n,) in 0..1 of cosines (n,); NaN stays NaN.

        >>> SimilarityScale(mean=0.7, spread=0.03).normalise(np.array([0.6, 0.82])).tolist()
        [0.0, 0.5]
        """
        spreads = (np.asarray(cosines, dtype=np.float64) - self.mean) / self.spread
        similarities = np.clip(self.worth * spreads / FULL_SPREADS, 0.0, 1.0)
        return np.round(similarities, 6).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageQuery:
    """A question as passages of one group of languages are searched by it.

    languages: of those passages. vector (dim,): not of length one where part of it was taken off.
    scale: by what is unrelated in the collection. neutral_scale: by neutral texts alone, the same
    for every question and collection.
    """

    languages: frozenset[str]
    vector: Vectors
    scale: SimilarityScale
    neutral_scale: SimilarityScale = SimilarityScale()

    def compare(self, vectors: Vectors) -> Scores:
        """Return the similarities (n,) of passage vectors (n, dim) to the question."""
        return self.scale.normalise(vectors @ self.vector)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSimilarity:
    """Compares a question with passages of any language. queries: its own language's first."""

    queries: tuple[LanguageQuery, ...]

    def find_query(self, language: str) -> LanguageQuery:
        """Return the query for passages of a language; the question's own for all others."""
        return next((q for q in self.queries[1:] if language in q.languages), self.queries[0])

    def compare(self, vectors: Vectors, languages: Sequence[str]) -> Scores:
        """Return the similarities (n,) of texts by their vectors (n, dim) and languages (n,)."""
        pairs = zip(vectors, languages, strict=True)
        return np.array(
            [float(self.find_query(language).compare(v[None])[0]) for v, language in pairs]
        )


def measure_similarity(
    vector: Vectors, language: str, background: Background, samples: Mapping[str, Vectors]
) -> QuestionSimilarity:
    """Measure what is unrelated to a question, by the languages of the passages.

    vector (dim,), language: of the question; one without words is taken for one in the language
    of most rows. samples: vectors (n, dim) of some rows, by language. Without a background, and
    for a language that the model does not read, cosines are taken as they are.
    """
    if language not in background.questions:
        language = max(
            background.questions, key=lambda name: len(samples.get(name, ())), default=language
        )
    if language not in background.questions:
        everything = LanguageQuery(languages=frozenset(), vector=vector, scale=SimilarityScale())
        return QuestionSimilarity(queries=(everything,))
    others = [name for name in background.passages if name != language and name in samples]
    own = [rows for name, rows in samples.items() if name not in others]
    mean, spread = background.measure_cosines(language, language)
    queries = [
        LanguageQuery(
            languages=frozenset({*samples, language}.difference(others)),
            vector=vector,
            scale=_measure_scale(
                np.concatenate([rows @ vector for rows in own] or [_NO_COSINES]),
                background.passages[language] @ vector,
                spread,
            ),
            neutral_scale=_limit_scale(mean, spread),
        )
    ]
    for name in others:
        shift = SHARED_PART * background.mean_question(language)
        mean, spread = background.measure_cosines(language, name, SHARED_PART)
        scale = _measure_scale(
            samples[name] @ (vector - shift),
            background.passages[name] @ (vector - shift),
            spread,
            worth=OTHER_LANGUAGE_WORTH,
        )
        queries.append(
            LanguageQuery(
                languages=frozenset((name,)),
                vector=vector - shift,
                scale=scale,
                neutral_scale=_limit_scale(mean, spread),
            )
        )
    return QuestionSimilarity(queries=tuple(queries))


def _limit_scale(mean: float, spread: float) -> SimilarityScale:
    """Make a scale whose spread is no division by nothing."""
    return SimilarityScale(mean=mean, spread=max(spread, _LEAST_SPREAD))


def _measure_scale(
    cosines: Scores, neutral_cosines: Scores, neutral_spread: float, *, worth: float = 1.0
) -> SimilarityScale:
    """Measure a scale by the cosines (n,) of a sample, and neutral ones as ``NEUTRAL_ROWS`` more.

    neutral_spread: over all neutral questions, as those of a single one lie too close together: an
    unrelated passage of a collection has more in common with a question than a neutral one.
    """
    count = len(cosines) + NEUTRAL_ROWS
    neutral_mean = float(neutral_cosines.mean())
    mean = float(cosines.sum(dtype=np.float64) + NEUTRAL_ROWS * neutral_mean) / count
    squares = float(((cosines - mean) ** 2).sum(dtype=np.float64))
    squares += NEUTRAL_ROWS * (neutral_spread**2 + (neutral_mean - mean) ** 2)
    spread = max(math.sqrt(squares / count), _LEAST_SPREAD)
    return SimilarityScale(mean=mean, spread=spread, worth=worth)
