"""The report of an ingest job, in the words of the HTTP API."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from indexes.build import Loss
from ingest.document import DocumentNote, Skipped
from ingest.same_bytes import DuplicateDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class RereadDocuments:
    """Documents whose bytes are what they were, and that were read again all the same.

    count: how many. reasons: what is otherwise than when they were read before, in words.
    """

    count: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCounts:
    """How many documents a job adds, changes, removes and leaves, in some sources."""

    added: int
    changed: int
    removed: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResult:
    """The result of a put or delete for its own document, whatever the job did to others.

    skipped: it could not be read, and why. notes: what a person should know of it.
    """

    counts: ChangeCounts
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[DocumentNote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """The changes that a job made, or would make.

    generation: the one that now answers; None while there is none. documents, chunks, vectors:
    all that it holds. added, changed, removed, unchanged: documents of this job's sources; one
    that got other groups is changed, one that can no longer be read is removed and skipped.
    embedded: texts given vectors anew. resumed: texts whose vectors an interrupted job had left.
    changes: each document that changed, with + for new, ~ for changed, - for gone.
    notes: of documents of this job that were taken in, what a person should know.
    blocked: of a plan, why the job itself would refuse. due: whether segments are to be merged.
    loss: what was let go of, where a damaged collection was begun anew.
    reread: those of the changed documents, of other sources too, that a newer version reads again.
    words_rebuilt: chunks whose words another version had written, and that were written anew.
    embedder_change: why every text was embedded anew, where another embedder made the vectors.
    document: of a put or delete, what it did to its own document.
    duplicates: documents taken in whose bytes others have too.
    """

    collection: str
    generation: int | None
    documents: int
    added: int
    changed: int
    removed: int
    unchanged: int
    chunks: int
    vectors: int
    embedded: int
    skipped: tuple[Skipped, ...]
    seconds: float
    resumed: int = 0
    changes: tuple[tuple[str, str], ...] = ()
    blocked: str | None = None
    due: bool = False
    notes: tuple[DocumentNote, ...] = ()
    loss: Loss | None = None
    reread: RereadDocuments | None = None
    words_rebuilt: int = 0
    embedder_change: str | None = None
    document: DocumentResult | None = None
    duplicates: tuple[DuplicateDocument, ...] = ()

    @property
    def is_quiet(self) -> bool:
        """Tell whether nothing happened: no change, and nothing skipped."""
        return not (self.changes or self.skipped or self.words_rebuilt or self.embedder_change)

    def to_json(self, *, plan: bool = False) -> dict[str, Any]:
        """Return the report as JSON values. plan: with each change, and why it would be refused."""
        names = (
            *("collection", "generation", "documents", "added", "changed", "removed"),
            *("unchanged", "chunks", "vectors", "embedded", "resumed"),
        )
        return {
            **{name: getattr(self, name) for name in names},
            **_list_to_json(self.skipped, self.notes),
            "seconds": round(self.seconds, 3),
            **({"changes": [[mark, uri] for mark, uri in self.changes]} if plan else {}),
            **({"blocked": self.blocked} if self.blocked else {}),
            **({"duplicates": list(map(asdict, self.duplicates))} if self.duplicates else {}),
            **({"loss": asdict(self.loss)} if self.loss else {}),
            **({"reread": asdict(self.reread)} if self.reread else {}),
            **({"words_rebuilt": self.words_rebuilt} if self.words_rebuilt else {}),
            **({"embedder_change": self.embedder_change} if self.embedder_change else {}),
        }

    def to_document_json(self) -> dict[str, Any]:
        """Return the report of a put or delete without anything of other documents.

        They may be read again by the same job, and are not everybody's to see or to count.
        Raises ValueError for the report of another job.
        """
        if self.document is None:
            raise ValueError("This job was not about one document.")
        return {
            "collection": self.collection,
            "generation": self.generation,
            **asdict(self.document.counts),
            **_list_to_json(self.document.skipped, self.document.notes),
            "seconds": round(self.seconds, 3),
        }


def _list_to_json(skipped: Iterable[Skipped], notes: Iterable[DocumentNote]) -> dict[str, Any]:
    return {
        "skipped": [{"uri": item.uri, "reason": item.reason} for item in skipped],
        "notes": [{"uri": item.uri, "note": item.note} for item in notes],
    }
