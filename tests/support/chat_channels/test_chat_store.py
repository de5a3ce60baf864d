"""Messages of channels wait in the database: once each, in their order, under a lease."""

from dataclasses import replace

import pytest

from ragdesk.errors import Overloaded
from ragdesk.support.chat_channels import chat_store
from ragdesk.support.chat_channels.chat_message import ChatMessage, ChatReply, ReplySource
from ragdesk.support.chat_channels.chat_store import (
    CHAT_LEASE_SECONDS,
    MEMORY_SECONDS,
    MOST_CHAT_ATTEMPTS,
    ChatStore,
)
from ragdesk.support.chat_channels.chat_tables import CHAT_MESSAGES
from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.personal_data import erase_person

CIPHER = TextCipher([bytes(32)])
REPLY = ChatReply(text="Five days. [1]", sources=(ReplySource(number=1, title="Refunds"),))


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> ChatStore:
    return ChatStore(database, CIPHER, clock)


def message(event: str, thread: str = "t", user: str = "u") -> ChatMessage:
    return ChatMessage(
        event=event, thread=thread, user=user, text="How long?", address={"channel": "c"}
    )


def test_a_message_is_taken_once_and_leased_to_one(store, clock):
    assert store.take("help", message("1"))
    assert not store.take("help", message("1"))
    assert store.take("other", message("1"))
    letters = [store.claim(), store.claim(), store.claim()]
    assert [letter and letter.channel for letter in letters] == ["help", "other", None]
    assert letters[0].message == message("1")
    assert letters[0].reply is None
    clock.now += CHAT_LEASE_SECONDS + 1  # whoever held them is gone
    assert store.claim().name == letters[0].name


def test_messages_of_a_thread_are_answered_in_their_order(store, clock):
    for number in "123":
        store.take("help", message(number, thread="one"))
    store.take("help", message("4", thread="two", user="another"))
    first, second = store.claim(), store.claim()
    assert [first.message.event, second.message.event] == ["1", "4"]
    assert store.claim() is None
    store.note_sent(first)
    assert store.claim().message.event == "2"


def test_an_answer_is_kept_until_it_was_sent_and_no_longer(store, clock, database):
    store.take("help", replace(message("1"), text="a secret question"))
    letter = store.claim()
    store.store_reply(letter, REPLY)
    with database.read() as connection:
        row = connection.execute(CHAT_MESSAGES.select()).mappings().one()
    assert "secret" not in row["message"]
    assert "Five" not in row["reply"]
    assert store.note_failure(letter, "away", retry_after=900.0)
    assert store.claim() is None
    clock.now += 901
    again = store.claim()
    assert (again.reply, again.name) == (REPLY, letter.name)
    store.release(again)
    assert store.claim().number == again.number
    store.note_sent(again)
    with database.read() as connection:
        row = connection.execute(CHAT_MESSAGES.select()).mappings().one()
    assert (row["message"], row["reply"]) == (None, None)
    clock.now += MEMORY_SECONDS + 1
    assert store.prune() == 1


def test_what_is_never_taken_over_there_ends(store, clock):
    store.take("help", message("1"))
    tries = 0
    while (letter := store.claim()) is not None:
        tries += 1
        store.note_failure(letter, "away")
        clock.now += 3_601
    assert tries == MOST_CHAT_ATTEMPTS
    assert store.count_waiting() == 0
    assert not store.take("help", message("1"))


def test_no_more_wait_than_there_is_room_for(store, monkeypatch):
    monkeypatch.setattr(chat_store, "MOST_CHAT_MESSAGES", 1)
    store.take("help", message("1"))
    with pytest.raises(Overloaded):
        store.take("help", message("2"))
    assert not store.take("help", message("1"))


def test_one_author_neither_fills_the_room_nor_has_every_answerer(store, monkeypatch):
    monkeypatch.setattr(chat_store, "MOST_OF_AUTHOR", 2)
    for number in ("1", "2"):
        store.take("help", message(number, thread=number))
    with pytest.raises(Overloaded):
        store.take("help", message("3", thread="3"))
    assert store.take("help", message("4", thread="4", user="another"))
    assert [store.claim().message.event, store.claim().message.event] == ["1", "4"]
    assert store.claim() is None


def test_what_people_of_the_house_write_is_sent_once(store, database):
    conversations = ConversationStore(database, CIPHER)
    name = conversations.create("channel:help:u", "default").id
    store.store_thread("help", "t", name, {"channel": "c"})
    assert store.find_conversation("help", "t") == name

    def write(number: str, author: str, text: str) -> None:
        turn = ConversationTurn(
            id=number, conversation=name, collection="default", author=author, answer={"text": text}
        )
        conversations.append_turn(turn)

    write("1", "agent", "not handed over yet")
    assert store.collect_replies(["help"]) == 0
    conversations.set_state(name, "with_person")
    write("2", "note", "between us")
    write("3", "agent", "Hello")
    assert store.collect_replies(["teams"]) == 0  # takes none later
    assert store.collect_replies(["help"]) == 2
    assert store.collect_replies(["help"]) == 0
    sent = []
    while (letter := store.claim()) is not None:
        sent.append((letter.reply.text, dict(letter.address), letter.message))
        store.note_sent(letter)
    assert sent == [
        ("not handed over yet", {"channel": "c"}, None),
        ("Hello", {"channel": "c"}, None),
    ]
    conversations.delete(name)
    assert store.find_conversation("help", "t") is None


def test_what_waits_of_a_person_who_is_erased_is_not_answered(store, database):
    name = ConversationStore(database, CIPHER).create("channel:help:u", "default").id
    store.store_thread("help", "t", name, {"channel": "c"})
    store.take("help", message("1"))
    store.take("help", message("2", thread="of another"))
    assert erase_person(database, "channel:help:u")["chat_messages"] == 1
    assert store.claim().message == message("2", thread="of another")
    assert store.claim() is None
    assert not store.take("help", message("1"))
