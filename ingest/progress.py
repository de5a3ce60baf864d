"""The progress of a job, for whoever shows it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from indexes.chunk import DocumentRecord
from ingest.document import DocumentNote


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """The state of a job at a moment.

    done, total: documents parsed or skipped, and to be. chunks: of the documents done.
    embedded: texts given vectors so far; known texts need none. seconds: since work began.
    """

    done: int = 0
    total: int = 0
    chunks: int = 0
    embedded: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def documents_per_second(self) -> float:
        """Documents a second so far."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest will take at this rate; None before the first document."""
        return (
            (self.total - self.done) / self.documents_per_second
            if self.documents_per_second
            else None
        )


ProgressCallback = Callable[[JobProgress], None]


def ignore_progress(_: JobProgress) -> None:
    """Ignore progress: the default callback."""


@dataclass(slots=True)
class ProgressMeter:
    """Count a job's progress and report each step to a callback.

    notes: on documents taken in.
    """

    callback: ProgressCallback
    current: JobProgress = field(default_factory=JobProgress)
    notes: list[DocumentNote] = field(default_factory=list)
    _started: float = 0.0

    def start_work(self, total: int) -> None:
        """Begin to work on so many documents."""
        self._started = time.monotonic()
        self._report_progress(replace(self.current, total=total))

    def add_work(self, count: int) -> None:
        """Note further documents to work on, which were found in others."""
        if count:
            self._report_progress(replace(self.current, total=self.current.total + count))

    def count_document(self, chunks: int | None) -> None:
        """Note one more document with its chunks; None for one that was skipped."""
        before, new_chunks = self.current, chunks or 0
        skipped = before.skipped + (chunks is None)
        self._report_progress(
            replace(
                before, done=before.done + 1, chunks=before.chunks + new_chunks, skipped=skipped
            )
        )

    def add_notes(self, record: DocumentRecord, notes: Sequence[str]) -> None:
        """Keep the notes of a document."""
        self.notes += [
            DocumentNote(uri=record.uri, note=note, source=record.source) for note in notes
        ]

    def count_texts(self, _chunks: int, embedded: int) -> None:
        """Note how many texts have their vectors."""
        self._report_progress(replace(self.current, embedded=embedded))

    def _report_progress(self, moment: JobProgress) -> None:
        self.current = replace(moment, seconds=time.monotonic() - self._started)
        self.callback(self.current)
