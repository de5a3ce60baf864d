"""What agents say a question is about is kept, exported, erased and deleted with its turn."""

from contextlib import closing

import pytest
from fakes import CARD, HashEmbedder

from ragdesk.errors import Invalid, NotFound
from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.retention import DAY_SECONDS, delete_old_conversations
from ragdesk.support.database import Database
from ragdesk.support.database_dump import dump_database, load_database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.insight.intent_labels import (
    IntentLabel,
    IntentLabelStore,
    check_intent_name,
    list_intent_names,
)
from ragdesk.support.insight.intent_training import train_intents
from ragdesk.support.insight.intents import INTENTS, OUT_OF_SCOPE, LabelledText
from ragdesk.support.insight.question_insight import OWN_INTENTS
from ragdesk.support.personal_data import erase_person, export_person
from ragdesk.support.text_rotation import rotate_texts

CIPHER = TextCipher([bytes(32)])


@pytest.fixture
def store(database):
    return ConversationStore(database, CIPHER)


def ask(store, person="ann", question="Where is my money?", **fields):
    turn = ConversationTurn(
        id=make_row_id(),
        conversation=store.create(person, "default").id,
        collection="default",
        question=question,
        **fields,
    )
    return store.append_turn(turn)


def label(store, turn, intent="refund_status", person="key:eve"):
    labels = IntentLabelStore(store.database, store.cipher)
    return labels.put(IntentLabel(turn=turn.id, intent=intent, person=person, role="agent"))


def test_the_latest_word_holds_and_is_taken_back(store):
    turn, other = ask(store), ask(store, "bob")
    labels = IntentLabelStore(store.database, CIPHER)
    label(store, turn)
    assert label(store, turn, "invoice", "key:ida").created > 0
    assert labels.list_of_turns([turn.id, other.id]) == {turn.id: "invoice"}
    (known,) = labels.iter_labelled_turns()
    assert (known.question, known.intent, known.person) == (turn.question, "invoice", "ann")
    labels.remove(turn.id)
    labels.remove(turn.id)
    assert labels.list_of_turns([turn.id]) == {}


def test_a_turn_that_is_gone_gets_no_label(store):
    turn = ask(store)
    store.delete(turn.conversation)
    with pytest.raises(NotFound):
        label(store, turn)


def test_a_label_goes_with_its_turn(store):
    deleted, old = ask(store), ask(store, created=1_000_000)
    for turn in (deleted, old):
        label(store, turn)
    store.delete(deleted.conversation)
    labels = IntentLabelStore(store.database, CIPHER)
    assert [one.turn for one in labels.iter_labelled_turns()] == [old.id]
    assert delete_old_conversations(store.database, 30, 31 * DAY_SECONDS + 1_000) == 1
    assert list(labels.iter_labelled_turns()) == []


def test_a_person_gets_their_labels_and_is_erased_from_them(store):
    mine, other = ask(store), ask(store, "bob")
    label(store, mine, person="key:eve")
    label(store, other, "invoice", person="ann")
    exported = export_person(store.database, CIPHER, "ann")["intent_labels"]
    facts = {one["turn"]: (one["intent"], one["is_author"]) for one in exported}
    assert facts == {mine.id: ("refund_status", False), other.id: ("invoice", True)}
    assert "eve" not in str(exported)

    assert erase_person(store.database, "ann")["intent_labels"] == 2
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT turn, person FROM intent_labels").all()
    assert [tuple(row) for row in rows] == [(other.id, "")]


def test_labels_are_in_a_dump_and_their_questions_are_read_after_a_new_key(store, tmp_path):
    turn = ask(store)
    label(store, turn)
    with closing(Database(tmp_path / "other")) as other:
        load_database(other, list(dump_database(store.database)), replace=False)
        rotated = TextCipher([bytes(range(32)), bytes(32)])
        rotate_texts(other, rotated)
        alone = IntentLabelStore(other, TextCipher([bytes(range(32))]))
        (known,) = alone.iter_labelled_turns()
    assert (known.turn, known.question) == (turn.id, turn.question)


def test_an_operators_intents_stand_before_ours(tmp_path):
    assert list_intent_names(tmp_path) == (*INTENTS, OUT_OF_SCOPE)
    texts = [
        LabelledText(text=f"{words} number {at}", label=name)
        for name, words in (("parking", "where do I park"), ("invoice", "send me a bill"))
        for at in range(30)
    ]
    train_intents(tmp_path, texts, HashEmbedder(CARD))
    names = list_intent_names(tmp_path)
    assert names[:2] == ("invoice", "parking")
    assert sorted(names) == sorted({*INTENTS, "parking", OUT_OF_SCOPE})
    check_intent_name("parking", tmp_path)
    with pytest.raises(Invalid):
        check_intent_name("no such intent", tmp_path)


def test_a_damaged_classifier_leaves_ours_to_be_labelled(tmp_path):
    file = tmp_path / OWN_INTENTS
    file.parent.mkdir()
    file.write_bytes(b"damaged")
    assert list_intent_names(tmp_path) == (*INTENTS, OUT_OF_SCOPE)
