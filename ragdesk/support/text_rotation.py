"""Encrypt what is kept with the newest key: after a key was set, or changed.

Every column of ``METADATA`` that is marked as sealed is walked over, a few rows at a time, while
the desk goes on.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Table, and_, delete, insert, or_, select, update

from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURNS
from ragdesk.support.conversations.word_rewriting import (
    let_others_write,
    rewrite_title_words,
    rewrite_turn_words,
)
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.schema import load_schema
from ragdesk.support.tables import SECRETS

ROTATED_AT_ONCE: Final = 20  # rows of one transaction
KEY_NOTE: Final = "encryption_key"  # a name among the secrets: the key that all was sealed with
RewriteWords = Callable[[Connection, Sequence[str], TextCipher], None]
# What else depends on the key, by table: given the ids of rows that were sealed anew.
DEPENDENTS: Final[Mapping[str, RewriteWords]] = {
    CONVERSATIONS.name: rewrite_title_words,
    TURNS.name: rewrite_turn_words,
}


def is_rotated(database: Database, cipher: TextCipher) -> bool:
    """Tell whether a rotation to the newest key, or to none, was noted as ended."""
    with database.read() as connection:
        return _read_note(connection) == cipher.key_id


def rotate_texts(
    database: Database, cipher: TextCipher, is_stopped: Callable[[], bool] = lambda: False
) -> int:
    """Seal every text with the newest key that is not yet; gives how many rows were written.

    Without a key nothing is changed. Raises EncryptionKeyMissing for a text that none of the keys
    opens: it stays, and so does all behind it. is_stopped: asked between two transactions; what
    is left then is for another time.
    """
    if not cipher.key_id:
        return 0
    total = 0
    for table in load_schema().sorted_tables:
        names = [column.name for column in table.columns if column.info.get("sealed")]
        started = time.monotonic()
        while names and (count := _rotate_rows(database, cipher, table, names)):
            total += count
            if is_stopped():
                return total
            let_others_write(started)
            started = time.monotonic()
    with database.write() as connection:
        connection.execute(delete(SECRETS).where(SECRETS.c.name == KEY_NOTE))
        connection.execute(insert(SECRETS).values(name=KEY_NOTE, value=cipher.key_id.encode()))
    return total


def _rotate_rows(database: Database, cipher: TextCipher, table: Table, names: list[str]) -> int:
    """Seal the next rows of a table anew; gives how many."""
    columns = [table.c[name] for name in names]
    is_older = or_(*(and_(c.is_not(None), c.not_like(f"{cipher.newest_mark}%")) for c in columns))
    (key,) = table.primary_key.columns
    with database.write() as connection:
        query = select(key, *columns).where(is_older).limit(ROTATED_AT_ONCE).with_for_update()
        rows = connection.execute(query).all()
        for row in rows:
            texts = zip(names, row[1:], strict=True)
            sealed = {
                name: cipher.seal(cipher.open(text)) for name, text in texts if text is not None
            }
            connection.execute(update(table).where(key == row[0]).values(sealed))
        if rows and (rewrite := DEPENDENTS.get(table.name)):
            rewrite(connection, [row[0] for row in rows], cipher)
    return len(rows)


def _read_note(connection: Connection) -> str:
    value = connection.execute(select(SECRETS.c.value).where(SECRETS.c.name == KEY_NOTE)).scalar()
    return bytes(value).decode() if value is not None else ""
