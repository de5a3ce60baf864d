"""Calibration keeps its promise on cases it never saw, and says so when it cannot."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta
from seeded_run import dice_of
from sklearn.metrics import roc_auc_score

from eval.abstention_metrics import compute_auroc
from eval.calibrate import (
    SignalRow,
    calibrate_confidence,
    find_confidence_floor,
    find_signal_versions,
    fit_logistic_model,
    validate_calibration,
)
from eval.errors import BadCases
from eval.stats import compute_exact_upper_bound
from eval.trial import Trial


def rows(seed: int, count: int = 600, strength: float = 1.5) -> list[SignalRow]:
    """Draw questions whose signals tell more or less of whether there is an answer."""
    dice = dice_of(seed)
    found = []
    for n in range(count):
        known = n % 2 == 0
        true = dice.gauss(strength if known else 0.0, 1.0)
        found.append(
            SignalRow(
                case=str(n),
                group="en" if n % 3 else "zh",
                stratum="in_kb" if known else "out_of_kb",
                cluster=str(n // 4),
                known=known,
                signals={"a": true, "b": dice.random(), "flat": 1.0},
            )
        )
    return found


def test_the_promise_holds_on_new_cases_in_nearly_all_samples():
    kept = []
    for seed in range(30):
        alone = [replace(row, group=row.case) for row in rows(seed)]  # no language has enough
        group = calibrate_confidence(alone, 0.1)["groups"]["*"]
        fresh = rows(seed + 1000)
        z = [
            group["intercept"] + sum(w * row.signals[name] for name, w in group["weights"].items())
            for row in fresh
        ]
        sure = 1 / (1 + np.exp(-np.array(z)))
        foreign = np.array([not row.known for row in fresh])
        kept.append((sure[foreign] >= group["floor"]).mean() <= 0.1)
    assert sum(kept) >= 26


def test_a_better_signal_answers_more_at_the_same_promise():
    weak, strong = (
        validate_calibration(rows(1, strength=s), 0.1)["all answerable"]["answered"]
        for s in (0.8, 3.0)
    )
    assert weak < 0.6
    assert strong > 0.9


def test_no_floor_keeps_a_promise_that_the_cases_cannot_carry():
    with pytest.raises(BadCases, match="at least 29 unanswerable"):
        calibrate_confidence(rows(1, count=40), 0.1)


def test_a_language_with_too_few_cases_shares_the_common_model():
    some = [row for row in rows(1) if row.group == "en" or int(row.case) < 30]
    assert set(calibrate_confidence(some, 0.1)["groups"]) == {"*", "en"}


def test_the_floor_is_the_lowest_that_the_bound_permits():
    sure = np.linspace(0, 1, 200)
    known = np.zeros(200, dtype=bool)
    least = find_confidence_floor(sure, known, 0.1)
    answered = int((sure >= least).sum())
    assert (
        compute_exact_upper_bound(answered, 200)
        <= 0.1
        < compute_exact_upper_bound(answered + 1, 200)
    )


def test_ties_are_refused_together():
    sure, known = np.full(100, 0.5), np.zeros(100, dtype=bool)
    assert find_confidence_floor(sure, known, 0.1) > 0.5


def test_the_order_of_cases_changes_nothing():
    held = rows(3)
    assert calibrate_confidence(held, 0.1) == calibrate_confidence(
        dice_of(1).sample(held, len(held)), 0.1
    )


@pytest.mark.parametrize(
    ("drawn", "intercept", "weights"),
    [  # what ragdesk 0.1.0 fitted, by Newton steps of its own
        (rows(1), -1.015226, (1.437627, -0.167279, 0.0)),
        (rows(2, count=60, strength=4.0), -3.133077, (1.336961, 0.959482, 0.0)),
    ],
)
def test_a_fit_is_that_of_earlier_versions(drawn, intercept, weights):
    model = fit_logistic_model(drawn, ["a", "b", "flat"])
    assert model.intercept == pytest.approx(intercept, abs=1e-4)
    assert [*model.weights.values()] == pytest.approx(weights, abs=1e-4)


@pytest.mark.parametrize("known", [True, False])
def test_a_fit_on_cases_of_one_side_is_sure_of_it_whatever_the_signals(known):
    drawn = [
        replace(row, known=known, signals={"a": 0.1, "b": row.signals["b"]}) for row in rows(1)
    ]
    model = fit_logistic_model(drawn, ["a", "b"])
    assert {model({"a": a, "b": b}) > 0.99 for a in (-9.0, 0.1, 9.0) for b in (0.0, 1.0)} == {known}


def test_the_area_by_ranks_is_that_of_scikit_learn_with_ties_and_without():
    random = np.random.default_rng(5)
    for digits in (0, 1, 2, 9):
        known = random.random(70) < 0.4
        confidence = (random.random(70) + 0.3 * known).round(digits)
        area = compute_auroc(confidence[known].tolist(), confidence[~known].tolist())
        assert area == pytest.approx(roc_auc_score(known, confidence), abs=1e-12)


def test_the_exact_bound_is_a_quantile_of_the_beta_distribution():
    for count, n in ((0, 29), (1, 29), (5, 101), (28, 29), (40, 5_000)):
        for level in (0.9, 0.95, 0.99):
            bound = compute_exact_upper_bound(count, n, level=level)
            assert bound == pytest.approx(beta.ppf(level, count + 1, n - count), abs=1e-9)


def trial(name, status="ok", **reply):
    return Trial(case=name, asked="", status=status, reply={"text": "", "claims": [], **reply})


def test_a_run_tells_the_versions_of_its_signals():
    signals = {"top": 0.5}
    new, old = ({"signals": n, "embedder": {"name": "e"}} for n in (2, 1))
    same = [trial(str(n), signals=signals, signal_versions=new) for n in range(3)]
    assert (
        find_signal_versions([*same, trial("bare"), Trial(case="late", asked="", status="error")])
        == new
    )
    assert find_signal_versions([trial("a", signals=signals)]) == {}
    assert find_signal_versions([]) == {}
    for other in (trial("a", signals=signals, signal_versions=old), trial("b", signals=signals)):
        with pytest.raises(BadCases, match="different versions"):
            find_signal_versions([*same, other])
