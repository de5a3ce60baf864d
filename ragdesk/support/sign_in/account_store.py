"""Accounts of staff who sign in at an OpenID Connect provider: issuer and subject are who it is."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import RowMapping, select

from ragdesk.support.database import Database, upsert
from ragdesk.support.sign_in.sign_in_tables import ACCOUNTS

FRESH_SECONDS: Final = 3_600  # for which the provider's word on somebody's groups is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who signed in. groups: of the provider, as of ``refreshed`` (seconds since 1970)."""

    id: str
    name: str
    groups: frozenset[str]
    refreshed: int

    def is_fresh(self, now: float) -> bool:
        """Tell whether the provider named the groups within the last hour."""
        return now < self.refreshed + FRESH_SECONDS


class AccountStore:
    """The accounts of a desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, issuer: str, subject: str, name: str, groups: frozenset[str]) -> Account:
        """Note that somebody signed in just now, with their groups; gives their account."""
        now = int(time.time())
        is_theirs = (ACCOUNTS.c.issuer == issuer) & (ACCOUNTS.c.subject == subject)
        values = {"name": name, "groups": json.dumps(sorted(groups)), "refreshed": now}
        row = {"id": secrets.token_hex(8), "issuer": issuer, "subject": subject, "created": now}
        with self._database.write() as connection:
            connection.execute(
                upsert(connection, ACCOUNTS)
                .values({**row, **values})
                .on_conflict_do_update(index_elements=["issuer", "subject"], set_=values)
            )
            query = select(ACCOUNTS).where(is_theirs)
            return _account_from_row(connection.execute(query).mappings().one())

    def find(self, account: str) -> Account | None:
        """Find an account by its id."""
        query = select(ACCOUNTS).where(ACCOUNTS.c.id == account)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return _account_from_row(row) if row else None


def _account_from_row(row: RowMapping) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        groups=frozenset(json.loads(row["groups"])),
        refreshed=row["refreshed"],
    )
