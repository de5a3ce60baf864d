"""A run is stored whole: it goes on where it stopped, and asks again only what must be."""

import json
import threading
from dataclasses import replace

import pytest
from seeded_run import cases, documents, trials

from eval import report, run_folder, trial
from eval.errors import BadCases, NoAnswer, UnsupportedCase
from eval.run import GIVE_UP, RunOptions, run_cases
from eval.targets import CallableTarget

HELD = documents()
ASKED = list(cases(HELD, 24))
ANSWERS = {name: one.reply for name, one in trials(HELD, ASKED).items()}


def target(asked, fail=(), name="made"):
    lock = threading.Lock()

    def answer(case):
        with lock:
            asked.append(case.id)
        if case.id in fail:
            raise NoAnswer("HTTP 500: no")
        return ANSWERS[case.id]

    return CallableTarget(answer, {"name": name}, HELD.get)


def test_a_run_that_was_cut_goes_on_where_it_stopped(tmp_path):
    asked: list[str] = []
    run_cases(ASKED, target(asked), tmp_path)
    file = tmp_path / trial.TRIALS
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:10]) + lines[10][:40], encoding="utf-8")  # killed in mid-line

    again: list[str] = []
    held = run_cases(ASKED, target(again), tmp_path)

    assert len(again) == len(ASKED) - 10
    assert all(held[case.id].status == "ok" for case in ASKED)
    assert trial.read_trials(tmp_path) == held


def test_only_failures_and_changed_cases_are_asked_again(tmp_path):
    run_cases(ASKED, target([], fail={"c0005"}), tmp_path)
    changed = [replace(c, question="Another one?") if c.id == "c0007" else c for c in ASKED]
    asked: list[str] = []
    run_cases(changed, target(asked), tmp_path)
    assert sorted(asked) == ["c0005", "c0007"]


def test_measuring_again_asks_nobody(tmp_path):
    run_cases(ASKED, target([]), tmp_path)
    first = report.report_as_json(report.measure_run(tmp_path))
    (tmp_path / "report.json").unlink(missing_ok=True)
    assert report.report_as_json(report.measure_run(tmp_path)) == first


def test_a_folder_belongs_to_one_target(tmp_path):
    run_cases(ASKED, target([]), tmp_path)
    with pytest.raises(BadCases, match="--fresh"):
        run_cases(ASKED, target([], name="another"), tmp_path)
    asked: list[str] = []
    run_cases(ASKED, target(asked, name="another"), tmp_path, RunOptions(fresh=True))
    assert len(asked) == len(ASKED)


def test_a_target_that_is_down_is_not_asked_for_ever(tmp_path):
    many = list(cases(HELD, 200))
    asked: list[str] = []
    run_cases(many, target(asked, fail={c.id for c in many}), tmp_path, RunOptions(jobs=2))
    assert len(asked) <= GIVE_UP + 2
    held = report.measure_run(tmp_path)
    assert len(held.errors) == len(many)


def test_any_failure_of_a_target_is_a_trial_with_its_reason(tmp_path):
    def odd(case):
        return {"text": float("nan")} if case.id == "c0000" else {}[case.id]

    held = run_cases(ASKED[:2], CallableTarget(odd), tmp_path)
    assert {one.status for one in held.values()} == {"error"}
    assert held["c0001"].reason.startswith("KeyError")


def test_a_case_that_a_target_does_not_take_is_skipped_with_its_reason(tmp_path):
    def picky(_):
        raise UnsupportedCase("it takes no pictures")

    held = run_cases(ASKED[:1], CallableTarget(picky), tmp_path)["c0000"]
    assert (held.status, held.reason) == ("skipped", "it takes no pictures")


def test_citations_are_looked_up_in_the_documents(tmp_path):
    answered = next(c for c in ASKED if ANSWERS[c.id]["citations"])
    good = ANSWERS[answered.id]
    mark = {**good["citations"][0], "start": good["citations"][0]["start"] + 1}
    bad = CallableTarget(lambda _: {**good, "citations": [mark]}, {"name": "bad"}, HELD.get)
    held = run_cases([answered], bad, tmp_path)
    assert held[answered.id].resolved == {"1": False}


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    run_cases(ASKED[:3], target([]), tmp_path)
    file = tmp_path / trial.TRIALS
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text(lines[0] + "{\n" + lines[1], encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.jsonl:2"):
        trial.read_trials(tmp_path)


def test_what_a_run_holds_is_json(tmp_path):
    run_cases(ASKED[:3], target([]), tmp_path)
    assert run_folder.read_target_facts(tmp_path)["target"] == {"name": "made"}
    for line in (tmp_path / trial.TRIALS).read_text(encoding="utf-8").splitlines():
        json.loads(line)
