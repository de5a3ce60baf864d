"""What sign-in holds of a person: their account at the provider, sessions, a visitor's mark.

Keys are an operator's own, and are revoked; the audit log keeps ids for its days.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select

from ragdesk.support.access import KEY_PREFIX, STAFF_PREFIX, VISITOR_PREFIX
from ragdesk.support.encryption import TextCipher
from ragdesk.support.personal_data_source import PersonalDataSource
from ragdesk.support.sign_in.sign_in_tables import ACCOUNTS, SESSIONS, VISITORS

HIDDEN_SIGN_IN_COLUMNS: Final = ("digest", "id")


def _list_rows_of(person: str) -> list[tuple[Table, ColumnElement[bool]]]:
    """Return the tables that hold something of a person, and which of their rows."""
    if person.startswith(STAFF_PREFIX):
        account = person.removeprefix(STAFF_PREFIX)
        return [(SESSIONS, SESSIONS.c.account == account), (ACCOUNTS, ACCOUNTS.c.id == account)]
    if person.startswith(KEY_PREFIX):
        return [(SESSIONS, SESSIONS.c.key == person.removeprefix(KEY_PREFIX))]
    if person.startswith(VISITOR_PREFIX):
        site, _, visitor = person.removeprefix(VISITOR_PREFIX).partition(":")
        return [(VISITORS, and_(VISITORS.c.key == site, VISITORS.c.id == visitor))]
    return []


def _export_sign_in(
    connection: Connection, _cipher: TextCipher, person: str
) -> list[dict[str, Any]]:
    return [
        {"kind": table.name}
        | {name: value for name, value in row.items() if name not in HIDDEN_SIGN_IN_COLUMNS}
        for table, wanted in _list_rows_of(person)
        for row in connection.execute(select(table).where(wanted)).mappings()
    ]


def _erase_sign_in(connection: Connection, person: str) -> int:
    return sum(
        connection.execute(delete(table).where(wanted)).rowcount
        for table, wanted in _list_rows_of(person)
    )


SIGN_IN_DATA: Final = PersonalDataSource(
    name="sign_in", export=_export_sign_in, erase=_erase_sign_in
)
