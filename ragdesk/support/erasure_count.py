"""How often persons were erased from a database: a count, by which every server learns of it.

No server is told who: what it keeps in memory beside the database goes whole, as nobody can tell in
whose words it is. The command line erases as well, so the count is read with SQLite, too.
"""

import time
from typing import Final

from sqlalchemy import Connection, func, select

from ragdesk.support.database import Database, upsert
from ragdesk.support.sign_in.sign_in_tables import REQUEST_COUNTS

ERASURES: Final = "erasures"  # a subject of the counts, which go after two days


def note_erasure(connection: Connection) -> None:
    """Count an erasure, in its own transaction."""
    table = REQUEST_COUNTS
    row = {"subject": ERASURES, "period": int(time.time()), "requests": 1}
    change = upsert(connection, table).values(row)
    connection.execute(
        change.on_conflict_do_update(
            index_elements=["subject", "period"], set_={"requests": table.c.requests + 1}
        )
    )


def read_erasures(database: Database) -> tuple[int, int]:
    """Return what differs once somebody was erased: how many there were of late, and when last."""
    table = REQUEST_COUNTS
    query = select(func.sum(table.c.requests), func.max(table.c.period))
    with database.read() as connection:
        count, last = connection.execute(query.where(table.c.subject == ERASURES)).one()
    return int(count or 0), int(last or 0)
