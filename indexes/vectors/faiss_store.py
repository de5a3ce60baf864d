"""FAISS on disk as a vector store: the segments of a generation are searched where they lie."""

from collections.abc import Sequence

import numpy as np

from indexes.options import IndexesOptions
from indexes.search_results import Hits, Vectors, merge_hits
from indexes.vectors.vector_store import (
    GenerationVectors,
    SearchScope,
    VectorSearcher,
    VectorSegment,
    VectorStore,
)


class FaissStore(VectorStore):
    """Searches segments in this process. A publish has written all there is to search."""

    copies_vectors = False

    def __init__(self, options: IndexesOptions) -> None:
        """Take the options of every store; none of them is of use here."""

    def publish_vectors(self, generation: GenerationVectors) -> None:
        """Do nothing: the segments were written before their generation was published."""

    def open_vectors(self, generation: GenerationVectors) -> VectorSearcher:
        """Return what searches the segments of a generation, which is whole since it is open."""
        return SegmentSearcher(generation.segments)

    def remove_vectors(self, collection: str, keep: frozenset[str]) -> None:
        """Do nothing: segments go with the last generation that names them (``garbage``)."""

    def remove_all_vectors(self, collection: str) -> None:
        """Do nothing: segments go with the folder of their collection (``removal``)."""


class SegmentSearcher(VectorSearcher):
    """Searches each segment by its own index, on the CPU or a card, and joins what they return."""

    def __init__(self, segments: Sequence[VectorSegment]) -> None:
        self._segments = tuple(segments)
        self._first_rows = np.cumsum([0, *(s.entries for s in segments)], dtype=np.int64)

    def search_vectors(self, vector: Vectors, k: int, scope: SearchScope) -> Hits:
        """Find the entries of the k nearest chunks of each segment."""
        parts = []
        masks = scope.entry_masks()
        for segment, mask, first_row in zip(self._segments, masks, self._first_rows, strict=False):
            own = segment.dense.search(vector, segment.most_views * k, mask=mask)
            parts.append(Hits(own.rows + first_row, own.scores))
        return merge_hits(parts, sum(map(len, parts)))
