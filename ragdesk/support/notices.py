"""Hear of changed conversations: also of those that another server or process changed.

PostgreSQL tells all servers that listen (LISTEN and NOTIFY); one thread of a server listens. With
SQLite that thread looks, twice a second, for what was changed of late. A notice carries the id of a
conversation and nothing of what was said.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy
from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from ragdesk.errors import HomeUnusable
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS
from ragdesk.support.database import Database

CHANNEL: Final = "ragdesk_conversations"
POLL_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0  # after a connection broke
RECENT_SECONDS: Final = 3  # how long ago a change may be to be looked at: times are whole seconds
log = logging.getLogger("ragdesk.support")
OnNotice = Callable[[str | None], None]


def announce_change(connection: Connection, conversation: str) -> None:
    """Tell every server, once the transaction is committed, that a conversation was changed."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(sqlalchemy.func.pg_notify(CHANNEL, conversation)))


class NoticeListener:
    """A thread that hears of changed conversations.

    on_notice: called in that thread with the id of one; with None where any may have changed, as
    nothing was heard for a while.
    """

    def __init__(self, database: Database, on_notice: OnNotice) -> None:
        self._database = database
        self._on_notice = on_notice
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        listen = self._listen if self._database.is_shared else self._poll
        while not self._stop.is_set():
            try:
                listen()
            except (HomeUnusable, OSError) as error:
                fields = {"reason": str(error), "repeats": "notices"}
                log.warning("changes of conversations are not heard of", extra=fields)
                self._stop.wait(RETRY_SECONDS)
                self._on_notice(None)

    def _poll(self) -> None:
        """Look for what was changed of late, until stopped. Raises HomeUnusable."""
        while not self._stop.wait(POLL_SECONDS):
            recent = CONVERSATIONS.c.updated >= int(time.time()) - RECENT_SECONDS
            with self._database.read() as connection:
                names = connection.execute(select(CONVERSATIONS.c.id).where(recent)).scalars().all()
            for name in names:
                self._on_notice(name)

    def _listen(self) -> None:
        """Listen to PostgreSQL until stopped. Raises OSError where the connection breaks."""
        import psycopg  # noqa: PLC0415, an extra

        address = make_url(self._database.address or "").set(drivername="postgresql")
        try:
            with psycopg.connect(
                address.render_as_string(hide_password=False), autocommit=True
            ) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                self._on_notice(None)  # what was told before is not told again
                while not self._stop.is_set():
                    for notice in connection.notifies(timeout=POLL_SECONDS):
                        self._on_notice(notice.payload)
        except psycopg.Error as error:
            raise OSError(str(error)) from error
