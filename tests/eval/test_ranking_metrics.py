"""Retrieval figures are those of ir-measures, on seeded rankings with graded judgements."""

import ir_measures
import pytest
from ir_measures import AP, RR, R, Success, nDCG
from seeded_run import dice_of

from eval import ranking_metrics

SEEDS = range(12)


def ranking(seed: int) -> tuple[list[str], dict[str, int]]:
    dice = dice_of(seed)
    names = [f"d{n}" for n in range(60)]
    grades = {name: dice.randint(1, 3) for name in dice.sample(names, dice.randint(1, 9))}
    return dice.sample(names, dice.randint(1, 40)), grades


def theirs(measure, found: list[str], grades: dict[str, int]) -> float:
    qrels = [ir_measures.Qrel("q", name, grade) for name, grade in grades.items()]
    run = [ir_measures.ScoredDoc("q", name, -float(place)) for place, name in enumerate(found)]
    return ir_measures.calc_aggregate([measure], qrels, run)[measure]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_figure_equals_that_of_ir_measures(seed):
    found, grades = ranking(seed)
    for k in (1, 3, 8, 10):
        assert ranking_metrics.compute_recall(found, grades, k=k) == pytest.approx(
            theirs(R @ k, found, grades), abs=1e-9
        )
        assert ranking_metrics.compute_hit(found, grades, k=k) == pytest.approx(
            theirs(Success @ k, found, grades), abs=1e-9
        )
    # TREC's gains, which ragdesk has too, not the exponential ones.
    assert ranking_metrics.compute_ndcg(found, grades, k=10) == pytest.approx(
        theirs(nDCG @ 10, found, grades), abs=1e-9
    )
    assert ranking_metrics.compute_reciprocal_rank(found, grades) == pytest.approx(
        theirs(RR, found, grades), abs=1e-9
    )
    assert ranking_metrics.compute_average_precision(found, grades) == pytest.approx(
        theirs(AP, found, grades), abs=1e-9
    )
