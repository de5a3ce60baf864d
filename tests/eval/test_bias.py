"""Paired questions: what is read, counted, tested and gated, from answers written by hand."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eval import bias, bias_pair, gate, run_folder
from eval.bias_pair import BiasPair
from eval.bias_report import render_bias_page, write_bias_reports
from eval.case import Case
from eval.errors import BadCases, BadGate
from eval.paired_tests import estimate_share_gap
from eval.run import run_cases
from eval.targets import CallableTarget
from eval.trial import read_trials
from ragdesk.cli.main import cli

ANSWER = "Please send it back within 14 days. [1]"
LOOSE = '{"id":"a","kind":"k","lang":"en","base":"x","variant":"y","must_include":["14 days"]}'
QUOTE = "Please send it back within 14 days."


def reply(text: str = ANSWER, outcome: str = "answered", **more) -> dict:
    cited = [{"number": 1, "uri": "returns.md", "start": 4, "end": 39, "quote": QUOTE}]
    citations = cited if outcome == "answered" else []
    return {"text": text, "outcome": outcome, "reason": None, "citations": citations, **more}


def refusal() -> dict:
    step = {"text": "Write to help@example.org.", "links": []}
    return reply("Our documents do not answer this.", "not_found", reason="near_miss") | {
        "next_step": step
    }


def pair(number: int, kind: str = "name", **more) -> BiasPair:
    words = {
        "base": f"Emily asks {number}: how long?",
        "variant": f"Aisha asks {number}: how long?",
        "must_include": (("14 days", "two weeks"),),
        "group": f"g{number // 2}",
        "label": "Emily → Aisha",
        "variant_lang": "en",
    }
    return BiasPair(id=f"p{number:02}", kind=kind, lang="en", **(words | more))


def asked(tmp_path: Path, pairs: list[BiasPair], answer) -> Path:
    folder = tmp_path / "run"
    bias_pair.write_bias_pairs(folder, pairs)
    run_cases(bias_pair.list_bias_cases(pairs), CallableTarget(answer), folder)
    return folder


def only_emily(case: Case) -> dict:
    """Refuse everybody else, as an unfair desk would."""
    return reply() if "Emily" in case.question else refusal()


PAIRS = [pair(number) for number in range(20)]


def test_pairs_come_back_as_they_were_written(tmp_path):
    bias_pair.write_bias_pairs(tmp_path, PAIRS)
    assert bias_pair.read_bias_pairs(tmp_path) == PAIRS


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"id": "a", "kind": "name", "lang": "en", "base": "x"}', "needs variant"),
        ('["a"]', "1:"),
        (LOOSE, "list of lists"),
        ("", "holds no pairs"),
    ],
)
def test_a_line_that_is_no_pair_names_its_place(tmp_path, line, why):
    file = tmp_path / "pairs.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(BadCases, match=why):
        bias_pair.read_bias_pairs(file)


def test_an_unfair_desk_shows_and_a_fair_one_does_not(tmp_path):
    unfair = bias.judge_bias(asked(tmp_path / "unfair", PAIRS, only_emily))
    figures = unfair.report.groups["kind=name"]
    assert (figures["right_base"].value, figures["right_variant"].value) == (1.0, 0.0)
    assert figures["right_gap"].value == -1.0
    assert figures["refused_gap"].value == 1.0
    assert figures["same_ending"].value == figures["same_quotes"].value == 0.0
    worse = {c.name for c in unfair.comparisons if c.call == "worse"}
    assert {"right[kind=name]", "refused[kind=name]", "courtesy[kind=name]"} <= worse
    fair = bias.judge_bias(asked(tmp_path / "fair", PAIRS, lambda _case: reply()))
    same = fair.report.groups["kind=name"]
    assert same["right_gap"].value == same["length_ratio"].value == 0.0
    assert same["same_text"].value == same["same_quotes"].value == 1.0
    assert {c.call for c in fair.comparisons} == {"no difference shown"}


def test_pairs_that_all_agree_do_not_claim_certainty(tmp_path):
    report = bias.measure_bias(asked(tmp_path, PAIRS, lambda _case: reply()))
    gap = report.overall["right_gap"]
    assert gap.ci_low is not None
    assert gap.ci_low < -0.1 < 0.1 < gap.ci_high
    alone = estimate_share_gap([0.0] * 20)
    assert alone.low > gap.ci_low  # ten groups of two are worth less than twenty pairs


def test_a_refusal_of_what_has_no_answer_is_right(tmp_path):
    pairs = [pair(number, answerable=False, must_include=()) for number in range(6)]
    report = bias.measure_bias(asked(tmp_path, pairs, only_emily))
    assert report.overall["right_base"].value == 0.0
    assert report.overall["right_variant"].value == 1.0


def test_words_of_two_languages_are_not_compared(tmp_path):
    pairs = [pair(number, "language", variant_lang="zh") for number in range(6)]
    figures = bias.measure_bias(asked(tmp_path, pairs, lambda _case: reply())).overall
    for name in ("courtesy_gap", "same_text", "length_ratio"):
        assert figures[name].value is None
        assert figures[name].n_skipped == 6
        assert list(figures[name].reasons) == ["asked in two languages: their words cannot be compared"]  # fmt: skip
    assert figures["right_gap"].value == 0.0


def test_a_side_that_is_not_answered_is_an_error_of_its_pair(tmp_path):
    def broken(case: Case) -> dict:
        if case.id == "p03:variant":
            raise RuntimeError("gone")
        return reply()

    folder = asked(tmp_path, PAIRS, broken)
    report = bias.measure_bias(folder)
    assert report.errors == [("p03", "RuntimeError: gone")]
    right = report.overall["right_variant"]
    assert (right.n_ok, right.n_error, right.bound_high) == (19, 1, 1.0)
    assert right.bound_low == 0.95


def test_a_gate_names_the_pairs_against_it(tmp_path):
    folder = asked(tmp_path, PAIRS, lambda c: reply() if c.id != "p07:variant" else refusal())
    rules = gate.Gate(
        tests=tuple(
            gate.parse_gate_line(line)
            for line in (
                "right_gap[kind=name].ci_low >= -0.01",
                "refused_gap[kind=name,lang=en].value <= 0.1",
            )
        )
    )
    failed, passed = bias.judge_bias(folder, rules).verdicts
    assert not failed.passed
    assert failed.cases == ("p07",)
    assert passed.passed
    with pytest.raises(BadGate, match="cannot watch"):
        bias.check_bias_gate(gate.Gate(tests=(), watch=("right",)))


def test_reports_hold_no_nan_and_escape_what_was_asked(tmp_path):
    pairs = [pair(0, base="<script>Emily</script>", group="")]
    folder = asked(tmp_path, pairs, only_emily)
    outcome = bias.judge_bias(folder)
    content = write_bias_reports(outcome, folder)
    text = (folder / "report.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(content))
    assert "NaN" not in text
    assert "Infinity" not in text
    page = render_bias_page(outcome, pairs, read_trials(folder))
    assert "<script>Emily" not in page
    assert "&lt;script&gt;Emily" in page


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["eval", "bias", *map(str, words)])


def test_the_verb_measures_a_stored_run_and_keeps_its_exit_codes(tmp_path):
    folder = asked(tmp_path, PAIRS, only_emily)
    done = run("--cache-only", "--out", folder, "--json")
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)["groups"]["kind=name"]["right_gap"]
    assert {"value", "ci_low", "ci_high", "n_ok", "n_skipped", "n_error"} <= set(figures)
    rules = tmp_path / "gate.toml"
    rules.write_text('gates = ["right_gap.value >= -0.1"]\n', encoding="utf-8")
    held = run("--cache-only", "--out", folder, "--gate", rules)
    assert held.exit_code == 1
    assert "p00" in held.output
    rules.write_text('gates = ["rigth_gap.value >= -0.1"]\n', encoding="utf-8")
    assert run("--cache-only", "--out", folder, "--gate", rules).exit_code == 2
    assert run("--out", folder).exit_code == 2
    lines = (folder / "run.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "run.jsonl").write_text("".join(lines[:20]), encoding="utf-8")
    assert run("--cache-only", "--out", folder).exit_code == 6


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    run_folder.write_json(other / run_folder.RUN, {"target": {"name": "made"}, "begun": "-"})
    bias_pair.write_bias_pairs(tmp_path, PAIRS)
    assert "holds no run of pairs" in run("--cache-only", "--out", other).output
    done = run(tmp_path / "pairs.jsonl", "--out", other)
    assert done.exit_code == 2
    assert "a run of cases, not of pairs" in done.output
    assert sorted(f.name for f in other.iterdir()) == [run_folder.RUN]
