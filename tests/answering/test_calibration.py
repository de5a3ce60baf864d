"""A desk uses what was calibrated, reports it, and warns when its documents have drifted."""

import asyncio
import json
import logging

import pytest
from fakes import CARD, HashEmbedder
from web_home import TEXTS, publish

from indexes.text import tokens
from ragdesk.answering import calibration
from ragdesk.answering.answer import Outcome, Question, to_json_object
from ragdesk.answering.answer_signals import describe_signal_versions
from ragdesk.assemble import Workspace
from ragdesk.errors import SettingsError
from ragdesk.home_check import SelfTest
from ragdesk.settings import Settings

QUESTION = "When does a refund reach a bank account?"


VERSIONS = describe_signal_versions(CARD)
BAD_VERSIONS = json.dumps(
    {
        "groups": {"*": {"intercept": 0.0, "weights": {}, "floor": 0.5}},
        "versions": {"signals": "2"},
    }
)


def write(home, floor, sketch=(), versions=VERSIONS):
    group = {"intercept": 0.0, "weights": {"lexical": 2.0}, "floor": floor}
    file = home / "collections" / "default" / calibration.CALIBRATION_FILENAME
    told = {"groups": {"*": group}, "sketch": list(sketch)}
    told |= {"versions": versions} if versions else {}
    file.write_text(json.dumps(told), encoding="utf-8")


def ask(home):
    with Workspace(home, Settings(), HashEmbedder()).open_collection("default") as opened:
        return asyncio.run(opened.desk.ask(Question(text=QUESTION)))


@pytest.fixture
def home(tmp_path):
    publish(tmp_path, "default", TEXTS)
    return tmp_path


def test_without_calibration_there_is_no_confidence(home):
    assert ask(home).confidence is None


def test_the_floor_decides_and_the_confidence_is_told(home):
    write(home, 0.0)
    given = ask(home)
    assert given.outcome is Outcome.ANSWERED
    assert 0.5 <= given.confidence <= 1.0
    write(home, 1.01)
    assert ask(home).outcome is Outcome.NOT_FOUND


def test_with_outdated_words_the_plain_floor_decides_without_a_confidence(home, monkeypatch):
    write(home, 1.01)
    assert ask(home).outcome is Outcome.NOT_FOUND
    monkeypatch.setattr(tokens, "TOKENS_VERSION", tokens.TOKENS_VERSION + 1)
    answer = ask(home)
    assert (answer.outcome, answer.confidence) == (Outcome.ANSWERED, None)
    assert answer.degraded


def test_a_drifted_collection_warns(home, caplog):
    with Workspace(home, Settings(), HashEmbedder()).open_collection("default") as opened:
        today = calibration.sketch_documents(d.digest for d in opened.documents)
    write(home, 0.5, today)
    with caplog.at_level(logging.WARNING):
        ask(home)
    assert caplog.text == ""
    write(home, 0.5, calibration.sketch_documents(["other", "documents", "then"]))
    with caplog.at_level(logging.WARNING):
        ask(home)
    assert "about 100 % of them changed" in caplog.text


def with_embedder(**facts):
    return {**VERSIONS, "embedder": {**VERSIONS["embedder"], **facts}}


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        (None, f"it was fitted to signals of version 1, not {VERSIONS['signals']}"),
        (
            {**VERSIONS, "signals": VERSIONS["signals"] + 1},
            f"signals of version {VERSIONS['signals'] + 1}, not {VERSIONS['signals']}",
        ),
        (with_embedder(name="other"), "another embedder (name 'other', not 'hash')"),
        (with_embedder(revision="0"), "another embedder (revision '0', not '1')"),
        (with_embedder(recipe=99), "another embedder (recipe 99, not"),
        (with_embedder(prefixes={"query": "q: ", "passage": ""}), "another embedder (prefixes"),
        ({"signals": VERSIONS["signals"]}, "another embedder (dim None, not 16"),
    ],
)
def test_one_fitted_to_other_signals_is_set_aside_and_that_is_said_once(
    home, caplog, versions, reason
):
    write(home, 1.01, versions=versions)
    workspace = Workspace(home, Settings(), HashEmbedder())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with workspace.open_collection("default") as opened:
                answer = asyncio.run(opened.desk.ask(Question(text=QUESTION)))
    assert (answer.outcome, answer.confidence) == (Outcome.ANSWERED, None)
    (record,) = caplog.records
    assert reason in record.getMessage()
    assert "ragdesk eval calibrate" in record.getMessage()
    (finding,) = SelfTest(workspace).calibrations()
    assert (finding.what, finding.state) == ("calibration default", "note")
    assert reason in finding.found
    assert "ragdesk eval calibrate" in finding.remedy


def test_doctor_says_nothing_of_none_and_that_a_right_one_decides(home):
    test = SelfTest(Workspace(home, Settings(), HashEmbedder()))
    assert list(test.calibrations()) == []
    write(home, 0.5)
    (finding,) = test.calibrations()
    assert (finding.state, finding.found) == ("ok", "decides when to answer")


def test_an_answer_tells_the_versions_of_its_signals_where_signals_are_asked_for(home):
    with Workspace(home, Settings(), HashEmbedder()).open_collection("default") as opened:
        plain = asyncio.run(opened.desk.ask(Question(text=QUESTION)))
        explained = asyncio.run(opened.desk.ask(Question(text=QUESTION, explain=True)))
    assert "signal_versions" not in to_json_object(plain)
    assert to_json_object(explained)["signal_versions"] == VERSIONS


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"groups": {}}', '{"groups": {"*": {}}}', BAD_VERSIONS]
)
def test_a_broken_file_is_named_with_the_way_out(home, text):
    file = home / "collections" / "default" / calibration.CALIBRATION_FILENAME
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="ragdesk eval calibrate"):
        ask(home)


def test_a_sketch_tells_how_much_changed():
    before = [f"d{n}" for n in range(1000)]
    after = [*before[:900], *(f"n{n}" for n in range(100))]
    held = calibration.Calibration({"*": {}}, calibration.sketch_documents(before))
    assert held.estimate_drift(before) == 0.0
    assert held.estimate_drift(after) == pytest.approx(1 - 900 / 1100, abs=0.12)
