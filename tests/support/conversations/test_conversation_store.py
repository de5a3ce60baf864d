from dataclasses import replace

import pytest

from ragdesk.errors import NotFound
from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationFilter, ConversationStore
from ragdesk.support.encryption import TextCipher

MINE = ConversationFilter(person="local")


@pytest.fixture(params=[(), (bytes(range(32)),)], ids=["plain", "sealed"])
def store(database, request):
    return ConversationStore(database, TextCipher(request.param))


def say(store, conversation, question, answer):
    return store.append_turn(
        ConversationTurn(
            id=make_row_id(),
            conversation=conversation.id,
            collection="default",
            question=question,
            answer={"text": answer, "citations": []},
            outcome="answered",
            language="en",
        )
    )


def test_a_conversation_reads_as_it_was_written(store):
    talk = store.create("local", "default")
    first = say(store, talk, "How long do refunds take?", "5 working days.")
    second = say(store, talk, "\x02And gift cards?", "They are not refunded.")

    assert store.list_turns(talk.id) == [first, second]
    assert store.list_turns(talk.id, after=1) == [second]
    assert store.list_last_turns(talk.id, 1) == [second]
    assert store.get_turn(first.id).text == "5 working days."
    assert [turn.number for turn in (first, second)] == [1, 2]
    assert store.get(talk.id).title == "How long do refunds take?"
    assert store.get(talk.id).language == "en"


def test_a_title_of_ones_own_stays(store):
    talk = store.create("local", "default", title="Mine")
    say(store, talk, "How long do refunds take?", "5 working days.")
    assert store.get(talk.id).title == "Mine"
    assert store.rename(talk.id, "Yours").title == store.get(talk.id).title == "Yours"


def test_a_list_goes_on_where_it_ended(store):
    talks = [store.create("local", "default", title=str(n)) for n in range(5)]
    store.create("somebody else", "default")

    first = store.list_conversations(MINE, limit=3)
    last = first[-1]
    rest = store.list_conversations(MINE, before=(last.updated, last.id), limit=3)
    assert sorted(t.title for t in (*first, *rest)) == [t.title for t in talks]


def test_agents_list_by_state(store):
    store.create("a", "default")
    waiting = store.create("b", "default")
    store.create("c", "other")
    store.set_state(waiting.id, "waiting")
    assert [t.id for t in store.list_conversations(ConversationFilter(states=("waiting",)))] == [
        waiting.id
    ]
    assert store.list_conversations(ConversationFilter(collections=("none",))) == []


def test_words_find_a_conversation_whole_in_both_languages(store):
    english = store.create("local", "default")
    say(store, english, "How long do refunds take?", "Within 5 working days.")
    chinese = store.create("local", "default")
    say(store, chinese, "退款多久到账？", "退款会在三个工作日内到账。")

    def find(query):
        return [talk.id for talk in store.list_conversations(replace(MINE, query=query))]

    assert find("refund") == find("working refunds") == [english.id]
    assert find("退款") == find("到账 退款") == [chinese.id]
    assert find("refunds 退款") == find("invoice") == find("the") == find("refu") == []
    store.rename(english.id, "Invoice of March")
    assert find("invoice") == [english.id]
    assert store.list_conversations(ConversationFilter(person="b", query="refund")) == []


def test_what_is_deleted_is_gone(store):
    talk = store.create("local", "default")
    turn = say(store, talk, "How long do refunds take?", "5 working days.")
    store.delete(talk.id)

    for read in (store.get, store.delete, store.end_sharing):
        with pytest.raises(NotFound):
            read(talk.id)
    with pytest.raises(NotFound):
        store.get_turn(turn.id)
    with pytest.raises(NotFound):
        say(store, talk, "Anybody there?", "No.")
    assert store.list_conversations(replace(MINE, query="refund")) == []


def test_a_shared_conversation_opens_by_its_newest_token_alone(store):
    talk = store.create("local", "default")
    former, newest = store.share(talk.id), store.share(talk.id)
    assert store.find_shared(newest).id == talk.id
    assert store.get(talk.id).is_shared
    with pytest.raises(NotFound):
        store.find_shared(former)
    store.end_sharing(talk.id)
    with pytest.raises(NotFound):
        store.find_shared(newest)


def test_nothing_that_people_wrote_lies_open_where_a_key_is_set(database):
    store = ConversationStore(database, TextCipher([bytes(32)]))
    talk = store.create("local", "default", title="marmalade")
    say(store, talk, "Where is the marmalade?", "The marmalade is in the cellar.")
    with database.read() as connection:
        for table in ("conversations", "turns", "turn_words"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608
            assert rows
            assert "marmalade" not in str(rows)
