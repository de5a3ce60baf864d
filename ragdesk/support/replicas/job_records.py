"""How far the jobs of all servers are: for whoever asks at another one than does them."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from ragdesk.support.database import upsert
from ragdesk.support.encryption import TextCipher
from ragdesk.support.replicas.replica_registry import ReplicaRegistry
from ragdesk.support.replicas.replica_tables import REPLICA_JOBS

KEPT_RECORDS: Final = 1_000
RECORD_SECONDS: Final = 7 * 86_400.0
ENDED_STATES: Final = ("done", "failed")
LOST_JOB: Final[Mapping[str, str]] = {
    "code": "server_lost",
    "message": "The server that had this job ended before it was done. Send the document again: "
    "putting the same bytes twice is harmless.",
}


class JobRecords:
    """The jobs of all servers, as JSON values with at least id, state, created and finished."""

    def __init__(self, registry: ReplicaRegistry, cipher: TextCipher) -> None:
        self._registry = registry
        self._database = registry.database
        self._cipher = cipher

    def store(self, job: Mapping[str, Any]) -> None:
        """Note how far a job of this server is."""
        row = {
            "id": job["id"],
            "replica": self._registry.id,
            "state": job["state"],
            "created": job["created"],
            "detail": self._cipher.seal(json.dumps(job, ensure_ascii=False)),
        }
        with self._database.write() as connection:
            connection.execute(
                upsert(connection, REPLICA_JOBS)
                .values(row)
                .on_conflict_do_update(index_elements=["id"], set_=row)
            )
            self._clear_old(connection)

    def find(self, name: str) -> dict[str, Any] | None:
        """Return a job of any server; one whose server was lost has failed. None for no job."""
        return next(iter(self._read(REPLICA_JOBS.c.id == name)), None)

    def list_newest(self) -> list[dict[str, Any]]:
        """List the jobs of all servers, newest first."""
        return self._read(REPLICA_JOBS.c.id.is_not(None))

    def _read(self, wanted: ColumnElement[bool]) -> list[dict[str, Any]]:
        query = select(REPLICA_JOBS).where(wanted).order_by(REPLICA_JOBS.c.created.desc())
        with self._database.read() as connection:
            rows = connection.execute(query.limit(KEPT_RECORDS)).all()
        running = {row.replica for row in rows if row.state not in ENDED_STATES}
        lost = {name for name in running if not self._registry.is_alive(name)}
        return [
            self._fail(row)
            if row.replica in lost and row.state not in ENDED_STATES
            else json.loads(self._cipher.open(row.detail))
            for row in rows
        ]

    def _fail(self, row: Row[Any]) -> dict[str, Any]:
        """Note that a job failed with its server, unless that said something meanwhile."""
        job = json.loads(self._cipher.open(row.detail))
        job |= {"state": "failed", "error": dict(LOST_JOB), "finished": time.time()}
        job |= {"waits_for": None, "waits_since": None}
        is_this = (REPLICA_JOBS.c.id == row.id) & (REPLICA_JOBS.c.detail == row.detail)
        sealed = self._cipher.seal(json.dumps(job, ensure_ascii=False))
        with self._database.write() as connection:
            change = update(REPLICA_JOBS).where(is_this).values(state="failed", detail=sealed)
            connection.execute(change)
        return dict(job)

    def _clear_old(self, connection: Connection) -> None:
        is_old = REPLICA_JOBS.c.created < time.time() - RECORD_SECONDS
        newest = select(REPLICA_JOBS.c.created).order_by(REPLICA_JOBS.c.created.desc())
        last = connection.execute(newest.offset(KEPT_RECORDS).limit(1)).scalar()
        if last is not None:
            is_old |= (REPLICA_JOBS.c.created <= last) & REPLICA_JOBS.c.state.in_(ENDED_STATES)
        connection.execute(delete(REPLICA_JOBS).where(is_old))
