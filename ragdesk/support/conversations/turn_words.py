"""The words by which a conversation is searched: hashes of our own tokens.

The same on SQLite and PostgreSQL, and for Chinese, which neither cuts into words. Words are found
whole, as ``indexes.text`` spells them (stems; characters and pairs of characters); where an
encryption key is set, their hashes are keyed by it.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, delete, insert

from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.support.conversations.conversation_tables import TURN_WORDS
from ragdesk.support.encryption import TextCipher

MOST_TURN_WORDS: Final = 1_000  # of one turn: a pasted book costs no more
MOST_QUERY_WORDS: Final = 8
TITLE_NUMBER: Final = 0  # under which a title's words stand, among the numbers of turns


def collect_words(texts: Iterable[str | None]) -> list[str]:
    """List the words of some texts by which they are searched, each once."""
    words = (word for text in texts if text for word in drop_stopwords(tokenize_text(text)))
    return list(dict.fromkeys(words))[:MOST_TURN_WORDS]


def collect_query_words(query: str) -> list[str]:
    """List the words that a conversation must hold to be found by a query.

    One of stopwords alone is taken as it is.
    """
    words = tokenize_text(query)
    return list(dict.fromkeys(drop_stopwords(words)))[:MOST_QUERY_WORDS]


def write_turn_words(
    connection: Connection,
    row_key: int,
    number: int,
    texts: Iterable[str | None],
    cipher: TextCipher,
) -> None:
    """Write the words of a turn (or of a title), in place of those that stood there."""
    same_turn = (TURN_WORDS.c.conversation == row_key) & (TURN_WORDS.c.number == number)
    connection.execute(delete(TURN_WORDS).where(same_turn))
    hashes = {cipher.hash_word(word) for word in collect_words(texts)}
    rows = [{"conversation": row_key, "word": word, "number": number} for word in sorted(hashes)]
    if rows:
        connection.execute(insert(TURN_WORDS), rows)
