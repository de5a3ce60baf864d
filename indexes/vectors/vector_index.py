"""The protocol of a segment's vector index: search, and scores of given rows."""

from collections.abc import Sequence
from typing import Protocol

from indexes.search_results import Hits, RowMask, Rows, Scores, Vectors
from indexes.vectors.faiss_index import IndexKind


class VectorIndex(Protocol):
    """Searches the vectors of a segment: ``FaissIndex`` on the CPU, ``on_gpu`` on a card.

    See ``FaissIndex`` for the attributes and methods. Any thread may call.
    """

    count: int
    dim: int
    rows: Rows
    kind: IndexKind

    @property
    def fallback(self) -> str:
        """Return why the CPU searches what a card should; empty is healthy."""

    def search(self, query: Vectors, k: int, *, mask: RowMask | None = None) -> Hits:
        """Find the k nearest of the rows that the mask allows; their scores are exact."""

    def score_rows(self, query: Vectors, rows: Rows) -> Scores:
        """Score the given rows exactly; NaN for a row that has no vector."""

    def vectors_of_rows(self, rows: Rows) -> Vectors:
        """Copy the vectors of some rows."""

    def vectors_at(self, places: Rows | Sequence[int]) -> Vectors:
        """Copy the vectors at some places."""
