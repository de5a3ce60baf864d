"""Keep conversations and their turns in the database. Short and synchronous.

Who may see what is not asked here: that is ``access.authorize``, before any call.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from ragdesk.errors import NotFound
from ragdesk.support.conversations.conversation import (
    Conversation,
    ConversationState,
    ConversationTurn,
    make_row_id,
)
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURN_WORDS, TURNS
from ragdesk.support.conversations.turn_words import (
    TITLE_NUMBER,
    collect_query_words,
    insert_turn_words,
    write_turn_words,
)
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.notices import announce_change
from ragdesk.support.replicas.done_requests import note_deed

TITLE_CHARACTERS: Final = 120
RARE_WORD: Final = 1_000  # turns that hold it: fewer are read at once
NO_CONVERSATION: Final = "No such conversation."
ListPlace = tuple[int, str]  # updated and id: where a list goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFilter:
    """Which conversations are listed: each field leaves out the others; empty leaves out none.

    query: words that a conversation must hold, all of them, each in any of its turns.
    in_answers: whether words of answers count too, or those of questions and titles alone.
    """

    person: str | None = None
    states: tuple[ConversationState, ...] = ()
    collections: tuple[str, ...] = ()
    query: str = ""
    in_answers: bool = True


class ConversationStore:
    """The conversations of a desk. Safe to share between threads.

    cipher: seals what people wrote and read; none given keeps it as it is. on_change: called with
    the id of a conversation that has a new turn or state, once that is committed.
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

    def create(
        self,
        person: str,
        collection: str,
        *,
        title: str = "",
        language: str = "",
        origin: str = "api",
    ) -> Conversation:
        """Begin a conversation."""
        now = time.time()
        conversation = Conversation(
            id=make_row_id(),
            row_key=(int(now * 1000) << 20) | secrets.randbits(20),
            person=person,
            collection=collection,
            title=title[:TITLE_CHARACTERS],
            language=language,
            state="answering",
            origin=origin,
            created=int(now),
            updated=int(now),
        )
        with self.database.write() as connection:
            note_deed(connection, "conversation", {"id": conversation.id})
            connection.execute(insert(CONVERSATIONS).values(self.conversation_row(conversation)))
            if title:
                self._write_title_words(connection, conversation)
        return conversation

    def get(self, name: str) -> Conversation:
        """Return a conversation by its id. Raises NotFound."""
        query = select(CONVERSATIONS).where(CONVERSATIONS.c.id == name)
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(NO_CONVERSATION)
        return self._read_conversation(row)

    def list_conversations(
        self, which: ConversationFilter, *, before: ListPlace | None = None, limit: int = 50
    ) -> list[Conversation]:
        """List conversations, the latest first. before: the place of the last one of a page."""
        columns = CONVERSATIONS.c
        wanted = select(CONVERSATIONS).order_by(columns.updated.desc(), columns.id.desc())
        if which.person is not None:
            wanted = wanted.where(columns.person == which.person)
        if which.states:
            wanted = wanted.where(columns.state.in_(which.states))
        if which.collections:
            wanted = wanted.where(columns.collection.in_(which.collections))
        if before is not None:
            wanted = wanted.where(tuple_(columns.updated, columns.id) < before)
        if which.query:
            words = collect_query_words(which.query)
            if not words:
                return []
            wanted = wanted.where(*(self._holds_word(word, which) for word in words))
        with self.database.read() as connection:
            if which.query:
                wanted = self._start_from_rarest(connection, wanted, words)
            rows = connection.execute(wanted.limit(limit)).mappings().all()
        return [self._read_conversation(row) for row in rows]

    def rename(self, name: str, title: str) -> Conversation:
        """Give a conversation another title. Raises NotFound."""
        renamed = replace(self.get(name), title=title[:TITLE_CHARACTERS])
        with self.database.write() as connection:
            self._update(connection, name, title=self.cipher.seal(renamed.title))
            self._write_title_words(connection, renamed)
        return renamed

    def set_state(self, name: str, state: ConversationState) -> None:
        """Move a conversation to another state; it is the latest then. Raises NotFound."""
        with self.database.write() as connection:
            self._update(connection, name, state=state, updated=int(time.time()))
            announce_change(connection, name)
        self._on_change(name)

    def share(self, name: str) -> str:
        """Make the token that opens a conversation to others of the house; the former ends.

        Only its digest is kept. Raises NotFound.
        """
        token = secrets.token_urlsafe(24)
        with self.database.write() as connection:
            note_deed(connection, "share", {"id": name})
            self._update(connection, name, share_digest=_share_digest(token))
        return token

    def end_sharing(self, name: str) -> None:
        """Let the token of a conversation open it no longer. Raises NotFound."""
        with self.database.write() as connection:
            self._update(connection, name, share_digest=None)

    def find_shared(self, token: str) -> Conversation:
        """Return the conversation that a token opens. Raises NotFound."""
        query = select(CONVERSATIONS).where(CONVERSATIONS.c.share_digest == _share_digest(token))
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(NO_CONVERSATION)
        return self._read_conversation(row)

    def delete(self, name: str) -> None:
        """Delete a conversation with all that hangs on it. Raises NotFound."""
        with self.database.write() as connection:
            gone = connection.execute(delete(CONVERSATIONS).where(CONVERSATIONS.c.id == name))
            if not gone.rowcount:
                raise NotFound(NO_CONVERSATION)

    def append_turn(self, turn: ConversationTurn) -> ConversationTurn:
        """Write a turn behind the last one, and return it with its number.

        The first question becomes the title where there is none. Raises NotFound for a
        conversation that is gone, WrongState where its request kept one already.
        """
        with self.database.write() as connection:
            numbered = self.write_turn(connection, turn)
        self._on_change(turn.conversation)
        return numbered

    def write_turn(self, connection: Connection, turn: ConversationTurn) -> ConversationTurn:
        """Write a turn as ``append_turn`` does, within a transaction of the caller."""
        note_deed(connection, "turn", {"id": turn.id, "outcome": turn.outcome})
        change = update(CONVERSATIONS).where(CONVERSATIONS.c.id == turn.conversation)
        statement = change.values(updated=turn.created // 1000).returning(CONVERSATIONS)
        row = connection.execute(statement).mappings().first()
        if row is None:
            raise NotFound(NO_CONVERSATION)
        conversation = self._read_conversation(row)
        last = select(func.max(TURNS.c.number)).where(TURNS.c.conversation == conversation.id)
        number = (connection.execute(last).scalar() or 0) + 1
        numbered = replace(turn, number=number)
        connection.execute(insert(TURNS).values(self.turn_row(numbered)))
        texts = (numbered.question, numbered.text)
        insert_turn_words(connection, (conversation.row_key, number), texts, self.cipher)
        if not conversation.title and turn.question:
            title = " ".join(turn.question.split())[:TITLE_CHARACTERS]
            self._update(
                connection,
                conversation.id,
                title=self.cipher.seal(title),
                language=turn.language or "",
            )
        announce_change(connection, conversation.id)
        return numbered

    def list_turns(
        self, conversation: str, *, after: int = 0, limit: int = 200
    ) -> list[ConversationTurn]:
        """List turns of a conversation in their order, those behind number ``after``."""
        query = (
            select(TURNS)
            .where(TURNS.c.conversation == conversation, TURNS.c.number > after)
            .order_by(TURNS.c.number)
            .limit(limit)
        )
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [self.read_turn(row) for row in rows]

    def list_last_turns(self, conversation: str, count: int) -> list[ConversationTurn]:
        """List the last turns of a conversation, in their order."""
        with self.database.read() as connection:
            return self._read_last_turns(connection, conversation, count)

    def get_with_turns(self, name: str, count: int) -> tuple[Conversation, list[ConversationTurn]]:
        """Return a conversation with its last turns, in their order. Raises NotFound."""
        query = select(CONVERSATIONS).where(CONVERSATIONS.c.id == name)
        with self.database.read() as connection:
            if (row := connection.execute(query).mappings().first()) is None:
                raise NotFound(NO_CONVERSATION)
            turns = self._read_last_turns(connection, name, count)
        return self._read_conversation(row), turns

    def _read_last_turns(
        self, connection: Connection, conversation: str, count: int
    ) -> list[ConversationTurn]:
        query = (
            select(TURNS)
            .where(TURNS.c.conversation == conversation)
            .order_by(TURNS.c.number.desc())
            .limit(count)
        )
        rows = connection.execute(query).mappings().all()
        return [self.read_turn(row) for row in reversed(rows)]

    def get_turn(self, name: str) -> ConversationTurn:
        """Return a turn by its id, the answer's. Raises NotFound."""
        with self.database.read() as connection:
            row = connection.execute(select(TURNS).where(TURNS.c.id == name)).mappings().first()
        if row is None:
            raise NotFound("No such answer in a conversation.")
        return self.read_turn(row)

    def set_insight(
        self, turn: str, *, intent: str | None, sentiment: str | None, in_scope: float | None
    ) -> None:
        """Write what a classifier says of a question."""
        insight = {"intent": intent, "sentiment": sentiment, "in_scope": in_scope}
        with self.database.write() as connection:
            connection.execute(update(TURNS).where(TURNS.c.id == turn).values(insight))

    def read_turn(self, row: RowMapping) -> ConversationTurn:
        """Read a turn from a row of its table, its texts opened."""
        facts = dict(row)
        facts["question"] = self._open(facts["question"])
        answer = self._open(facts["answer"])
        facts["answer"] = None if answer is None else json.loads(answer)
        return ConversationTurn(**facts)

    def _open(self, text: str | None) -> str | None:
        return None if text is None else self.cipher.open(text)

    def _update(self, connection: Connection, name: str, **values: Any) -> None:
        change = update(CONVERSATIONS).where(CONVERSATIONS.c.id == name).values(values)
        if not connection.execute(change).rowcount:
            raise NotFound(NO_CONVERSATION)

    def _holds_word(self, word: str, which: ConversationFilter) -> ColumnElement[bool]:
        # A scalar query is asked for each conversation, newest first; what a planner would make of
        # EXISTS may read all words of everybody.
        number = select(TURN_WORDS.c.number).where(
            TURN_WORDS.c.conversation == CONVERSATIONS.c.row_key,
            TURN_WORDS.c.word.in_(self.cipher.list_word_hashes(word)),
        )
        if not which.in_answers:
            number = number.where(TURN_WORDS.c.number >= TITLE_NUMBER)
        return number.limit(1).scalar_subquery().is_not(None)

    def _start_from_rarest(
        self, connection: Connection, wanted: Select[Any], words: list[str]
    ) -> Select[Any]:
        """Narrow a query down to the conversations of its rarest word, if that is a rare one.

        Where all are frequent, looking into the newest conversations finds enough sooner.
        """
        rarest, fewest = None, RARE_WORD
        for word in words:
            of_word = TURN_WORDS.c.word.in_(self.cipher.list_word_hashes(word))
            some = select(TURN_WORDS.c.conversation).where(of_word).limit(RARE_WORD).subquery()
            count = connection.execute(select(func.count()).select_from(some)).scalar() or 0
            if count < fewest:
                rarest, fewest = of_word, count
        if rarest is None:
            return wanted
        keys = connection.execute(select(TURN_WORDS.c.conversation).where(rarest).distinct())
        return wanted.where(CONVERSATIONS.c.row_key.in_(keys.scalars().all()))

    def _write_title_words(self, connection: Connection, conversation: Conversation) -> None:
        place = (conversation.row_key, TITLE_NUMBER)
        write_turn_words(connection, place, (conversation.title, None), self.cipher)

    def conversation_row(self, conversation: Conversation) -> dict[str, Any]:
        """Return the row of a conversation, its title sealed."""
        columns = ("id", "row_key", "person", "collection", "language", "state", "origin")
        row = {name: getattr(conversation, name) for name in (*columns, "created", "updated")}
        return {**row, "title": self.cipher.seal(conversation.title)}

    def _read_conversation(self, row: RowMapping) -> Conversation:
        facts = dict(row)
        is_shared = facts.pop("share_digest") is not None
        return Conversation(
            **{**facts, "title": self.cipher.open(facts["title"])}, is_shared=is_shared
        )

    def turn_row(self, turn: ConversationTurn) -> dict[str, Any]:
        """Return the row of a turn, its texts sealed."""
        row = {column.name: getattr(turn, column.name) for column in TURNS.columns}
        seal = self.cipher.seal
        answer = None if turn.answer is None else json.dumps(turn.answer, ensure_ascii=False)
        row["question"] = None if turn.question is None else seal(turn.question)
        row["answer"] = None if answer is None else seal(answer)
        return row


def _ignore_change(_conversation: str) -> None:
    """Tell nobody."""


def _share_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
