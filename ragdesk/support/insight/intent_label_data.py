"""What labels of intents hold of a person: of whose questions they are, and who gave them."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURNS
from ragdesk.support.encryption import TextCipher
from ragdesk.support.insight.insight_tables import INTENT_LABELS
from ragdesk.support.personal_data_source import PersonalDataSource


def _is_asked_by(person: str) -> ColumnElement[bool]:
    turns = (
        select(TURNS.c.id)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == TURNS.c.conversation)
        .where(CONVERSATIONS.c.person == person)
    )
    return INTENT_LABELS.c.turn.in_(turns)


def _export_labels(connection: Connection, _: TextCipher, person: str) -> list[dict[str, Any]]:
    columns = INTENT_LABELS.c
    wanted = or_(_is_asked_by(person), columns.person == person)
    rows = connection.execute(
        select(INTENT_LABELS).where(wanted).order_by(columns.created, columns.turn)
    ).mappings()
    return [
        {
            **{name: row[name] for name in ("turn", "intent", "created")},
            "is_author": row["person"] == person,
        }
        for row in rows
    ]


def _erase_labels(connection: Connection, person: str) -> int:
    """Delete the labels of a person's questions, and take their name from those that they gave."""
    deletion = delete(INTENT_LABELS).where(_is_asked_by(person))
    anonymisation = update(INTENT_LABELS).where(INTENT_LABELS.c.person == person).values(person="")
    return connection.execute(deletion).rowcount + connection.execute(anonymisation).rowcount


INTENT_LABEL_DATA: Final = PersonalDataSource(
    name="intent_labels", export=_export_labels, erase=_erase_labels
)
