"""What requests did by their ``Idempotency-Key``, noted in the transaction of the deed itself.

A server that is killed behind a deed, before it could keep its reply, leaves the note: whoever
sends the request again is told what was done, by this server or another, and nothing is done twice.
What is done to files stands in no transaction: there the plan is noted before it, and that it was
done behind it (``plan_deed``, ``note_file_deed``); in between the files themselves say how far it
is. The request is found by a context variable, so that stores need no further parameter; without
one, as in jobs and on the command line, nothing is noted.
"""

import contextvars
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, delete, select

from ragdesk.errors import Invalid, WrongState
from ragdesk.support.database import Database, upsert
from ragdesk.support.replicas.replica_tables import DONE_REQUESTS
from ragdesk.support.replicas.request_digests import is_same_body
from ragdesk.support.replicas.response_store import ResponseKey, digest_key, make_key_data

DeedPart = Literal[
    "conversation",
    "turn",
    "handoff",
    "label",
    "draft",
    "key",
    "feedback",
    "share",
    "case",
    "rollback",
    "plan",
]
"""What a deed wrote: a request may write several, each of them once."""
WriteEntry = Callable[[Connection, str], None]
DONE_SECONDS: Final = 86_400.0
DONE_MESSAGE: Final = (
    "This was done already, and its reply is shown once. Look it up in the list; if the reply is "
    "lost, revoke what was made, and make another with a new Idempotency-Key."
)
OTHER_BODY_MESSAGE: Final = "This Idempotency-Key was used with another body."


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDeed:
    """What a request is to do once.

    facts: noted with it, for whoever finishes what it began. audit: by part, the action and what
    writes it into the audit log in the deed's own transaction, given the id of what was done.
    audited: the actions that were written so.
    """

    key: ResponseKey
    facts: dict[str, str] = field(default_factory=dict)
    audit: dict[DeedPart, tuple[str, WriteEntry]] = field(default_factory=dict)
    audited: set[str] = field(default_factory=set)


_CURRENT: contextvars.ContextVar[RequestDeed | None] = contextvars.ContextVar(
    "ragdesk_deed", default=None
)


def current_deed() -> RequestDeed | None:
    """Return what the request of this task is to do once; None where it brings no key."""
    return _CURRENT.get()


@contextmanager
def enter_deed(deed: RequestDeed | None) -> Iterator[None]:
    """Do work as the deed of a request, in this task and those that it begins."""
    token = _CURRENT.set(deed)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def note_deed(connection: Connection, part: DeedPart, note: Mapping[str, Any]) -> None:
    """Note in a deed's transaction that the current request did it.

    note: ids and codes that a retry is answered by, never a text. Raises WrongState where it is
    done already, so that the transaction is taken back.
    """
    deed = _CURRENT.get()
    if deed is None:
        return
    if not _insert_note(connection, deed.key, part, {**note, **deed.facts}):
        raise WrongState(DONE_MESSAGE)
    if part in deed.audit:
        action, write_entry = deed.audit[part]
        write_entry(connection, str(note["id"]))
        deed.audited.add(action)


def note_file_deed(database: Database, part: DeedPart, note: Mapping[str, Any]) -> None:
    """Note that the current request did something to files, and audit it. It blocks."""
    if _CURRENT.get() is not None:
        with database.write() as connection:
            note_deed(connection, part, note)


def plan_deed(database: Database, make_plan: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Note what the current request is about to do to files; a retry is given the first plan.

    make_plan: of ids and numbers alone, asked where there is none yet. By the plan a retry sees
    whether the files are as they were, or what was planned is done. It blocks. Raises Invalid for a
    plan of another body.
    """
    deed = _CURRENT.get()
    if deed is None:
        return make_plan()
    note = DoneRequests(database).find_note(deed.key, "plan")
    if note is not None:
        return dict(json.loads(note))
    plan = make_plan()
    with database.write() as connection:
        if not _insert_note(connection, deed.key, "plan", plan):
            raise WrongState(DONE_MESSAGE)
    return plan


def drop_plan(database: Database) -> None:
    """Forget the plan of the current request, of which nothing was done. It blocks."""
    deed = _CURRENT.get()
    if deed is None:
        return
    is_plan = (DONE_REQUESTS.c.name == digest_key(deed.key.name)) & (DONE_REQUESTS.c.part == "plan")
    with database.write() as connection:
        connection.execute(delete(DONE_REQUESTS).where(is_plan))


def _insert_note(
    connection: Connection, key: ResponseKey, part: DeedPart, note: Mapping[str, Any]
) -> bool:
    """Insert the note of a part of a request; False where there is one already."""
    now, name = time.time(), digest_key(key.name)
    is_old = DONE_REQUESTS.c.created < now - DONE_SECONDS
    connection.execute(delete(DONE_REQUESTS).where(DONE_REQUESTS.c.name == name, is_old))
    row = {
        "name": name,
        "part": part,
        "person": digest_key(key.person),
        "request": key.requests[0],
        "created": now,
        "note": json.dumps(dict(note)),
    }
    made = connection.execute(
        upsert(connection, DONE_REQUESTS)
        .values(row)
        .on_conflict_do_nothing(index_elements=["name", "part"])
        .returning(DONE_REQUESTS.c.name)
    )
    return made.first() is not None


class DoneRequests:
    """The notes of a database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_note(self, key: ResponseKey, part: DeedPart) -> bytes | None:
        """Return the note of a deed as JSON; None where it was not done, or too long ago.

        Raises Invalid where it was asked for with another body.
        """
        table = DONE_REQUESTS
        is_part = (table.c.name == digest_key(key.name)) & (table.c.part == part)
        is_recent = table.c.created >= time.time() - DONE_SECONDS
        query = select(table.c.request, table.c.note).where(is_part & is_recent)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if not is_same_body(row.request, key.requests):
            raise Invalid(OTHER_BODY_MESSAGE)
        return str(row.note).encode()


def clear_done_requests(database: Database) -> None:
    """Delete the notes that are too old for any retry. Not within deeds: each touches its own."""
    is_old = DONE_REQUESTS.c.created < time.time() - DONE_SECONDS
    with database.write() as connection:
        connection.execute(delete(DONE_REQUESTS).where(is_old))


DONE_REQUEST_DATA: Final = make_key_data("done_requests", DONE_REQUESTS)
