"""What a run comes to: the same bytes for the same run, no NaN, and every case accounted for."""

import json
import math
from dataclasses import replace

import pytest
from seeded_run import cases, dice_of, documents, trials

from eval import case as cases_
from eval import evidence, gate, measure, report, report_tables, run_folder, trial
from eval.metrics import METRICS
from eval.trial import Trial

HELD = documents()
ASKED = list(cases(HELD))
PLACES = {c.id: (evidence.locate_evidence(c, HELD.get)[0], False) for c in ASKED}


def folder(tmp_path, name, asked=ASKED, answered=None):
    """Write a run as ``ragdesk eval run`` leaves it."""
    where = tmp_path / name
    where.mkdir()
    cases_.write_case_lines(where / run_folder.CASES, asked)
    run_folder.write_json(
        where / run_folder.RUN, {"format": 1, "target": {"name": "made"}, "begun": "-"}
    )
    run_folder.write_located(where, {c.id: evidence.locate_evidence(c, HELD.get) for c in asked})
    held = answered or trials(HELD, asked)
    lines = [trial.trial_as_line(held[c.id]) for c in asked]
    (where / trial.TRIALS).write_text("".join(lines), encoding="utf-8")
    return where


def test_a_run_measured_twice_and_in_another_order_gives_the_same_bytes(tmp_path):
    mixed = dice_of(5).sample(ASKED, len(ASKED))
    wrote = []
    for name, asked in (("a", ASKED), ("b", ASKED), ("c", mixed)):
        where = folder(tmp_path, name, asked)
        report.write_report(report.measure_run(where), where)
        wrote.append([(where / f).read_bytes() for f in (report.REPORT, report.SCORES)])
    assert wrote[0] == wrote[1] == wrote[2]


def test_every_case_is_counted_and_no_figure_is_nan(tmp_path):
    broken = trials(HELD, ASKED)
    broken["c0000"] = replace(broken["c0000"], status="error", reason="HTTP 500", reply={})
    broken["c0001"] = replace(broken["c0001"], reply={"outcome": "answered"})
    broken["c0002"] = replace(broken["c0002"], reply={"text": ""})
    held = report.measure_run(folder(tmp_path, "a", answered=broken))
    written = report.report_as_json(held)
    json.dumps(written, allow_nan=False)
    unbounded = {metric.name for metric in METRICS if not metric.bounded}
    for table in (written["metrics"], *written["groups"].values()):
        for name, one in table.items():
            assert {"value", "ci_low", "ci_high", "n_ok", "n_skipped", "n_error"} <= set(one), name
            if one["value"] is not None and (one["ci_low"] is not None or name not in unbounded):
                assert one["ci_low"] <= one["value"] <= one["ci_high"], name
            assert sum(one["reasons"].values()) == one["n_skipped"] + one["n_error"], name
    assert all(
        one["n_ok"] + one["n_skipped"] + one["n_error"] == len(ASKED)
        for one in written["metrics"].values()
    )
    assert [case for case, _ in held.errors] == ["c0000", "c0001"]


@pytest.mark.parametrize("clusters", [1, 4])
def test_a_set_of_few_documents_cannot_pass_a_gate_on_a_bound(tmp_path, clusters):
    asked = [replace(c, cluster=f"article {n % clusters}") for n, c in enumerate(ASKED)]
    one = trials(HELD, ASKED)["c0000"].reply
    said = [{"text": f"{one['passages'][0]['text']} Zebras.", "citations": [1]}]
    alike = {**one, "outcome": "answered", "claims": said}  # each answer as faithful as the next
    answered = {
        name: replace(t, reply={**alike, "signals": {"answerable": n / 50}})
        for n, (name, t) in enumerate(trials(HELD, asked).items())
    }
    held = report.measure_run(folder(tmp_path, "few", asked, answered))
    figure = held.overall["faithfulness"]
    assert 0.5 < figure.value < 1
    assert (figure.ci_low, figure.ci_high) == (0.0, 1.0)
    assert (held.overall["auroc"].ci_low, held.overall["auroc"].ci_high) == (0.0, 1.0)
    lines = ("faithfulness.ci_low >= 0.01", "right.ci_low >= 0.7", "seconds.ci_high <= 60")
    verdicts = gate.judge_report(gate.Gate(tests=tuple(map(gate.parse_gate_line, lines))), held)
    assert [one.passed for one in verdicts] == [False, False, False]
    assert "too few for a bound" in verdicts[2].why
    assert "| seconds | 0.250 | too few cases |" in report_tables.report_as_markdown(held, verdicts)
    json.dumps(report.report_as_json(held), allow_nan=False)


def test_failures_do_not_shift_a_mean_but_widen_its_bounds():
    whole = measure.aggregate_scores(
        measure.score_cases(ASKED, trials(HELD, ASKED), PLACES), METRICS
    )
    some = trials(HELD, ASKED)
    lost = [c.id for c in ASKED[:10]]
    for name in lost:
        some[name] = Trial(case=name, asked="", status="error", reason="timeout")
    part = measure.aggregate_scores(measure.score_cases(ASKED, some, PLACES), METRICS)
    for name in ("recall@8", "hit@1", "over_refusal"):
        assert part[name].bound_low <= whole[name].value <= part[name].bound_high
        assert part[name].n_error == len(lost)


def test_what_cannot_be_told_is_an_error_and_never_a_coin():
    held = trials(HELD, ASKED)
    torn = {
        "text": "I could not find it. Pay by card. Then wait for it. It takes 3 days.",
        "passages": [],
    }
    held["c0003"] = replace(held["c0003"], reply=torn)  # an unanswerable one
    scored = {one.case.id: one.scores for one in measure.score_cases(ASKED, held, PLACES)}
    assert scored["c0003"]["false_answer"].status == "error"
    assert scored["c0003"]["undetermined"].value == 1.0


def test_a_drifted_document_is_an_error_of_retrieval_not_a_miss():
    places = {**PLACES, "c0000": ((), True)}
    scored = {one.case.id: one for one in measure.score_cases(ASKED, trials(HELD, ASKED), places)}
    assert scored["c0000"].scores["recall@8"].status == "error"
    assert "lint" in scored["c0000"].scores["recall@8"].reason


def test_an_infinite_value_is_an_error():
    metric = replace(METRICS[0], name="odd", score=lambda _: measure.Score(math.inf))
    scored = measure.score_cases(ASKED[:1], trials(HELD, ASKED), PLACES, [metric])
    assert scored[0].scores["odd"].status == "error"


@pytest.mark.parametrize("name", ["recall@8", "ndcg@10", "faithfulness", "false_answer"])
def test_the_interval_of_a_figure_narrows_with_more_cases(name):
    wide = measure.aggregate_scores(
        measure.score_cases(ASKED, trials(HELD, ASKED), PLACES), METRICS
    )[name]
    more = documents(80)
    asked = list(cases(more, 400))
    places = {c.id: (evidence.locate_evidence(c, more.get)[0], False) for c in asked}
    narrow = measure.aggregate_scores(
        measure.score_cases(asked, trials(more, asked), places), METRICS
    )[name]
    if wide.ci_high == wide.ci_low:
        pytest.skip("all cases agree")
    assert narrow.ci_high - narrow.ci_low < wide.ci_high - wide.ci_low


def answer_of(case, *, claims, cited, text=""):
    """Answer a case with these claims, which cite quotes by number."""
    return Trial(
        case=case.id,
        asked="-",
        reply={
            "text": text or " ".join(words for words, _, _ in claims),
            "outcome": "answered",
            "claims": [
                {"text": words, "citations": numbers, "verdict": verdict}
                for words, numbers, verdict in claims
            ],
            "citations": cited,
            "passages": [],
        },
    )


def cite(number, uri, quote):
    start = HELD[uri].index(quote)
    return {
        "number": number,
        "uri": uri,
        "quote": quote,
        "start": start,
        "end": start + len(quote),
    }


def score(case, answer):
    return measure.score_cases([case], {case.id: answer}, PLACES)[0].scores


def test_a_statement_off_the_evidence_stands_beside_a_right_answer():
    case = ASKED[0]
    evidence_quote = case.evidence[0]
    uri, quote = evidence_quote.uri, evidence_quote.quote
    off = next(s for s in HELD[uri].split(". ") if s.rstrip(".") not in quote)
    cited = [cite(1, uri, quote), cite(2, uri, off)]
    alone = answer_of(case, claims=[(quote, [1], "supported")], cited=cited)
    more = answer_of(case, claims=[(quote, [1], "supported"), (off, [2], "supported")], cited=cited)
    note = answer_of(
        case, claims=[(quote, [1], "supported"), ("And 4 more there.", [], "no_claim")], cited=cited
    )
    assert [score(case, a)["beside"].value for a in (alone, more, note)] == [0.0, 1.0, 0.0]
    assert score(case, alone)["answer_length"].value == len(quote)


def test_shares_of_all_answerable_cases_count_the_refused_ones():
    case = ASKED[0]
    quote = case.evidence[0].quote
    cited = [cite(1, case.evidence[0].uri, quote)]
    right = answer_of(case, claims=[(quote, [1], "supported")], cited=cited)
    refused = Trial(case=case.id, asked="-", reply={"text": "Unknown.", "outcome": "not_found"})
    wrong = answer_of(case, claims=[("Nothing of it.", [1], "supported")], cited=cited)
    shares = [
        (s["answered_right"].value, s["answered_wrong"].value)
        for s in (score(case, answer) for answer in (right, refused, wrong))
    ]
    assert shares == [(1.0, 0.0), (0.0, 0.0), (0.0, 1.0)]
    assert score(case, refused)["beside"].status == "skipped"


def test_an_answer_that_says_what_it_must_not_is_not_right():
    case = ASKED[0]
    quote = case.evidence[0].quote
    cited = [cite(1, case.evidence[0].uri, quote)]
    answer = answer_of(
        case,
        claims=[(quote, [1], "supported")],
        cited=cited,
        text=f"{quote} The other one takes 99 weeks.",
    )
    assert score(case, answer)["right"].value == 1.0
    assert score(replace(case, must_not_include=("99 weeks",)), answer)["right"].value == 0.0
