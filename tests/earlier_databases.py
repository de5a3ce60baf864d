"""Databases as earlier revisions left them, every table filled; and all that stands in one."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, types

from ragdesk.support.database import Database
from ragdesk.support.migrations import migration

ROWS: Final = 3  # of each table; of the last one all is null that may be
FIRST_NUMBER: Final = 1_700_000_000  # a time, too
OWN_TABLES: Final = {"alembic_version"}
# What only some words may stand in, as the stores read it. Everything else is named after its place.
WORDS: Final[Mapping[str, str]] = {
    "keys.scopes": '["ask"]',
    "publishable_keys.origins": '["https://shop.example"]',
    "conversations.state": "waiting",
    "turns.author": "customer",
    "turns.answer": '{"text": "退款 within 5 days.", "citations": []}',
    "feedback.role": "customer",
    "feedback.verdict": "down",
    "handoffs.state": "waiting",
    "handoffs.reason": "customer_asked",
    "handoffs.payload": '{"question": "Where is my parcel?", "sources": []}',
    "handoffs.contact": '{"name": "Ada", "email": "ada@example.org", "phone": ""}',
    "handoff_events.action": "take",
    "handoff_events.detail": '{"text": "退款"}',
    "drafts.origin": "reply",
    "drafts.state": "open",
    "drafts.similar": '["Is Malta served?"]',
    "drafts.sources": '[{"uri": "a.md", "title": "A", "quote": "退款", "turn": ""}]',
}
LISTS: Final = {"scopes", "groups", "collections", "origins"}  # that are kept as JSON in a text
Rows = dict[str, list[dict[str, Any]]]


@contextmanager
def open_at(revision: str, home: Path, address: str | None) -> Iterator[Database]:
    """Open a database as the ragdesk whose newest revision that was would have."""
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(migration, "HEAD_REVISION", revision)
        with closing(Database(home, address)) as database:
            yield database


def reflect_tables(connection: Connection) -> list[Table]:
    """Return the tables that stand in a database, those that others point at first."""
    schema = MetaData()
    schema.reflect(connection)
    return [table for table in schema.sorted_tables if table.name not in OWN_TABLES]


def fill_tables(connection: Connection) -> Rows:
    """Write rows into every table; gives all that stands in each then."""
    parents: dict[str, list[dict[str, Any]]] = {}
    tables = reflect_tables(connection)
    for table in tables:
        rows = [_make_row(table, number, parents) for number in range(ROWS)]
        connection.execute(table.insert(), rows)
        parents[table.name] = rows
    return read_tables(connection, tables)


def read_tables(connection: Connection, tables: Iterable[Table]) -> Rows:
    """Read every row of some tables, by their names."""
    return {
        table.name: [dict(row) for row in connection.execute(table.select()).mappings()]
        for table in tables
    }


def keep_columns(rows: Rows, former: Rows) -> Rows:
    """Return what of rows there was before: the tables and columns of others. Ordered, as those."""
    kept = {
        name: [{column: row[column] for column in former[name][0]} for row in rows[name]]
        for name in former
    }
    return order_rows(kept)


def order_rows(rows: Rows) -> Rows:
    """Order the rows of each table by what stands in them."""
    return {name: sorted(some, key=repr) for name, some in rows.items()}


def _make_row(
    table: Table, number: int, parents: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    # The database counts on from what it numbered itself.
    counted = table.autoincrement_column
    is_counted = counted is not None and not counted.foreign_keys
    return {
        column.name: _make_value(column, number, parents)
        for column in table.columns
        if not (is_counted and column is counted)
    }


def _make_value(
    column: Column[Any], number: int, parents: Mapping[str, list[dict[str, Any]]]
) -> Any:
    for key in column.foreign_keys:
        parent = key.column
        return parents[parent.table.name][number][parent.name]
    if column.nullable and number == ROWS - 1:
        return None
    place = f"{column.table.name}.{column.name}"
    match column.type:
        case types.JSON():
            value: Any = [f"{place} 退款 {number}"]
        case types.LargeBinary():
            value = f"{place} {number}".encode()
        case types.Float():
            value = number + 0.5
        case types.Integer():
            value = FIRST_NUMBER + number
        case types.Text():
            value = _make_words(column.name, place, number)
        case other:
            raise TypeError(f"{place} is {other!r}: say here what stands in such a column")
    return value


def _make_words(name: str, place: str, number: int) -> str:
    if place == "draft_turns.turn":
        return f"turns.id 退款 {number}"  # of a turn that stands, without a key to it
    if place in WORDS:
        return WORDS[place]
    return "[]" if name in LISTS else f"{place} 退款 {number}"
