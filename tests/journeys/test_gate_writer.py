"""A model that lies in three of ten sentences: the gate sees it, with verification off and on.

An extractive answer is faithful by construction and would hide a broken check.
"""

from dataclasses import replace
from functools import partial

import pytest
from engines import running
from scripted_writer import app

from eval import compare, gate
from eval.release import release_run
from eval.release_outcome import FAILED, PASSED
from eval.run import RunOptions, run_cases
from ragdesk.answering.writing.writing_options import GenerateOptions, VerifyOptions
from ragdesk.assemble import Workspace
from ragdesk.cli.eval_target import DeskTarget
from ragdesk.settings import Settings
from tests.lab.quality import handbook

CASES = [case for case in handbook.cases() if case.answerable][::2]
SHARE = 0.3
HELD = gate.Gate(tests=(gate.parse_gate_line("hard_violations.ci_high <= 0.2"),))
METRICS = ("hard_violations", "citation_recall", "faithfulness")


@pytest.fixture
def written(company, packaged):
    """Give a way to ask the sample company through the scripted model."""
    return partial(_written, company.folder.parents[1], packaged)


def _written(home, packaged, folder, failed):
    """Ask through the scripted model, and judge; ``keep`` says what it wrote, checked or not."""
    with running(app(share=SHARE)) as url:
        settings = replace(
            Settings(),
            generate=GenerateOptions(urls=(url,), first_seconds=60, degrade=False),
            verify=VerifyOptions(failed=failed),
        )
        desks = Workspace(home, settings, packaged)
        with desks.open_collection("default") as opened, DeskTarget(opened, desks.close) as target:
            run_cases(CASES, target, folder, RunOptions(jobs=2))
    return release_run(folder, HELD)


def test_verification_off_fails_the_gate_and_on_is_significantly_more_faithful(written, tmp_path):
    on = written(tmp_path / "on", "drop")
    off = written(tmp_path / "off", "keep")
    assert not on.report.errors, on.report.errors[:3]
    assert not off.report.errors, off.report.errors[:3]
    assert on.exit_code == PASSED
    assert off.exit_code == FAILED
    assert off.failed_verdicts[0].cases
    found = compare.compare_runs(tmp_path / "off", tmp_path / "on", METRICS)
    assert {one.name for one in found if one.call == "worse"}, compare.comparison_as_json(found)
