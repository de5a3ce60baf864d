"""A report as one HTML page: no network, no script library; every word of a document is escaped."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from eval import abstention, faithfulness, measure, plots, tables
from eval.compare import Compared
from eval.gate import Verdict
from eval.measured import Asked, Scored
from eval.released import Release
from eval.report import Report

SHOWN_PASSAGES, LONGEST = 3, 900
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
STYLE = Path(__file__).with_name("page.css")
SCRIPT = Path(__file__).with_name("page.js")


def html(done: Release) -> str:
    """Write the page: verdict, figures, plots, gates, differences, and every case."""
    report = done.report
    name = escape(str(report.target.get("name")))
    body = [
        f"<header><h1>{name}</h1><p>{escape(tables.said(report))}</p>{_badge(done)}</header>",
        *_gates(done.verdicts),
        *_figures(report),
        *_plots(report),
        *_compared(done.compared),
        *_groups(report),
        *_cases(report),
    ]
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


def _badge(done: Release) -> str:
    if done.unjudged:
        return '<p class="badge bad">Not judged: too many cases were not answered</p>'
    if done.failed:
        return f'<p class="badge bad">{len(done.failed)} of {len(done.verdicts)} gates failed</p>'
    count = len(done.verdicts)
    return f'<p class="badge good">All {count} gates passed</p>' if count else ""


def _gates(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if not verdicts:
        return
    yield "<section><h2>Gates</h2><ul class=gates>"
    for one in verdicts:
        links = " ".join(f'<a href="#{escape(c, quote=True)}">{escape(c)}</a>' for c in one.cases)
        sign = "good" if one.passed else "bad"
        yield (
            f'<li><b class="{sign}">{"passed" if one.passed else "failed"}</b> '
            f"<code>{escape(one.line)}</code> {escape(one.why)} {links}</li>"
        )
    yield "</ul></section>"


def _figures(report: Report) -> Iterator[str]:
    rows = [
        (name, one.value, one.ci_low, one.ci_high)
        for name in HEADLINE
        if (one := report.overall[name]).value is not None
        and one.ci_low is not None
        and one.ci_high is not None
    ]
    yield "<section><h2>Figures</h2><p>Dots are values, lines their 95 % intervals.</p>"
    yield plots.bars([(n, v, a, b) for n, v, a, b in rows if v is not None])
    whole = _table(tables.figures(report.overall))
    yield f"<details><summary>All figures</summary>{whole}</details>"
    yield "</section>"


def _plots(report: Report) -> Iterator[str]:
    known = [pair for one in report.scored if (pair := measure.confidence(one)) is not None]
    yield '<section><h2>How sure, how right, how fast</h2><div class="plots">'
    if known:
        sure, wrong = [c for c, _ in known], [w for _, w in known]
        coverage, risk = abstention.risks(sure, wrong)
        yield f"<figure>{plots.risk_coverage(coverage.tolist(), risk.tolist())}</figure>"
        yield f"<figure>{plots.reliability(abstention.reliability(sure, wrong))}</figure>"
    walls = [one.asked.wall for one in report.scored if one.asked is not None]
    if walls:
        yield f"<figure>{plots.latency(walls)}</figure>"
    yield "</div>"
    yield f"{_table(tables.latencies(report))}</section>"


def _compared(compared: Sequence[Compared]) -> Iterator[str]:
    if compared:
        yield "<section><h2>Against the baseline</h2>"
        yield f"{_table(tables.differences(compared))}</section>"


def _groups(report: Report) -> Iterator[str]:
    yield "<section><h2>By language and stratum</h2>"
    for name, table in report.groups.items():
        yield f"<details><summary>{escape(name)}</summary>{_table(tables.figures(table))}</details>"
    yield "</section>"


def _cases(report: Report) -> Iterator[str]:
    yield '<section><h2>Cases</h2><p class="tools"><input id="find" type="search" '
    yield 'placeholder="Find in questions and answers" aria-label="Find"> <select id="kind" '
    yield 'aria-label="Kind"><option value="">all cases</option>'
    for kind in ("wrong", "refused", "right", "error"):
        yield f'<option value="{kind}">{kind}</option>'
    yield '</select> <span id="count"></span></p>'
    for one in report.scored:
        yield from _case(one)
    yield "</section>"


def kind(one: Scored) -> str:
    """Say in a word how a case ended: right, wrong, refused or error."""
    if one.asked is None or one.asked.reply.outcome == "undetermined":
        return "error"
    if not one.asked.answered:
        return "refused" if one.case.answerable else "right"
    return "right" if one.scores["right"].value == 1.0 else "wrong"


def _case(one: Scored) -> Iterator[str]:
    case, ended = one.case, kind(one)
    place = escape(case.id, quote=True)
    yield f'<details class="case" id="{place}" data-kind="{ended}"><summary>'
    yield f'<b class="tag {ended}">{ended}</b> <code>{escape(case.id)}</code> '
    yield f"{escape(case.question)} <small>{escape(case.lang)} · {escape(case.stratum)}</small>"
    yield '</summary><div class="body">'
    if one.asked is None:
        yield f"<p>{escape(next(iter(one.scores.values())).reason)}</p></div></details>"
        return
    yield from _answer(one.asked)
    yield "<h3>Evidence</h3>"
    for place_ in one.asked.places:
        yield f"<p><code>{escape(place_.uri)}</code> {escape(place_.quote)}</p>"
    if case.reference:
        yield f"<p>Reference: {escape(' · '.join(case.reference))}</p>"
    yield from _passages(one.asked)
    rows = [
        f"<tr><td>{escape(name)}</td><td>{'' if s.value is None else f'{s.value:.3f}'}</td>"
        f"<td>{escape(s.reason)}</td></tr>"
        for name, s in one.scores.items()
    ]
    yield f"<details><summary>Scores</summary><table>{''.join(rows)}</table></details>"
    yield "</div></details>"


def _answer(asked: Asked) -> Iterator[str]:
    """Write the answer, each sentence with what its sources hold of it."""
    sure = asked.reply.confidence
    more = "" if sure is None else f" · confidence {sure:.2f}"
    yield f"<h3>Answer <small>{escape(asked.reply.outcome)}{more} · {asked.wall:.3f} s</small></h3>"
    if not asked.reply.said:
        yield f"<p>{escape(asked.reply.text)}</p>"
    for said in asked.reply.said:
        held = faithfulness.support(said.text, asked.held, asked.idf)
        sign = "ok" if held >= faithfulness.SUPPORTED else "doubt"
        marks = "".join(f"[{number}]" for number in said.citations)
        yield f'<p class="{sign}" title="{held:.2f} of its words stand in the sources">'
        yield f"{escape(said.text)} <small>{marks} {held:.2f}</small></p>"
    for cited in asked.reply.cited:
        lost = ' <b class="bad">does not resolve</b>' if cited.resolved is False else ""
        yield f"<blockquote>[{cited.number}] <code>{escape(cited.uri)}</code>{lost} "
        yield f"{escape(cited.quote[:LONGEST])}</blockquote>"


def _passages(asked: Asked) -> Iterator[str]:
    """Write the first passages, and any that hold evidence, with the evidence marked."""
    yield "<h3>Passages</h3><ol>"
    for rank, (passage, met) in enumerate(zip(asked.reply.passages, asked.met, strict=True), 1):
        if rank > SHOWN_PASSAGES and not met:
            continue
        spans = [
            (a - passage.start, b - passage.start)
            for i in met
            for a, b in asked.places[i].spans
            if passage.start is not None
        ]
        yield f'<li value="{rank}"><code>{escape(passage.uri)}</code> '
        yield f"{marked(passage.text, spans)}</li>"
    yield "</ol>"


def marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Escape a text, with some stretches of it marked.

    >>> marked("a < b & c", [(4, 5)])
    'a &lt; <mark>b</mark> &amp; c'
    """
    parts, at = [], 0
    for start, end in sorted((max(0, a), min(len(text), b)) for a, b in spans):
        if start >= max(at, end):
            continue
        start_ = max(at, start)
        parts += [escape(text[at:start_]), f"<mark>{escape(text[start_:end])}</mark>"]
        at = end
    rest = text[at:]
    return "".join([*parts, escape(rest[:LONGEST]), "…" if len(rest) > LONGEST else ""])


def _table(rows: Sequence[str]) -> str:
    """Turn rows of a Markdown table into HTML."""
    cells = [[escape(cell.strip()) for cell in row.strip("|").split(" | ")] for row in rows]
    head = "".join(f"<th>{cell}</th>" for cell in cells[0])
    body = "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in cells[2:])
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'
