"""What conversations and feedback hold of a person: exported whole, and erased."""

import json
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, delete, select, update

from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, FEEDBACK, TURNS
from ragdesk.support.encryption import TextCipher
from ragdesk.support.personal_data_source import PersonalDataSource

INTERNAL_COLUMNS: Final = ("row_key", "share_digest", "conversation")


def _export_conversations(
    connection: Connection, cipher: TextCipher, person: str
) -> list[dict[str, Any]]:
    wanted = select(CONVERSATIONS).where(CONVERSATIONS.c.person == person)
    exported = []
    for conversation in _read_rows(connection, wanted.order_by(CONVERSATIONS.c.created)):
        of_it = TURNS.c.conversation == conversation["id"]
        turns = _read_rows(connection, select(TURNS).where(of_it).order_by(TURNS.c.number))
        shown = [_open_row(turn, cipher, TURNS.c) for turn in turns if turn["author"] != "note"]
        for turn in shown:
            turn["answer"] = json.loads(turn["answer"]) if turn["answer"] else None
        exported.append({**_open_row(conversation, cipher, CONVERSATIONS.c), "turns": shown})
    return exported


def _export_feedback(
    connection: Connection, cipher: TextCipher, person: str
) -> list[dict[str, Any]]:
    wanted = select(FEEDBACK).where(FEEDBACK.c.person == person).order_by(FEEDBACK.c.created)
    return [_open_row(row, cipher, FEEDBACK.c) for row in _read_rows(connection, wanted)]


def _erase_conversations(connection: Connection, person: str) -> int:
    # What an agent wrote to somebody else is that person's too: the name goes, the words stay.
    replies = update(TURNS).where(TURNS.c.writer == person).values(writer=None)
    conversations = delete(CONVERSATIONS).where(CONVERSATIONS.c.person == person)
    return connection.execute(replies).rowcount + connection.execute(conversations).rowcount


def _erase_feedback(connection: Connection, person: str) -> int:
    return connection.execute(delete(FEEDBACK).where(FEEDBACK.c.person == person)).rowcount


def _read_rows(connection: Connection, query: Select[Any]) -> list[RowMapping]:
    return list(connection.execute(query).mappings())


def _open_row(row: RowMapping, cipher: TextCipher, columns: Any) -> dict[str, Any]:
    """Return a row as it is exported, its sealed texts opened."""
    return {
        name: cipher.open(value) if columns[name].info.get("sealed") and value else value
        for name, value in row.items()
        if name not in INTERNAL_COLUMNS
    }


CONVERSATION_DATA: Final = PersonalDataSource(
    name="conversations", export=_export_conversations, erase=_erase_conversations
)
FEEDBACK_DATA: Final = PersonalDataSource(
    name="feedback", export=_export_feedback, erase=_erase_feedback
)
