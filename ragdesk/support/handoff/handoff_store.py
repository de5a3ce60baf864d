"""Keep hand-offs, what happened to each, and what is to go out of the house, in one transaction.

Two agents who take one at once: one of them has it, the other is told who. What is written by
people is sealed before it is stored.
"""

import json
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, Protocol

from sqlalchemy import Connection, RowMapping, and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from ragdesk.errors import NotFound, WrongState
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS
from ragdesk.support.database import Database
from ragdesk.support.handoff.handoff import Handoff, HandoffContact, HandoffEvent
from ragdesk.support.handoff.handoff_states import (
    HandoffAction,
    HandoffReason,
    HandoffState,
    next_state,
)
from ragdesk.support.handoff.handoff_tables import HANDOFF_EVENTS, HANDOFF_OUTBOX, HANDOFFS
from ragdesk.support.notices import announce_change
from ragdesk.support.replicas.done_requests import note_deed

OUT_OF_HOUSE: Final = frozenset(HandoffAction) - {HandoffAction.RATE}
OPEN_ALREADY: Final = "This conversation is handed over already."
OPEN_HANDOFF_STATES: Final = (HandoffState.WAITING, HandoffState.WITH_PERSON)


class TextSealer(Protocol):
    """What encrypts text before it is stored: ``encryption.TextCipher``."""

    def seal(self, text: str) -> str: ...

    def open(self, text: str) -> str: ...


class HandoffStore:
    """The hand-offs of a home. Safe to share between threads.

    channels: ways out of the house that hear of every action; each gets a row in the outbox within
    the transaction of the action itself.
    """

    def __init__(
        self,
        database: Database,
        cipher: TextSealer,
        channels: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._channels = tuple(channels)
        self._clock = clock

    def open_handoff(self, handoff: Handoff, actor: str) -> Handoff:
        """Put a conversation into the queue. Raises WrongState where one is open already.

        handoff: as it is to be; its id, state and times are given here.
        """
        now = int(self._clock())
        made = replace(
            handoff,
            id=secrets.token_hex(8),
            state=next_state(HandoffState.ANSWERING, HandoffAction.OPEN),
            created=now,
            updated=now,
        )
        with self._database.write() as connection:
            dialect = {"sqlite": sqlite, "postgresql": postgresql}[connection.dialect.name]
            row = dialect.insert(HANDOFFS).values(self._to_row(made)).on_conflict_do_nothing()
            if connection.execute(row.returning(HANDOFFS.c.id)).first() is None:
                raise WrongState(OPEN_ALREADY)
            detail = {"reason": str(made.reason), "text": made.text}
            self._note(connection, made, HandoffAction.OPEN, actor, detail)
        return made

    def get_handoff(self, name: str) -> Handoff:
        """Return a hand-off by its id. Raises NotFound."""
        with self._database.read() as connection:
            return self._read(connection, name)

    def find_handoff(self, conversation: str) -> Handoff | None:
        """Return the newest hand-off of a conversation: the open one, where there is one."""
        query = (
            select(HANDOFFS)
            .where(HANDOFFS.c.conversation == conversation)
            .order_by(HANDOFFS.c.state == HandoffState.CLOSED, HANDOFFS.c.updated.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return self._from_row(row) if row else None

    def list_handoffs(  # noqa: PLR0913, one parameter a part of the list
        self,
        states: Collection[HandoffState] = OPEN_HANDOFF_STATES,
        *,
        collections: Collection[str] = (),
        person: str | None = None,
        conversation: str | None = None,
        after: tuple[int, str] | None = None,
        limit: int = 200,
    ) -> list[Handoff]:
        """List hand-offs: open ones oldest first, as they wait; with closed ones newest first.

        collections: only those of these; none means all. person, conversation: only of this one.
        after: the place (``handoff_place``) of the last one of the page before.
        """
        query = select(HANDOFFS).where(HANDOFFS.c.state.in_([str(state) for state in states]))
        if collections:
            query = query.where(HANDOFFS.c.collection.in_(collections))
        if person is not None:
            query = query.where(HANDOFFS.c.person == person)
        if conversation is not None:
            query = query.where(HANDOFFS.c.conversation == conversation)
        waits = _are_open(states)
        moment = HANDOFFS.c.created if waits else HANDOFFS.c.updated
        if after is not None:
            seconds, name = after
            follows = moment > seconds if waits else moment < seconds
            query = query.where(or_(follows, and_(moment == seconds, HANDOFFS.c.id > name)))
        order = moment if waits else moment.desc()
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(order, HANDOFFS.c.id).limit(limit))
            return [self._from_row(row) for row in rows.mappings()]

    def count_states(self, collections: Collection[str] = ()) -> dict[str, int]:
        """Count hand-offs by their state."""
        query = select(HANDOFFS.c.state, func.count()).group_by(HANDOFFS.c.state)
        if collections:
            query = query.where(HANDOFFS.c.collection.in_(collections))
        with self._database.read() as connection:
            return {str(state): int(count) for state, count in connection.execute(query)}

    def list_events(self, name: str) -> list[HandoffEvent]:
        """List what happened to a hand-off, oldest first."""
        query = select(HANDOFF_EVENTS).where(HANDOFF_EVENTS.c.handoff == name)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(HANDOFF_EVENTS.c.number)).mappings().all()
        return [
            HandoffEvent(
                number=row["number"],
                handoff=row["handoff"],
                action=HandoffAction(row["action"]),
                actor=row["actor"],
                created=row["created"],
                detail=json.loads(self._cipher.open(row["detail"])),
            )
            for row in rows
        ]

    def change_handoff(  # noqa: PLR0913, one parameter a part of the change
        self,
        name: str,
        action: HandoffAction,
        actor: str,
        *,
        changes: Mapping[str, Any] | None = None,
        detail: Mapping[str, Any] | None = None,
        only_agent: str | None = None,
        within: Callable[[Connection], object] | None = None,
    ) -> Handoff:
        """Do something to a hand-off, and return it as it is then.

        changes: fields of it that are set with the action. only_agent: refused where another agent
        has it. within: what else is written in the same transaction. Raises NotFound, or
        WrongState where its state does not allow it, or where somebody else was quicker.
        """
        now = int(self._clock())
        with self._database.write() as connection:
            before = self._read(connection, name)
            if only_agent is not None and before.state is HandoffState.WITH_PERSON:
                _check_agent(before, only_agent)
            after = replace(
                before,
                state=next_state(before.state, action),
                updated=now,
                **_set_by_action(before, action, now),
                **(changes or {}),
            )
            row = self._to_row(after)
            same = (HANDOFFS.c.id == name, HANDOFFS.c.state == before.state)
            same_agent = HANDOFFS.c.agent.is_not_distinct_from(before.agent)
            change = update(HANDOFFS).where(*same, same_agent).values(row)
            try:
                with connection.begin_nested():
                    changed = connection.execute(change.returning(HANDOFFS.c.id)).first()
            except IntegrityError as error:  # a closed one comes back beside one that is open
                raise WrongState(OPEN_ALREADY) from error
            if changed is None:
                raise WrongState("Somebody else was quicker: look at it again.")
            self._note(connection, after, action, actor, detail or {})
            if within is not None:
                within(connection)
        return after

    def store_draft(self, name: str, draft: Mapping[str, Any]) -> None:
        """Keep the desk's draft of a reply beside a hand-off: what the agent may cite from."""
        text = self._cipher.seal(json.dumps(draft, ensure_ascii=False))
        with self._database.write() as connection:
            connection.execute(update(HANDOFFS).where(HANDOFFS.c.id == name).values(draft=text))

    def get_draft(self, name: str) -> dict[str, Any] | None:
        """Return the last draft of a hand-off; None where there was none."""
        query = select(HANDOFFS.c.draft).where(HANDOFFS.c.id == name)
        with self._database.read() as connection:
            text = connection.execute(query).scalar()
        draft: dict[str, Any] | None = json.loads(self._cipher.open(text)) if text else None
        return draft

    def _read(self, connection: Connection, name: str) -> Handoff:
        query = select(HANDOFFS).where(HANDOFFS.c.id == name)
        row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound("No such hand-off.")
        return self._from_row(row)

    def _note(
        self,
        connection: Connection,
        handoff: Handoff,
        action: HandoffAction,
        actor: str,
        detail: Mapping[str, Any],
    ) -> None:
        """Note what was done, for the conversation too, and put it into the outbox."""
        note_deed(connection, "handoff", {"id": handoff.id})
        connection.execute(
            update(CONVERSATIONS)
            .where(CONVERSATIONS.c.id == handoff.conversation)
            .values(state=str(handoff.state), updated=handoff.updated)
        )
        announce_change(connection, handoff.conversation)
        event = {
            "handoff": handoff.id,
            "action": str(action),
            "actor": actor,
            "created": int(self._clock() * 1_000),
            "detail": self._cipher.seal(json.dumps(detail, ensure_ascii=False)),
        }
        number = connection.execute(insert(HANDOFF_EVENTS).values(event)).inserted_primary_key
        if action not in OUT_OF_HOUSE or not self._channels or number is None:
            return
        body = {"handoff": _to_plain(handoff), "actor": actor, "detail": dict(detail)}
        sealed = self._cipher.seal(json.dumps(body, ensure_ascii=False))
        now = int(self._clock())
        row = {
            "handoff": handoff.id,
            "number": number[0],
            "action": str(action),
            "body": sealed,
            "created": now,
            "due": now,
            "leased": 0,
            "attempts": 0,
        }
        rows = [
            {"id": secrets.token_hex(12), "channel": channel, **row} for channel in self._channels
        ]
        connection.execute(insert(HANDOFF_OUTBOX), rows)

    def _to_row(self, handoff: Handoff) -> dict[str, Any]:
        seal = self._cipher.seal
        row = _to_plain(handoff)
        row["payload"] = seal(json.dumps(row["payload"], ensure_ascii=False))
        row["contact"] = seal(json.dumps(row["contact"], ensure_ascii=False))
        row["text"] = seal(handoff.text)
        row["comment"] = None if handoff.comment is None else seal(handoff.comment)
        row["groups"] = None if handoff.groups is None else json.dumps(row["groups"])
        return row

    def _from_row(self, row: RowMapping) -> Handoff:
        unseal = self._cipher.open
        values = {name: row[name] for name in HANDOFFS.c.keys() if name != "draft"}  # noqa: SIM118, a collection of columns
        groups = values["groups"]
        values |= {
            "state": HandoffState(values["state"]),
            "reason": HandoffReason(values["reason"]),
            "payload": json.loads(unseal(values["payload"])),
            "contact": HandoffContact(**json.loads(unseal(values["contact"]))),
            "text": unseal(values["text"]),
            "comment": None if values["comment"] is None else unseal(values["comment"]),
            "groups": None if groups is None else frozenset(json.loads(groups)),
        }
        return Handoff(**values)


def _check_agent(handoff: Handoff, agent: str) -> None:
    if handoff.agent != agent:
        raise WrongState(
            f"{handoff.agent_name or 'Somebody else'} has it ({handoff.state}). "
            "Let it be transferred, or take it when it waits."
        )


def _set_by_action(before: Handoff, action: HandoffAction, now: int) -> dict[str, Any]:
    """Return the fields that an action sets whoever does it."""
    match action:
        case HandoffAction.TAKE:
            return {"taken": before.taken or now}
        case HandoffAction.CLOSE:
            return {"closed": now}
        case HandoffAction.REOPEN:
            return {"closed": None, "agent": None, "agent_name": None} | {
                "reopened": before.reopened + 1
            }
    return {}


def handoff_place(handoff: Handoff, states: Collection[HandoffState]) -> tuple[int, str]:
    """Return where a hand-off stands in the list of some states, as a page begins after it."""
    return (handoff.created if _are_open(states) else handoff.updated), handoff.id


def _are_open(states: Collection[HandoffState]) -> bool:
    return HandoffState.CLOSED not in states


def _to_plain(value: Handoff | HandoffEvent) -> dict[str, Any]:
    """Return a value's fields as plain JSON values."""
    fields: dict[str, Any] = asdict(value)
    for name, content in fields.items():
        if isinstance(content, frozenset):
            fields[name] = sorted(content)
        elif isinstance(content, HandoffState | HandoffAction | HandoffReason):
            fields[name] = str(content)
    return fields
