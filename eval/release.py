"""Judge a release: measure its run, test it against gate and baseline, write reports.

Everything is written before anything fails, so that a red build always has its report.
"""

from collections.abc import Sequence
from pathlib import Path

from eval import compare, gate, html_report, report, report_tables, run_folder
from eval.compare import MetricComparison
from eval.errors import BadGate
from eval.gate import Gate, GateVerdict
from eval.release_outcome import ReleaseOutcome

# What no build may lose, where a baseline is given and no gate: it must find, be right, cite, and
# neither refuse what it answered nor answer what it cannot.
WATCHED = ("right", "recall@8", "cites_evidence", "false_answer", "over_refusal")
MARKDOWN = "report.md"
JUNIT = "junit.xml"
PAGE = "report.html"


def release_run(
    folder: Path, rules: Gate | None = None, baseline: Path | None = None
) -> ReleaseOutcome:
    """Measure a run, judge it, and write every report into its folder. Raises EvalError.

    With a baseline and no gate, nothing of ``WATCHED`` that both runs measured may get worse.
    """
    check_gate(rules, baseline)
    measured = report.measure_run(folder)
    report.write_report(measured, folder)
    compared = compare.compare_runs(folder, baseline) if baseline else []
    verdicts: list[GateVerdict] = []
    if rules is not None:
        verdicts += gate.judge_report(rules, measured)
    if baseline is not None:
        verdicts += _judge_watched(rules, compared, baseline)
    limit = rules or Gate(tests=())
    done = ReleaseOutcome(
        report=measured,
        verdicts=tuple(verdicts),
        comparisons=tuple(compared),
        is_unjudged=gate.has_too_many_errors(limit, measured),
    )
    write_release(done, folder)
    return done


def check_gate(rules: Gate | None, baseline: Path | None) -> None:
    """Refuse a gate that cannot fail. Raises BadGate; cheap, so call it before a long run."""
    if rules is not None and baseline is None and not rules.tests and rules.watch:
        raise BadGate(
            f"The gate only watches {', '.join(rules.watch)}, and there is no run to hold it "
            "against. Name a measured one: --baseline DIR; or write gates = […] into it."
        )


def write_release(outcome: ReleaseOutcome, folder: Path) -> None:
    """Write the reports of a release for people and for build servers."""
    text = report_tables.report_as_markdown(outcome.report, outcome.verdicts, outcome.comparisons)
    (folder / MARKDOWN).write_text(text, encoding="utf-8")
    junit = report_tables.report_as_junit(
        outcome.verdicts, outcome.report.errors, unjudged=outcome.is_unjudged
    )
    (folder / JUNIT).write_text(junit, encoding="utf-8")
    (folder / PAGE).write_text(html_report.render_report(outcome), encoding="utf-8")
    if outcome.comparisons:
        run_folder.write_json(
            folder / "compare.json", compare.comparison_as_json(outcome.comparisons)
        )


def _judge_watched(
    rules: Gate | None, compared: Sequence[MetricComparison], baseline: Path
) -> list[GateVerdict]:
    """Turn the watched metrics into verdicts. Raises BadGate for an unknown one."""
    by_name = {comparison.name: comparison for comparison in compared}
    names = rules.watch if rules else tuple(name for name in WATCHED if name in by_name)
    if rules is None and not names:
        raise BadGate(f"Both runs measured none of {', '.join(WATCHED)}: write a gate file.")
    verdicts = []
    for name in names:
        if name not in by_name:
            raise BadGate(f"watch: {name!r} was not measured in both runs.")
        comparison = by_name[name]
        worse = comparison.call == "worse"
        verdicts.append(
            GateVerdict(
                line=f"{name} not worse than {baseline.name}",
                passed=not worse,
                figure=comparison.difference.effect.value,
                why=f"{comparison.difference.effect}, p {comparison.adjusted:.3f}" if worse else "",
                cases=comparison.cases if worse else (),
            )
        )
    return verdicts
