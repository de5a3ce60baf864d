"""Drafts that several people change at once."""

from concurrent.futures import ThreadPoolExecutor

from draft_values import make_draft

from ragdesk.support.encryption import TextCipher
from ragdesk.support.learning.draft_store import DraftStore


def test_of_two_who_approve_at_once_neither_is_lost(database):
    drafts = DraftStore(database, TextCipher())
    empty = make_draft()

    def approve(name, person):
        drafts.approve(name, person, needed=3, personal_checked=False)

    with ThreadPoolExecutor(3) as threads:
        for _ in range(20):
            name = drafts.add(empty).id
            list(threads.map(approve, [name] * 3, ["ann", "bob", "cleo"]))
            assert drafts.find(name).state == "approved"
