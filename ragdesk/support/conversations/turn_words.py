"""The words by which a conversation is searched: hashes of our own tokens.

The same on SQLite and PostgreSQL, and for Chinese, which neither cuts into words. Words are found
whole, as ``indexes.text`` spells them (stems; characters and pairs of characters); where an
encryption key is set, their hashes are keyed by it.
"""

from typing import Final

from sqlalchemy import Connection, delete, insert

from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.support.conversations.conversation_tables import TURN_WORDS
from ragdesk.support.encryption import TextCipher

MOST_TURN_WORDS: Final = 1_000  # of one turn: a pasted book costs no more
MOST_QUERY_WORDS: Final = 8
TurnPlace = tuple[int, int]  # row_key of a conversation, and number of a turn in it
TITLE_NUMBER: Final = 0  # under which a title's words stand, among the numbers of turns


def collect_words(text: str | None) -> list[str]:
    """List the words of a text by which it is searched, each once."""
    words = drop_stopwords(tokenize_text(text)) if text else []
    return list(dict.fromkeys(words))[:MOST_TURN_WORDS]


def collect_query_words(query: str) -> list[str]:
    """List the words that a conversation must hold to be found by a query."""
    words = tokenize_text(query)
    return list(dict.fromkeys(drop_stopwords(words)))[:MOST_QUERY_WORDS]


def list_word_rows(
    place: TurnPlace, texts: tuple[str | None, str | None], cipher: TextCipher
) -> list[dict[str, int]]:
    """List the rows of a turn's words. texts: question and answer.

    Words of the answer alone stand under the negative number: somebody else than its reader does
    not search them, as it may quote what they may not see.
    """
    row_key, number = place
    question, answer = texts
    numbers = {cipher.hash_word(word): -number for word in collect_words(answer)}
    numbers |= {cipher.hash_word(word): number for word in collect_words(question)}
    return [
        {"conversation": row_key, "word": word, "number": numbers[word]} for word in sorted(numbers)
    ]


def write_turn_words(
    connection: Connection,
    place: TurnPlace,
    texts: tuple[str | None, str | None],
    cipher: TextCipher,
) -> None:
    """Write the words of a turn (or of a title), in place of those that stood there."""
    row_key, number = place
    same_turn = TURN_WORDS.c.number.in_((number, -number))
    connection.execute(delete(TURN_WORDS).where(TURN_WORDS.c.conversation == row_key, same_turn))
    insert_turn_words(connection, place, texts, cipher)


def insert_turn_words(
    connection: Connection,
    place: TurnPlace,
    texts: tuple[str | None, str | None],
    cipher: TextCipher,
) -> None:
    """Write the words of a turn that has none yet."""
    if rows := list_word_rows(place, texts, cipher):
        connection.execute(insert(TURN_WORDS), rows)
