"""Counts of requests that several servers share: so many of a subject in a period."""

import time
from typing import Final

from sqlalchemy import Connection, delete, select

from ragdesk.support.database import Database, upsert
from ragdesk.support.sign_in.sign_in_tables import REQUEST_COUNTS

OLDEST_SECONDS: Final = 2 * 86_400  # after which a count is of no more use


class RequestCounts:
    """The counts of a database. A subject is who or what is counted; a period its beginning."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cleared = 0.0

    def add(self, subject: str, period: int, requests: int = 1) -> int:
        """Count further requests; gives how many there are with them."""
        table = REQUEST_COUNTS
        row = {"subject": subject, "period": period, "requests": requests}
        with self._database.write() as connection:
            self._clear_old(connection)
            counted = connection.execute(
                upsert(connection, table)
                .values(row)
                .on_conflict_do_update(
                    index_elements=["subject", "period"],
                    set_={"requests": table.c.requests + requests},
                )
                .returning(table.c.requests)
            )
            return int(counted.scalar_one())

    def read(self, subject: str, period: int) -> int:
        """Return how many were counted."""
        table = REQUEST_COUNTS
        is_this = (table.c.subject == subject) & (table.c.period == period)
        with self._database.read() as connection:
            return connection.execute(select(table.c.requests).where(is_this)).scalar() or 0

    def _clear_old(self, connection: Connection) -> None:
        """Remove old counts, once an hour."""
        if time.monotonic() < self._cleared:
            return
        self._cleared = time.monotonic() + 3_600
        is_old = REQUEST_COUNTS.c.period < int(time.time()) - OLDEST_SECONDS
        connection.execute(delete(REQUEST_COUNTS).where(is_old))
