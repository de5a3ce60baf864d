"""Fit when to answer: the likelihood that an answer is right, from the signals of a question.

    python -m tests.lab.quality.rightness … --hide --set decide.floor=0 --json all.jsonl
    python -m tests.lab.quality.decision_fit all.jsonl [--signals reader,lexical,…] [--beside-rules]

A case is positive where the answer that would be given is right, and negative where it would be
wrong, or where the documents hold none. Every set weighs the same, and in it every stratum: near
the subject (sections hidden, near-domain) twice. Prints the coefficients of ``decision.py``, what
they give on sets that were left out of the fit, and the floor of least cost: a wrong answer costs
``--cost`` refusals of a question that would have been answered right. ``--beside-rules`` keeps what
``decision.py`` sets by hand (names, codes, figures, questions in the documents' words) as it is there,
and fits the other signals beside it.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.preprocessing import StandardScaler

from eval.abstention_metrics import compute_auroc
from ragdesk.answering.decision import RULE_SIGNALS, weigh_rules
from tests.lab.quality.rightness import CaseResult, read_results

LANGUAGES = ("en", "zh")
SIGNALS = ("reader", "lexical", "dense", "focus", "coverage", "named", "faq")
MODEL_SIGNAL = "answer_match"  # there where a model that learnt compared the answer
NEAR_WEIGHT = 2.0
FLOORS = tuple(round(0.05 * step, 2) for step in range(1, 20))
Floats = NDArray[np.float64]


def is_right(result: CaseResult) -> bool:
    """Tell whether giving the answer of a case is right."""
    return bool(result.right) and result.is_answered


def is_near(result: CaseResult) -> bool:
    """Tell whether a case asks for what nearly stands in the documents."""
    return result.hidden or (not result.answerable and result.stratum == "near_domain")


def weigh_results(results: Sequence[CaseResult]) -> Floats:
    """Weigh cases: every set the same, and in it every stratum, near ones twice."""
    cells = [(r.set, _name_stratum(r)) for r in results]
    sets = {r.set for r in results}
    weights = []
    for result, cell in zip(results, cells, strict=True):
        strata = {stratum for name, stratum in cells if name == result.set}
        share = NEAR_WEIGHT if is_near(result) else 1.0
        weights.append(share / (cells.count(cell) * len(strata) * len(sets)))
    values = np.array(weights)
    return values * len(results) / values.sum()


def _name_stratum(result: CaseResult) -> str:
    if is_near(result):
        return "near"
    return "far" if not result.answerable else "right" if is_right(result) else "wrong"


def read_features(results: Sequence[CaseResult], names: Sequence[str]) -> Floats:
    """Return the signals of cases: (cases, names)."""
    return np.array([[r.signals.get(name, 0.0) for name in names] for r in results])


def read_offsets(results: Sequence[CaseResult], *, beside_rules: bool) -> Floats:
    """Return the log-odds that are set by hand, of each case: (cases,)."""
    if not beside_rules:
        return np.zeros(len(results))
    # of what no model that learnt compared, another fit decides
    is_compared = [MODEL_SIGNAL in result.signals for result in results]
    offsets = np.array([weigh_rules(result.signals) for result in results])
    return np.where(is_compared, offsets, 0.0)


def fit_weights(
    results: Sequence[CaseResult], names: Sequence[str], offsets: Floats
) -> tuple[float, Floats]:
    """Fit a ridge logistic regression on standardised signals; return its intercept and weights.

    Else the ridge would hold down a signal of a small scale, as ``gap`` is, more than the others.
    offsets: log-odds that are given beside the signals.
    """
    labels = np.array([is_right(result) for result in results])
    case_weights = weigh_results(results)
    scaler = StandardScaler().fit(read_features(results, names))
    features = np.c_[np.ones(len(results)), scaler.transform(read_features(results, names))]

    def price(weights: Floats) -> tuple[float, Floats]:
        log_odds = features @ weights + offsets
        losses = np.logaddexp(0, np.where(labels, -log_odds, log_odds))
        slopes = case_weights * (expit(log_odds) - labels)
        ridge = np.r_[0.0, weights[1:]]
        return float(case_weights @ losses + ridge @ ridge / 2), features.T @ slopes + ridge

    fitted = minimize(price, np.zeros(features.shape[1]), jac=True, tol=1e-10).x
    weights = np.asarray(fitted[1:] / scaler.scale_, dtype=float)
    return float(fitted[0] - weights @ scaler.mean_), weights


def predict(
    results: Sequence[CaseResult],
    names: Sequence[str],
    fitted: tuple[float, Floats],
    offsets: Floats,
) -> Floats:
    """Return the likelihood of each case that its answer is right."""
    intercept, weights = fitted
    z = intercept + read_features(results, names) @ weights + offsets
    return np.asarray(expit(z), dtype=float)


def predict_left_out(
    results: Sequence[CaseResult], names: Sequence[str], offsets: Floats
) -> Floats:
    """Return each case's likelihood by a fit on the other sets."""
    likelihoods = np.zeros(len(results))
    for name in dict.fromkeys(result.set for result in results):
        here = np.array([result.set == name for result in results])
        others = [result for result in results if result.set != name]
        part = [result for result in results if result.set == name]
        fitted = fit_weights(others, names, offsets[~here])
        likelihoods[here] = predict(part, names, fitted, offsets[here])
    return likelihoods


def choose_floor(results: Sequence[CaseResult], likelihoods: Floats, cost: float) -> float:
    """Return the floor of least cost."""
    weights = weigh_results(results)
    right = np.array([is_right(result) for result in results])

    def price(floor: float) -> float:
        answered = likelihoods >= floor
        return float(weights[answered & ~right].sum() * cost + weights[~answered & right].sum())

    return min(FLOORS, key=price)


def format_trade_offs(
    results: Sequence[CaseResult], likelihoods: Floats, floors: Sequence[float]
) -> Iterator[str]:
    """Write what each set gives at some floors."""
    yield "| set | floor | right | wrong | refused | near answered | far answered | AUROC |"
    yield "| --- " * 8 + "|"
    for name in dict.fromkeys(result.set for result in results):
        part = [
            (result, value)
            for result, value in zip(results, likelihoods, strict=True)
            if result.set == name
        ]
        right = [value for result, value in part if is_right(result)]
        other = [value for result, value in part if not is_right(result)]
        order = f"{compute_auroc(right, other):.3f}" if right and other else "–"
        for floor in floors:
            yield f"| {name} | {floor} | {' | '.join(_count_shares(part, floor))} | {order} |"


def _count_shares(part: Sequence[tuple[CaseResult, float]], floor: float) -> Iterator[str]:
    known = [(r, value) for r, value in part if r.answerable and not r.hidden]
    near = [(r, value) for r, value in part if is_near(r)]
    far = [(r, value) for r, value in part if not r.answerable and not is_near(r)]
    yield _share(known, lambda r, value: value >= floor and is_right(r))
    yield _share(known, lambda r, value: value >= floor and not is_right(r))
    yield _share(known, lambda _, value: value < floor)
    yield _share(near, lambda r, value: value >= floor and not is_right(r))
    yield _share(far, lambda _, value: value >= floor)


def _share(part: Sequence[tuple[CaseResult, float]], test: object) -> str:
    assert callable(test)
    return f"{sum(bool(test(r, value)) for r, value in part)}/{len(part)}" if part else "–"


def name_language(result: CaseResult) -> str:
    """Return the language of a case, the last word of its set's name."""
    return result.set.rpartition(" ")[2]


def report_fit(
    results: Sequence[CaseResult], names: Sequence[str], cost: float, *, beside_rules: bool
) -> Iterator[str]:
    """Write the weights, the floor, and what sets give that were left out of the fit."""
    offsets = read_offsets(results, beside_rules=beside_rules)
    intercept, weights = fit_weights(results, names, offsets)
    pairs = ", ".join(f'"{n}": {w:.2f}' for n, w in zip(names, weights, strict=True))
    yield f"intercept {intercept:.2f}, weights {{{pairs}}}"
    likelihoods = predict_left_out(results, names, offsets)
    floor = choose_floor(results, likelihoods, cost)
    yield f"floor of least cost, a wrong answer as {cost} refusals: {floor}"
    yield from format_trade_offs(results, likelihoods, sorted({floor, 0.5}))


def main() -> None:
    """Fit and print, for both languages together and for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--signals", default=",".join(SIGNALS))
    parser.add_argument("--cost", type=float, default=2.0)
    parser.add_argument("--beside-rules", action="store_true", help="keep what is set by hand")
    options = parser.parse_args()
    names = options.signals.split(",")
    if options.beside_rules and (by_hand := sorted(RULE_SIGNALS & set(names))):
        parser.error(f"set by hand, and no signals of a fit beside it: {', '.join(by_hand)}")
    results: Mapping[str, list[CaseResult]] = {"both": [], **{lang: [] for lang in LANGUAGES}}
    for file in options.results:
        for result in read_results(file):
            results["both"].append(result)
            results[name_language(result)].append(result)
    for lang, part in results.items():
        print(
            f"\n{lang}: {len(part)} cases",
            *report_fit(
                part,
                names,
                options.cost,
                beside_rules=options.beside_rules,
            ),
            sep="\n",
        )


if __name__ == "__main__":
    main()
