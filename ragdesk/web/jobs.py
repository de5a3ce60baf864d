"""Documents put and deleted over HTTP: jobs, done in the background.

Those of one collection are done one after the other, as one process may hold a collection;
different collections go side by side, in turn. A job whose collection another process holds takes
no thread while it waits. Jobs live in this process: after a restart an unknown job id is a 404,
and putting the same bytes again is harmless.
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
from typing import Any, Literal

from indexes.errors import CollectionBusy
from ingest.errors import Unreadable
from ragdesk.errors import Overloaded, Refusal, face, public_words, words
from ragdesk.metrics import Metrics
from ragdesk.web.uploads import refuse_full_disk

State = Literal["queued", "running", "done", "failed"]
REMEMBERED = 1_000
THREADS = 4  # collections that are changed at the same time; each may start parsers of its own
PATIENCE = 60.0  # seconds that a job waits for another one to free its collection
PAUSE = 0.5  # seconds between two tries
OTHER_JOB = "another job holds the collection"
log = logging.getLogger("ragdesk.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A change of one document, and how far it is. ``body`` None deletes.

    known: whether its document stood there when it was asked for.
    waits_for, waits_since: what holds up a job that was begun, and from when on.
    """

    id: str
    owner: str
    collection: str
    uri: str
    body: Path | None
    groups: frozenset[str] = frozenset()
    known: bool = False
    state: State = "queued"
    report: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None
    created: float = field(default_factory=time.time)
    finished: float | None = None
    waits_for: str | None = None
    waits_since: float | None = None

    @property
    def action(self) -> Literal["put", "delete"]:
        """Say what the job does to its document."""
        return "delete" if self.body is None else "put"


Work = Callable[[Job], Mapping[str, Any]]


@dataclass(slots=True)
class _Line:
    """The jobs of one collection that wait, oldest first. busy: one of them is being done.

    after: monotonic time before which the first one is not tried again. until: when it gives up.
    """

    names: deque[str] = field(default_factory=deque)
    busy: bool = False
    after: float = 0.0
    until: float | None = None


class Jobs:
    """Bounded lines of jobs, one a collection, and the threads that work them off in turn.

    A key that wrote to many collections does not come before another's first job.
    """

    def __init__(self, work: Work, *, limit: int, metrics: Metrics) -> None:
        self._work, self._metrics, self._limit = work, metrics, limit
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lines: OrderedDict[str, _Line] = OrderedDict()  # whose turn it is, first
        self._turns: dict[str, int] = {}  # by key: the number of the last job begun
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=self._run, name=f"jobs-{n}", daemon=True)
            for n in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def room(self, collection: str, owner: str) -> None:
        """Raise Overloaded when no further job of a collection, or of a key, may wait.

        A collection has room while fewer of its jobs wait than there are places free: alone it
        takes half of them, and there is always one left for another. The same holds for a key,
        however many collections it writes.
        """
        with self._changed:
            self._check_room(collection, owner)

    def _check_room(self, collection: str, owner: str) -> None:
        waiting = [self._jobs[name] for line in self._lines.values() for name in line.names]
        free = self._limit - len(waiting)
        of_collection = sum(job.collection == collection for job in waiting)
        if of_collection >= free or sum(job.owner == owner for job in waiting) >= free:
            raise Overloaded("Too many documents wait to be taken in. Try again in a moment.")

    def collections(self) -> set[str]:
        """List the collections for which jobs wait or are being done."""
        with self._changed:
            return {*self._lines}

    def submit(  # noqa: PLR0913, what a job is
        self,
        *,
        owner: str,
        collection: str,
        uri: str,
        body: Path | None,
        groups: frozenset[str] = frozenset(),
        known: bool = False,
    ) -> Job:
        """Put a change in its collection's line. Raises Overloaded."""
        job = Job(
            id=secrets.token_hex(8),
            owner=owner,
            collection=collection,
            uri=uri,
            body=body,
            groups=groups,
            known=known,
        )
        with self._changed:
            self._check_room(collection, owner)
            self._note(job)
            self._lines.setdefault(collection, _Line()).names.append(job.id)
            self._changed.notify()
        return job

    def get(self, name: str) -> Job | None:
        """Find a job by its id."""
        with self._changed:
            return self._jobs.get(name)

    def waits_for(self, body: Path) -> bool:
        """Tell whether a queued or running job needs a file."""
        with self._changed:
            return any(j.body == body and j.finished is None for j in self._jobs.values())

    def close(self, seconds: float) -> None:
        """Finish the jobs under way, drop the waiting ones, and end the threads."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _note(self, job: Job) -> None:
        """Keep how far a job is; the lock is held. Only what has ended is ever forgotten."""
        before = self._jobs.get(job.id)
        if before is None or before.state != job.state:
            self._metrics.jobs.add(state=job.state)
        self._jobs[job.id] = job
        if len(self._jobs) > REMEMBERED:
            ended = (name for name, one in self._jobs.items() if one.finished is not None)
            if (oldest := next(ended, None)) is not None:
                del self._jobs[oldest]

    def _run(self) -> None:
        while (job := self._next()) is not None:
            again = self._do(job)
            with self._changed:
                self._step(job, again=again)
                self._changed.notify()

    def _next(self) -> Job | None:
        """Wait for the next job whose collection is free, and mark it as running."""
        with self._changed:
            while not self._ended:
                now = time.monotonic()
                lines = [line for line in self._lines.values() if not line.busy]
                ready = [line for line in lines if line.after <= now]
                if ready:
                    return self._begin(min(ready, key=self._turn))
                self._changed.wait(min((line.after - now for line in lines), default=None))
        return None

    def _turn(self, line: _Line) -> int:
        """Tell when the key of a collection's next job had its last turn: who waited goes first."""
        return self._turns.get(self._jobs[line.names[0]].owner, 0)

    def _begin(self, line: _Line) -> Job:
        job = replace(self._jobs[line.names[0]], state="running")
        self._lines.move_to_end(job.collection)
        line.busy = True
        self._turns[job.owner] = next(self._numbers)
        self._note(job)
        return job

    def _step(self, job: Job, *, again: bool) -> None:
        """Let a collection's next job come, or the same one again in a moment."""
        line = self._lines[job.collection]
        line.busy = False
        if again:
            line.after = time.monotonic() + PAUSE
            return
        line.names.popleft()
        line.after, line.until = 0.0, None
        if not line.names:
            del self._lines[job.collection]

    def _do(self, job: Job) -> bool:
        """Do a job; True when it has to wait for its collection, and is to be tried again."""
        try:
            with refuse_full_disk():
                report = self._work(job)
            done = replace(job, state="done", report=report)
        except CollectionBusy as error:
            if self._may_wait(job):
                return True
            done = _failed(job, error)
        except Exception as error:  # noqa: BLE001, one that fails must not end the thread of others
            done = _failed(job, error)
        if job.body is not None:
            job.body.unlink(missing_ok=True)
        ended = replace(done, finished=time.time(), waits_for=None, waits_since=None)
        with self._changed:
            self._note(ended)
        return False

    def _may_wait(self, job: Job) -> bool:
        """Note that a job waits for its collection, unless it has waited long enough."""
        with self._changed:
            line, now = self._lines[job.collection], time.monotonic()
            line.until = line.until or now + PATIENCE
            since = job.waits_since or time.time()
            self._note(replace(job, waits_for=OTHER_JOB, waits_since=since))
            return now < line.until and not self._ended


def _failed(job: Job, error: Exception) -> Job:
    code, reason = face(error).code, public_words(error)
    if code == "machine":  # its words name a file of the server
        log.error("job failed", extra={"job": job.id, "code": code}, exc_info=error)
        reason = f"The server cannot do this now: {getattr(error, 'strerror', '')}."
    elif code == "internal":
        log.error("job failed", extra={"job": job.id}, exc_info=error)
    elif isinstance(error, (Refusal, Unreadable)):  # may name a document: to the job's owner alone
        log.warning("job failed", extra={"job": job.id, "code": code})
    else:  # of files of this machine
        log.warning("job failed", extra={"job": job.id, "code": code, "reason": words(error)})
    return replace(job, state="failed", error={"code": code, "message": reason})
