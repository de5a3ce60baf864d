"""Delete conversations that nobody went on with for the days that the settings name."""

import time
from typing import Final

from sqlalchemy import delete, select

from ragdesk.support.conversations.conversation_tables import CONVERSATIONS
from ragdesk.support.database import Database

DAY_SECONDS: Final = 86_400
DELETED_AT_ONCE: Final = 200  # conversations of one transaction: others write in between
OPEN_STATES: Final = ("waiting", "with_person")  # somebody is yet to answer


def delete_old_conversations(database: Database, days: int, now: float | None = None) -> int:
    """Delete conversations whose last turn is older than some days; gives how many.

    Those that wait for a person, or are with one, stay until that ends. 0 days deletes nothing.
    """
    if not days:
        return 0
    oldest = int((time.time() if now is None else now) - days * DAY_SECONDS)
    columns = CONVERSATIONS.c
    old = select(columns.id).where(columns.updated < oldest, columns.state.not_in(OPEN_STATES))
    total = 0
    while True:
        with database.write() as connection:
            names = list(connection.execute(old.limit(DELETED_AT_ONCE)).scalars())
            if not names:
                return total
            connection.execute(delete(CONVERSATIONS).where(columns.id.in_(names)))
            total += len(names)
