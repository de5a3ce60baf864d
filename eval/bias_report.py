"""Write the reports of a run of pairs: JSON, Markdown, JUnit and one HTML page."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from eval import bias, compare, html_report, plots, report, report_tables, run_folder, trial
from eval.bias_metrics import BIAS_METRICS
from eval.bias_pair import BiasPair, name_bias_case, read_bias_pairs
from eval.measure import Aggregate
from eval.release import JUNIT, MARKDOWN, PAGE
from eval.release_outcome import ReleaseOutcome
from eval.report import EvalReport
from eval.scoring_types import ScoredCase
from eval.trial import Trial

KIND: Final = "kind="
PAIR_ENDINGS: Final = {"differs": "wrong", "alike": "right", "error": "error"}  # and their style
_HEAD: Final = (
    (
        "| differs in | pairs | right: base, variant | right: difference "
        "| refused: base, variant | refused: difference | same quotes | same ending |"
    ),
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)
_TONE_HEAD: Final = (
    (
        "| differs in | courtesy: base, variant | courtesy: difference "
        "| way on: base, variant | way on: difference | same text | length, log2 of the ratio |"
    ),
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def write_bias_reports(outcome: ReleaseOutcome, folder: Path) -> dict[str, Any]:
    """Write every report of a run of pairs into its folder; return what report.json holds."""
    content = {
        **report.report_as_json(outcome.report),
        "comparisons": compare.comparison_as_json(outcome.comparisons),
        "about": {metric.name: metric.about for metric in BIAS_METRICS},
    }
    run_folder.write_json(folder / report.REPORT, content)
    run_folder.write_lines(folder / report.SCORES, list(bias.list_pair_rows(outcome.report)))
    (folder / MARKDOWN).write_text(bias_as_markdown(outcome), encoding="utf-8")
    errors = outcome.report.errors
    junit = report_tables.report_as_junit(outcome.verdicts, errors, unjudged=outcome.is_unjudged)
    (folder / JUNIT).write_text(junit, encoding="utf-8")
    page = render_bias_page(outcome, read_bias_pairs(folder), trial.read_trials(folder))
    (folder / PAGE).write_text(page, encoding="utf-8")
    return content


def bias_as_markdown(outcome: ReleaseOutcome) -> str:
    """Write the gates, the table by kind, the tone, and what was tested."""
    measured = outcome.report
    lines = [f"# {measured.target.get('name')}: paired questions", ""]
    lines += [f"{len(measured.scored)} pairs, {len(measured.errors)} not answered."]
    if outcome.verdicts:
        lines += ["", "## Gates", ""]
        lines += [report_tables.verdict_row(verdict) for verdict in outcome.verdicts]
    lines += ["", "## Right, refused, sources", "", *bias_rows(measured)]
    lines += ["", "## Tone", "", *tone_rows(measured)]
    lines += ["", "## Tested, with Holm's correction (ours: the variant; theirs: the base)", ""]
    lines += report_tables.difference_rows(outcome.comparisons)
    return "\n".join(lines) + "\n"


def bias_rows(measured: EvalReport) -> list[str]:
    """Write one row a kind: right and refused of both sides, and how often sources agree."""
    return [
        *_HEAD,
        *(
            f"| {name} | {_count(table)} | {_sides(table, 'right')} | {_gap(table, 'right')} "
            f"| {_sides(table, 'refused')} | {_gap(table, 'refused')} "
            f"| {_interval(table['same_quotes'])} | {_interval(table['same_ending'])} |"
            for name, table in _tables(measured)
        ),
    ]


def tone_rows(measured: EvalReport) -> list[str]:
    """Write one row a kind: words of courtesy, ways on, equal texts and lengths."""
    return [
        *_TONE_HEAD,
        *(
            f"| {name} | {_sides(table, 'courtesy')} | {_gap(table, 'courtesy')} "
            f"| {_sides(table, 'way_on')} | {_gap(table, 'way_on')} "
            f"| {_interval(table['same_text'])} | {_interval(table['length_ratio'], signed=True)} |"
            for name, table in _tables(measured)
        ),
    ]


def render_bias_page(
    outcome: ReleaseOutcome, pairs: Sequence[BiasPair], trials: Mapping[str, Trial]
) -> str:
    """Write the page: verdict, tables, both sides of each kind, and every pair with its answers."""
    measured = outcome.report
    name = escape(f"{measured.target.get('name')}: paired questions")
    differ = sum(_ends_differently(scored) for scored in measured.scored)
    summary = (
        f"{len(measured.scored)} pairs, {len(measured.errors)} not answered; "
        f"{differ} are right on one side only, or refused on one side only."
    )
    by_id = {pair.id: pair for pair in pairs}
    body = [
        f"<header><h1>{name}</h1><p>{escape(summary)}</p>{html_report.render_badge(outcome)}</header>",
        *html_report.render_gates(outcome.verdicts),
        "<section><h2>Right, refused, sources</h2>",
        html_report.render_table(bias_rows(measured)),
        "<p>Right, of each side; dots are values, lines their 95 % intervals.</p>",
        plots.plot_bars(_right_bars(measured)),
        "</section><section><h2>Tone</h2>",
        html_report.render_table(tone_rows(measured)),
        "</section><section><h2>Tested</h2><p>Ours is the variant, theirs the base.</p>",
        html_report.render_table(report_tables.difference_rows(outcome.comparisons)),
        "</section>",
        *_render_pairs(measured, by_id, trials),
    ]
    return html_report.render_html_page(name, body)


def _tables(measured: EvalReport) -> Iterator[tuple[str, Mapping[str, Aggregate]]]:
    for name, table in measured.groups.items():
        if name.startswith(KIND) and "," not in name:
            yield name.removeprefix(KIND), table
    yield "all", measured.overall


def _count(table: Mapping[str, Aggregate]) -> str:
    figure = table["same_ending"]
    return f"{figure.n_ok}" + (f" ({figure.n_error} failed)" if figure.n_error else "")


def _sides(table: Mapping[str, Aggregate], name: str) -> str:
    return ", ".join(_value(table[f"{name}_{side}"].value) for side in ("base", "variant"))


def _gap(table: Mapping[str, Aggregate], name: str) -> str:
    return _interval(table[f"{name}{bias.GAP}"], signed=True)


def _value(value: float | None, *, signed: bool = False) -> str:
    return "–" if value is None else f"{value:+.3f}" if signed else f"{value:.3f}"


def _interval(figure: Aggregate, *, signed: bool = False) -> str:
    if figure.ci_low is None or figure.ci_high is None:
        return _value(figure.value, signed=signed)
    low, high = (_value(bound, signed=signed) for bound in (figure.ci_low, figure.ci_high))
    return f"{_value(figure.value, signed=signed)} [{low}, {high}]"


def _right_bars(measured: EvalReport) -> list[tuple[str, float, float, float]]:
    rows = []
    for name, table in _tables(measured):
        for side in ("base", "variant"):
            figure = table[f"right_{side}"]
            low, high = figure.ci_low, figure.ci_high
            if figure.value is not None and low is not None and high is not None:
                rows.append((f"{name}, {side}", figure.value, low, high))
    return rows


def _name_ending(scored: ScoredCase) -> str:
    if next(iter(scored.scores.values())).status == "error":
        return "error"
    return "differs" if _ends_differently(scored) else "alike"


def _ends_differently(scored: ScoredCase) -> bool:
    return any(scored.scores[f"{name}{bias.GAP}"].value for name in ("right", "refused"))


def _render_pairs(
    measured: EvalReport, pairs: Mapping[str, BiasPair], trials: Mapping[str, Trial]
) -> Iterator[str]:
    """Write every pair, those that end differently first."""
    yield "<section><h2>Pairs</h2>"
    yield html_report.render_search(tuple(PAIR_ENDINGS))
    for scored in sorted(
        measured.scored, key=lambda pair: (not _ends_differently(pair), pair.case.id)
    ):
        pair = pairs[scored.case.id]
        place = escape(pair.id, quote=True)
        ending = _name_ending(scored)
        yield f'<details class="case" id="{place}" data-kind="{ending}"><summary>'
        yield f'<b class="tag {PAIR_ENDINGS[ending]}">{ending}</b> '
        yield f"<code>{escape(pair.id)}</code> {escape(pair.kind)}: {escape(pair.label)} "
        yield f'<small>{escape(pair.lang)}</small></summary><div class="body">'
        yield _render_side("Base", pair.base, trials.get(name_bias_case(pair, "base")))
        yield _render_side("Variant", pair.variant, trials.get(name_bias_case(pair, "variant")))
        yield "</div></details>"
    yield "</section>"


def _render_side(heading: str, question: str, side: Trial | None) -> str:
    if side is None or side.status != "ok":
        why = "not asked" if side is None else side.reason
        return f"<h3>{heading}</h3><p>{escape(question)}</p><p>{escape(why)}</p>"
    outcome = " ".join(str(side.reply.get(name) or "") for name in ("outcome", "reason"))
    text = escape(str(side.reply.get("text", "")))
    return (
        f"<h3>{heading} <small>{escape(outcome)}</small></h3><p>{escape(question)}</p>"
        f"<blockquote>{text}</blockquote>"
    )
