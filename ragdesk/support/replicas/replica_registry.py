"""Which servers of a database live: each says so every few seconds, and who falls silent is lost.

Clocks of the servers have to agree within a few seconds, as by NTP.
"""

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import delete, select

from ragdesk.errors import HomeBusy, HomeUnusable
from ragdesk.support.database import Database, upsert
from ragdesk.support.replicas.replica_tables import REPLICAS

BEAT_SECONDS: Final = 3.0
SILENT_SECONDS: Final = 9.0
LOST_SECONDS: Final = 15.0  # of silence, after which a server counts as lost
FORGOTTEN_SECONDS: Final = 3_600.0
SILENCE_LOOK_SECONDS: Final = 1.0
log = logging.getLogger("ragdesk.support")


class ReplicaRegistry:
    """Tells the servers of a database that one more lives; ``id`` is drawn anew at each start."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self.database = database
        self._clock = clock
        self._last_beat: float | None = None
        self._heard_since = -math.inf  # by the clock: since when this one has been heard again
        self.id = secrets.token_hex(8)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replica", daemon=True)

    def start(self) -> None:
        """Say that this server lives, now and until it is closed. Raises HomeUnusable."""
        self.beat()
        self._thread.start()

    def close(self) -> None:
        """Say that this server ended, and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            with self.database.write() as connection:
                connection.execute(delete(REPLICAS).where(REPLICAS.c.id == self.id))
        except HomeUnusable as error:  # the others will notice by its silence
            log.warning("the end was not noted", extra={"reason": str(error)})

    def beat(self) -> None:
        """Say that this server lives, and forget those that fell silent long ago."""
        now = time.time()
        with self.database.write() as connection:
            connection.execute(
                upsert(connection, REPLICAS)
                .values(id=self.id, seen=now)
                .on_conflict_do_update(index_elements=["id"], set_={"seen": now})
            )
            connection.execute(delete(REPLICAS).where(REPLICAS.c.seen < now - FORGOTTEN_SECONDS))
        if self._is_silent():
            self._heard_since = self._clock()
        self._last_beat = self._clock()

    def is_alive(self, replica: str) -> bool:
        """Tell whether a server lives, this one included.

        Where this one could not be heard itself, as while the database was away, the others get as
        long as it takes to say that they live: their silence may have had the same reason.
        """
        if replica == self.id or self._is_silent():
            return True
        if self._clock() < self._heard_since + LOST_SECONDS:
            return True
        query = select(REPLICAS.c.seen).where(REPLICAS.c.id == replica)
        with self.database.read() as connection:
            last_beat = connection.execute(query).scalar()
        return last_beat is not None and last_beat > time.time() - LOST_SECONDS

    def _is_silent(self) -> bool:
        """Tell whether this server missed several of its own beats."""
        return self._last_beat is not None and self._clock() > self._last_beat + SILENT_SECONDS

    def _run(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                self.beat()
            except HomeUnusable as error:
                fields = {"reason": str(error), "repeats": "replica"}
                log.warning("other servers cannot be told that this one lives", extra=fields)


def read_beats(database: Database) -> dict[str, float]:
    """Return when each server of a database last said that it lives, by its id."""
    with database.read() as connection:
        rows = connection.execute(select(REPLICAS.c.id, REPLICAS.c.seen)).all()
    return {row.id: row.seen for row in rows}


def require_silence(database: Database, wait: Callable[[float], object]) -> None:
    """Raise HomeBusy where a server of a shared database lives; wait until a killed one is lost.

    wait: for so many seconds, as ``time.sleep``.
    """
    if not database.is_shared:
        return
    first = read_beats(database)
    until = time.time() + LOST_SECONDS
    while True:
        beats = read_beats(database)
        if any(beat > first.get(name, 0.0) for name, beat in beats.items()):
            raise HomeBusy(
                f"A server uses the database {database.place}. Nothing was changed. Stop every "
                "server of it, then restore again."
            )
        now = time.time()
        if now >= until or all(beat <= now - LOST_SECONDS for beat in beats.values()):
            return
        wait(SILENCE_LOOK_SECONDS)
