"""The queue of jobs that put and delete documents over HTTP, done in the background.

Jobs of one collection run one after the other, as one process may hold a collection; those of
different collections run side by side, in turn. A job whose collection another process holds takes
no thread while it waits. Jobs live in this process, which tells other servers of the same database
of them: with SQLite an unknown job id is a 404 after a restart. Putting the same bytes again is
harmless.
"""

import itertools
import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from indexes.errors import CollectionBusy
from ingest.errors import Unreadable
from ingest.job_report import JobReport
from ingest.sources import API
from ragdesk.errors import Overloaded, Refusal, describe_error, error_status, public_words
from ragdesk.metrics import Metrics
from ragdesk.request_context import RequestContext, current_request, enter_request
from ragdesk.web.shared_jobs import SharedJobs, StoredReport, read_job_fields
from ragdesk.web.uploads import refuse_full_disk

JobState = Literal["queued", "running", "done", "failed"]
KEPT_JOBS = 1_000
JOB_THREADS = 4  # collections that are changed at the same time; each may start parsers of its own
COLLECTION_WAIT = 60.0  # seconds that a job waits for another one to free its collection
RETRY_PAUSE = 0.5  # seconds between two tries
ENDED_SERVER = {
    "code": "server_ended",
    "message": "The server was stopped before this was done. Send the document again.",
}
OTHER_JOB = "another job holds the collection"
log = logging.getLogger("ragdesk.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentJob:
    """A change of one document, and how far it is.

    body: the file with the new bytes; None deletes the document. existed: whether the document was
    there when the job was submitted. source: what the document belongs to. waits_for, waits_since:
    what holds the job up, and since when. request: the id of the one that asked for it.
    """

    id: str
    owner: str
    collection: str
    uri: str
    body: Path | None
    groups: frozenset[str] = frozenset()
    existed: bool = False
    source: str = API
    state: JobState = "queued"
    report: JobReport | StoredReport | None = None
    error: Mapping[str, str] | None = None
    created: float = field(default_factory=time.time)
    started: float | None = None
    finished: float | None = None
    waits_for: str | None = None
    waits_since: float | None = None
    request: str = ""

    @property
    def action(self) -> Literal["put", "delete"]:
        """Return what the job does to its document."""
        return "delete" if self.body is None else "put"


RunJob = Callable[[DocumentJob], JobReport]


@dataclass(slots=True)
class _CollectionQueue:
    """The jobs of one collection that wait, oldest first. busy: one of them is being done.

    retry_at: monotonic time before which the first one is not tried again. give_up_at: when it is
    given up.
    """

    job_ids: deque[str] = field(default_factory=deque)
    busy: bool = False
    retry_at: float = 0.0
    give_up_at: float | None = None


class JobQueue:
    """Bounded queues of jobs, one per collection, and the threads that work them off in turn.

    A key that wrote to many collections does not come before another's first job.
    """

    def __init__(
        self, work: RunJob, *, limit: int, metrics: Metrics, shared: SharedJobs | None = None
    ) -> None:
        self._work = work
        self._shared = shared
        self._metrics = metrics
        self._limit = limit
        self._jobs: OrderedDict[str, DocumentJob] = OrderedDict()
        self._queues: OrderedDict[str, _CollectionQueue] = OrderedDict()  # whose turn it is, first
        self._turns: dict[str, int] = {}  # by key: the number of the last job begun
        self._numbers = itertools.count(1)
        self._condition = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=self._run, name=f"jobs-{n}", daemon=True)
            for n in range(JOB_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def ensure_room(self, collection: str, owner: str) -> None:
        """Raise Overloaded when no further job of a collection, or of a key, may wait.

        A collection has room while fewer of its jobs wait than there are places free: alone it
        takes half of them, and there is always one left for another. The same holds for a key,
        however many collections it writes.
        """
        with self._condition:
            self._check_room(collection, owner)

    def _check_room(self, collection: str, owner: str) -> None:
        waiting = [self._jobs[name] for queue in self._queues.values() for name in queue.job_ids]
        free = self._limit - len(waiting)
        of_collection = sum(job.collection == collection for job in waiting)
        if of_collection >= free or sum(job.owner == owner for job in waiting) >= free:
            raise Overloaded("Too many documents wait to be taken in. Try again in a moment.")

    def collections(self) -> set[str]:
        """List the collections for which jobs wait or are being done."""
        with self._condition:
            return {*self._queues}

    def submit(  # noqa: PLR0913, what a job is
        self,
        *,
        owner: str,
        collection: str,
        uri: str,
        body: Path | None,
        groups: frozenset[str] = frozenset(),
        existed: bool = False,
        source: str = API,
    ) -> DocumentJob:
        """Add a change to its collection's queue. Raises Overloaded."""
        job = DocumentJob(
            id=secrets.token_hex(8),
            owner=owner,
            collection=collection,
            uri=uri,
            body=body,
            groups=groups,
            existed=existed,
            source=source,
            request=context.id if (context := current_request()) else "",
        )
        with self._condition:
            self._check_room(collection, owner)
            self._store_job(job)
            self._queues.setdefault(collection, _CollectionQueue()).job_ids.append(job.id)
            self._condition.notify()
        return job

    def get_job(self, name: str) -> DocumentJob | None:
        """Return a job by its id, or None."""
        with self._condition:
            return self._jobs.get(name)

    def find_job(self, name: str) -> DocumentJob | None:
        """Return a job by its id, of another server too; None for no job. It blocks."""
        job = self.get_job(name)
        if job is not None or self._shared is None:
            return job
        values = self._shared.find(name)
        return None if values is None else DocumentJob(**read_job_fields(values))

    def list_jobs(self) -> list[DocumentJob]:
        """List the jobs that are kept, of other servers too, newest first. It blocks."""
        with self._condition:
            jobs = dict(self._jobs)
        for values in self._shared.list_newest() if self._shared else ():
            if values["id"] not in jobs:
                jobs[values["id"]] = DocumentJob(**read_job_fields(values))
        return sorted(jobs.values(), key=lambda job: (job.created, job.id), reverse=True)

    def settle(self) -> None:
        """Wait until other servers know of every job that was submitted. It blocks."""
        if self._shared is not None:
            self._shared.settle()

    def list_positions(self) -> dict[str, int]:
        """Return, by the id of each job that has not ended, how many come before it."""
        with self._condition:
            return {name: n for q in self._queues.values() for n, name in enumerate(q.job_ids)}

    def waits_for(self, body: Path) -> bool:
        """Tell whether a queued or running job needs a file."""
        with self._condition:
            return any(j.body == body and j.finished is None for j in self._jobs.values())

    def close(self, seconds: float) -> None:
        """Finish the jobs under way, drop the waiting ones, and end the threads."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._fail_unfinished()
        if self._shared is not None:
            self._shared.close()

    def _fail_unfinished(self) -> None:
        """Say of each job that was not done that it will not be."""
        with self._condition:
            for job in [job for job in self._jobs.values() if job.finished is None]:
                failed = replace(job, state="failed", error=ENDED_SERVER, finished=time.time())
                self._store_job(replace(failed, waits_for=None, waits_since=None))

    def _store_job(self, job: DocumentJob) -> None:
        """Keep how far a job is; the lock is held. Only what has ended is ever forgotten."""
        before = self._jobs.get(job.id)
        if before is None or before.state != job.state:
            self._metrics.jobs.labels(state=job.state).inc()
        self._jobs[job.id] = job
        if self._shared is not None:
            self._shared.note(job)
        if len(self._jobs) > KEPT_JOBS:
            ended = (name for name, other in self._jobs.items() if other.finished is not None)
            if (oldest := next(ended, None)) is not None:
                del self._jobs[oldest]

    def _run(self) -> None:
        while (job := self._next_job()) is not None:
            retry = self._run_job(job)
            with self._condition:
                self._advance_queue(job, retry=retry)
                self._condition.notify()

    def _next_job(self) -> DocumentJob | None:
        """Wait for the next job whose collection is free, and mark it as running."""
        with self._condition:
            while not self._ended:
                now = time.monotonic()
                queues = [queue for queue in self._queues.values() if not queue.busy]
                ready = [queue for queue in queues if queue.retry_at <= now]
                if ready:
                    return self._begin(min(ready, key=self._turn))
                self._condition.wait(min((queue.retry_at - now for queue in queues), default=None))
        return None

    def _turn(self, queue: _CollectionQueue) -> int:
        """Return the number of the last turn of the key that owns a collection's next job."""
        return self._turns.get(self._jobs[queue.job_ids[0]].owner, 0)

    def _begin(self, queue: _CollectionQueue) -> DocumentJob:
        waiting = self._jobs[queue.job_ids[0]]
        job = replace(waiting, state="running", started=waiting.started or time.time())
        self._queues.move_to_end(job.collection)
        queue.busy = True
        self._turns[job.owner] = next(self._numbers)
        self._store_job(job)
        return job

    def _advance_queue(self, job: DocumentJob, *, retry: bool) -> None:
        """Queue a collection's next job, or the same one again in a moment."""
        queue = self._queues[job.collection]
        queue.busy = False
        if retry:
            queue.retry_at = time.monotonic() + RETRY_PAUSE
            return
        queue.job_ids.popleft()
        queue.retry_at = 0.0
        queue.give_up_at = None
        if not queue.job_ids:
            del self._queues[job.collection]

    def _run_job(self, job: DocumentJob) -> bool:
        """Do a job; True when it has to wait for its collection, and is to be tried again."""
        with enter_request(RequestContext(id=job.request) if job.request else None):
            return self._run_in_request(job)

    def _run_in_request(self, job: DocumentJob) -> bool:
        try:
            with refuse_full_disk():
                report = self._work(job)
            done = replace(job, state="done", report=report)
        except CollectionBusy as error:
            if self._may_wait(job):
                return True
            done = _fail_job(job, error)
        except Exception as error:  # noqa: BLE001, one that fails must not end the thread of others
            done = _fail_job(job, error)
        if job.body is not None:
            job.body.unlink(missing_ok=True)
        ended = replace(done, finished=time.time(), waits_for=None, waits_since=None)
        with self._condition:
            self._store_job(ended)
        return False

    def _may_wait(self, job: DocumentJob) -> bool:
        """Note that a job waits for its collection, unless it has waited long enough."""
        with self._condition:
            queue = self._queues[job.collection]
            now = time.monotonic()
            queue.give_up_at = queue.give_up_at or now + COLLECTION_WAIT
            since = job.waits_since or time.time()
            self._store_job(replace(job, waits_for=OTHER_JOB, waits_since=since))
            return now < queue.give_up_at and not self._ended


def _fail_job(job: DocumentJob, error: Exception) -> DocumentJob:
    code, reason = error_status(error).code, public_words(error)
    if code == "machine":  # its words name a file of the server
        log.error("job failed", extra={"job": job.id, "code": code}, exc_info=error)
        reason = f"The server cannot do this now: {getattr(error, 'strerror', '')}."
    elif code == "internal":
        log.error("job failed", extra={"job": job.id}, exc_info=error)
    elif isinstance(error, (Refusal, Unreadable)):  # may name a document: to the job's owner alone
        log.warning("job failed", extra={"job": job.id, "code": code})
    else:  # of files of this machine
        log.warning(
            "job failed", extra={"job": job.id, "code": code, "reason": describe_error(error)}
        )
    return replace(job, state="failed", error={"code": code, "message": reason})
