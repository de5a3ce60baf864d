"""The jobs of all servers of a database: told by each, and read by whoever is asked for one.

They are told in the background, in their order: a job waits for no database.
"""

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ragdesk.errors import RagdeskError
from ragdesk.support.replicas.job_records import JobRecords

if TYPE_CHECKING:
    from ragdesk.web.jobs import DocumentJob

PLAIN_FIELDS: Final = (
    *("id", "owner", "collection", "uri", "existed", "source", "state", "error"),
    *("created", "started", "finished", "waits_for", "waits_since"),
)
TELL_SECONDS: Final = 2.0  # that a request waits for a database that does not answer
log = logging.getLogger("ragdesk.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """The report of another server's job. own: what tells nothing of other documents."""

    full: Mapping[str, Any]
    own: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return dict(self.full)

    def to_document_json(self) -> dict[str, Any]:
        """Return what tells nothing of other documents as JSON values."""
        return dict(self.own)


class SharedJobs:
    """Tells other servers of the jobs of this one, and knows theirs."""

    def __init__(self, records: JobRecords) -> None:
        self._records = records
        self._waiting: queue.SimpleQueue[DocumentJob | threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="shared-jobs", daemon=True)
        self._thread.start()

    def note(self, job: "DocumentJob") -> None:
        """Tell soon how far a job is."""
        self._waiting.put(job)

    def settle(self) -> None:
        """Wait until all was told that was noted, as long as is bearable."""
        told = threading.Event()
        self._waiting.put(told)
        told.wait(TELL_SECONDS)

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the values of a job of any server; None for no job. Raises HomeUnusable."""
        return self._records.find(name)

    def list_newest(self) -> list[dict[str, Any]]:
        """List the values of the jobs of all servers, newest first. Raises HomeUnusable."""
        return self._records.list_newest()

    def close(self) -> None:
        """Tell what was noted, and end."""
        self._waiting.put(None)
        self._thread.join(TELL_SECONDS)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self._records.store(describe_job(item))
            except RagdeskError as error:
                fields = {"job": item.id, "reason": str(error), "repeats": "shared-jobs"}
                log.warning("other servers were not told of a job", extra=fields)


def describe_job(job: "DocumentJob") -> dict[str, Any]:
    """Return a job as JSON values, for other servers."""
    report = job.report and {
        "full": job.report.to_json(),
        "own": job.report.to_document_json(),
    }
    values = {name: getattr(job, name) for name in PLAIN_FIELDS}
    return {**values, "action": job.action, "groups": sorted(job.groups), "report": report}


def read_job_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a job out of its values; its file is that of another server."""
    report = values["report"]
    return {
        **{name: values[name] for name in PLAIN_FIELDS},
        "body": None if values["action"] == "delete" else Path(),
        "groups": frozenset(values["groups"]),
        "report": report and StoredReport(**report),
    }
