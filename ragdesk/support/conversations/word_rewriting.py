"""Write the words of turns and titles anew: of another key, or another version of our tokens."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from indexes.text.tokens import TOKENS_VERSION
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURNS
from ragdesk.support.conversations.turn_words import TITLE_NUMBER, write_turn_words
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.tables import SECRETS

VERSION_NAME: Final = "turn_words"
READ_AT_ONCE: Final = 20  # rows of one transaction
LEAST_PAUSE: Final = 0.02  # seconds


def let_others_write(started: float) -> None:
    """Pause for as long as a transaction took: SQLite's other writers try again and again.

    started: when it began, of ``time.monotonic``.
    """
    time.sleep(max(LEAST_PAUSE, time.monotonic() - started))


def rewrite_title_words(connection: Connection, names: Sequence[str], cipher: TextCipher) -> None:
    """Write the words of some conversations' titles anew."""
    query = select(CONVERSATIONS.c.row_key, CONVERSATIONS.c.title)
    for row in connection.execute(query.where(CONVERSATIONS.c.id.in_(names))).all():
        title = cipher.open(row.title)
        write_turn_words(connection, (row.row_key, TITLE_NUMBER), (title, None), cipher)


def rewrite_turn_words(connection: Connection, names: Sequence[str], cipher: TextCipher) -> None:
    """Write the words of some turns anew."""
    columns = (CONVERSATIONS.c.row_key, TURNS.c.number, TURNS.c.question, TURNS.c.answer)
    query = select(*columns).join(CONVERSATIONS, CONVERSATIONS.c.id == TURNS.c.conversation)
    for row in connection.execute(query.where(TURNS.c.id.in_(names))).all():
        question = cipher.open(row.question) if row.question else None
        answer = json.loads(cipher.open(row.answer)) if row.answer else {}
        texts = (question, str(answer.get("text", "")))
        write_turn_words(connection, (row.row_key, row.number), texts, cipher)


def follow_tokens_version(
    database: Database, cipher: TextCipher, is_stopped: Callable[[], bool] = lambda: False
) -> int:
    """Write all words anew where they are of another version of our tokens; gives how many turns.

    A search finds words by the tokens that wrote them.
    """
    version = str(TOKENS_VERSION).encode()
    version_query = select(SECRETS.c.value).where(SECRETS.c.name == VERSION_NAME)
    with database.read() as connection:
        value = connection.execute(version_query).scalar()
    if value is not None and bytes(value) == version:
        return 0
    total = _rewrite_all(database, cipher, is_stopped)
    if is_stopped():
        return total
    with database.write() as connection:
        connection.execute(delete(SECRETS).where(SECRETS.c.name == VERSION_NAME))
        connection.execute(insert(SECRETS).values(name=VERSION_NAME, value=version))
    return total


def _rewrite_all(database: Database, cipher: TextCipher, is_stopped: Callable[[], bool]) -> int:
    total = 0
    for table, rewrite in ((CONVERSATIONS, rewrite_title_words), (TURNS, rewrite_turn_words)):
        last = ""
        while not is_stopped():
            query = select(table.c.id).where(table.c.id > last).order_by(table.c.id)
            started = time.monotonic()
            with database.write() as connection:
                names = list(connection.execute(query.limit(READ_AT_ONCE)).scalars())
                rewrite(connection, names, cipher)
            if not names:
                break
            let_others_write(started)
            last = names[-1]
            total += len(names) if table is TURNS else 0
    return total
