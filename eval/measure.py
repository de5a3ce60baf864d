"""Score cases, and aggregate the scores: values with bounds, never NaN.

Pure: cases and trials in, numbers out. Cases are taken in the order of their ids, so a run that
was asked in another order measures the same to the last bit.
"""

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval import abstention_metrics, stats
from eval.case import Case
from eval.evidence import EvidencePlace
from eval.faithfulness import word_set
from eval.metrics import METRICS, is_answer_right
from eval.scoring_types import AnsweredCase, Metric, Score, ScoredCase
from eval.target_reply import TargetReply, read_reply
from eval.trial import Trial
from indexes.text.coverage import Idf

FIGURE_ROUNDS = (
    1_000  # of the bootstrap of figures that are no means: they are computed anew each time
)
Curve = Callable[[Sequence[float], Sequence[float]], float]
CURVES: Mapping[str, Curve] = {
    "aurc": abstention_metrics.compute_aurc,
    "coverage_at_risk_10": lambda sure, wrong: abstention_metrics.compute_coverage_at_risk(
        sure, wrong, risk=0.10
    ),
    "brier": abstention_metrics.compute_brier_score,
    "ece": abstention_metrics.compute_calibration_error,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """The aggregate of a metric over some cases.

    bound_low, bound_high: what it would be if every case that could not be measured had the
    worst, or the best, value; None where the metric has no bounds. reasons: why cases are left
    out, and how many.
    """

    value: float | None
    ci_low: float | None
    ci_high: float | None
    n_ok: int
    n_skipped: int
    n_error: int
    bound_low: float | None = None
    bound_high: float | None = None
    reasons: Mapping[str, int]


def score_cases(
    cases: Iterable[Case],
    trials: Mapping[str, Trial],
    places: Mapping[str, tuple[tuple[EvidencePlace, ...], bool]],
    metrics: Sequence[Metric] = METRICS,
) -> list[ScoredCase]:
    """Score every case. places: per case its evidence, and whether any was not located."""
    ordered = sorted(cases, key=lambda case: case.id)
    replies = {case.id: _read_trial_reply(trials.get(case.id)) for case in ordered}
    idf = _passage_idf(
        p.text for r in replies.values() if not isinstance(r, Score) for p in r.passages
    )
    scored: list[ScoredCase] = []
    for case in ordered:
        reply = replies[case.id]
        if isinstance(reply, Score):
            scored.append(ScoredCase(case=case, scores={m.name: reply for m in metrics}))
            continue
        located, lost = places.get(case.id, ((), False))
        wall = trials[case.id].seconds
        answered_case = AnsweredCase(
            case=case, reply=reply, places=located, lost=lost, idf=idf, wall=wall
        )
        scores = {metric.name: _check_score(metric.score(answered_case)) for metric in metrics}
        scored.append(ScoredCase(case=case, scores=scores, answered_case=answered_case))
    return scored


def aggregate_scores(
    scored: Sequence[ScoredCase], metrics: Sequence[Metric]
) -> dict[str, Aggregate]:
    """Return every metric over some cases: its mean, with a 95 % interval over clusters.

    Shares of yes and no get Wilson's interval, other means the bootstrap's; of under five clusters
    nothing is known but what bounds the metric.
    """
    clusters = [scored_case.case.cluster or scored_case.case.id for scored_case in scored]
    columns = {m.name: [scored_case.scores[m.name] for scored_case in scored] for m in metrics}
    spread = _bootstrap_means(columns, clusters, {m.name for m in metrics if m.bounded})
    return {m.name: _aggregate(columns[m.name], m, clusters, spread[m.name]) for m in metrics}


def compute_confidence_curves(scored: Sequence[ScoredCase]) -> dict[str, Aggregate]:
    """Return the quality of a confidence: AUROC, risk over coverage, calibration."""
    known = [
        (scored_case, *pair)
        for scored_case in scored
        if (pair := confidence_and_error(scored_case)) is not None
    ]
    exclusions = {"no confidence is told, or no answer came": len(scored) - len(known)}
    reasons = {why: n for why, n in exclusions.items() if n}
    sides = {scored_case.case.answerable for scored_case, _, _ in known}
    curves: dict[str, Aggregate] = {}
    for name, curve in (("auroc", None), *CURVES.items()):
        if len(sides) < (1 if curve else 2):
            curves[name] = _empty_aggregate(
                len(scored), {"too few cases with a confidence": len(scored)}
            )
            continue
        value, low, high = _bootstrap_curve(known, curve)
        curves[name] = Aggregate(
            value=value,
            ci_low=low,
            ci_high=high,
            n_ok=len(known),
            n_skipped=len(scored) - len(known),
            n_error=0,
            reasons=reasons,
        )
    return curves


def confidence_and_error(scored: ScoredCase) -> tuple[float, float] | None:
    """Return the confidence of a case and its error (1.0: answering is wrong); None: unknown.

    An answerable question that was refused counts as right to answer where its evidence was
    found.
    """
    answered_case = scored.answered_case
    if answered_case is None or answered_case.reply.confidence is None:
        return None
    if not answered_case.case.answerable:
        return answered_case.reply.confidence, 1.0
    if answered_case.is_answered:
        value = is_answer_right(answered_case)
        return None if value is None else (answered_case.reply.confidence, 1.0 - value)
    has_evidence = any(answered_case.evidence_by_passage) or not answered_case.places
    return answered_case.reply.confidence, 1.0 - float(has_evidence)


def compute_latencies(scored: Sequence[ScoredCase]) -> dict[str, dict[str, float]]:
    """Return quantiles of the seconds of each step, by the target's clock and by our own."""
    steps: dict[str, list[float]] = {}
    for scored_case in scored:
        if scored_case.answered_case is not None:
            steps.setdefault("asked", []).append(scored_case.answered_case.wall)
            for step, seconds in scored_case.answered_case.reply.seconds.items():
                steps.setdefault(step, []).append(float(seconds))
    return {step: _quantiles(values) for step, values in sorted(steps.items())}


def group_cases(scored: Sequence[ScoredCase]) -> Iterator[tuple[str, list[ScoredCase]]]:
    """Yield the cases by language, by stratum and by both, named as gates name them."""
    langs = sorted({scored_case.case.lang for scored_case in scored})
    strata = sorted({scored_case.case.stratum for scored_case in scored})
    for lang in langs:
        yield (
            f"lang={lang}",
            [scored_case for scored_case in scored if scored_case.case.lang == lang],
        )
    for stratum in strata:
        yield (
            f"stratum={stratum}",
            [scored_case for scored_case in scored if scored_case.case.stratum == stratum],
        )
    for lang in langs if len(langs) > 1 else ():
        for stratum in strata:
            both = [
                scored_case
                for scored_case in scored
                if (scored_case.case.lang, scored_case.case.stratum) == (lang, stratum)
            ]
            if both:
                yield f"lang={lang},stratum={stratum}", both


def _read_trial_reply(trial: Trial | None) -> TargetReply | Score:
    """Return a trial's reply, or a score with the reason why there is none."""
    if trial is None:
        return Score(None, "error", "not asked")
    if trial.status != "ok":
        return Score(None, trial.status, trial.reason)
    try:
        return read_reply(trial.reply, trial.resolved)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Score(None, "error", f"not an answer: {type(error).__name__}: {error}")


def _check_score(score: Score) -> Score:
    """Turn a value that is not a number into an error score."""
    if score.value is None or math.isfinite(score.value):
        return score
    return Score(None, "error", f"not a finite number: {score.value}")


def _passage_idf(texts: Iterable[str]) -> Idf:
    """Return the idf of words over the distinct passages of a run."""
    distinct = set(texts)
    counts = Counter(word for text in distinct for word in word_set(text))
    n = len(distinct)
    return lambda word: math.log1p((n - counts[word] + 0.5) / (counts[word] + 0.5))


def _aggregate(
    scores: Sequence[Score],
    metric: Metric,
    clusters: Sequence[str],
    spread: tuple[float | None, float | None],
) -> Aggregate:
    ok = [(s.value, c) for s, c in zip(scores, clusters, strict=True) if s.value is not None]
    errors = sum(s.status == "error" for s in scores)
    reasons = Counter(s.reason for s in scores if s.status != "ok")
    if not ok:
        return _empty_aggregate(len(scores), dict(sorted(reasons.items())), errors)
    values, names = [value for value, _ in ok], [name for _, name in ok]
    total = math.fsum(values)
    n = len(values)
    low, high = spread
    if metric.bounded and stats.is_binary(values):
        share = stats.estimate_proportion(values, names)
        low, high = share.low, share.high
    return Aggregate(
        value=total / n,
        ci_low=low,
        ci_high=high,
        n_ok=n,
        n_skipped=len(scores) - n - errors,
        n_error=errors,
        bound_low=total / (n + errors) if metric.bounded else None,
        bound_high=(total + errors) / (n + errors) if metric.bounded else None,
        reasons=dict(sorted(reasons.items())),
    )


def _empty_aggregate(count: int, reasons: Mapping[str, int], errors: int = 0) -> Aggregate:
    return Aggregate(
        value=None,
        ci_low=None,
        ci_high=None,
        n_ok=0,
        n_skipped=count - errors,
        n_error=errors,
        reasons=reasons,
    )


def _bootstrap_means(
    columns: Mapping[str, Sequence[Score]], clusters: Sequence[str], bounded: Container[str]
) -> dict[str, tuple[float | None, float | None]]:
    """Resample whole clusters, for all metrics at once.

    Where under five of them give a value: 0 and 1, or None for a metric without bounds.
    """
    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    present = np.array([[s.value is not None for s in column] for column in columns.values()])
    values = np.array([[s.value or 0.0 for s in column] for column in columns.values()])
    sums = np.array([np.bincount(place, weights=row, minlength=len(names)) for row in values])
    counts = np.array([np.bincount(place, weights=row, minlength=len(names)) for row in present])
    tops, bottoms = [], []
    for weights in stats.draw_cluster_samples(len(names)):
        tops.append(weights @ sums.T)
        bottoms.append(weights @ counts.T)
    top, bottom = np.concatenate(tops), np.concatenate(bottoms)
    spread: dict[str, tuple[float | None, float | None]] = {}
    for i, name in enumerate(columns):
        if np.count_nonzero(counts[i]) < stats.FEW:
            spread[name] = (0.0, 1.0) if name in bounded else (None, None)
            continue
        drawn = bottom[:, i] > 0
        low, high = np.quantile(top[drawn, i] / bottom[drawn, i], [0.025, 0.975])
        spread[name] = (float(low), float(high))
    return spread


def _bootstrap_curve(
    known: Sequence[tuple[ScoredCase, float, float]], curve: Curve | None
) -> tuple[float, float, float]:
    """Return a figure and its interval, over clusters drawn with replacement."""
    sure = np.array([c for _, c, _ in known])
    wrong = np.array([w for _, _, w in known])
    side = np.array([scored_case.case.answerable for scored_case, _, _ in known])
    names = [scored_case.case.cluster or scored_case.case.id for scored_case, _, _ in known]
    _, place = np.unique(np.asarray(names), return_inverse=True)

    def figure(at: NDArray[np.int64]) -> float | None:
        if curve is not None:
            return curve(sure[at].tolist(), wrong[at].tolist())
        ours, theirs = sure[at][side[at]], sure[at][~side[at]]
        return abstention_metrics.compute_auroc(ours, theirs) if len(ours) and len(theirs) else None

    all_rows = np.arange(len(known))
    whole = figure(all_rows) or 0.0
    if place.max() + 1 < stats.FEW:
        return whole, min(0.0, whole), max(1.0, whole)
    drawn: list[float] = []
    for weights in stats.draw_cluster_samples(place.max() + 1, FIGURE_ROUNDS):
        for row in weights:
            value = figure(np.repeat(all_rows, row.astype(int)[place]))
            if value is not None:
                drawn.append(value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return whole, float(low), float(high)


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    p50, p95, p99 = np.quantile(values, [0.50, 0.95, 0.99], method="inverted_cdf")
    return {
        "p50": float(p50),
        "p95": float(p95),
        "p99": float(p99),
        "max": max(values),
        "n": len(values),
    }
