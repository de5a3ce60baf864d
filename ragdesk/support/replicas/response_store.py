"""Responses by ``Idempotency-Key``, for every server of a database: made once, given again.

Who claims a key makes its response; the others wait for it, and take over where the server that
made it was lost. A response goes after a day, with its person, or when newer ones take its place.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, func, or_, select, update

from ragdesk.support.database import upsert
from ragdesk.support.encryption import TextCipher
from ragdesk.support.personal_data_source import PersonalDataSource
from ragdesk.support.replicas.replica_registry import ReplicaRegistry
from ragdesk.support.replicas.replica_tables import KEPT_RESPONSES
from ragdesk.support.replicas.request_digests import is_same_body

RESPONSE_SECONDS: Final = 86_400.0
MOST_RESPONSES: Final = 2_000
MOST_OF_PERSON: Final = 200  # so that nobody pushes out what others sent
CLEARED_EVERY: Final = 20  # claims
MADE_STATUS: Final = 200  # of a response that is known again: it is made anew, and not sent


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseKey:
    """What a response is asked for by. person: who asked; requests: digests of the body.

    The first of ``requests`` is kept; the others are of former secrets. basis: digest of what the
    response rests on.
    """

    name: str
    person: str
    requests: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResponse:
    """What is known of a key. claim: of whoever makes it now; None where it is made.

    is_same_request, is_same_basis: whether it was asked with the same body, and rests on the same.
    body: None while it is made, or where it is not kept.
    """

    claim: str | None
    is_same_request: bool = True
    is_same_basis: bool = True
    is_lost: bool = False
    status: int = 0
    headers: Mapping[str, str] | None = None
    body: str | None = None


class ResponseStore:
    """The responses of a database's servers."""

    def __init__(self, registry: ReplicaRegistry, cipher: TextCipher) -> None:
        self._registry = registry
        self._database = registry.database
        self._cipher = cipher
        self._claims = 0

    def claim(self, key: ResponseKey, claim: str | None = None) -> str | None:
        """Claim a key that nobody used yet; gives the claim, or None where somebody did.

        claim: of ``draw_claim``, for whoever has to know it should the database not answer.
        """
        with self._database.write() as connection:
            self._claims += 1
            if self._claims % CLEARED_EVERY == 0:
                _clear_old(connection)
            own = KEPT_RESPONSES.c.name == digest_key(key.name)
            is_old = KEPT_RESPONSES.c.created < time.time() - RESPONSE_SECONDS
            connection.execute(delete(KEPT_RESPONSES).where(own & is_old))
            _clear_person(connection, digest_key(key.person))
            row = self._make_row(key, claim)
            made = connection.execute(
                upsert(connection, KEPT_RESPONSES)
                .values(row)
                .on_conflict_do_nothing(index_elements=["name"])
                .returning(KEPT_RESPONSES.c.claim)
            )
            return made.scalar()

    def take_over(
        self, key: ResponseKey, former: str | None, claim: str | None = None
    ) -> str | None:
        """Claim a key whose response is to be made anew; None where somebody else did first.

        former: the claim of the server that was lost; None of a response that is there.
        """
        table = KEPT_RESPONSES
        row = self._make_row(key, claim)
        has_claim = table.c.claim == former if former else table.c.status.is_not(None)
        is_this = (table.c.name == row["name"]) & has_claim
        kept = {name: row[name] for name in ("basis", "replica", "claim", "created")}
        with self._database.write() as connection:
            change = update(table).where(is_this).values(**kept, status=None)
            return str(row["claim"]) if connection.execute(change).rowcount else None

    def find(self, key: ResponseKey) -> KeptResponse | None:
        """Return what is known of a key; None where it was not used, or its response is too old."""
        table = KEPT_RESPONSES
        query = select(table).where(table.c.name == digest_key(key.name))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or row.created < time.time() - RESPONSE_SECONDS:
            return None
        return self._describe(row, key)

    def keep(self, key: ResponseKey, claim: str, response: KeptResponse) -> None:
        """Keep the response of one's own claim; without a body it is known that there was one."""
        body = response.body
        values = {
            "status": response.status,
            "headers": json.dumps(dict(response.headers or {})),
            "body": None if body is None else self._cipher.seal(body),
        }
        with self._database.write() as connection:
            change = update(KEPT_RESPONSES).where(_is_claim(key, claim)).values(values)
            connection.execute(change)

    def release(self, key: ResponseKey, claim: str) -> None:
        """Give a claim back: its response was not made, so that the key is as if unused.

        One that was made before, on another basis, is known again, and still to be made anew.
        """
        table = KEPT_RESPONSES
        is_own = _is_claim(key, claim) & table.c.status.is_(None)
        with self._database.write() as connection:
            known = update(table).where(is_own & table.c.body.is_not(None))
            connection.execute(known.values(status=MADE_STATUS, basis=""))
            connection.execute(delete(table).where(is_own))

    def _make_row(self, key: ResponseKey, claim: str | None) -> dict[str, Any]:
        return {
            "name": digest_key(key.name),
            "person": digest_key(key.person),
            "request": key.requests[0],
            "basis": key.basis,
            "replica": self._registry.id,
            "claim": claim or draw_claim(),
            "created": time.time(),
        }

    def _describe(self, row: Row[Any], key: ResponseKey) -> KeptResponse:
        pending = row.status is None
        return KeptResponse(
            claim=row.claim if pending else None,
            is_same_request=is_same_body(row.request, key.requests),
            is_same_basis=row.basis == key.basis,
            is_lost=pending and not self._registry.is_alive(row.replica),
            status=row.status or 0,
            headers=json.loads(row.headers) if row.headers else None,
            body=None if row.body is None else self._cipher.open(row.body),
        )


def draw_claim() -> str:
    """Draw the name of a claim, which no other has."""
    return secrets.token_hex(8)


def _is_claim(key: ResponseKey, claim: str) -> Any:
    return (KEPT_RESPONSES.c.name == digest_key(key.name)) & (KEPT_RESPONSES.c.claim == claim)


def _clear_old(connection: Connection) -> None:
    """Remove what is too old, and the oldest of too many."""
    table = KEPT_RESPONSES
    newest = select(table.c.created).order_by(table.c.created.desc())
    last = connection.execute(newest.offset(MOST_RESPONSES).limit(1)).scalar()
    is_old = table.c.created < time.time() - RESPONSE_SECONDS
    connection.execute(delete(table).where(or_(is_old, table.c.created <= (last or 0.0))))


def _clear_person(connection: Connection, person: str) -> None:
    """Remove the oldest of somebody who has too many."""
    table = KEPT_RESPONSES
    own = table.c.person == person
    count = connection.execute(select(func.count()).select_from(table).where(own)).scalar_one()
    if count >= MOST_OF_PERSON:
        oldest = select(table.c.name).where(own).order_by(table.c.created).limit(1)
        connection.execute(delete(table).where(table.c.name == oldest.scalar_subquery()))


def digest_key(text: str) -> str:
    """Return the digest under which a key, or whose it is, is kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_key_data(name: str, table: Table) -> PersonalDataSource:
    """Return how a table of keys is erased of a person.

    Copies and ids of a day: what they are of is exported where it is kept.
    """

    def erase(connection: Connection, person: str) -> int:
        is_own = table.c.person == digest_key(person)
        return connection.execute(delete(table).where(is_own)).rowcount

    return PersonalDataSource(
        name=name, export=lambda _connection, _cipher, _person: [], erase=erase
    )


RESPONSE_DATA: Final = make_key_data("kept_responses", KEPT_RESPONSES)
