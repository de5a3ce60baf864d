"""Hand-offs for tests, and a cipher that can be looked through."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import update

from ragdesk.answering.answer import Answer, Outcome
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS
from ragdesk.support.database import Database
from ragdesk.support.handoff.handoff import Handoff, HandoffContact
from ragdesk.support.handoff.handoff_states import HandoffReason, HandoffState

PAYLOAD = {
    "summary": "Asked: Where is my parcel?",
    "question": "Where is my parcel?",
    "turns": [],
    "sources": [],
    "stopped": "refused_twice",
    "language": "en",
    "sentiment": "angry",
}
HANDOFF = Handoff(
    id="",
    conversation="c1",
    person="visitor:pk:1",
    collection="default",
    state=HandoffState.ANSWERING,
    reason=HandoffReason.REFUSED_TWICE,
    text="I need my parcel today.",
    payload=PAYLOAD,
    contact=HandoffContact(name="Ada", email="ada@example.org"),
    language="en",
    sentiment="angry",
    created=0,
    updated=0,
    groups=frozenset({"staff"}),
)


def handoff(**changes: Any) -> Handoff:
    return replace(HANDOFF, **changes)


class ReversedText:
    """Writes everything backwards: what is stored in plain words is seen at once."""

    def seal(self, text: str) -> str:
        return f"sealed:{text[::-1]}"

    def open(self, text: str) -> str:
        assert text.startswith("sealed:"), text
        return text.removeprefix("sealed:")[::-1]


ANSWER = Answer(
    id="a1",
    question="Where is my parcel?",
    language="en",
    outcome=Outcome.NOT_FOUND,
    text="The documents do not say.",
    claims=(),
    citations=(),
    passages=(),
    choices=(),
    reason=None,
    next_step=None,
    collection="default",
    generation=1,
    generator="extractive",
    model="",
    degraded=False,
    degraded_reason=None,
    withheld=0,
    confidence=None,
    seconds={},
)


def begin_conversations(database: Database, names: Iterable[str], person: str = "p") -> None:
    """Begin conversations under names of ours."""
    store = ConversationStore(database)
    for name in names:
        made = store.create(person, "default").id
        with database.write() as connection:
            of_id = CONVERSATIONS.c.id == made
            connection.execute(update(CONVERSATIONS).where(of_id).values(id=name))
