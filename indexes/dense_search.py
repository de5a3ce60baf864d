"""Search the vectors of one generation, in a vector store or in its segments."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from indexes.access_masks import AccessMasks
from indexes.chunk import SearchFilter
from indexes.chunk_views import QUESTION_VIEW, WHOLE_VIEW
from indexes.search_results import Hits, RowMask, Rows, Scores, Vectors, merge_hits
from indexes.store.row_layout import RowLayout, SearchMask
from indexes.vector_samples import VectorSamples
from indexes.vectors.faiss_store import SegmentSearcher
from indexes.vectors.vector_store import SearchScope, VectorSearcher

OVER_FETCH: Final = 4  # times k, from a store that cannot search one language's chunks alone


class DenseSearch:
    """Searches by vectors and returns chunk rows. Any thread may call.

    searcher: searches the entries; the segments', until a vector store has another.
    """

    def __init__(self, layout: RowLayout, masks: AccessMasks, samples: VectorSamples) -> None:
        self._layout = layout
        self._samples = samples
        self._masks = masks
        self._segment_searcher = SegmentSearcher(layout.segments)
        self.searcher: VectorSearcher = self._segment_searcher

    def search_chunks(
        self,
        vector: Vectors,
        k: int,
        mask: SearchMask,
        *,
        questions: bool,
        languages: frozenset[str] = frozenset(),
    ) -> Hits:
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
            entry_masks=partial(self._mark_entries, mask, questions=questions, languages=languages),
        )
        # Flags that somebody has put together are described by no filter: no store can take them.
        searcher = self._segment_searcher if mask.where is None else self.searcher
        is_wider = bool(languages) and searcher is not self._segment_searcher
        count = OVER_FETCH * k if is_wider else k
        entry_hits = searcher.search_vectors(vector, count, scope)
        parts = self._layout.split_hits(entry_hits)
        hits = merge_hits([self._layout.to_chunk_hits(i, own, count) for i, own in parts], count)
        return self._keep_languages(hits, languages, k) if is_wider else hits

    def score_chunks(self, vector: Vectors, rows: Rows, *, questions: bool) -> Scores:
        """Score chunk rows (n,) exactly, as ``Index.score_dense`` says.

        Customers' questions look like those of FAQ entries, whatever they ask: among passages an
        entry's question alone gets no say. Right passages first, of 73 questions to the sample
        company by vectors alone: 27 to 33 (multilingual-e5-small), 32 to 35 (MiniLM).
        """
        best_scores = np.full(len(rows), np.nan, dtype=np.float32)
        for i, entries, places in self._layout.find_entries(rows, questions=questions):
            segment = self._layout.segments[i]
            kinds = np.asarray(segment.kinds)[entries]
            counted = kinds == (QUESTION_VIEW if questions else WHOLE_VIEW)
            scores = segment.dense.score_rows(vector, entries[counted])
            np.fmax.at(best_scores, places[counted], scores)
        return best_scores

    def _mark_entries(
        self, mask: SearchMask, *, questions: bool, languages: frozenset[str]
    ) -> Sequence[RowMask | None]:
        """Return per segment which entries are in scope; None where all are."""
        if languages:
            return self._samples.mark_entries(mask, languages, questions=questions)
        return self._masks.entry_masks(mask, questions=questions)

    def _keep_languages(self, hits: Hits, languages: frozenset[str], k: int) -> Hits:
        named = self._samples.name_languages(hits.rows)
        places = [i for i, language in enumerate(named) if language in languages][:k]
        return Hits(hits.rows[places], hits.scores[places])

    def _check_dimension(self, vector: Vectors) -> None:
        segments = self._layout.segments
        dim = segments[0].dense.dim if segments else len(vector)
        if len(vector) != dim:
            raise ValueError(f"The query has {len(vector)} dimensions, the index {dim}.")
