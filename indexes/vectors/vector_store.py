"""The protocol of a vector store: where the vectors of published generations are searched.

The segments stay the truth: a generation is published here first and given to the store then, and
whoever finds no whole copy of it there searches here. What a store returns are entry rows of that
generation; the scores that an answer rests on always come from the segments.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from indexes.chunk import SearchFilter, Validity
from indexes.search_results import Hits, RowMask, Rows, Vectors
from indexes.vectors.vector_index import VectorIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchScope:
    """The scope of a vector search, in two forms of the same: what must hold, and flags.

    where, now: a filter, and the moment at which a document must be valid. questions: entries that
    are FAQ questions only. entry_masks: computes for each segment which entries are in scope, None
    where all are; for a store in this process, as flags are too large to be sent.
    """

    where: SearchFilter
    now: str
    questions: bool = False
    entry_masks: Callable[[], Sequence[RowMask | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEntries:
    """Entries of one document, as a store copies them.

    rows (n,): entry rows of the generation. vectors (n, dim). kinds: the view of each
    (``chunk_views``). groups: who may see the document; empty means all.
    """

    rows: Rows
    vectors: Vectors
    kinds: Sequence[int]
    uri: str
    media_type: str
    language: str
    groups: frozenset[str]
    validity: Validity


class VectorSegment(Protocol):
    """What a store may know of a segment.

    dense: its vectors. entries: its entries, whether they have a vector or not. most_views:
    entries of one chunk, at most.
    """

    dense: VectorIndex
    entries: int
    most_views: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationVectors:
    """The vectors of one published generation: what a store is given.

    collection: its name. checksum: of the generation's manifest, so no other generation has it.
    count: vectors of live entries. dim: their dimension. iter_entries: yields the live entries
    that have a vector, by document.

    Nobody keeps this longer than a call: it would keep the files of a closed index mapped.
    """

    collection: str
    checksum: str
    count: int
    dim: int
    segments: Sequence[VectorSegment]
    iter_entries: Callable[[], Iterator[DocumentEntries]]

    @property
    def most_views(self) -> int:
        """Return how many entries a chunk has at most."""
        return max((segment.most_views for segment in self.segments), default=1)


class VectorSearcher(Protocol):
    """Searches the vectors of one generation, all of which it has. Any thread may call."""

    def search_vectors(self, vector: Vectors, k: int, scope: SearchScope) -> Hits:
        """Find the entries of the k nearest chunks in scope, best first, ties by row.

        vector: (dim,), of length one. A chunk has at most ``most_views`` entries, so k times as
        many are enough; more do no harm. Raises VectorsUnreachable.
        """


class VectorStore(Protocol):
    """Holds the vectors of published generations; made with IndexesOptions.

    Each method raises VectorsUnreachable where the store does not answer.

    copies_vectors: whether vectors are copied out of the segments when a generation is published.
    A copy knows who might see a document on that day, and is not searched once that has changed.
    """

    copies_vectors: bool = True

    def publish_vectors(self, generation: GenerationVectors) -> None:
        """Take in a generation, whatever is there of it already.

        Raises VectorsUnreachable where fewer vectors come than ``count``; then none is searched.
        """

    def open_vectors(self, generation: GenerationVectors) -> VectorSearcher | None:
        """Return what searches a generation, or None where not all of it is there."""

    def remove_vectors(self, collection: str, keep: frozenset[str]) -> None:
        """Remove the generations of a collection, but for those of some checksums.

        The one that was published last may stay.
        """

    def remove_all_vectors(self, collection: str) -> None:
        """Remove all of a collection that is gone for good, what was published last too."""

    def close(self) -> None:
        """Close what is open. No search may still run."""
