"""Write a database out as lines of JSON, and read it in again: SQLite or PostgreSQL, either way.

One transaction reads all of it, so that it is of one moment, whoever writes meanwhile. The first
line of each table names it and its columns; a line a row follows. Sealed texts stay sealed, and
the key is no part of it.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, LargeBinary, Table, delete, false, func, insert, select

from ragdesk.errors import Invalid
from ragdesk.support.database import Database
from ragdesk.support.schema import load_schema
from ragdesk.support.tables import SECRETS

DUMPED_AT_ONCE: Final = 500
SNAPSHOT: Final = "REPEATABLE READ"  # PostgreSQL's: every query sees the same moment


def dump_database(database: Database) -> Iterator[bytes]:
    """Yield the lines of a database, each with its line break."""
    with database.read() as connection:
        if database.is_shared:
            connection.execution_options(isolation_level=SNAPSHOT)
        connection.execute(select(SECRETS.c.name).limit(1)).all()  # the moment is that of a query
        for table in load_schema().sorted_tables:
            if table.info.get("passing"):
                continue
            names = [column.name for column in table.columns]
            yield _encode_line({"table": table.name, "columns": names})
            result = connection.execution_options(yield_per=DUMPED_AT_ONCE).execute(select(table))
            for row in result:
                yield _encode_line([_encode_value(value) for value in row])


def load_database(database: Database, lines: Iterable[bytes], *, replace: bool) -> dict[str, int]:
    """Read the lines of a dump into a database, all or nothing; gives the rows of each table.

    replace: instead of what it holds; else Invalid where it holds anything. Raises Invalid for
    lines that are none of ours.
    """
    tables = load_schema().sorted_tables
    counts: dict[str, int] = {}
    with database.write() as connection:
        if not replace:
            _refuse_rows(connection, tables)
        for table in reversed(tables):
            connection.execute(delete(table))
        for table, rows in _read_rows(lines, {table.name: table for table in tables}):
            connection.execute(insert(table), rows)
            counts[table.name] = counts.get(table.name, 0) + len(rows)
        if database.is_shared:
            _advance_sequences(connection, tables)
    return counts


def _advance_sequences(connection: Connection, tables: Iterable[Table]) -> None:
    """Let PostgreSQL number on behind the rows that came with numbers of their own."""
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = func.pg_get_serial_sequence(f'"{table.name}"', column.name)
        largest = select(func.coalesce(func.max(column), 0)).scalar_subquery()
        connection.execute(select(func.setval(sequence, largest + 1, false())))


def _refuse_rows(connection: Connection, tables: Iterable[Table]) -> None:
    """Raise Invalid where a table holds a row; secrets are made by looking at a home."""
    for table in tables:
        if table is SECRETS:
            continue
        if connection.execute(select(func.count()).select_from(table)).scalar():
            raise Invalid(
                f"The database holds {table.name} already. Restore into an empty home, or say "
                "--replace to lose what it holds."
            )


def _read_rows(
    lines: Iterable[bytes], tables: dict[str, Table]
) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Yield the rows of a dump, some at a time. Raises Invalid."""
    table: Table | None = None
    names: list[str] = []
    rows: list[dict[str, Any]] = []
    try:
        for line in lines:
            value = json.loads(line)
            is_head = isinstance(value, dict)
            if table is not None and rows and (is_head or len(rows) >= DUMPED_AT_ONCE):
                yield table, rows
                rows = []
            if is_head:
                table, names = tables[value["table"]], value["columns"]
                if unknown := set(names) - {column.name for column in table.columns}:
                    raise Invalid(f"This ragdesk has no column {min(unknown)!r}.")
            elif table is not None:
                rows.append(_decode_row(table, names, value))
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("A line of the database's dump is none of ours.") from error
    if table is not None and rows:
        yield table, rows


def _decode_row(table: Table, names: list[str], values: list[Any]) -> dict[str, Any]:
    row = dict(zip(names, values, strict=True))
    for name, value in row.items():
        if isinstance(table.c[name].type, LargeBinary) and value is not None:
            row[name] = base64.b64decode(value, validate=True)
    return row


def _encode_value(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes | memoryview) else value


def _encode_line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
