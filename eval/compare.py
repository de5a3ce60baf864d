"""Compare two runs case by case, with Holm's correction over the metrics.

A difference counts as significant from an adjusted p below 5 %. Beside it stands the smallest
effect that this set would have shown: below that, silence means nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eval import run_folder
from eval.errors import BadCases
from eval.metrics import METRICS
from eval.paired_tests import ALPHA, PairedDifference, adjust_holm, compare_pairs
from eval.stats import ANY

Call = Literal["better", "worse", "no difference shown"]
UNTESTED = {"seconds"}  # of another machine, or another hour


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """A metric in two runs. cases: those that lost most, the worst first."""

    name: str
    ours: float
    theirs: float
    difference: PairedDifference
    adjusted: float
    call: Call
    cases: tuple[str, ...]


def compare_runs(ours: Path, theirs: Path, names: Sequence[str] = ()) -> list[MetricComparison]:
    """Compare the scores of two measured runs over the cases that both have.

    names: metrics to compare; all that both have where none is named. Raises BadCases.
    """
    our_rows, their_rows = _by_case(ours), _by_case(theirs)
    both = sorted(our_rows.keys() & their_rows.keys())
    if not both:
        raise BadCases(f"{ours} and {theirs} have no case in common.")
    wanted = [m for m in METRICS if m.name in names or (not names and m.name not in UNTESTED)]
    pairs = {m.name: _score_pairs(m.name, both, our_rows, their_rows) for m in wanted}
    tested = [m for m in wanted if pairs[m.name]]
    differences = []
    for metric in tested:
        rows = pairs[metric.name]
        clusters = [our_rows[case]["cluster"] for case, _, _ in rows]
        ours_, theirs_ = [a for _, a, _ in rows], [b for _, _, b in rows]
        within = (-1.0, 1.0) if metric.bounded else ANY
        differences.append(compare_pairs(ours_, theirs_, clusters, within))
    adjusted = adjust_holm([difference.p for difference in differences])
    compared = []
    for metric, difference, p in zip(tested, differences, adjusted, strict=True):
        rows = pairs[metric.name]
        sign = 1.0 if metric.better == "higher" else -1.0
        lost = sorted((sign * (a - b), case) for case, a, b in rows if sign * (a - b) < 0)
        gain = sign * difference.effect.value
        call: Call = "no difference shown"
        if p < ALPHA and gain:
            call = "better" if gain > 0 else "worse"
        compared.append(
            MetricComparison(
                name=metric.name,
                ours=sum(a for _, a, _ in rows) / len(rows),
                theirs=sum(b for _, _, b in rows) / len(rows),
                difference=difference,
                adjusted=p,
                call=call,
                cases=tuple(case for _, case in lost[:20]),
            )
        )
    return compared


def comparison_as_json(compared: Sequence[MetricComparison]) -> list[dict[str, Any]]:
    """Convert a comparison to plain values."""
    return [
        {
            "metric": comparison.name,
            "ours": round(comparison.ours, 6),
            "theirs": round(comparison.theirs, 6),
            "difference": round(comparison.difference.effect.value, 6),
            "ci_low": _finite_difference(comparison.difference.effect.low),
            "ci_high": _finite_difference(comparison.difference.effect.high),
            "p": round(comparison.difference.p, 6),
            "p_adjusted": round(comparison.adjusted, 6),
            "smallest_effect": _finite_difference(comparison.difference.smallest),
            "n": comparison.difference.n,
            "call": comparison.call,
            "cases": list(comparison.cases),
        }
        for comparison in compared
    ]


def _finite_difference(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _by_case(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["case"]: row for row in run_folder.read_scores(folder)}


def _score_pairs(
    name: str, both: Sequence[str], our_rows: Mapping[str, Any], their_rows: Mapping[str, Any]
) -> list[tuple[str, float, float]]:
    """Return the values of a metric in both runs, for the cases where both have one."""
    pairs = []
    for case in both:
        a = our_rows[case]["scores"].get(name, {}).get("value")
        b = their_rows[case]["scores"].get(name, {}).get("value")
        if a is not None and b is not None:
            pairs.append((case, float(a), float(b)))
    return pairs
