"""Take a row of a table under a lease: of several servers one works on it at a time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, RowMapping, Select, Table, update

from ragdesk.support.database import Database


def lease_row(
    database: Database,
    query: Select[Any],
    key: Column[Any],
    is_free: Sequence[ColumnElement[bool]],
    until: int,
) -> RowMapping | None:
    """Take the first row of a query, and note until when (seconds since 1970) in ``leased``.

    None where there is no row, or another server was faster. key: the column that names a row.
    is_free: what has to hold of it still when it is taken. Blocks.
    """
    with database.read() as connection:  # most of the time there is none
        if connection.execute(query).first() is None:
            return None
    table = key.table
    if not isinstance(table, Table):
        raise TypeError(f"{key} is no column of a table")
    with database.write() as connection:
        row = connection.execute(query).mappings().first()
        if row is None:
            return None
        lease = update(table).where(key == row[key.name], *is_free)
        own_row = connection.execute(lease.values(leased=until).returning(key)).first()
        return None if own_row is None else row
