import json

import pytest
from draft_values import make_draft

from ragdesk.support.conversations.conversation import ConversationTurn, Feedback, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.conversations.retention import DAY_SECONDS, delete_old_conversations
from ragdesk.support.encryption import TextCipher
from ragdesk.support.learning.draft import DraftSource
from ragdesk.support.learning.draft_store import DraftStore
from ragdesk.support.personal_data import erase_person, export_person
from ragdesk.support.sign_in.account_store import AccountStore
from ragdesk.support.sign_in.session_store import SessionStore
from ragdesk.support.sign_in.visitor_store import VisitorStore

CIPHER = TextCipher([bytes(32)])


@pytest.fixture
def store(database):
    return ConversationStore(database, CIPHER)


def converse(store, person, question="Where is it?", **fields):
    talk = store.create(person, "default", title="A title")
    turn = ConversationTurn(
        id=make_row_id(),
        conversation=talk.id,
        collection="default",
        question=question,
        answer={"text": "Here."},
        **fields,
    )
    return store.append_turn(turn)


def judge(store, turn, person, comment=None):
    feedback = FeedbackStore(store.database, store.cipher)
    return feedback.put(
        Feedback(id="", turn=turn.id, person=person, role="customer", verdict="up", comment=comment)
    )


def test_a_person_gets_all_that_is_kept_of_them_and_nothing_of_others(store):
    mine, other = converse(store, "ann"), converse(store, "bob", "Bob's secret?")
    judge(store, mine, "ann", "Good.")
    exported = export_person(store.database, CIPHER, "ann")

    (talk,) = exported["conversations"]
    assert talk["title"] == "A title"
    assert talk["turns"][0]["question"] == "Where is it?"
    assert talk["turns"][0]["answer"] == {"text": "Here."}
    assert [f["comment"] for f in exported["feedback"]] == ["Good."]
    assert "Bob" not in str(exported)
    assert other.id not in str(exported)


def test_what_is_erased_is_gone_from_every_table(store):
    mine, other = converse(store, "ann"), converse(store, "bob", writer="ann")
    judge(store, mine, "bob")
    judge(store, other, "ann")

    assert erase_person(store.database, "ann") == {
        "drafts": 0,
        "handoffs": 0,
        "feedback": 1,
        "intent_labels": 0,
        "conversations": 2,
        "sign_in": 0,
        "chat_messages": 0,
        "kept_responses": 0,
        "done_requests": 0,
    }
    with store.database.read() as connection:
        left = {
            name: connection.exec_driver_sql(f"SELECT * FROM {name}").all()  # noqa: S608
            for name in ("conversations", "turns", "turn_words", "feedback")
        }
    assert "ann" not in str(left)
    assert [len(rows) for rows in left.values()][:2] == [1, 1]
    assert store.get_turn(other.id).writer is None
    empty = export_person(store.database, CIPHER, "ann")
    assert empty["conversations"] == empty["feedback"] == []


def test_old_conversations_are_deleted_but_those_that_wait_for_somebody(store):
    old = converse(store, "ann", created=1_000_000)
    waiting = store.create("ann", "default")
    now = waiting.updated + 31 * DAY_SECONDS
    store.set_state(waiting.id, "waiting")
    fresh = converse(store, "ann", created=now * 1000)

    assert delete_old_conversations(store.database, 0, now) == 0
    assert delete_old_conversations(store.database, 30, now) == 1
    left = {waiting.id, fresh.conversation}
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT id FROM conversations").scalars()
        assert set(rows) == left
    assert old.conversation not in left


def test_a_draft_of_a_persons_words_is_erased_after_their_conversation_was_deleted(store):
    turn = converse(store, "ann", created=1_000_000)
    asked = "Where is the parcel that I sent?"
    source = DraftSource(turn=turn.id)
    draft = make_draft(origin="gap", question=asked, answer="On its way.", sources=(source,))
    DraftStore(store.database, CIPHER).add(draft)
    store.delete(turn.conversation)
    assert len(export_person(store.database, CIPHER, "ann")["drafts"]) == 1
    assert erase_person(store.database, "ann")["drafts"] == 1


def test_why_a_draft_was_rejected_is_sealed(store):
    drafts = DraftStore(store.database, CIPHER)
    name = drafts.add(make_draft()).id
    drafts.reject(name, "It speaks of Ann.")
    assert drafts.find(name).reason == "It speaks of Ann."
    with store.database.read() as connection:
        assert "Ann" not in str(connection.exec_driver_sql("SELECT * FROM drafts").all())


def test_accounts_sessions_and_visitors_are_exported_and_erased(database):
    account = AccountStore(database).save("https://id.example", "s1", "Ann", frozenset({"desk"}))
    SessionStore(database, lambda: bytes(32)).create(account=account.id)
    visitor, _ = VisitorStore(database).create("site")
    for person, count in ((f"staff:{account.id}", 2), (f"visitor:site:{visitor.id}", 1)):
        exported = export_person(database, CIPHER, person)["sign_in"]
        assert len(exported) == count
        json.dumps(exported)
        assert erase_person(database, person)["sign_in"] == count
        assert export_person(database, CIPHER, person)["sign_in"] == []
