"""``ragdesk eval``: what a user types, what comes back, and the exit codes of the contract."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from seeded_run import cases, documents, stored, trials

from eval import case as cases_
from eval import evidence, run_folder, trial
from ragdesk.cli.main import cli

HELD = documents()
ASKED = list(cases(HELD))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAGDESK_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a run that was asked and stored, as if by ``ragdesk eval run``."""
    return made(tmp_path / "run")


def made(where: Path, seed: int = 3) -> Path:
    where.mkdir()
    cases_.write_case_lines(where / run_folder.CASES, ASKED)
    run_folder.write_json(
        where / run_folder.RUN, {"format": 1, "target": {"name": "made"}, "begun": "-"}
    )
    run_folder.write_located(where, {c.id: evidence.locate_evidence(c, HELD.get) for c in ASKED})
    lines = [trial.trial_as_line(one) for one in trials(HELD, ASKED, seed).values()]
    (where / trial.TRIALS).write_text("".join(lines), encoding="utf-8")
    return where


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["eval", *map(str, words)])


def gate(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "gate.toml"
    file.write_text(f"gates = {json.dumps(lines)}\n", encoding="utf-8")
    return file


def test_a_stored_run_is_measured_without_asking(folder):
    done = run("run", "--cache-only", "--out", folder, "--json")
    assert done.exit_code == 0, done.output
    held = json.loads(done.stdout)
    assert held["cases"] == len(ASKED)
    assert held == json.loads((folder / "report.json").read_text(encoding="utf-8")) | {"gates": []}
    for name in ("report.md", "junit.xml", "scores.jsonl"):
        assert (folder / name).stat().st_size > 0


def test_a_gate_that_holds_is_0_and_one_that_does_not_is_1(folder, tmp_path):
    good = gate(tmp_path, "faithfulness.ci_low >= 0.5", "undetermined.value == 0")
    assert run("run", "--cache-only", "--out", folder, "--gate", good).exit_code == 0
    bad = run(
        "run", "--cache-only", "--out", folder, "--gate", gate(tmp_path, "hit@1.ci_low >= 0.99")
    )
    assert bad.exit_code == 1
    assert "FAILED  hit@1.ci_low >= 0.99" in bad.output
    assert "c0000" in bad.output


def test_too_many_unanswered_cases_are_6(folder, tmp_path):
    lines = (folder / trial.TRIALS).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / trial.TRIALS).write_text("".join(lines[:20]), encoding="utf-8")
    done = run("run", "--cache-only", "--out", folder, "--gate", gate(tmp_path, "hit@1.value >= 0"))
    assert done.exit_code == 6
    assert "20 of 40 cases were not answered" in done.output


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("hit@1 >= 0.5", "is no gate"),
        ("hitt@1.value >= 0.5", "no metric 'hitt@1'"),
        ("hit@1[lang=fr].value >= 0.5", "no group 'lang=fr'"),
    ],
)
def test_a_gate_that_is_misspelt_is_2(folder, tmp_path, line, why):
    done = run("run", "--cache-only", "--out", folder, "--gate", gate(tmp_path, line))
    assert done.exit_code == 2
    assert why in done.output


def test_a_gate_that_only_watches_needs_a_run_to_watch_it_against(folder, tmp_path):
    file = tmp_path / "gate.toml"
    file.write_text('watch = ["right"]\n', encoding="utf-8")
    alone = run("run", "--cache-only", "--out", folder, "--gate", file)
    assert alone.exit_code == 2
    assert "--baseline DIR" in alone.output
    assert not (folder / "report.json").exists()
    run("run", "--cache-only", "--out", folder)
    beside = run("run", "--cache-only", "--out", folder, "--gate", file, "--baseline", folder)
    assert beside.exit_code == 0, beside.output


def test_a_build_that_refuses_what_the_baseline_answered_is_1(tmp_path):
    held = documents(40)
    known = [c for c in cases(held, 160) if c.answerable]  # so nothing measures false_answer

    def shy(answer):
        refused = {**answer, "outcome": "not_found", "text": "I do not know.", "claims": []}
        return {**refused, "citations": []} if answer["signals"]["answerable"] < 0.65 else answer

    for name, change in (("before", lambda answer: answer), ("now", shy)):
        where = stored(tmp_path / name, held, known, change)
        run_folder.write_json(
            where / run_folder.RUN, {"format": 1, "target": {"name": "made"}, "begun": "-"}
        )
        run_folder.write_located(
            where, {c.id: evidence.locate_evidence(c, held.get) for c in known}
        )
        assert run("run", "--cache-only", "--out", where).exit_code == 0
    words = ("run", "--cache-only", "--out", tmp_path / "now", "--baseline")
    worse = run(*words, tmp_path / "before")
    assert worse.exit_code == 1
    assert "FAILED  over_refusal not worse than before" in worse.output
    assert run(*words, tmp_path / "now").exit_code == 0


def test_a_folder_without_a_run_says_how_to_make_one(tmp_path):
    done = run("run", "--cache-only", "--out", tmp_path / "none")
    assert done.exit_code == 2
    assert "ragdesk eval run CASES" in done.output


def test_two_runs_are_compared(tmp_path):
    for name, seed in (("a", 3), ("b", 4)):
        assert run("run", "--cache-only", "--out", made(tmp_path / name, seed)).exit_code == 0
    same = run("compare", tmp_path / "a", tmp_path / "a", "--json")
    assert same.exit_code == 0
    assert {row["call"] for row in json.loads(same.stdout)} == {"no difference shown"}
    other = run("compare", tmp_path / "a", tmp_path / "b", "--json")
    rows = json.loads(other.stdout)
    assert all(row["p"] <= row["p_adjusted"] for row in rows)
    assert all(row["ci_low"] <= row["difference"] <= row["ci_high"] for row in rows)


def test_lint_names_what_is_wrong(tmp_path):
    file = tmp_path / "cases.jsonl"
    cases_.write_case_lines(file, [*ASKED[:2], cases_.Case(id="x", lang="en", question=" ")])
    done = run("lint", file, "--no-documents")
    assert done.exit_code == 1
    assert "x: its question is empty" in done.output


def test_a_public_set_becomes_cases_and_documents(tmp_path):
    data = {"data": [{"title": "T", "paragraphs": [{"context": "It takes five days.", "qas": [
        {"id": "q", "question": "How long?", "answers": [{"text": "five days"}]}]}]}]}  # fmt: skip
    file = tmp_path / "squad.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    done = run("import", "squad", file, "--out", tmp_path / "set", "--json")
    assert json.loads(done.stdout)["cases"] == 1
    held = run_folder.read_cases(tmp_path / "set")
    text = (tmp_path / "set" / "documents" / held[0].evidence[0].uri).read_text(encoding="utf-8")
    assert evidence.find_quote(held[0].evidence[0], text)
    wrong = run("import", "scifact", file, "--out", tmp_path / "set")
    assert wrong.exit_code == 2
    assert "is not a folder with corpus_train.csv" in wrong.output
