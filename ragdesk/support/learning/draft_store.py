"""Keep drafts in the desk's database, and move them from one state to the next."""

import json
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, insert, or_, select, update

from ragdesk.errors import NotFound, WrongState
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS, TURNS
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.learning.draft import Draft, DraftSource, DraftState, check_draft_texts
from ragdesk.support.learning.learning_tables import DRAFT_TURNS, DRAFTS
from ragdesk.support.replicas.done_requests import note_deed

SEALED_FIELDS: Final = ("question", "answer", "similar", "sources", "reason")
NO_DRAFT: Final = "No such draft."


class DraftStore:
    """The drafts of a desk. Safe to share between threads; every call is a transaction."""

    def __init__(self, database: Database, cipher: TextCipher) -> None:
        self._database = database
        self._cipher = cipher

    def add(self, draft: Draft) -> Draft:
        """Store a new draft; gives it with its id. Raises Invalid for texts that are no entry."""
        new = _make_new(draft)
        with self._database.write() as connection:
            note_deed(connection, "draft", {"id": new.id, "job": None})
            self._insert(connection, new)
        return new

    def add_all(self, drafts: Sequence[Draft], note: Mapping[str, Any]) -> list[str]:
        """Store new drafts, all or none; gives their ids. Raises Invalid as ``add`` does.

        note: what a retry is answered by, beside the ids: ``drafts``.
        """
        new = [_make_new(draft) for draft in drafts]
        names = [draft.id for draft in new]
        with self._database.write() as connection:
            note_deed(connection, "draft", {**note, "drafts": names})
            for draft in new:
                self._insert(connection, draft)
        return names

    def _insert(self, connection: Connection, draft: Draft) -> None:
        connection.execute(insert(DRAFTS).values(self._to_row(draft)))
        turns = sorted({source.turn for source in draft.sources if source.turn})
        if turns:
            persons = _read_persons(connection, turns)
            rows = [{"draft": draft.id, "turn": t, "person": persons.get(t)} for t in turns]
            connection.execute(insert(DRAFT_TURNS), rows)

    def find(self, name: str) -> Draft:
        """Find a draft by its id. Raises NotFound."""
        with self._database.read() as connection:
            return self._find(connection, name)

    def list_drafts(
        self,
        collections: Collection[str] | None,
        *,
        states: Sequence[DraftState] = ("open", "approved"),
        after: tuple[int, str] | None = None,
        limit: int = 100,
    ) -> list[Draft]:
        """List drafts of collections (None: of all), the last changed first.

        after: when the last one of the page before was changed (seconds since 1970), and its id.
        """
        query = select(DRAFTS).where(DRAFTS.c.state.in_(states))
        if collections is not None:
            query = query.where(DRAFTS.c.collection.in_(sorted(collections)))
        if after is not None:
            seconds, name = after
            same = and_(DRAFTS.c.updated == seconds, DRAFTS.c.id > name)
            query = query.where(or_(DRAFTS.c.updated < seconds, same))
        query = query.order_by(DRAFTS.c.updated.desc(), DRAFTS.c.id).limit(limit)
        with self._database.read() as connection:
            return [self._from_row(row) for row in connection.execute(query).mappings()]

    def edit(
        self,
        name: str,
        *,
        question: str,
        answer: str,
        similar: tuple[str, ...],
        personal: tuple[str, ...],
    ) -> Draft:
        """Change the texts of an open draft. Who approved the former words approved no others.

        Raises NotFound, WrongState for one that is published or rejected, Invalid.
        """
        check_draft_texts(question, answer, similar)
        with self._database.write() as connection:
            draft = self._find(connection, name, locked=True)
            _check_open(draft)
            changed = replace(
                draft,
                question=question,
                answer=answer,
                similar=similar,
                personal=personal,
                approvals=(),
                state="open",
                updated=int(time.time()),
            )
            return self._save(connection, changed)

    def approve(self, name: str, person: str, *, needed: int, personal_checked: bool) -> Draft:
        """Note that somebody approves a draft; it is ``approved`` once ``needed`` people did.

        The same person counts once, and where two are needed the author is none of them. Personal
        data that was found in it has to be looked at: it would be shown to everybody. Raises
        NotFound, WrongState.
        """
        with self._database.write() as connection:
            draft = self._find(connection, name, locked=True)
            _check_open(draft)
            if draft.personal and not personal_checked:
                kinds = ", ".join(draft.personal)
                raise WrongState(
                    f"This draft may hold personal data ({kinds}). Take it out, or send "
                    '"personal_checked": true if it is none.'
                )
            if needed > 1 and person == draft.author:
                raise WrongState("Somebody else than its author has to approve this draft.")
            note_deed(connection, "draft", {"id": name, "job": None})
            approvals = tuple(dict.fromkeys((*draft.approvals, person)))
            state: DraftState = "approved" if len(approvals) >= needed else "open"
            changed = replace(draft, approvals=approvals, state=state, updated=int(time.time()))
            return self._save(connection, changed)

    def reject(self, name: str, reason: str) -> Draft:
        """Reject an open draft. Raises NotFound, WrongState."""
        with self._database.write() as connection:
            draft = self._find(connection, name, locked=True)
            _check_open(draft)
            note_deed(connection, "draft", {"id": name, "job": None})
            changed = replace(draft, state="rejected", reason=reason, updated=int(time.time()))
            return self._save(connection, changed)

    def mark_published(self, name: str, uri: str) -> Draft:
        """Note the document that an approved draft became. Raises NotFound, WrongState."""
        with self._database.write() as connection:
            draft = self._find(connection, name, locked=True)
            if draft.state not in {"approved", "published"}:
                raise WrongState("Only an approved draft is published.")
            changed = replace(draft, state="published", uri=uri, updated=int(time.time()))
            return self._save(connection, changed)

    def list_approved(self) -> list[Draft]:
        """List the drafts that are approved and not yet published."""
        query = select(DRAFTS).where(DRAFTS.c.state == "approved")
        with self._database.read() as connection:
            return [self._from_row(row) for row in connection.execute(query).mappings()]

    def _find(self, connection: Connection, name: str, *, locked: bool = False) -> Draft:
        """Read a draft. locked: nobody else changes it to the end of the transaction."""
        query = select(DRAFTS).where(DRAFTS.c.id == name)
        if locked:  # PostgreSQL; SQLite has one writer at a time
            query = query.with_for_update()
        row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(NO_DRAFT)
        return self._from_row(row)

    def _save(self, connection: Connection, draft: Draft) -> Draft:
        row = self._to_row(draft)
        connection.execute(update(DRAFTS).where(DRAFTS.c.id == draft.id).values(row))
        return draft

    def _to_row(self, draft: Draft) -> dict[str, Any]:
        row = asdict(draft)
        row["similar"] = json.dumps(draft.similar, ensure_ascii=False)
        row["sources"] = json.dumps([asdict(s) for s in draft.sources], ensure_ascii=False)
        for name in SEALED_FIELDS:
            row[name] = self._cipher.seal(row[name])
        return {
            **row,
            "personal": list(draft.personal),
            "approvals": list(draft.approvals),
            "groups": sorted(draft.groups),
        }

    def _from_row(self, row: RowMapping) -> Draft:
        """Read a draft from a row. Raises ValueError for a row that we did not write."""
        fields = {**row, **{name: self._cipher.open(row[name]) for name in SEALED_FIELDS}}
        return Draft(
            **{
                **fields,
                "similar": tuple(json.loads(fields["similar"])),
                "sources": tuple(DraftSource(**source) for source in json.loads(fields["sources"])),
                "personal": tuple(fields["personal"]),
                "approvals": tuple(fields["approvals"]),
                "groups": frozenset(fields["groups"]),
            }
        )


def _make_new(draft: Draft) -> Draft:
    """Return a draft as a new one. Raises Invalid for texts that are no entry."""
    check_draft_texts(draft.question, draft.answer, draft.similar)
    now = int(time.time())
    return replace(draft, id=secrets.token_hex(8), created=now, updated=now)


def _read_persons(connection: Connection, turns: Collection[str]) -> dict[str, str]:
    """Return whose each of some turns is: of the conversations that stand."""
    query = (
        select(TURNS.c.id, CONVERSATIONS.c.person)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == TURNS.c.conversation)
        .where(TURNS.c.id.in_(turns))
    )
    return {row.id: row.person for row in connection.execute(query)}


def _check_open(draft: Draft) -> None:
    if draft.state in {"published", "rejected"}:
        raise WrongState(f"This draft is {draft.state}; it changes no more.")
