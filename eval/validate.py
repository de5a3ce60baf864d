"""Validate the metrics: compare their figures with ratings by people.

Thresholds are fitted on the other folds (whole sources at a time), never on the texts they are
tried on. AUROC is also given among texts of like length: what only measures length shows there.
A trained verifier fits the same slot as the words: ``Verifier``.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from eval import answer_metrics, faithfulness, stats
from eval.abstention_metrics import compute_auroc
from eval.imports.rated import RatedText
from eval.stats import Floats
from eval.target_reply import split_marked_text
from indexes.text.coverage import Idf

VALIDATION_FOLDS = 5
LENGTHS = 3
VALIDATION_ROUNDS = 1_000
# Balanced accuracy, of whole sets or test parts: a yardstick, no paired comparison.
PUBLISHED: Final = {
    "summedits": "balanced accuracy QAFactEval .655, GPT-4 .82, people .91 (Laban et al. 2023)",
    "wice": "balanced accuracy T5-3B .817, GPT-4 .787 (on claims of Kamoi et al. 2023)",
}


class Verifier(Protocol):
    """Returns how far sources support a text (0..1); None: the text claims nothing."""

    def __call__(self, text: str, sources: Sequence[str]) -> float | None: ...


@dataclass(frozen=True, slots=True)
class WordVerifier:
    """The deterministic metrics as a verifier."""

    idf: Idf
    measure: Callable[[Sequence[str], faithfulness.SourceKnowledge, Idf], float] = (
        faithfulness.compute_knowledge_precision
    )

    def __call__(self, text: str, sources: Sequence[str]) -> float | None:
        """Return the knowledge precision of a text's claims."""
        claims = [
            sentence.text
            for sentence in split_marked_text(text)
            if faithfulness.extract_claimed_words(sentence.text)
        ]
        if not claims:
            return None
        return self.measure(claims, faithfulness.collect_knowledge(sources), self.idf)


@dataclass(frozen=True, slots=True)
class VerifierScores:
    """Rated texts with a verifier's scores: arrays of one length."""

    values: Floats
    ratings: Floats
    good: NDArray[np.bool_]
    lengths: Floats
    clusters: NDArray[np.int64]


Figure = Callable[[VerifierScores], float]


def compute_idf(texts: Sequence[str]) -> Idf:
    """Return the idf of words over some texts."""
    distinct = dict.fromkeys(texts)
    counts = Counter(word for text in distinct for word in faithfulness.word_set(text))
    n = len(distinct)
    return lambda word: math.log1p((n - counts[word] + 0.5) / (counts[word] + 0.5))


def validate_verifier(
    rated: Sequence[RatedText], verifier: Verifier | None = None
) -> dict[str, Any]:
    """Compare a verifier (by default the words) with a rated set, and with the plain formula."""
    if rated[0].other is not None:
        return {"figures": _compare_rated_pairs(rated)}
    idf = compute_idf([source for rated_text in rated for source in rated_text.sources])
    ours = verifier or WordVerifier(idf)
    yardstick = WordVerifier(idf, faithfulness.compute_formula_precision)
    both = [
        (
            rated_text,
            ours(rated_text.text, rated_text.sources),
            yardstick(rated_text.text, rated_text.sources),
        )
        for rated_text in rated
    ]
    verdict_pairs = [
        (rated_text, a, b) for rated_text, a, b in both if a is not None and b is not None
    ]
    scores = _score_rated([(rated_text, a) for rated_text, a, _ in verdict_pairs])
    formula = _score_rated([(rated_text, b) for rated_text, _, b in verdict_pairs])
    figures = {name: _estimate_figure(scores, figure) for name, figure in FIGURES.items()}
    gaps = {name: _estimate_gap(scores, formula, FIGURES[name]) for name in ("spearman", "auroc")}
    names = sorted({rated_text.part for rated_text, _, _ in verdict_pairs})
    parts: dict[str, dict[str, float | None]] = {}
    for name in names if len(names) > 1 else ():
        pairs = [(rated_text, a) for rated_text, a, _ in verdict_pairs if rated_text.part == name]
        parts[name] = _estimate_figure(_score_rated(pairs), FIGURES["auroc"])
    return {
        "texts": len(verdict_pairs),
        "claim_nothing": len(both) - len(verdict_pairs),
        "good": int(scores.good.sum()),
        "figures": figures,
        "over_the_formula": gaps,
        "parts": parts,
    }


def _verifier_auroc(scores: VerifierScores) -> float:
    good, bad = scores.values[scores.good], scores.values[~scores.good]
    return compute_auroc(good.tolist(), bad.tolist()) if len(good) and len(bad) else math.nan


def _length_matched_auroc(scores: VerifierScores) -> float:
    """Return the AUROC within thirds of text length, weighed by the pairs compared."""
    edges = np.quantile(scores.lengths, np.linspace(0, 1, LENGTHS + 1)[1:-1])
    third = np.searchsorted(edges, scores.lengths)
    total = weight = 0.0
    for i in range(LENGTHS):
        good = scores.values[(third == i) & scores.good].tolist()
        bad = scores.values[(third == i) & ~scores.good].tolist()
        if good and bad:
            total += compute_auroc(good, bad) * len(good) * len(bad)
            weight += len(good) * len(bad)
    return total / weight if weight else math.nan


def _balanced_accuracy(scores: VerifierScores) -> float:
    """Return the balanced accuracy at thresholds of the other folds; NaN where all are good."""
    if scores.good.all() or not scores.good.any():
        return math.nan
    accepted = np.zeros(len(scores.values), dtype=bool)
    fold = scores.clusters % VALIDATION_FOLDS
    for i in range(VALIDATION_FOLDS):
        train, test = fold != i, fold == i
        if test.any() and scores.good[train].any() and not scores.good[train].all():
            accepted[test] = scores.values[test] >= find_threshold(
                scores.values[train], scores.good[train]
            )
    return float((accepted[scores.good].mean() + (~accepted[~scores.good]).mean()) / 2)


def find_threshold(values: Floats, good: NDArray[np.bool_]) -> float:
    """Return the score from which a text counts as good, by the best balanced accuracy.

    >>> find_threshold(np.array([0.1, 0.2, 0.8]), np.array([False, False, True]))
    0.8
    """
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(good[order]) / good.sum()
    misses = np.cumsum(~good[order]) / (~good).sum()
    last = np.append(np.diff(values[order]) != 0, True)  # equal values fall together
    gain = np.where(last, hits - misses, -1.0)
    return float(values[order][int(np.argmax(gain))])


def _spearman(scores: VerifierScores) -> float:
    from scipy.stats import spearmanr  # noqa: PLC0415 - a second

    return _correlate(spearmanr, scores)


def _pearson(scores: VerifierScores) -> float:
    from scipy.stats import pearsonr  # noqa: PLC0415 - a second

    return _correlate(pearsonr, scores)


def _correlate(measure: Callable[[Floats, Floats], Any], scores: VerifierScores) -> float:
    """Correlate values and ratings; there is no figure where all of either are equal."""
    if np.ptp(scores.values) == 0 or np.ptp(scores.ratings) == 0:
        return math.nan
    return float(measure(scores.values, scores.ratings)[0])


FIGURES: dict[str, Figure] = {
    "spearman": _spearman,
    "pearson": _pearson,
    "auroc": _verifier_auroc,
    "auroc_length_matched": _length_matched_auroc,
    "balanced_accuracy": _balanced_accuracy,
}


def _compare_rated_pairs(rated: Sequence[RatedText]) -> dict[str, Any]:
    """Correlate the difference of our figures within each pair with the raters' preference."""
    texts = [
        t
        for rated_text in rated
        for t in (*rated_text.sources, rated_text.text, rated_text.other or "")
    ]
    idf = compute_idf(texts)
    gaps = [
        answer_metrics.compute_answer_f1(rated_text.text, rated_text.sources, idf)
        - answer_metrics.compute_answer_f1(rated_text.other or "", rated_text.sources, idf)
        for rated_text in rated
    ]
    scores = _score_rated(list(zip(rated, gaps, strict=True)))
    return {name: _estimate_figure(scores, FIGURES[name]) for name in ("spearman", "pearson")}


def _score_rated(pairs: Sequence[tuple[RatedText, float]]) -> VerifierScores:
    _, clusters = np.unique(
        np.array([rated_text.cluster for rated_text, _ in pairs]), return_inverse=True
    )
    return VerifierScores(
        values=np.array([value for _, value in pairs], dtype=np.float64),
        ratings=np.array([rated_text.rating for rated_text, _ in pairs], dtype=np.float64),
        good=np.array([rated_text.good for rated_text, _ in pairs], dtype=bool),
        lengths=np.array(
            [len(faithfulness.word_set(rated_text.text)) for rated_text, _ in pairs],
            dtype=np.float64,
        ),
        clusters=clusters.astype(np.int64),
    )


def _select_rows(scores: VerifierScores, at: NDArray[np.int64]) -> VerifierScores:
    return VerifierScores(
        scores.values[at],
        scores.ratings[at],
        scores.good[at],
        scores.lengths[at],
        scores.clusters[at],
    )


def _draw_rows(scores: VerifierScores) -> list[NDArray[np.int64]]:
    """Draw whole sources with replacement; yield the rows of each draw."""
    all_rows = np.arange(len(scores.values))
    return [
        np.repeat(all_rows, row.astype(int)[scores.clusters])
        for block in stats.draw_cluster_samples(int(scores.clusters.max()) + 1, VALIDATION_ROUNDS)
        for row in block
    ]


def _estimate_figure(scores: VerifierScores, figure: Figure) -> dict[str, float | None]:
    whole = figure(scores)
    rounds = _draw_rows(scores) if figure is not _balanced_accuracy else _draw_rows(scores)[:200]
    return _bounded_estimate(whole, [figure(_select_rows(scores, at)) for at in rounds])


def _estimate_gap(
    ours: VerifierScores, theirs: VerifierScores, figure: Figure
) -> dict[str, float | None]:
    drawn = [
        figure(_select_rows(ours, at)) - figure(_select_rows(theirs, at)) for at in _draw_rows(ours)
    ]
    return _bounded_estimate(figure(ours) - figure(theirs), drawn)


def _bounded_estimate(value: float, drawn: Sequence[float]) -> dict[str, float | None]:
    finite_draws = [value_drawn for value_drawn in drawn if math.isfinite(value_drawn)]
    if not finite_draws or not math.isfinite(value):
        return {"value": None, "ci_low": None, "ci_high": None}
    low, high = np.quantile(finite_draws, [0.025, 0.975])
    return {
        "value": round(value, 4),
        "ci_low": round(float(low), 4),
        "ci_high": round(float(high), 4),
    }
