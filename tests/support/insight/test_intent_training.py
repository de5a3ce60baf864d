"""A home's own intents are learnt from labelled examples, and a worse classifier replaces none."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import CARD, HashEmbedder

from ragdesk.cli.main import cli
from ragdesk.errors import SettingsError
from ragdesk.support.insight.intent_training import read_intent_file, train_intents
from ragdesk.support.insight.intents import OUT_OF_SCOPE, LabelledText
from ragdesk.support.insight.question_insight import (
    OWN_INTENTS,
    classify_question,
    open_insight_models,
)

FRAMES = {
    "parking": [
        "where do I park my {}",
        "is there a car park for a {}",
        "parking ticket of the {}",
    ],
    "library": ["how long can I borrow the {}", "renew my library book on {}", "lend me a {} book"],
    "meals": ["what is for lunch on {}", "does the canteen serve {}", "menu of the canteen: {}?"],
    OUT_OF_SCOPE: ["who invented the {}", "tell me a joke about a {}", "write a poem on {}"],
}
THINGS = ("van", "rose", "monday", "harbour", "tulip", "novel", "bread", "summer", "moon", "clock")


def make_texts(frames=FRAMES, things=THINGS):
    return [
        LabelledText(text=frame.format(thing), label=label)
        for label, group in frames.items()
        for frame in group
        for thing in things
    ]


def test_what_was_learnt_classifies_questions_of_the_home(tmp_path):
    embedder = HashEmbedder(CARD)
    result = train_intents(tmp_path, make_texts(), embedder)
    assert result.kept
    assert result.after.accuracy >= 0.9
    assert result.after.interval[0] < result.after.accuracy
    models = open_insight_models(tmp_path, CARD)
    assert min(models.intents.floors.values()) > 0  # what is told unsurely is named none of them
    text = "where do I park my bicycle"
    assert classify_question(text, embedder.embed_query(text), models).intent == "parking"
    outside = "tell me a joke about a lamp"
    assert not classify_question(outside, embedder.embed_query(outside), models).in_scope


def test_a_worse_classifier_replaces_none_and_a_better_one_does(tmp_path):
    good = make_texts()
    train_intents(tmp_path, good, HashEmbedder(CARD))
    file = tmp_path / OWN_INTENTS
    before = file.read_bytes()
    labels = [one.label for one in good]
    draw = np.random.default_rng(3).permutation(len(good))
    mixed = [replace(one, label=labels[i]) for one, i in zip(good, draw, strict=True)]
    held = {one.text: one.label for one in good}
    worse = [*mixed, *(one for one in good if held[one.text] == one.label)]
    result = train_intents(tmp_path, worse, HashEmbedder(CARD))
    assert not result.kept
    assert result.before is not None
    assert result.before.accuracy > result.after.accuracy
    assert file.read_bytes() == before
    assert train_intents(tmp_path, good, HashEmbedder(CARD)).kept


def test_a_classifier_of_another_embedder_is_replaced(tmp_path):
    train_intents(tmp_path, make_texts(), HashEmbedder(CARD))
    other = replace(CARD, name="other", revision="2")
    result = train_intents(tmp_path, make_texts(), HashEmbedder(other))
    assert result.before is None
    assert open_insight_models(tmp_path, other).notice is None


def test_a_desk_without_an_embedder_learns_from_words(tmp_path):
    words = replace(CARD, words_only=True)
    train_intents(tmp_path, make_texts(), HashEmbedder(words))
    models = open_insight_models(tmp_path, words)
    assert classify_question("renew my library book", None, models).intent == "library"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (make_texts({"parking": FRAMES["parking"]}), "fewer than two"),
        ([*make_texts(), LabelledText(text="x y", label="rare")], "rare"),
    ],
)
def test_too_few_examples_are_refused(tmp_path, texts, message):
    with pytest.raises(SettingsError, match=message):
        train_intents(tmp_path, texts, HashEmbedder(CARD))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"where, to park?",parking\nwho won,\n'),
        ("a.jsonl", '{"text": "where, to park?", "label": "parking"}\n\n{"text": "who won"}\n'),
        ("bom.csv", '\ufefftext,label\n"where, to park?",parking\nwho won,out_of_scope\n'),
    ],
)
def test_examples_are_read_from_tables_and_lines(tmp_path, name, content):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    texts = [(one.text, one.label) for one in read_intent_file(file)]
    assert texts == [("where, to park?", "parking"), ("who won", OUT_OF_SCOPE)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"question,label\nx,y\n", "column text"),
        ("a.csv", b"", "column text"),
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', "line 2"),
        ("a.jsonl", b'["x"]\n', "line 1"),
        ("a.jsonl", b'{"text": "x", "label": 3}\n', "line 1"),
        ("a.csv", b"text,label\n\xff\xfe,x\n", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path, name, content, message):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        read_intent_file(file)


def test_the_command_trains_and_reports(tmp_path, monkeypatch):
    monkeypatch.setenv("RAGDESK_EMBED__MODEL", "none")
    file = tmp_path / "intents.jsonl"
    rows = [{"text": one.text, "label": one.label} for one in make_texts()]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    words = ["--home", str(tmp_path / "home"), "insight", "train", str(file)]
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["kept"]
    assert report["after"]["texts"] + report["learnt"] == len(rows)
    again = CliRunner().invoke(cli, words)
    assert "held-out examples right" in again.stdout
    assert "before:" in again.stdout
    file.write_text('{"text": "x", "label": "y"}', encoding="utf-8")
    assert CliRunner().invoke(cli, words).exit_code == 2
