"""The audit log: who did what, to what, when, and whether it came about. It holds no text.

Noted are changes and sign-ins, not questions: what was asked stands in conversations, and goes
with them.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sqlalchemy import Connection, delete, insert, select

from ragdesk.errors import HomeUnusable
from ragdesk.support.access import Principal
from ragdesk.support.database import Database
from ragdesk.support.sign_in.sign_in_tables import AUDIT

log = logging.getLogger("ragdesk.support")
# Further actions are added here: who reads the log filters by these names.
AuditAction = Literal[
    "session.create",
    "session.end",
    "session.refuse",
    "key.create",
    "key.revoke",
    "document.put",
    "document.remove",
    "collection.remove",
    "generation.publish",
    "generation.rollback",
    "handoff.take",
    "handoff.reply",
    "handoff.transfer",
    "handoff.close",
    "handoff.reopen",
    "handoff.resend",
    "draft.create",
    "draft.approve",
    "draft.reject",
    "correction.create",
    "intent.set",
    "intent.remove",
    "intent.train",
    "case.create",
    "case.remove",
    "conversation.share",
    "conversation.delete",
    "person.export",
    "person.erase",
    "settings.read",
    "settings.change",
    "text.rotate",
    "backup.create",
    "backup.restore",
]
AUDIT_ACTIONS: Final[tuple[AuditAction, ...]] = get_args(AuditAction)
COMMAND_LINE: Final = "command line"  # who it is that runs ragdesk on the machine itself
LONGEST_TARGET: Final = 1_200


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the log. created: seconds since 1970. target: an id, a name or a uri.

    address: where staff asked from, past the proxies that the settings name; None of visitors, and
    of what no request did.
    """

    id: int
    created: int
    who: str
    action: str
    target: str
    outcome: str
    address: str | None = None


def record_audit(  # noqa: PLR0913, one parameter a column
    database: Database,
    who: Principal | str,
    action: AuditAction,
    target: str = "",
    outcome: str = "done",
    *,
    address: str | None = None,
) -> None:
    """Note who did what. It blocks.

    who: a principal, or the name of one: nothing of a visitor's token stands in it. outcome: done,
    refused, failed, or a code of an error.
    """
    with database.write() as connection:
        insert_audit(connection, who, action, target, outcome, address=address)


def note_audit(
    database: Database,
    who: Principal | str,
    action: AuditAction,
    target: str,
    outcome: str = "done",
) -> None:
    """Note what was done already, as ``record_audit`` does. It blocks.

    Where that cannot be written the log says so: what was done is done, or has an error of its own.
    """
    try:
        record_audit(database, who, action, target, outcome)
    except HomeUnusable as error:
        log.error(  # noqa: TRY400, its words name the file
            "the audit log could not be written",
            extra={"action": action, "outcome": outcome, "reason": str(error)},
        )


def insert_audit(  # noqa: PLR0913, one parameter a column
    connection: Connection,
    who: Principal | str,
    action: AuditAction,
    target: str = "",
    outcome: str = "done",
    *,
    address: str | None = None,
) -> None:
    """Note who did what in the transaction that does it: both come about, or neither."""
    row = {
        "created": int(time.time()),
        "who": who if isinstance(who, str) else who.name,
        "action": action,
        "target": target[:LONGEST_TARGET],
        "outcome": outcome,
        "address": address,
    }
    connection.execute(insert(AUDIT).values(row))


def make_entry_writer(
    who: Principal | str, action: AuditAction, address: str | None
) -> Callable[[Connection, str], None]:
    """Return what notes who did what in a transaction, once the id of what was done is known."""

    def write_entry(connection: Connection, target: str) -> None:
        insert_audit(connection, who, action, target, address=address)

    return write_entry


def list_audit(
    database: Database,
    *,
    before: int | None = None,
    limit: int = 100,
    who: str | None = None,
    action: str | None = None,
) -> list[AuditEntry]:
    """List entries, newest first. before: the id of an entry, whose elders are listed."""
    query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AUDIT.c.id < before)
    if who is not None:
        query = query.where(AUDIT.c.who == who)
    if action is not None:
        query = query.where(AUDIT.c.action == action)
    with database.read() as connection:
        return [AuditEntry(**row) for row in connection.execute(query).mappings()]


def clear_audit(database: Database, days: int) -> int:
    """Remove entries that are older than so many days; gives how many there were."""
    is_old = AUDIT.c.created < int(time.time()) - days * 86_400
    with database.write() as connection:
        return connection.execute(delete(AUDIT).where(is_old)).rowcount
