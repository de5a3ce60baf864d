"""Measure a run from its folder, and write the figures as JSON, reproducibly."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval import measure, run_folder, trial
from eval.measure import Aggregate
from eval.metrics import METRICS
from eval.scoring_types import Metric, ScoredCase

REPORT = "report.json"
SCORES = "scores.jsonl"
DIGITS = 6  # of every figure written; the last bits of a sum differ between machines


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalReport:
    """Figures of a run, over all cases and by group, and the scored cases behind them.

    groups: ``lang=en``, ``stratum=near_domain``, ``lang=en,stratum=near_domain``.
    """

    target: Mapping[str, Any]
    begun: str
    metrics: tuple[Metric, ...]
    overall: Mapping[str, Aggregate]
    groups: Mapping[str, Mapping[str, Aggregate]]
    latency: Mapping[str, Mapping[str, float]]
    scored: Sequence[ScoredCase]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Return the cases that were not answered, each with the reason."""
        return [
            (scored_case.case.id, next(iter(scored_case.scores.values())).reason)
            for scored_case in self.scored
            if scored_case.answered_case is None
            and next(iter(scored_case.scores.values())).status == "error"
        ]

    def find(self, name: str, group: str = "") -> Aggregate | None:
        """Return a figure, of all cases or of a group; None where there is none of that name."""
        table = self.groups.get(group) if group else self.overall
        return table.get(name) if table else None


def measure_run(folder: Path, metrics: Sequence[Metric] = METRICS) -> EvalReport:
    """Measure the run in a folder, without asking a target. Raises BadCases."""
    facts = run_folder.read_target_facts(folder)
    cases = run_folder.read_cases(folder)
    scored = measure.score_cases(
        cases, trial.read_trials(folder), run_folder.read_located(folder), metrics
    )
    return EvalReport(
        target=facts["target"],
        begun=facts["begun"],
        metrics=tuple(metrics),
        overall={
            **measure.aggregate_scores(scored, metrics),
            **measure.compute_confidence_curves(scored),
        },
        groups={
            name: _group_figures(name, some, metrics) for name, some in measure.group_cases(scored)
        },
        latency=measure.compute_latencies(scored),
        scored=scored,
    )


def write_report(report: EvalReport, folder: Path) -> dict[str, Any]:
    """Write report.json and scores.jsonl; return the content of report.json."""
    content = report_as_json(report)
    run_folder.write_json(folder / REPORT, content)
    run_folder.write_lines(folder / SCORES, list(_score_rows(report)))
    return content


def report_as_json(report: EvalReport) -> dict[str, Any]:
    """Convert a report to plain values. Figures are rounded; none is NaN."""
    groups = {name: _figures_as_json(table) for name, table in report.groups.items()}
    return {
        "format": 1,
        "target": dict(report.target),
        "begun": report.begun,
        "cases": len(report.scored),
        "errors": [{"case": case, "reason": reason} for case, reason in report.errors],
        "metrics": _figures_as_json(report.overall),
        "groups": groups,
        "latency": {
            step: {name: round(value, DIGITS) for name, value in row.items()}
            for step, row in report.latency.items()
        },
    }


def _group_figures(
    name: str, scored: Sequence[ScoredCase], metrics: Sequence[Metric]
) -> dict[str, Aggregate]:
    """Return the figures of a group. A curve needs both sides, which one stratum does not have."""
    figures = measure.aggregate_scores(scored, metrics)
    return (
        figures if "stratum=" in name else {**figures, **measure.compute_confidence_curves(scored)}
    )


def _figures_as_json(table: Mapping[str, Aggregate]) -> dict[str, Any]:
    return {
        name: {
            key: round(value, DIGITS) if isinstance(value, float) else value
            for key, value in asdict(figure).items()
        }
        for name, figure in table.items()
    }


def _score_rows(report: EvalReport) -> Iterator[dict[str, Any]]:
    for scored_case in report.scored:
        yield {
            "case": scored_case.case.id,
            "lang": scored_case.case.lang,
            "stratum": scored_case.case.stratum,
            "cluster": scored_case.case.cluster or scored_case.case.id,
            "outcome": scored_case.answered_case.reply.outcome
            if scored_case.answered_case
            else None,
            "scores": {
                name: {
                    "value": None if score.value is None else round(score.value, DIGITS),
                    "status": score.status,
                    "reason": score.reason,
                }
                for name, score in scored_case.scores.items()
            },
        }
