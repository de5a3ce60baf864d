"""A database of every earlier revision, filled, is taken over: no row is lost, and all opens."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from earlier_databases import (
    ROWS,
    Rows,
    fill_tables,
    keep_columns,
    open_at,
    order_rows,
    read_tables,
    reflect_tables,
)
from postgresql_process import new_database

from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.handoff.handoff_store import HandoffStore
from ragdesk.support.key_store import KeyStore
from ragdesk.support.learning.draft_store import DraftStore
from ragdesk.support.migrations.migration import HEAD_REVISION, VERSIONS_FOLDER
from ragdesk.support.schema import load_schema

EARLIER = sorted(
    revision
    for file in VERSIONS_FOLDER.glob("version_*.py")
    if (revision := file.stem.split("_")[1]) < HEAD_REVISION
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def address(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give the address of an empty database, once of each kind; None for SQLite's."""
    if request.param == "sqlite":
        yield None
        return
    with new_database(request.getfixturevalue("postgresql")) as address:
        yield address


def test_every_revision_is_tried() -> None:
    assert [str(number).zfill(4) for number in range(1, int(HEAD_REVISION))] == EARLIER


@pytest.mark.parametrize("revision", EARLIER)
def test_a_filled_database_of_an_earlier_revision_loses_nothing(
    revision: str, tmp_path: Path, address: str | None
) -> None:
    with open_at(revision, tmp_path, address) as earlier, earlier.write() as connection:
        before = fill_tables(connection)
    assert {name: len(rows) for name, rows in before.items()} == dict.fromkeys(before, ROWS)
    assert "keys" in before

    with closing(Database(tmp_path, address)) as database:
        with database.read() as connection:
            tables = reflect_tables(connection)
            after = read_tables(connection, tables)
        assert keep_columns(after, before) == order_rows(before)
        assert set(after) == set(load_schema().tables)
        check_new_columns(after, before)
        open_stores(database, set(before))


def check_new_columns(after: Rows, before: Rows) -> None:
    """Hold what a revision fills to what stood there: a draft learns whose words it holds."""
    if "draft_turns" in before and "person" not in before["draft_turns"][0]:
        persons = {(row["turn"], row["person"]) for row in after["draft_turns"]}
        assert persons == {
            (f"turns.id 退款 {n}", f"conversations.person 退款 {n}") for n in range(ROWS)
        }


def open_stores(database: Database, tables: set[str]) -> None:
    """Read what stands in some tables as a server does, and write a key and a conversation."""
    with ExitStack() as ending:
        keys = ending.enter_context(closing(KeyStore(database.home, database)))
        assert len(keys.list_keys()) == ROWS
        key, token = keys.create("page")
        assert keys.find_by_token(token) == key
        if "conversations" in tables:
            open_conversation(database)
        if "handoffs" in tables:
            open_handoff(database)
        if "drafts" in tables:
            open_draft(database)


def open_conversation(database: Database) -> None:
    store = ConversationStore(database)
    conversation, turns = store.get_with_turns("conversations.id 退款 0", 5)
    assert conversation.title == "conversations.title 退款 0"
    assert [turn.text for turn in turns] == ["退款 within 5 days."]
    assert store.create(conversation.person, "default").person == conversation.person
    judgements = FeedbackStore(database).list_of_turns([turns[0].id], "feedback.person 退款 0")
    assert judgements[turns[0].id].verdict == "down"


def open_handoff(database: Database) -> None:
    store = HandoffStore(database, TextCipher())
    handoff = store.get_handoff("handoffs.id 退款 0")
    assert (handoff.contact.name, handoff.payload["question"]) == ("Ada", "Where is my parcel?")
    (event,) = store.list_events(handoff.id)
    assert event.detail == {"text": "退款"}


def open_draft(database: Database) -> None:
    draft = DraftStore(database, TextCipher()).find("drafts.id 退款 0")
    assert draft.question == "drafts.question 退款 0"
    assert (draft.sources[0].quote, draft.similar) == ("退款", ("Is Malta served?",))
