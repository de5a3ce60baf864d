import contextlib
import queue
from contextlib import closing

from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database
from ragdesk.support.notices import NoticeListener


def test_what_another_opening_of_the_database_changes_is_heard_of(database):
    notices: queue.Queue[str | None] = queue.Queue()
    listener = NoticeListener(database, notices.put)
    listener.start()
    with closing(Database(database.home, database.address)) as other:
        store = ConversationStore(other)
        if database.is_shared:
            assert notices.get(timeout=20) is None  # it listens from now on
        talk = store.create("ann", "default")
        store.set_state(talk.id, "waiting")
        with contextlib.suppress(queue.Empty):
            while notices.get(timeout=20) != talk.id:
                pass
            listener.close()
            return
    raise AssertionError("nothing was heard")
