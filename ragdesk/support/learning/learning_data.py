"""What drafts hold of a person: their words in questions, and who wrote or approved an entry."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, or_, select, update

from ragdesk.kept_cases import read_kept_cases, remove_kept_case
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.learning.approval import APPROVED_SOURCE, make_case_id
from ragdesk.support.learning.learning_tables import DRAFT_TURNS, DRAFTS
from ragdesk.support.personal_data_source import PersonalDataSource


def _select_drafts_of(person: str) -> Select[Any]:
    """Select the ids of drafts that rest on questions of a person."""
    return select(DRAFT_TURNS.c.draft).where(DRAFT_TURNS.c.person == person)


def _export_drafts(connection: Connection, cipher: TextCipher, person: str) -> list[dict[str, Any]]:
    wanted = or_(DRAFTS.c.author == person, DRAFTS.c.id.in_(_select_drafts_of(person)))
    rows = connection.execute(select(DRAFTS).where(wanted).order_by(DRAFTS.c.created)).mappings()
    names = ("id", "collection", "state", "language", "uri", "created", "updated")
    return [
        {
            **{name: row[name] for name in names},
            "question": cipher.open(row["question"]),
            "similar": json.loads(cipher.open(row["similar"])),
            "answer": cipher.open(row["answer"]),
            "is_author": row["author"] == person,
        }
        for row in rows
    ]


def _erase_drafts(connection: Connection, person: str) -> int:
    """Delete drafts that hold words of a person, and take the person out of the others.

    A published entry stays a document: an editor wrote and approved its text.
    """
    gone = delete(DRAFTS).where(DRAFTS.c.id.in_(_select_drafts_of(person)))
    written = update(DRAFTS).where(DRAFTS.c.author == person).values(author="")
    count = connection.execute(gone).rowcount + connection.execute(written).rowcount
    for row in connection.execute(select(DRAFTS.c.id, DRAFTS.c.approvals)).mappings().all():
        if person in row["approvals"]:
            approvals = ["" if name == person else name for name in row["approvals"]]
            change = update(DRAFTS).where(DRAFTS.c.id == row["id"]).values(approvals=approvals)
            count += connection.execute(change).rowcount
    return count


def remove_orphan_cases(database: Database, folders: Iterable[Path]) -> int:
    """Remove the cases of entries whose draft was erased; says how many.

    folders: of collections. Raises CollectionBusy while a job runs there: do it again then.
    """
    with database.read() as connection:
        standing = {
            make_case_id(name) for name in connection.execute(select(DRAFTS.c.id)).scalars()
        }
    count = 0
    for folder in folders:
        for case in read_kept_cases(folder):
            if APPROVED_SOURCE in case.tags and case.id not in standing:
                remove_kept_case(folder, case.id)
                count += 1
    return count


DRAFT_DATA: Final = PersonalDataSource(name="drafts", export=_export_drafts, erase=_erase_drafts)
