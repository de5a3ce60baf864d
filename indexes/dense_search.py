"""Search the vectors of one generation, in a vector store or in its segments."""

from functools import partial

import numpy as np

from indexes.access_masks import AccessMasks
from indexes.chunk import SearchFilter
from indexes.search_results import Hits, Vectors, merge_hits
from indexes.store.row_layout import RowLayout, SearchMask
from indexes.vectors.faiss_store import SegmentSearcher
from indexes.vectors.vector_store import SearchScope, VectorSearcher


class DenseSearch:
    """Searches by vectors and returns chunk rows. Any thread may call.

    searcher: searches the entries; the segments', until a vector store has another.
    """

    def __init__(self, layout: RowLayout, masks: AccessMasks) -> None:
        self._layout = layout
        self._masks = masks
        self._segment_searcher = SegmentSearcher(layout.segments)
        self.searcher: VectorSearcher = self._segment_searcher

    def search_chunks(self, vector: Vectors, k: int, mask: SearchMask, *, questions: bool) -> Hits:
        """Find the k chunks nearest to a vector (dim,), as ``Index.search_dense`` says."""
        if questions and not self._layout.has_questions:
            return Hits.empty()
        self._check_dimension(vector)
        if k <= 0 or not np.isfinite(vector).all() or not np.any(vector):
            return Hits.empty()
        scope = SearchScope(
            where=mask.where or SearchFilter(),
            now=mask.now,
            questions=questions,
            entry_masks=partial(self._masks.entry_masks, mask, questions=questions),
        )
        # Flags that somebody has put together are described by no filter: no store can take them.
        searcher = self._segment_searcher if mask.where is None else self.searcher
        entry_hits = searcher.search_vectors(vector, k, scope)
        parts = self._layout.split_hits(entry_hits)
        return merge_hits([self._layout.to_chunk_hits(i, own, k) for i, own in parts], k)

    def _check_dimension(self, vector: Vectors) -> None:
        segments = self._layout.segments
        dim = segments[0].dense.dim if segments else len(vector)
        if len(vector) != dim:
            raise ValueError(f"The query has {len(vector)} dimensions, the index {dim}.")
