"""Hand-offs are kept, whoever comes at the same time, in SQLite and in PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from handoff_values import ReversedText, begin_conversations, handoff
from sqlalchemy import select

from ragdesk.errors import NotFound, WrongState
from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database
from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffState
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.handoff.handoff_tables import (
    HANDOFF_EVENTS,
    HANDOFF_LINKS,
    HANDOFF_OUTBOX,
    HANDOFFS,
)
from ragdesk.support.personal_data import erase_person, export_person


@pytest.fixture(autouse=True)
def conversations(database: Database) -> ConversationStore:
    begin_conversations(database, [f"c{number}" for number in range(6)])
    return ConversationStore(database)


@pytest.fixture
def store(database: Database) -> HandoffStore:
    return HandoffStore(database, ReversedText(), channels=("webhook", "mail"))


def take(store: HandoffStore, name: str, agent: str) -> bool:
    try:
        store.change_handoff(name, HandoffAction.TAKE, agent, changes={"agent": agent})
    except WrongState:
        return False
    return True


def test_all_that_was_written_is_read_again(store, database):
    opened = store.open_handoff(handoff(), "visitor:pk:1")
    assert opened.state is HandoffState.WAITING
    assert store.get_handoff(opened.id) == opened == store.find_handoff("c1")
    again = Database(database.home, database.address)
    assert HandoffStore(again, ReversedText()).list_handoffs() == [opened]
    again.close()
    with pytest.raises(NotFound):
        store.get_handoff("another")
    assert store.find_handoff("another") is None


def test_a_life_from_the_queue_to_the_rating(store):
    name = store.open_handoff(handoff(), "visitor:pk:1").id
    taken = {"agent": "staff:anna", "agent_name": "Anna"}
    store.change_handoff(name, HandoffAction.TAKE, "staff:anna", changes=taken)
    store.change_handoff(name, HandoffAction.REPLY, "staff:anna", detail={"text": "Tomorrow."})
    free = {"agent": None, "agent_name": None}
    store.change_handoff(name, HandoffAction.TRANSFER, "staff:anna", changes=free)
    assert store.get_handoff(name).state is HandoffState.WAITING
    store.change_handoff(name, HandoffAction.TAKE, "staff:ben", changes={"agent": "staff:ben"})
    assert store.change_handoff(name, HandoffAction.CLOSE, "staff:ben").closed is not None
    rated = store.change_handoff(
        name, HandoffAction.RATE, "visitor:pk:1", changes={"rating": 5, "comment": "Thanks!"}
    )
    assert (rated.rating, rated.comment, rated.closed is None) == (5, "Thanks!", False)
    reopened = store.change_handoff(name, HandoffAction.REOPEN, "visitor:pk:1")
    assert (reopened.state, reopened.reopened, reopened.agent) == ("waiting", 1, None)
    events = store.list_events(name)
    told = ["open", "take", "reply", "transfer", "take", "close", "rate", "reopen"]
    assert [str(event.action) for event in events] == told
    assert events[2].detail == {"text": "Tomorrow."}
    assert store.count_states() == {"waiting": 1}


def test_a_conversation_is_handed_over_once_at_a_time_but_again_after_its_end(store):
    first = store.open_handoff(handoff(), "p").id
    with pytest.raises(WrongState, match="already"):
        store.open_handoff(handoff(), "p")
    store.change_handoff(first, HandoffAction.CLOSE, "staff:anna")
    second = store.open_handoff(handoff(), "p").id
    assert store.find_handoff("c1").id == second != first
    with pytest.raises(WrongState):  # the former one cannot come back beside it
        store.change_handoff(first, HandoffAction.REOPEN, "p")
    assert store.count_states() == {"waiting": 1, "closed": 1}


def test_of_agents_who_take_at_once_a_single_one_has_it(store):
    names = [store.open_handoff(handoff(conversation=f"c{i}"), "p").id for i in range(5)]
    agents = [f"staff:{i}" for i in range(4)]
    start = threading.Barrier(len(agents))

    def take_all(agent: str) -> list[bool]:
        start.wait(10)
        return [take(store, name, agent) for name in names]

    with ThreadPoolExecutor(len(agents)) as pool:
        taken = list(pool.map(take_all, agents))
    for number, name in enumerate(names):
        winners = [agent for agent, won in zip(agents, taken, strict=True) if won[number]]
        assert [store.get_handoff(name).agent] == winners


def test_of_many_who_hand_over_at_once_a_single_one_is_in_the_queue(store):
    start = threading.Barrier(4)

    def hand_over(_: int) -> bool:
        start.wait(10)
        try:
            store.open_handoff(handoff(), "p")
        except WrongState:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(hand_over, range(4))) == [False, False, False, True]
    assert store.count_states() == {"waiting": 1}


def test_another_agent_than_the_one_who_has_it_does_not_reply(store):
    name = store.open_handoff(handoff(), "p").id
    taken = {"agent": "staff:anna", "agent_name": "Anna"}
    store.change_handoff(name, HandoffAction.TAKE, "staff:anna", changes=taken)
    with pytest.raises(WrongState, match="Anna has it"):
        store.change_handoff(name, HandoffAction.REPLY, "staff:ben", only_agent="staff:ben")
    assert [str(event.action) for event in store.list_events(name)] == ["open", "take"]


def test_a_refused_action_leaves_nothing_behind(store, database):
    name = store.open_handoff(handoff(), "p").id
    with pytest.raises(WrongState, match="waiting"):
        store.change_handoff(name, HandoffAction.REPLY, "staff:anna", detail={"text": "x"})
    assert len(store.list_events(name)) == 1
    with database.read() as connection:
        assert len(connection.execute(select(HANDOFF_OUTBOX)).all()) == 2  # of its opening alone


def test_the_queue_is_oldest_first_and_of_ones_own_collections(database):
    now = [100.0]
    store = HandoffStore(database, ReversedText(), clock=lambda: now[0])
    names = []
    for number in range(4):
        now[0] += 10
        collection = "default" if number % 2 else "other"
        made = handoff(conversation=f"c{number}", collection=collection, person=f"p{number}")
        names.append(store.open_handoff(made, "p").id)
    assert [one.id for one in store.list_handoffs()] == names
    assert [one.id for one in store.list_handoffs(collections={"other"})] == names[::2]
    assert [one.id for one in store.list_handoffs(person="p1")] == [names[1]]
    store.change_handoff(names[0], HandoffAction.CLOSE, "staff:anna")
    assert [one.id for one in store.list_handoffs([HandoffState.CLOSED])] == [names[0]]


def test_what_people_wrote_is_sealed_in_every_row(store, database):
    name = store.open_handoff(handoff(), "p").id
    store.change_handoff(name, HandoffAction.TAKE, "a", changes={"agent": "a"})
    store.change_handoff(name, HandoffAction.REPLY, "a", detail={"text": "Canary reply"})
    store.change_handoff(name, HandoffAction.CLOSE, "a")
    store.change_handoff(name, HandoffAction.RATE, "p", changes={"comment": "Canary comment"})
    store.store_draft(name, {"text": "Canary draft"})
    assert store.get_draft(name) == {"text": "Canary draft"}
    with database.read() as connection:
        rows = [
            str(row)
            for table in (HANDOFFS, HANDOFF_EVENTS, HANDOFF_OUTBOX)
            for row in connection.execute(select(table))
        ]
    for words in ("Canary", "parcel", "ada@example", "Ada"):
        assert not [row for row in rows if words in row]


def test_hand_offs_go_with_their_conversation(store, database, conversations):
    store.open_handoff(handoff(), "p")
    other = store.open_handoff(handoff(conversation="c2", person="somebody"), "q").id
    conversations.delete("c1")
    with database.read() as connection:
        for table in (HANDOFF_EVENTS, HANDOFF_OUTBOX, HANDOFF_LINKS):
            left = {row.handoff for row in connection.execute(select(table))}
            assert left <= {other}
    assert [one.id for one in store.list_handoffs(tuple(HandoffState))] == [other]


def test_the_conversation_goes_along_from_state_to_state(store, conversations):
    name = store.open_handoff(handoff(), "p").id
    for action, state in (
        (None, "waiting"),
        (HandoffAction.TAKE, "with_person"),
        (HandoffAction.CLOSE, "closed"),
        (HandoffAction.REOPEN, "waiting"),
    ):
        if action:
            store.change_handoff(name, action, "a")
        assert conversations.get("c1").state == state


def test_what_belongs_together_is_written_together_or_not_at_all(store, conversations):
    name = store.open_handoff(handoff(), "p").id
    store.change_handoff(name, HandoffAction.TAKE, "a", changes={"agent": "a"})
    turn = ConversationTurn(
        id="t1", conversation="c1", collection="default", author="agent", answer={"text": "Hi"}
    )
    gone = replace(turn, id="t2", conversation="gone")
    store.change_handoff(
        name, HandoffAction.REPLY, "a", within=lambda c: conversations.write_turn(c, turn)
    )
    with pytest.raises(NotFound):
        store.change_handoff(
            name, HandoffAction.REPLY, "a", within=lambda c: conversations.write_turn(c, gone)
        )
    assert [one.id for one in conversations.list_turns("c1")] == ["t1"]
    assert [str(one.action) for one in store.list_events(name)] == ["open", "take", "reply"]


def test_a_persons_hand_offs_are_exported_and_erased_and_an_agents_name_with_them(store, database):
    name = store.open_handoff(handoff(), "visitor:pk:1").id
    other = store.open_handoff(handoff(conversation="c2", person="somebody"), "q").id
    taken = {"agent": "staff:anna", "agent_name": "Anna"}
    for each in (name, other):
        store.change_handoff(each, HandoffAction.TAKE, "staff:anna", changes=taken)
    (exported,) = export_person(database, ReversedText(), "visitor:pk:1")["handoffs"]
    assert (exported["id"], exported["contact"]["name"]) == (name, "Ada")
    assert exported["events"][0]["detail"]["text"] == "I need my parcel today."
    assert erase_person(database, "visitor:pk:1")["handoffs"] == 1
    assert [one.id for one in store.list_handoffs()] == [other]
    assert erase_person(database, "staff:anna")["handoffs"] == 2
    assert store.get_handoff(other).agent_name is None
    assert [event.actor for event in store.list_events(other)] == ["q", ""]
