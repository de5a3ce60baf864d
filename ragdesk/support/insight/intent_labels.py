"""Keep what agents and editors say a question is about: one intent a turn, the latest word holds.

They alone may say so, as a classifier may be trained on it (``conversation_training.py``).
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection, delete, insert, select

from indexes.errors import ModelMissing
from ragdesk.errors import Invalid, NotFound
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURNS
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.insight.insight_model import read_insight_model
from ragdesk.support.insight.insight_tables import INTENT_LABELS
from ragdesk.support.insight.intents import INTENTS, OUT_OF_SCOPE
from ragdesk.support.insight.question_insight import OWN_INTENTS
from ragdesk.support.notices import announce_change
from ragdesk.support.replicas.done_requests import note_deed

NO_LABELLED_TURN: Final = "No such question in a conversation."
LABELS_AT_ONCE: Final = 500
LabelRole = Literal["agent", "editor"]
log = logging.getLogger("ragdesk.support")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentLabel:
    """What somebody of the house says a question is about.

    intent: one of ``list_intent_names``. person: who said so, empty once they were erased.
    created: seconds since 1970; the store dates.
    """

    turn: str
    intent: str
    person: str
    role: LabelRole
    created: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTurn:
    """A kept question with its label. person: who asked. labelled: when, in seconds since 1970."""

    turn: str
    conversation: str
    question: str
    intent: str
    person: str
    labelled: int


class IntentLabelStore:
    """The labels of a desk's turns. Safe to share between threads.

    cipher: opens questions. on_change: called with the id of a conversation, once what is said of
    one of its questions was changed.
    """

    def __init__(
        self,
        database: Database,
        cipher: TextCipher | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        self.database = database
        self.cipher = cipher or TextCipher()
        self._on_change = on_change or _ignore_change

    def put(self, label: IntentLabel) -> IntentLabel:
        """Keep the label of a turn in place of the former one. Raises NotFound without the turn."""
        dated = replace(label, created=int(time.time()))
        with self.database.write() as connection:
            conversation = self._clear(connection, label.turn)
            if conversation is None:
                raise NotFound(NO_LABELLED_TURN)
            note_deed(connection, "label", {"id": label.turn})
            connection.execute(insert(INTENT_LABELS).values(asdict(dated)))
        self._on_change(conversation)
        return dated

    def remove(self, turn: str) -> None:
        """Take the label of a turn back; none is none."""
        with self.database.write() as connection:
            conversation = self._clear(connection, turn)
        if conversation is not None:
            self._on_change(conversation)

    def _clear(self, connection: Connection, turn: str) -> str | None:
        """Remove the label of a turn, for another or none; gives its conversation, which changes.

        The row of the turn is locked: two agents at once are one after the other.
        """
        of_turn = select(TURNS.c.conversation).where(TURNS.c.id == turn).with_for_update()
        conversation: str | None = connection.execute(of_turn).scalar()
        connection.execute(delete(INTENT_LABELS).where(INTENT_LABELS.c.turn == turn))
        if conversation is not None:
            announce_change(connection, conversation)
        return conversation

    def list_of_conversation(self, conversation: str) -> dict[str, str]:
        """Return the labels of a conversation's turns, by turn, of those that have one."""
        columns = INTENT_LABELS.c
        query = (
            select(columns.turn, columns.intent)
            .join(TURNS, TURNS.c.id == columns.turn)
            .where(TURNS.c.conversation == conversation)
            .order_by(TURNS.c.number)
        )
        with self.database.read() as connection:
            return {row.turn: row.intent for row in connection.execute(query)}

    def list_of_turns(self, turns: Sequence[str]) -> dict[str, str]:
        """Return the labels of some turns, by turn; those that have none are missing."""
        columns = INTENT_LABELS.c
        query = select(columns.turn, columns.intent).where(columns.turn.in_(turns))
        with self.database.read() as connection:
            return {row.turn: row.intent for row in connection.execute(query)}

    def iter_labelled_turns(self) -> Iterator[LabelledTurn]:
        """Yield every labelled question, the earliest label first. Blocks, and opens texts."""
        query = (
            select(
                INTENT_LABELS.c.turn,
                INTENT_LABELS.c.intent,
                INTENT_LABELS.c.created,
                TURNS.c.question,
                TURNS.c.conversation,
                CONVERSATIONS.c.person,
            )
            .join(TURNS, TURNS.c.id == INTENT_LABELS.c.turn)
            .join(CONVERSATIONS, CONVERSATIONS.c.id == TURNS.c.conversation)
            .where(TURNS.c.question.is_not(None))
            .order_by(INTENT_LABELS.c.created, INTENT_LABELS.c.turn)
            .execution_options(yield_per=LABELS_AT_ONCE)
        )
        with self.database.read() as connection:
            for row in connection.execute(query):
                yield LabelledTurn(
                    turn=row.turn,
                    conversation=row.conversation,
                    question=self.cipher.open(row.question),
                    intent=row.intent,
                    person=row.person,
                    labelled=row.created,
                )


def _ignore_change(_conversation: str) -> None:
    """Tell nobody."""


def list_intent_names(home: Path) -> tuple[str, ...]:
    """List the intents that a question may be labelled with: the operator's own, then ours.

    Ours stay beside an operator's: a classifier that was trained on few of them must not keep the
    others from being labelled. Last comes the label of what belongs to none.
    """
    own = _list_own_names(home)
    return (*own, *(name for name in INTENTS if name not in own), OUT_OF_SCOPE)


def check_intent_name(name: str, home: Path) -> None:
    """Raise Invalid for a name that is none of the intents of a home."""
    if name not in list_intent_names(home):
        raise Invalid("There is no such intent. GET /v1/intents lists those that there are.")


def _list_own_names(home: Path) -> tuple[str, ...]:
    file = home / OWN_INTENTS
    try:
        stat = file.stat()
    except FileNotFoundError:
        return ()
    try:
        return _read_labels(file, stat.st_mtime_ns, stat.st_size)
    except ModelMissing as error:  # what classifies says so too; ours can still be labelled
        log.warning("own intents are left out", extra={"reason": str(error), "repeats": "intents"})
        return ()


@lru_cache(maxsize=4)
def _read_labels(file: Path, _changed: int, _size: int) -> tuple[str, ...]:
    labels = read_insight_model(file).classifier.labels
    return tuple(label for label in labels if label != OUT_OF_SCOPE)
