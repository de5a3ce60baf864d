"""The fit of the decision, against scikit-learn's and against answers of a known likelihood."""

import numpy as np
import pytest

from ragdesk.answering.decision import weigh_rules
from tests.lab.quality.decision_fit import fit_weights, read_features, read_offsets, weigh_results
from tests.lab.quality.rightness import CaseResult

NAMES = ("dense", "gap")


def make_result(number, signals, *, right):
    return CaseResult(
        set=f"set {number % 3} en",
        id=str(number),
        cluster=str(number),
        stratum="in_kb",
        answerable=True,
        question="",
        hidden=False,
        outcome="answered",
        reason="",
        text="",
        right=right,
        beside=None,
        likelihood=0.0,
        signals=signals,
    )


@pytest.fixture(scope="module")
def results():
    chance = np.random.default_rng(7)
    made = []
    for number in range(400):
        signals = {"dense": chance.random(), "gap": chance.random() / 10, "answer_match": 0.5}
        signals["answer_code"] = float(chance.random() < 0.5)
        log_odds = 4 * signals["dense"] - 2 + weigh_rules(signals) - 1
        made.append(
            make_result(number, signals, right=chance.random() < 1 / (1 + np.exp(-log_odds)))
        )
    return made


def test_without_offsets_the_fit_is_that_of_scikit_learn(results):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.preprocessing import StandardScaler

    features = read_features(results, NAMES)
    scaler = StandardScaler().fit(features)
    model = linear_model.LogisticRegression(tol=1e-10, max_iter=1_000).fit(
        scaler.transform(features),
        [bool(r.right) for r in results],
        sample_weight=weigh_results(results),
    )
    intercept, weights = fit_weights(results, NAMES, read_offsets(results, beside_rules=False))
    expected = model.coef_[0] / scaler.scale_
    assert weights == pytest.approx(expected, abs=1e-3)
    assert intercept == pytest.approx(model.intercept_[0] - expected @ scaler.mean_, abs=1e-3)


def test_beside_the_rules_what_they_tell_is_not_learnt_once_more(results):
    offsets = read_offsets(results, beside_rules=True)
    assert set(np.round(offsets, 6)) == {0.0, 2.0}
    names = ("dense", "answer_code")
    _, alone = fit_weights(results, names, np.zeros(len(results)))
    _, beside = fit_weights(results, names, offsets)
    assert alone[1] > 1
    assert abs(beside[1]) < 0.5
    assert beside[0] > 2


def test_a_case_that_no_model_compared_has_no_offset(results):
    plain = make_result(0, {"answer_code": 1.0}, right=True)
    assert read_offsets([plain], beside_rules=True).tolist() == [0.0]
