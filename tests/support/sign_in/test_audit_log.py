import time

import pytest

from ragdesk.support.access import LOCAL_PRINCIPAL
from ragdesk.support.sign_in.audit_log import (
    clear_audit,
    insert_audit,
    list_audit,
    record_audit,
)
from ragdesk.support.sign_in.sign_in_tables import AUDIT


def test_entries_are_listed_newest_first_a_page_at_a_time(database):
    for number in range(5):
        record_audit(database, LOCAL_PRINCIPAL, "document.put", f"default/{number}.md")
    record_audit(database, "0a", "key.revoke", "0b", "refused")

    first = list_audit(database, limit=2)
    assert [(e.who, e.action, e.target, e.outcome) for e in first] == [
        ("0a", "key.revoke", "0b", "refused"),
        ("local", "document.put", "default/4.md", "done"),
    ]
    assert abs(first[0].created - time.time()) < 60
    rest = list_audit(database, before=first[-1].id)
    assert [entry.target for entry in rest] == [f"default/{n}.md" for n in (3, 2, 1, 0)]
    assert [e.target for e in list_audit(database, who="0a")] == ["0b"]
    assert [e.target for e in list_audit(database, action="key.revoke")] == ["0b"]


def test_an_entry_comes_about_with_what_it_notes_or_not_at_all(database):
    def fail() -> None:
        with database.write() as connection:
            insert_audit(connection, LOCAL_PRINCIPAL, "key.create", "0a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list_audit(database) == []


def test_old_entries_go(database):
    record_audit(database, LOCAL_PRINCIPAL, "conversation.delete", "c1")
    with database.write() as connection:
        connection.execute(AUDIT.update().values(created=int(time.time()) - 31 * 86_400))
    record_audit(database, LOCAL_PRINCIPAL, "conversation.delete", "c2")

    assert clear_audit(database, 30) == 1
    assert [entry.target for entry in list_audit(database)] == ["c2"]
