"""How far a job is, for whoever shows it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ingest.document import DocumentNote


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a job.

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
    def rate(self) -> float:
        """Documents a second so far."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take at this rate; None before the first document."""
        return (self.total - self.done) / self.rate if self.rate else None


Watch = Callable[[Progress], None]


def unwatched(_: Progress) -> None:
    """Watch nothing."""


@dataclass(slots=True)
class Meter:
    """Counts a job's progress, and tells whoever watches. notes: on documents taken in."""

    watch: Watch
    now: Progress = field(default_factory=Progress)
    notes: list[DocumentNote] = field(default_factory=list)
    _began: float = 0.0

    def begin(self, total: int) -> None:
        """Begin to work on so many documents."""
        self._began = time.monotonic()
        self._tell(replace(self.now, total=total))

    def document(self, chunks: int | None) -> None:
        """Note one more document with its chunks; None for one that was skipped."""
        now, more = self.now, chunks or 0
        skipped = now.skipped + (chunks is None)
        self._tell(replace(now, done=now.done + 1, chunks=now.chunks + more, skipped=skipped))

    def note(self, uri: str, notes: Sequence[str]) -> None:
        """Keep the notes of a document."""
        self.notes += [DocumentNote(uri=uri, note=note) for note in notes]

    def texts(self, _chunks: int, embedded: int) -> None:
        """Note how many texts have their vectors."""
        self._tell(replace(self.now, embedded=embedded))

    def _tell(self, now: Progress) -> None:
        self.now = replace(now, seconds=time.monotonic() - self._began)
        self.watch(self.now)
