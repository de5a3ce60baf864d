"""Fit, per language, how sure a desk must be before it answers, from the signals of a run.

A small logistic model orders the questions; each one's confidence comes from a fit on other
clusters (grouped folds). The floor is the lowest at which the Clopper-Pearson upper bound of the
unanswerable questions answered stays under what the operator asked. The promise is then tried on
cases that neither the model nor the floor has seen.

Fits and their AUROC are scikit-learn's, imported when first needed: that takes seconds.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval import stats
from eval.case import Case
from eval.errors import BadCases
from eval.stats import Floats
from eval.target_reply import read_reply
from eval.trial import Trial

CALIBRATION_FOLDS = 5
RIDGE = 1.0  # penalty on the squared weights of standardised signals, none on the intercept
SURE_LOGIT = 30.0  # beyond it a likelihood is 0 or 1 to thirteen digits
BOUND_LEVEL = 0.95  # of the bound: in so many of all samples the promise holds
ALL_LANGUAGES = "*"
LEAST = 30  # answerable cases of a group; unanswerable ones are bounded by alpha itself
DESK_SIGNALS = frozenset({"answerable", "calibrated"})  # what the desk made of the signals itself


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """The signals of a question, and whether the documents answer it."""

    case: str
    group: str
    stratum: str
    cluster: str
    known: bool
    signals: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """A logistic model: intercept, and a weight per signal."""

    intercept: float
    weights: Mapping[str, float]

    def __call__(self, signals: Mapping[str, float]) -> float:
        """Return the likelihood (0..1) that the retrieved passages answer the question."""
        z = self.intercept + sum(w * signals.get(name, 0.0) for name, w in self.weights.items())
        return float(1 / (1 + np.exp(-np.clip(z, -SURE_LOGIT, SURE_LOGIT))))


def collect_signal_rows(cases: Sequence[Case], trials: Mapping[str, Trial]) -> Iterator[SignalRow]:
    """Collect the signals of a run; cases without an answer or without signals are left out."""
    for case in sorted(cases, key=lambda listed_case: listed_case.id):
        trial = trials.get(case.id)
        if trial is None or trial.status != "ok":
            continue
        reply = read_reply(trial.reply)
        signals = {name: float(v) for name, v in reply.signals.items() if name not in DESK_SIGNALS}
        if signals:
            yield SignalRow(
                case=case.id,
                group=reply.language or case.lang,
                stratum=case.stratum,
                cluster=case.cluster or case.id,
                known=case.answerable,
                signals=signals,
            )


def find_signal_versions(trials: Iterable[Trial]) -> Mapping[str, Any]:
    """Return what the signals of a run depend on, as its engine says; empty where it says nothing.

    Raises BadCases where the answers of one run differ in it: no model fits both.
    """
    versions: list[Mapping[str, Any]] = []
    for trial in trials:
        reply = read_reply(trial.reply) if trial.status == "ok" else None
        if reply and reply.signals and reply.signal_versions not in versions:
            versions.append(reply.signal_versions)
    if len(versions) > 1:
        raise BadCases(
            "The answers of this run tell signals of different versions: the engine was changed "
            "amid it. Ask all cases again: ragdesk eval run CASES --out DIR --fresh"
        )
    return versions[0] if versions else {}


def calibrate_confidence(
    rows: Sequence[SignalRow], alpha: float, level: float = BOUND_LEVEL
) -> dict[str, Any]:
    """Fit each language group that has enough cases, and all cases together for the others.

    Raises BadCases where even all cases together are too few for the promise.
    """
    if not rows:
        raise BadCases("No answer of this run tells its signals. Ask with explain, or a ragdesk.")
    groups: dict[str, Any] = {ALL_LANGUAGES: _calibrate_group(rows, alpha, level)}
    for name in sorted({row.group for row in rows}):
        some = [row for row in rows if row.group == name]
        if _name_missing_cases(some, alpha, level) is None:
            groups[name] = _calibrate_group(some, alpha, level)
    return {"format": 1, "alpha": alpha, "level": level, "groups": groups}


def fit_logistic_model(rows: Sequence[SignalRow], names: Sequence[str]) -> LogisticModel:
    """Fit a ridge logistic regression on standardised signals; both sides weigh the same.

    Where all rows lie on one side, the model is sure of it whatever the signals.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - seconds
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - seconds

    signals = np.array([[row.signals.get(name, 0.0) for name in names] for row in rows])
    known = np.array([row.known for row in rows])
    if known.all() or not known.any():
        return LogisticModel(SURE_LOGIT if known.all() else -SURE_LOGIT, dict.fromkeys(names, 0.0))
    scaler = StandardScaler().fit(signals)
    fitted = LogisticRegression(
        C=1 / RIDGE, class_weight="balanced", solver="newton-cholesky", tol=1e-8
    ).fit(scaler.transform(signals), known)
    weights = fitted.coef_[0] / scaler.scale_
    return LogisticModel(
        round(float(fitted.intercept_[0] - weights @ scaler.mean_), 6),
        {name: round(float(weight), 6) for name, weight in zip(names, weights, strict=True)},
    )


def find_confidence_floor(
    sure: Floats, known: NDArray[np.bool_], alpha: float, level: float = BOUND_LEVEL
) -> float:
    """Return the lowest confidence from which answering keeps the promise; above 1: none does.

    >>> sure, known = np.linspace(0, 1, 101), np.zeros(101, dtype=bool)
    >>> round(find_confidence_floor(sure, known, 0.1), 2)  # of 101 unanswerable, 5 may be answered
    0.96
    """
    foreign = np.sort(sure[~known])[::-1]
    n = len(foreign)
    bound = partial(stats.compute_exact_upper_bound, n=n, level=level)
    allowed = bisect_right(range(n), alpha, key=bound) - 1
    if allowed < 0:
        return 1.01
    # Just above the first one too many: ties with it are refused too.
    return float(np.nextafter(foreign[allowed], 2.0)) if allowed < n else 0.0


def _calibrate_group(rows: Sequence[SignalRow], alpha: float, level: float) -> dict[str, Any]:
    wrong = _name_missing_cases(rows, alpha, level)
    if wrong:
        raise BadCases(wrong)
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - seconds

    names = _signal_names(rows)
    sure = score_out_of_fold(rows, names)
    known = np.array([row.known for row in rows])
    model = fit_logistic_model(rows, names)
    return {
        "intercept": model.intercept,
        "weights": dict(model.weights),
        "floor": round(min(1.01, find_confidence_floor(sure, known, alpha, level) + 5e-7), 6),
        "cases": {"answerable": int(known.sum()), "unanswerable": int((~known).sum())},
        "auroc": round(float(roc_auc_score(known, sure)), 4),
        "held_out": validate_calibration(rows, alpha, level),
    }


def score_out_of_fold(rows: Sequence[SignalRow], names: Sequence[str]) -> Floats:
    """Return the confidence of each case by a model that saw no case of its cluster."""
    fold = _split_folds(rows)
    sure = np.zeros(len(rows))
    for i in range(CALIBRATION_FOLDS):
        model = fit_logistic_model(
            [row for row, f in zip(rows, fold, strict=True) if f != i], names
        )
        for at, row in enumerate(rows):
            if fold[at] == i:
                sure[at] = model(row.signals)
    return sure


def validate_calibration(
    rows: Sequence[SignalRow], alpha: float, level: float = BOUND_LEVEL
) -> dict[str, Any]:
    """Test the promise on cases not used to fit: model and floor come from the other folds."""
    fold = _split_folds(rows)
    names = _signal_names(rows)
    decisions: list[tuple[SignalRow, bool]] = []
    for i in range(CALIBRATION_FOLDS):
        train = [row for row, f in zip(rows, fold, strict=True) if f != i]
        known = np.array([row.known for row in train])
        least = find_confidence_floor(score_out_of_fold(train, names), known, alpha, level)
        model = fit_logistic_model(train, names)
        decisions += [
            (row, model(row.signals) >= least) for row, f in zip(rows, fold, strict=True) if f == i
        ]
    strata = {"all unanswerable": [g for g in decisions if not g[0].known]}
    for name in sorted({row.stratum for row in rows}):
        strata[name] = [g for g in decisions if g[0].stratum == name]
    strata["all answerable"] = [g for g in decisions if g[0].known]
    return {name: _error_share(some) for name, some in strata.items() if some}


def _error_share(decisions: Sequence[tuple[SignalRow, bool]]) -> dict[str, Any]:
    answered = sum(is_answered for _, is_answered in decisions)
    estimate = stats.estimate_proportion(
        [float(s) for _, s in decisions], [row.cluster for row, _ in decisions]
    )
    return {
        "answered": round(answered / len(decisions), 4),
        "ci_low": round(estimate.low, 4),
        "ci_high": round(estimate.high, 4),
        "cases": len(decisions),
    }


def _name_missing_cases(rows: Sequence[SignalRow], alpha: float, level: float) -> str | None:
    """Describe what is missing for a promise; None where nothing is."""
    foreign = sum(not row.known for row in rows)
    least = int(np.ceil(np.log(1 - level) / np.log(1 - alpha)))
    if foreign < least or len(rows) - foreign < LEAST:
        return (
            f"To promise {alpha:.0%}, at least {least} unanswerable and {LEAST} answerable cases "
            f"are needed; this run has {foreign} and {len(rows) - foreign}. Make more: "
            "ragdesk eval generate, or ask for less with --alpha."
        )
    return None


def _split_folds(rows: Sequence[SignalRow]) -> NDArray[np.int64]:
    """Assign whole clusters to folds, the largest first, each to the emptiest fold."""
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.cluster] = sizes.get(row.cluster, 0) + 1
    filled = [0] * CALIBRATION_FOLDS
    place = {}
    for name in sorted(sizes, key=lambda cluster: (-sizes[cluster], cluster)):
        place[name] = filled.index(min(filled))
        filled[place[name]] += sizes[name]
    return np.array([place[row.cluster] for row in rows])


def _signal_names(rows: Sequence[SignalRow]) -> list[str]:
    return sorted({name for row in rows for name in row.signals})
