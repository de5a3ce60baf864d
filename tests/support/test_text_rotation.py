from dataclasses import replace

import pytest

from ragdesk.errors import EncryptionKeyMissing
from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationFilter, ConversationStore
from ragdesk.support.conversations.word_rewriting import follow_tokens_version
from ragdesk.support.encryption import TextCipher
from ragdesk.support.text_rotation import is_rotated, rotate_texts

OLD, NEW = bytes(32), bytes(range(32))
MINE = ConversationFilter(person="ann")


def converse(store, question="Where is the marmalade?"):
    talk = store.create("ann", "default")
    turn = ConversationTurn(
        id=make_row_id(),
        conversation=talk.id,
        collection="default",
        question=question,
        answer={"text": "In the cellar."},
    )
    return store.append_turn(turn)


@pytest.mark.parametrize("former", [(), (OLD,)], ids=["from plain", "from another key"])
def test_everything_is_sealed_anew_and_found_as_before(database, former):
    turns = [converse(ConversationStore(database, TextCipher(former))) for _ in range(3)]
    rotated = TextCipher([NEW, *former])
    store = ConversationStore(database, rotated)
    assert not is_rotated(database, rotated)
    assert len(store.list_conversations(replace(MINE, query="marmalade cellar"))) == 3

    assert rotate_texts(database, rotated) == 6  # a title and a turn each
    assert rotate_texts(database, rotated) == 0
    assert is_rotated(database, rotated)
    alone = ConversationStore(database, TextCipher([NEW]))
    assert [alone.get_turn(t.id) for t in turns] == turns
    assert len(alone.list_conversations(replace(MINE, query="marmalade cellar"))) == 3
    words = TextCipher(former).hash_word("marmalad")
    with database.read() as connection:
        stood = "SELECT count(*) FROM turn_words WHERE word = "
        assert connection.exec_driver_sql(f"{stood}{words}").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM turn_words").scalar()


def test_a_rotation_without_the_former_key_says_so(database):
    turn = converse(ConversationStore(database, TextCipher([OLD])))
    with pytest.raises(EncryptionKeyMissing, match="behind the newest"):
        rotate_texts(database, TextCipher([NEW]))
    assert ConversationStore(database, TextCipher([OLD])).get_turn(turn.id) == turn


def test_a_rotation_that_is_stopped_goes_on_later(database):
    converse(ConversationStore(database))
    rotated = TextCipher([NEW])
    assert rotate_texts(database, rotated, lambda: True) == 1
    assert not is_rotated(database, rotated)
    assert rotate_texts(database, rotated) == 1
    assert rotate_texts(database, TextCipher()) == 0


def test_words_of_another_version_are_written_anew(database):
    store = ConversationStore(database)
    converse(store)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM turn_words")
    assert store.list_conversations(replace(MINE, query="marmalade")) == []
    assert follow_tokens_version(database, store.cipher) == 1
    assert len(store.list_conversations(replace(MINE, query="marmalade"))) == 1
    assert follow_tokens_version(database, store.cipher) == 0
