"""A desk uses what was calibrated, reports it, and warns when its documents have drifted."""

import asyncio
import json
import logging

import pytest
from fakes import HashEmbedder
from web_home import TEXTS, publish

from indexes.text import tokens
from ragdesk.answering import calibration
from ragdesk.answering.answer import Outcome, Question
from ragdesk.assemble import Workspace
from ragdesk.errors import SettingsError
from ragdesk.settings import Settings

QUESTION = "When does a refund reach a bank account?"


def write(home, floor, sketch=(), **more):
    group = {"intercept": 0.0, "weights": {"lexical": 2.0}, "floor": floor, **more}
    file = home / "collections" / "default" / calibration.CALIBRATION_FILENAME
    file.write_text(json.dumps({"groups": {"*": group}, "sketch": list(sketch)}), encoding="utf-8")


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


@pytest.mark.parametrize("text", ["{", "[]", '{"groups": {}}', '{"groups": {"*": {}}}'])
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
