"""What a server shares with the others of its PostgreSQL, for routes: jobs, and kept responses."""

import asyncio
from dataclasses import dataclass

from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.replicas.job_records import JobRecords
from ragdesk.support.replicas.replica_registry import ReplicaRegistry
from ragdesk.support.replicas.response_store import ResponseStore
from ragdesk.web.shared_jobs import SharedJobs
from ragdesk.web.shared_responses import SharedResponses


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """A server among others; each part is None where it is alone, with SQLite."""

    registry: ReplicaRegistry | None = None
    jobs: SharedJobs | None = None
    responses: SharedResponses | None = None

    async def close(self) -> None:
        """Note what became of the last requests, and say that this server ended."""
        if self.responses is not None:
            await self.responses.close()
        if self.registry is not None:
            await asyncio.to_thread(self.registry.close)


def start_replica(database: Database, cipher: TextCipher) -> ReplicaState:
    """Begin to tell the other servers of a database that this one lives. Raises HomeUnusable."""
    if not database.is_shared:
        return ReplicaState()
    registry = ReplicaRegistry(database)
    registry.start()
    return ReplicaState(
        registry=registry,
        jobs=SharedJobs(JobRecords(registry, cipher)),
        responses=SharedResponses(ResponseStore(registry, cipher)),
    )
