"""Intents are learnt from what agents said of kept questions, without personal data."""

import json
from contextlib import closing
from dataclasses import replace

import pytest
from click.testing import CliRunner
from fakes import CARD, HashEmbedder

from indexes.text.redaction.redaction import RedactionOptions, redact_text
from ragdesk.cli.main import cli
from ragdesk.errors import SettingsError
from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.insight.conversation_training import train_on_conversations
from ragdesk.support.insight.insight_model import read_insight_model
from ragdesk.support.insight.intent_labels import IntentLabel, IntentLabelStore, LabelledTurn
from ragdesk.support.insight.intent_training import USED_TURNS, train_intents
from ragdesk.support.insight.intents import OUT_OF_SCOPE, LabelledText
from ragdesk.support.insight.question_insight import OWN_INTENTS
from ragdesk.support.personal_data import erase_person
from ragdesk.support.sign_in.audit_log import list_audit

CIPHER = TextCipher([bytes(32)])
FRAMES = {
    "parking": [
        "where do I park my {}",
        "is there a car park for a {}",
        "parking for a {}, please",
    ],
    "meals": ["what is for lunch on {}", "does the canteen serve {}", "menu of the canteen: {}?"],
    OUT_OF_SCOPE: ["who invented the {}", "tell me a joke about a {}", "write a poem on {}"],
}
THINGS = ("van", "rose", "monday", "harbour", "tulip", "novel", "bread", "summer", "moon", "clock")
OURS = [
    LabelledText(text=f"{words} {thing}", label=label)
    for label, words in (("invoice", "send me a bill for the"), ("repair", "mend my broken"))
    for thing in THINGS
]


def make_turns(frames=FRAMES, things=THINGS):
    questions = [
        (label, frame.format(thing))
        for label, group in frames.items()
        for frame in group
        for thing in things
    ]
    return [
        LabelledTurn(
            turn=f"turn-{at}",
            conversation=f"talk-{at % 20}",
            question=text,
            intent=label,
            person=f"visitor:{at % 7}",
            labelled=at,
        )
        for at, (label, text) in enumerate(questions)
    ]


def redact(text):
    return redact_text(text, RedactionOptions()).text


def train(home, turns, file_examples=(), ours=OURS):
    return train_on_conversations(
        home,
        turns,
        redact,
        HashEmbedder(CARD),
        file_examples=file_examples,
        packaged_examples=lambda: ours,
    )


def test_labelled_questions_are_learnt_beside_ours_and_listed(tmp_path):
    turns = make_turns()
    learnt = train(tmp_path, turns)
    assert learnt.training.kept
    assert learnt.intents == {"meals": 30, OUT_OF_SCOPE: 30, "parking": 30}
    assert set(learnt.training.labels) == {"invoice", "meals", OUT_OF_SCOPE, "parking", "repair"}
    assert learnt.training.before is not None  # ours, which never heard of parking
    assert learnt.training.after.accuracy > learnt.training.before.accuracy

    lines = [json.loads(line) for line in learnt.turns.read_text("utf-8").splitlines()]
    assert [(line["turn"], line["intent"]) for line in lines] == [(t.turn, t.intent) for t in turns]
    judged = [line for line in lines if line["part"] == "held_out"]
    assert len(judged) == learnt.training.after.texts
    assert set(lines[0]) == {"turn", "intent", "labelled", "part"}
    card = read_insight_model(tmp_path / OWN_INTENTS).card
    assert card["turns"]["count"] == len(turns)


def test_personal_data_and_the_words_of_one_person_are_not_learnt(tmp_path):
    turns = make_turns()
    for at in range(0, 60, 2):
        text = f"{turns[at].question} says wolfgang, zyx{at}@mail.example or 212-555-0123"
        turns[at] = replace(turns[at], question=text, person="visitor:0")
    turns[1] = replace(turns[1], question=f"{turns[1].question} for quentin")
    train(tmp_path, turns)
    words = " ".join(read_insight_model(tmp_path / OWN_INTENTS).classifier.words)
    for word in ("wolfg", "~lfga", "quenti", "zyx", "mail.example", "555"):
        assert word not in words, word
    assert "park" in words


def test_customers_who_ask_by_one_key_are_told_apart_by_their_conversations(tmp_path):
    turns = [replace(turn, person="key:shop") for turn in make_turns()]
    places = [at for at, turn in enumerate(turns) if turn.conversation == "talk-10"]
    for at in places:
        turns[at] = replace(turns[at], question=f"wolfgang{at}, wolfgang: {turns[at].question}")
    assert len(places) > 3
    train(tmp_path, turns)
    words = " ".join(read_insight_model(tmp_path / OWN_INTENTS).classifier.words)
    assert "canteen" in words
    assert "wolfg" not in words


def test_what_one_person_alone_asked_is_learnt_without_a_word(tmp_path):
    own = [LabelledText(text=turn.question, label=turn.intent) for turn in make_turns()]
    train_intents(tmp_path, own, HashEmbedder(CARD))  # a file's, so that ours are no basis
    turns = [replace(turn, person="visitor:1") for turn in make_turns()]
    assert train(tmp_path, turns).training.kept
    assert read_insight_model(tmp_path / OWN_INTENTS).classifier.words == {}


def test_what_does_not_help_replaces_nothing_and_leaves_its_list(tmp_path):
    turns = make_turns()
    former = train(tmp_path, turns)
    kept = {name: (tmp_path / name).read_bytes() for name in (OWN_INTENTS, USED_TURNS)}
    labels = [turn.intent for turn in turns]
    mixed = [replace(t, intent=labels[(at * 37) % len(turns)]) for at, t in enumerate(turns)]
    both = [*mixed, *turns[::2]]
    worse = train(tmp_path, both)
    assert former.training.kept
    assert not worse.training.kept
    assert worse.turns is None
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept


def test_intents_of_a_file_alone_have_no_list_of_turns(tmp_path):
    train(tmp_path, make_turns())
    assert (tmp_path / USED_TURNS).exists()
    texts = [LabelledText(text=turn.question, label=turn.intent) for turn in make_turns()]
    assert train_intents(tmp_path, texts, HashEmbedder(CARD)).kept
    assert not (tmp_path / USED_TURNS).exists()


def test_too_few_labels_are_refused_and_rare_ones_left_out(tmp_path):
    rare = [replace(turn, intent="rare") for turn in make_turns()[:4]]
    with pytest.raises(SettingsError, match=r"30 labelled questions .* takes 50.*rare"):
        train(tmp_path, [*make_turns({"parking": FRAMES["parking"]}), *rare])
    with pytest.raises(SettingsError, match="0 labelled questions"):
        train(tmp_path, [])
    same = [replace(make_turns()[0], intent="rare", turn=f"same-{n}") for n in range(9)]
    learnt = train(tmp_path, [*make_turns(), *same])
    assert learnt.left_out == {"rare": 9}
    assert "rare" not in learnt.training.labels
    assert b"same-" not in (tmp_path / USED_TURNS).read_bytes()


def test_own_intents_of_a_file_are_not_forgotten(tmp_path):
    own = [
        LabelledText(text=f"lend me the {t} book no {n}", label="library")
        for t in THINGS
        for n in "123"
    ]
    own += [LabelledText(text=turn.question, label=turn.intent) for turn in make_turns()]
    train_intents(tmp_path, own, HashEmbedder(CARD))
    fresh = make_turns(things=("lorry", "soup", "friday", "pier", "daisy", "essay"))
    with pytest.raises(SettingsError, match="library would be forgotten"):
        train(tmp_path, fresh)
    learnt = train(tmp_path, fresh, file_examples=own)
    assert set(learnt.training.labels) == {"library", "meals", OUT_OF_SCOPE, "parking"}
    with pytest.raises(SettingsError, match="library would be forgotten"):
        train(tmp_path, fresh)  # as the file is what it rests on


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Make a home with sealed, labelled questions; its settings keep personal data as it is."""
    monkeypatch.setenv("RAGDESK_EMBED__MODEL", "none")
    monkeypatch.setenv("RAGDESK_REDACTION__ENABLED", "false")
    monkeypatch.setenv("RAGDESK_SUPPORT__ENCRYPTION_KEY", "A" * 43 + "=")
    with closing(Database(tmp_path / "home")) as database:
        store, labels = ConversationStore(database, CIPHER), IntentLabelStore(database, CIPHER)
        talks = {p: store.create(p, "default").id for p in {t.person for t in make_turns()}}
        for turn in make_turns():
            kept = ConversationTurn(
                id=make_row_id(),
                conversation=talks[turn.person],
                collection="default",
                question=f"{turn.question} ann@mail.example",
            )
            store.append_turn(kept)
            label = IntentLabel(turn=kept.id, intent=turn.intent, person="key:e", role="agent")
            labels.put(label)
    return tmp_path / "home"


def run(home, *words):
    return CliRunner().invoke(cli, ["--home", str(home), "insight", "train", *words])


def test_the_command_is_off_until_it_is_set_and_says_what_it_used(home, tmp_path, monkeypatch):
    off = run(home, "--from-conversations")
    assert off.exit_code == 2
    assert "train_on_conversations" in off.output
    assert not (home / OWN_INTENTS).exists()
    assert run(home).exit_code == 2

    monkeypatch.setenv("RAGDESK_LEARNING__TRAIN_ON_CONVERSATIONS", "true")
    file = tmp_path / "more.jsonl"
    rows = [{"text": f"lend me the {t} book", "label": "library"} for t in THINGS]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    done = run(home, str(file), "--from-conversations", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["conversations"]
    assert told["intents"] == {"meals": 30, OUT_OF_SCOPE: 30, "parking": 30}
    shown = run(home, str(file), "--from-conversations").stdout
    assert "Used 90 labelled questions, without personal data:\n    30  meals" in shown
    assert told["turns"] in shown
    words = " ".join(read_insight_model(home / OWN_INTENTS).classifier.words)
    assert "mail.example" not in words
    assert "ann@" not in words
    with closing(Database(home)) as database:
        assert [e.action for e in list_audit(database)] == ["intent.train", "intent.train"]
        assert erase_person(database, "visitor:0")["intent_labels"] > 0
    told = json.loads(run(home, str(file), "--from-conversations", "--json").stdout)
    assert told["conversations"]["questions"] < 90
