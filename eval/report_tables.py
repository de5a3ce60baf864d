"""Write a report as Markdown for people, and as JUnit XML for build servers."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

from eval.compare import MetricComparison
from eval.gate import GateVerdict
from eval.measure import Aggregate
from eval.report import EvalReport

MOST_CASES = 10


def report_as_markdown(
    report: EvalReport,
    verdicts: Sequence[GateVerdict] = (),
    compared: Sequence[MetricComparison] = (),
) -> str:
    """Write a report: gates first, then figures, differences, groups and latency."""
    lines = [f"# {report.target.get('name')}", "", summarise_in_words(report)]
    if verdicts:
        lines += ["", "## Gates", "", *(verdict_row(verdict) for verdict in verdicts)]
    lines += ["", "## Figures", "", *figure_rows(report.overall)]
    if compared:
        lines += ["", "## Against the baseline", "", *difference_rows(compared)]
    for name, table in report.groups.items():
        lines += ["", f"## {name}", "", *figure_rows(table)]
    lines += ["", "## Latency", "", *latency_rows(report)]
    return "\n".join(lines) + "\n"


def summarise_in_words(report: EvalReport) -> str:
    """Summarise in a sentence how often answers are wrong and how often the target refuses."""
    parts = [f"{len(report.scored)} cases, {len(report.errors)} not answered."]
    wrong, refused = report.overall["false_answer"], report.overall["over_refusal"]
    right = report.overall["right"]
    if right.value is not None and right.ci_low is not None and right.ci_high is not None:
        reach = f"{right.ci_low:.0%}-{right.ci_high:.0%}"
        parts.append(f"Of the answers given, {right.value:.0%} are right ({reach}).")
    if refused.value is not None:
        parts.append(f"It refuses {refused.value:.0%} of the questions that have an answer.")
    if wrong.value is not None:
        parts.append(f"It answers {wrong.value:.0%} of the questions that have none.")
    return " ".join(parts)


def figure_rows(table: Mapping[str, Aggregate]) -> list[str]:
    """Write figures as rows; a figure without a value is left out."""
    rows = [
        "| metric | value | 95 % interval | cases | left out | failed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, figure in table.items():
        if figure.value is not None:
            known = figure.ci_low is not None and figure.ci_high is not None
            reach = f"{figure.ci_low:.3f} to {figure.ci_high:.3f}" if known else "too few cases"
            rows.append(
                f"| {name} | {figure.value:.3f} | {reach} "
                f"| {figure.n_ok} | {figure.n_skipped} | {figure.n_error} |"
            )
    return rows


def latency_rows(report: EvalReport) -> list[str]:
    """Write the seconds of each step as rows."""
    return [
        "| step | p50, s | p95, s | p99, s | max, s |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {step} | {row['p50']:.3f} | {row['p95']:.3f} | {row['p99']:.3f} "
            f"| {row['max']:.3f} |"
            for step, row in report.latency.items()
        ),
    ]


def difference_rows(compared: Sequence[MetricComparison]) -> list[str]:
    """Write a comparison as rows."""
    rows = [
        "| metric | ours | theirs | difference, 95 % interval | p, adjusted | would show | call |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for comparison in compared:
        effect = comparison.difference.effect
        rows.append(
            f"| {comparison.name} | {comparison.ours:.3f} | {comparison.theirs:.3f} "
            f"| {effect.value:+.3f} [{effect.low:+.3f}, {effect.high:+.3f}] "
            f"| {comparison.adjusted:.3f} "
            f"| {comparison.difference.smallest:.3f} | {comparison.call} |"
        )
    return rows


def report_as_junit(
    verdicts: Sequence[GateVerdict], errors: Sequence[tuple[str, str]], *, unjudged: bool
) -> str:
    """Write gates as test cases of JUnit XML."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    suite = ET.Element(
        "testsuite",
        name="ragdesk eval",
        tests=str(len(verdicts) + 1),
        failures=str(len(failed)),
        errors=str(int(unjudged)),
    )
    answered_test = ET.SubElement(
        suite, "testcase", classname="ragdesk.eval", name="cases were answered"
    )
    if unjudged:
        why = ET.SubElement(
            answered_test, "error", message=f"{len(errors)} cases were not answered"
        )
        why.text = "\n".join(f"{case}: {reason}" for case, reason in errors[:MOST_CASES])
    for verdict in verdicts:
        test = ET.SubElement(suite, "testcase", classname="ragdesk.eval", name=verdict.line)
        if not verdict.passed:
            failure = ET.SubElement(test, "failure", message=verdict.why)
            failure.text = "\n".join(verdict.cases)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def verdict_row(verdict: GateVerdict) -> str:
    """Write a gate's verdict as an item of a list, with the first cases against it."""
    cases = ", ".join(verdict.cases[:MOST_CASES])
    more = f" ({cases})" if cases else ""
    status = "passed" if verdict.passed else "**FAILED**"
    return f"- {status} `{verdict.line}` {verdict.why}{more}".rstrip()
