import threading
from contextlib import closing

import pytest
from sqlalchemy import select

from ragdesk.errors import Invalid
from ragdesk.support.conversations.conversation import (
    ConversationTurn,
    Feedback,
    make_row_id,
)
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.database import Database
from ragdesk.support.database_dump import dump_database, load_database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.audit_log import record_audit
from ragdesk.support.sign_in.sign_in_tables import AUDIT

CIPHER = TextCipher([bytes(32)])


def fill(database):
    store = ConversationStore(database, CIPHER)
    talk = store.create("ann", "default")
    turn = store.append_turn(
        ConversationTurn(
            id=make_row_id(),
            conversation=talk.id,
            collection="default",
            question="退款?",
            answer={"text": "三天。"},
            confidence=0.5,
        )
    )
    judged = Feedback(
        id="", turn=turn.id, person="ann", role="customer", verdict="down", reasons=("wrong",)
    )
    FeedbackStore(database, CIPHER).put(judged)
    KeyStore(database.home, database).create("page", groups={"staff"})
    return turn


def test_what_was_dumped_is_read_in_whole_by_either_database(database, tmp_path):
    turn = fill(database)
    lines = list(dump_database(database))
    with closing(Database(tmp_path / "other")) as other:
        counts = load_database(other, lines, replace=False)
        assert list(dump_database(other)) == lines
        assert counts["turns"] == counts["keys"] == counts["feedback"] == 1
        assert ConversationStore(other, CIPHER).get_turn(turn.id) == turn
        with pytest.raises(Invalid, match="--replace"):
            load_database(other, lines, replace=False)
        load_database(other, lines, replace=True)
        back = list(dump_database(other))
    load_database(database, back, replace=True)
    assert list(dump_database(database)) == lines


def test_rows_are_numbered_on_behind_those_that_were_read_in(database, tmp_path):
    with closing(Database(tmp_path / "other")) as other:
        for _ in range(3):
            record_audit(other, "ann", "session.create", "key")
        lines = list(dump_database(other))
    load_database(database, lines, replace=False)
    record_audit(database, "ann", "session.create", "key")
    with database.read() as connection:
        assert list(connection.execute(select(AUDIT.c.id)).scalars()) == [1, 2, 3, 4]


def test_a_dump_is_of_one_moment(database):
    turn = fill(database)
    lines = dump_database(database)
    first = [next(lines)]
    thread = threading.Thread(
        target=ConversationStore(database, CIPHER).delete, args=(turn.conversation,)
    )
    thread.start()
    thread.join()
    text = b"".join([*first, *lines])
    assert turn.id.encode() in text
    assert turn.id.encode() not in b"".join(dump_database(database))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"[1]",
        b"3",
        b'{"table": "nothing", "columns": []}',
        b'{"table": "keys"}',
        b'{"table": "keys", "columns": ["more"]}',
    ],
)
def test_lines_that_are_none_of_ours_change_nothing(database, line):
    fill(database)
    lines = list(dump_database(database))
    with pytest.raises(Invalid):
        load_database(database, [lines[0], b"[1, 2]", line], replace=True)
    assert list(dump_database(database)) == lines
