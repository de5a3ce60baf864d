"""Which turns of conversations are questions that went wrong."""

import pytest

from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.learning.gap_questions import collect_gap_questions


@pytest.mark.parametrize(
    ("fields", "is_gap"),
    [
        ({"reason": "no_passage", "outcome": "not_found"}, True),
        ({"outcome": "handed_over"}, True),
        ({"outcome": "handed_over", "reason": "needs_account"}, True),
        ({"outcome": "handed_over", "reason": "wants_person"}, False),
        ({"outcome": "handed_over", "reason": "complaint"}, False),
        ({"outcome": "handed_over", "answer": None}, False),  # to the person who had it
        ({"outcome": "answered"}, False),
    ],
)
def test_what_was_said_to_a_person_is_no_gap_of_the_documents(database, fields, is_gap):
    store = ConversationStore(database)
    talk = store.create("ann", "default")
    facts = {"answer": {"text": "No."}, "question": "Thank you, that is all.", **fields}
    store.append_turn(
        ConversationTurn(
            id=make_row_id(), conversation=talk.id, collection="default", language="en", **facts
        )
    )
    found = collect_gap_questions(database, store.cipher, 0, None)
    assert bool(found) is is_gap
