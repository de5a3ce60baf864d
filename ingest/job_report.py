"""The report of an ingest job, in the words of the HTTP API."""

from dataclasses import asdict, dataclass
from typing import Any

from indexes.build import Loss
from ingest.document import DocumentNote, Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class RereadDocuments:
    """Documents whose bytes are what they were, and that were read again all the same.

    count: how many. reasons: what is otherwise than when they were read before, in words.
    """

    count: int
    reasons: tuple[str, ...]


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
            "skipped": [{"uri": item.uri, "reason": item.reason} for item in self.skipped],
            "notes": [{"uri": one.uri, "note": one.note} for one in self.notes],
            "seconds": round(self.seconds, 3),
            **({"changes": [[mark, uri] for mark, uri in self.changes]} if plan else {}),
            **({"blocked": self.blocked} if self.blocked else {}),
            **({"loss": asdict(self.loss)} if self.loss else {}),
            **({"reread": asdict(self.reread)} if self.reread else {}),
            **({"words_rebuilt": self.words_rebuilt} if self.words_rebuilt else {}),
            **({"embedder_change": self.embedder_change} if self.embedder_change else {}),
        }
