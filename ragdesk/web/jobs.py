"""Documents put and deleted over HTTP: jobs, done one after the other in the background.

One thread writes, as one process may hold a collection; requests only queue. Jobs live in
this process: after a restart an unknown job id is a 404, and putting the same bytes again
is harmless.
"""

import logging
import queue
import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from indexes.errors import CollectionBusy
from ragdesk.errors import Overloaded, face, words
from ragdesk.metrics import Metrics

State = Literal["queued", "running", "done", "failed"]
REMEMBERED = 1_000
PATIENCE = 60.0  # seconds that a job waits for another one to free its collection
log = logging.getLogger("ragdesk.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A change of one document, and how far it is. ``body`` None deletes."""

    id: str
    owner: str
    collection: str
    uri: str
    body: Path | None
    groups: frozenset[str] = frozenset()
    state: State = "queued"
    report: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None
    created: float = field(default_factory=time.time)
    finished: float | None = None

    @property
    def action(self) -> Literal["put", "delete"]:
        """Say what the job does to its document."""
        return "delete" if self.body is None else "put"


Work = Callable[[Job], Mapping[str, Any]]


class Jobs:
    """A bounded queue, and the thread that works it off."""

    def __init__(self, work: Work, *, limit: int, metrics: Metrics) -> None:
        self._work, self._metrics = work, metrics
        self._queue: queue.Queue[str | None] = queue.Queue(limit)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self.folder = tempfile.TemporaryDirectory(prefix="ragdesk-")
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def room(self) -> None:
        """Raise Overloaded when no further job may wait."""
        if self._queue.full():
            raise Overloaded("Too many documents wait to be taken in. Try again in a moment.")

    def submit(
        self, *, owner: str, collection: str, uri: str, body: Path | None, groups: frozenset[str]
    ) -> Job:
        """Queue a change. Raises Overloaded."""
        job = Job(
            id=secrets.token_hex(8),
            owner=owner,
            collection=collection,
            uri=uri,
            body=body,
            groups=groups,
        )
        self._note(job)
        try:
            self._queue.put_nowait(job.id)
        except queue.Full as error:
            with self._lock:
                self._jobs.pop(job.id, None)
            raise Overloaded("Too many documents wait to be taken in.") from error
        return job

    def get(self, name: str) -> Job | None:
        """Find a job by its id."""
        with self._lock:
            return self._jobs.get(name)

    def waits_for(self, body: Path) -> bool:
        """Tell whether a queued or running job needs a file."""
        with self._lock:
            return any(j.body == body and j.finished is None for j in self._jobs.values())

    def close(self, seconds: float) -> None:
        """Finish the job under way, drop the waiting ones, and end the thread."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
        self._queue.put(None)
        self._thread.join(seconds)
        self.folder.cleanup()

    def _note(self, job: Job) -> None:
        self._metrics.jobs.add(state=job.state)
        with self._lock:
            self._jobs[job.id] = job
            while len(self._jobs) > REMEMBERED:
                self._jobs.popitem(last=False)

    def _run(self) -> None:
        while (name := self._queue.get()) is not None:
            if (job := self.get(name)) is not None:
                self._do(job)

    def _do(self, job: Job) -> None:
        running = replace(job, state="running")
        self._note(running)
        try:
            done = replace(running, state="done", report=self._patiently(running))
        except Exception as error:  # a job that fails must not end the thread of all others
            code, reason = face(error).code, words(error)
            if code == "machine":  # its words name a file of the server
                log.exception("job failed", extra={"job": job.id, "code": code})
                reason = f"The server cannot do this now: {getattr(error, 'strerror', '')}."
            elif code == "internal":
                log.exception("job failed", extra={"job": job.id})
                reason = "The server's log says why."
            else:  # its message may name a document: it goes to the job's owner alone
                log.warning("job failed", extra={"job": job.id, "code": code})
            failed = {"code": code, "message": reason}
            done = replace(running, state="failed", error=failed)
        finally:
            if job.body is not None:
                job.body.unlink(missing_ok=True)
        self._note(replace(done, finished=time.time()))

    def _patiently(self, job: Job) -> Mapping[str, Any]:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self._work(job)
            except CollectionBusy:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)
