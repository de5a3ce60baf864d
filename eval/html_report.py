"""Write a report as one HTML page without network or script library; all text is escaped."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from eval import abstention_metrics, faithfulness, measure, plots, report_tables
from eval.compare import MetricComparison
from eval.gate import GateVerdict
from eval.release_outcome import ReleaseOutcome
from eval.report import EvalReport
from eval.scoring_types import AnsweredCase, ScoredCase

SHOWN_PASSAGES = 3
LONGEST_QUOTE = 900
HEADLINE = (
    "recall@8",
    "ndcg@10",
    "right",
    "must_include",
    "cites_evidence",
    "faithfulness",
    "citation_validity",
    "citation_recall",
    "citation_precision",
    "false_answer",
    "over_refusal",
)
STYLE = Path(__file__).with_name("html_report.css")
SCRIPT = Path(__file__).with_name("html_report.js")


def render_report(done: ReleaseOutcome) -> str:
    """Write the page: verdict, figures, plots, gates, differences, and every case."""
    report = done.report
    name = escape(str(report.target.get("name")))
    body = [
        f"<header><h1>{name}</h1><p>{escape(report_tables.summarise_in_words(report))}</p>{render_badge(done)}</header>",
        *render_gates(done.verdicts),
        *_render_figures(report),
        *_render_plots(report),
        *_render_comparison(done.comparisons),
        *_render_groups(report),
        *_render_cases(report),
    ]
    return render_html_page(name, body)


def render_html_page(name: str, body: Sequence[str]) -> str:
    """Write a page around its body. name: its title, escaped."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{name}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>",
            *body,
            f"<script>{SCRIPT.read_text(encoding='utf-8')}</script></body></html>\n",
        ]
    )


def render_badge(done: ReleaseOutcome) -> str:
    """Write the verdict of a gate; nothing where there is none."""
    if done.is_unjudged:
        return '<p class="badge bad">Not judged: too many cases were not answered</p>'
    count = len(done.verdicts)
    failed = len(done.failed_verdicts)
    if failed:
        return f'<p class="badge bad">{failed} of {count} gates failed</p>'
    return f'<p class="badge good">All {count} gates passed</p>' if count else ""


def render_gates(verdicts: Sequence[GateVerdict]) -> Iterator[str]:
    """Write the lines of a gate, each with links to the cases that speak against it."""
    if not verdicts:
        return
    yield "<section><h2>Gates</h2><ul class=gates>"
    for verdict in verdicts:
        links = " ".join(
            f'<a href="#{escape(c, quote=True)}">{escape(c)}</a>' for c in verdict.cases
        )
        sign = "good" if verdict.passed else "bad"
        yield (
            f'<li><b class="{sign}">{"passed" if verdict.passed else "failed"}</b> '
            f"<code>{escape(verdict.line)}</code> {escape(verdict.why)} {links}</li>"
        )
    yield "</ul></section>"


def _render_figures(report: EvalReport) -> Iterator[str]:
    rows = [
        (name, figure.value, figure.ci_low, figure.ci_high)
        for name in HEADLINE
        if (figure := report.overall[name]).value is not None
        and figure.ci_low is not None
        and figure.ci_high is not None
    ]
    yield "<section><h2>Figures</h2><p>Dots are values, lines their 95 % intervals.</p>"
    yield plots.plot_bars([(n, v, a, b) for n, v, a, b in rows if v is not None])
    whole = render_table(report_tables.figure_rows(report.overall))
    yield f"<details><summary>All figures</summary>{whole}</details>"
    yield "</section>"


def _render_plots(report: EvalReport) -> Iterator[str]:
    known = [
        pair
        for scored in report.scored
        if (pair := measure.confidence_and_error(scored)) is not None
    ]
    yield '<section><h2>How sure, how right, how fast</h2><div class="plots">'
    if known:
        sure, wrong = [c for c, _ in known], [w for _, w in known]
        coverage, risk = abstention_metrics.compute_risk_coverage(sure, wrong)
        yield f"<figure>{plots.plot_risk_coverage(coverage.tolist(), risk.tolist())}</figure>"
        reliability = abstention_metrics.compute_reliability(sure, wrong)
        yield f"<figure>{plots.plot_reliability(reliability)}</figure>"
    walls = [
        scored.answered_case.wall for scored in report.scored if scored.answered_case is not None
    ]
    if walls:
        yield f"<figure>{plots.plot_latency(walls)}</figure>"
    yield "</div>"
    yield f"{render_table(report_tables.latency_rows(report))}</section>"


def _render_comparison(compared: Sequence[MetricComparison]) -> Iterator[str]:
    if compared:
        yield "<section><h2>Against the baseline</h2>"
        yield f"{render_table(report_tables.difference_rows(compared))}</section>"


def _render_groups(report: EvalReport) -> Iterator[str]:
    yield "<section><h2>By language and stratum</h2>"
    for name, table in report.groups.items():
        figures = render_table(report_tables.figure_rows(table))
        yield f"<details><summary>{escape(name)}</summary>{figures}</details>"
    yield "</section>"


def _render_cases(report: EvalReport) -> Iterator[str]:
    yield "<section><h2>Cases</h2>"
    yield render_search(("wrong", "refused", "right", "error"))
    for scored in report.scored:
        yield from _render_case(scored)
    yield "</section>"


def render_search(kinds: Sequence[str]) -> str:
    """Write the field that finds cases, and the choice of their kinds, for the page's script."""
    choices = "".join(f'<option value="{kind}">{kind}</option>' for kind in kinds)
    return (
        '<p class="tools"><input id="find" type="search" '
        'placeholder="Find in questions and answers" aria-label="Find"> '
        '<select id="kind" aria-label="Kind"><option value="">all cases</option>'
        f'{choices}</select> <span id="count"></span></p>'
    )


def name_case_outcome(scored: ScoredCase) -> str:
    """Return how a case ended, in a word: right, wrong, refused or error."""
    if scored.answered_case is None or scored.answered_case.reply.outcome == "undetermined":
        return "error"
    if not scored.answered_case.is_answered:
        return "refused" if scored.case.answerable else "right"
    return "right" if scored.scores["right"].value == 1.0 else "wrong"


def _render_case(scored: ScoredCase) -> Iterator[str]:
    case = scored.case
    ended = name_case_outcome(scored)
    place = escape(case.id, quote=True)
    yield f'<details class="case" id="{place}" data-kind="{ended}"><summary>'
    yield f'<b class="tag {ended}">{ended}</b> <code>{escape(case.id)}</code> '
    yield f"{escape(case.question)} <small>{escape(case.lang)} · {escape(case.stratum)}</small>"
    yield '</summary><div class="body">'
    if scored.answered_case is None:
        yield f"<p>{escape(next(iter(scored.scores.values())).reason)}</p></div></details>"
        return
    yield from _render_answer(scored.answered_case)
    yield "<h3>Evidence</h3>"
    for place_ in scored.answered_case.places:
        yield f"<p><code>{escape(place_.uri)}</code> {escape(place_.quote)}</p>"
    if case.reference:
        yield f"<p>Reference: {escape(' · '.join(case.reference))}</p>"
    yield from _render_passages(scored.answered_case)
    rows = [
        f"<tr><td>{escape(name)}</td><td>{'' if s.value is None else f'{s.value:.3f}'}</td>"
        f"<td>{escape(s.reason)}</td></tr>"
        for name, s in scored.scores.items()
    ]
    yield f"<details><summary>Scores</summary><table>{''.join(rows)}</table></details>"
    yield "</div></details>"


def _render_answer(answered_case: AnsweredCase) -> Iterator[str]:
    """Write the answer, each sentence with the share that its sources support."""
    sure = answered_case.reply.confidence
    more = "" if sure is None else f" · confidence {sure:.2f}"
    outcome = escape(answered_case.reply.outcome)
    yield f"<h3>Answer <small>{outcome}{more} · {answered_case.wall:.3f} s</small></h3>"
    if not answered_case.reply.sentences:
        yield f"<p>{escape(answered_case.reply.text)}</p>"
    for sentence in answered_case.reply.sentences:
        support = faithfulness.compute_support(
            sentence.text, answered_case.source_knowledge, answered_case.idf
        )
        sign = "ok" if support >= faithfulness.SUPPORTED else "doubt"
        marks = "".join(f"[{number}]" for number in sentence.citations)
        yield f'<p class="{sign}" title="{support:.2f} of its words stand in the sources">'
        yield f"{escape(sentence.text)} <small>{marks} {support:.2f}</small></p>"
    for cited in answered_case.reply.citations:
        lost = ' <b class="bad">does not resolve</b>' if cited.resolved is False else ""
        yield f"<blockquote>[{cited.number}] <code>{escape(cited.uri)}</code>{lost} "
        yield f"{escape(cited.quote[:LONGEST_QUOTE])}</blockquote>"


def _render_passages(answered_case: AnsweredCase) -> Iterator[str]:
    """Write the first passages, and any that contain evidence, with the evidence marked."""
    yield "<h3>Passages</h3><ol>"
    for rank, (passage, evidence) in enumerate(
        zip(answered_case.reply.passages, answered_case.evidence_by_passage, strict=True), 1
    ):
        if rank > SHOWN_PASSAGES and not evidence:
            continue
        spans = [
            (a - passage.start, b - passage.start)
            for i in evidence
            for a, b in answered_case.places[i].spans
            if passage.start is not None
        ]
        yield f'<li value="{rank}"><code>{escape(passage.uri)}</code> '
        yield f"{mark_spans(passage.text, spans)}</li>"
    yield "</ol>"


def mark_spans(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Escape a text, with some spans of it marked.

    >>> mark_spans("a < b & c", [(4, 5)])
    'a &lt; <mark>b</mark> &amp; c'
    """
    parts = []
    at = 0
    for start, end in sorted((max(0, a), min(len(text), b)) for a, b in spans):
        if start >= max(at, end):
            continue
        start_ = max(at, start)
        parts += [escape(text[at:start_]), f"<mark>{escape(text[start_:end])}</mark>"]
        at = end
    rest = text[at:]
    return "".join([*parts, escape(rest[:LONGEST_QUOTE]), "…" if len(rest) > LONGEST_QUOTE else ""])


def render_table(rows: Sequence[str]) -> str:
    """Convert rows of a Markdown table to HTML."""
    cells = [[escape(cell.strip()) for cell in row.strip("|").split(" | ")] for row in rows]
    head = "".join(f"<th>{cell}</th>" for cell in cells[0])
    body = "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in cells[2:])
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'
