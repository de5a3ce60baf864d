"""Vectors of a published generation that are also held elsewhere, to be searched there.

The segments stay the truth: a generation is published here first and replicated then, and
whoever finds no whole replica of it searches here. What a replica finds are entry rows of that
generation; their exact scores always come from the segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from indexes.chunk import SearchFilter, Validity
from indexes.dense import Vectors
from indexes.hits import Hits, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexesOptions:
    """Where vectors are searched, and which generations are kept.

    backend: ``faiss`` in this process, from the segments; ``milvus`` in Milvus (Lite, Standalone
    or Distributed), for collections that outgrow one machine's memory.
    device: of FAISS. ``cuda`` searches vectors on the first GPU and refuses without one; ``auto``
    takes one where there is one. What does not fit its memory stays on the CPU.
    uri: of Milvus, such as ``http://milvus:19530``; a file name ending in ``.db`` is Milvus Lite.
    token: ``user:password`` or an API key. prefix: what names in Milvus begin with.
    keep_generations: after each publish the newest so many stay, to go back to, and so do those
    that would answer if the newest were damaged; the others are cleared. 0 clears none.
    keep_hours: a generation younger than this stays too. What a process reads always stays.
    keep_most: generations at most, however young: each publish looks at all that are left.
    """

    backend: Literal["faiss", "milvus"] = "faiss"
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    uri: str = ""
    token: str = field(default="", metadata={"secret": True})
    prefix: str = "ragdesk"
    keep_generations: int = 10
    keep_hours: float = 24.0
    keep_most: int = 200

    def __post_init__(self) -> None:
        for name in ("keep_generations", "keep_hours", "keep_most"):
            if not getattr(self, name) >= 0:  # nan is no number of hours either
                raise ValueError(f"{name} must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchScope:
    """What a search may find: what a filter lets through, and holds at a moment.

    questions: entries that are FAQ questions only.
    """

    where: SearchFilter
    now: str
    questions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEntries:
    """Entries of one document, as a replica holds them.

    rows (n,): entry rows of the generation. vectors (n, dim). kinds: the view of each.
    """

    rows: Rows
    vectors: Vectors
    kinds: Sequence[int]
    uri: str
    media_type: str
    language: str
    groups: frozenset[str]
    validity: Validity


class VectorReplica(Protocol):
    """A whole replica of one generation."""

    def search_scope(self, vector: Vectors, k: int, scope: SearchScope) -> Hits:
        """Find the k nearest entries. Raises VectorsUnreachable."""


class VectorStore(Protocol):
    """Holds replicas of generations."""

    def open_replica(self, collection: str, checksum: str, count: int) -> VectorReplica | None:
        """Give the replica of a generation (by its manifest's checksum), if all of it is there."""
