"""External vector stores: the protocol of a replica of one generation, and the settings.

The segments stay the truth: a generation is published here first and replicated then, and
whoever finds no whole replica of it searches here. What a replica finds are entry rows of that
generation; their exact scores always come from the segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from indexes.chunk import SearchFilter, Validity
from indexes.search_results import Hits, Rows, Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchScope:
    """The scope of a vector search: a filter, a moment, and whether FAQ questions only.

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
        """Return the replica of a generation (by its manifest's checksum), if it is complete."""
