"""Masks of the chunks that a user may find, and BM25 statistics over just those.

Statistics count what the asker's groups may see and nothing else. Else the score of a question, or
whether it is answered at all, would tell that a word stands in a document hidden from the asker.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

from indexes.chunk import SearchFilter
from indexes.lexical.bm25 import Ranking
from indexes.store.document_table import DocumentTable
from indexes.store.row_layout import RowFlags, RowLayout, SearchMask
from indexes.store.validity_periods import PeriodClock

_MASKS = 64  # filters remembered, each a byte a chunk
_RANKINGS = 16  # sets of groups whose statistics are remembered, each eight bytes an entry


class AccessMasks:
    """Answers filters for one generation; any thread may call.

    live: what is not removed. full_ranking: the ranking of all that is live.
    """

    def __init__(
        self, layout: RowLayout, table: DocumentTable, live: SearchMask, full_ranking: Ranking
    ) -> None:
        self._layout = layout
        self._live = live
        self._full_ranking = full_ranking
        self._periods = PeriodClock(layout, table, live)
        # Bound to the parts and not to self: a cycle would keep a closed index mapped.
        masked = partial(_compute_mask, layout, table, self._periods)
        ranked = partial(_compute_ranking, layout, table, live, full_ranking)
        self._cached_mask = lru_cache(maxsize=_MASKS)(masked)
        self._cached_ranking = lru_cache(maxsize=_RANKINGS)(ranked)

    def filter_mask(self, where: SearchFilter) -> SearchMask:
        """Return which of the valid chunks a filter lets through.

        Fails closed: what cannot be told is left out.
        """
        period = self._periods()
        return period.mask if where == SearchFilter() else self._cached_mask(where, period.since)

    def choose_ranking(self, mask: SearchMask | None) -> Ranking:
        """Return the BM25 ranking over just the chunks that the asker's groups may see."""
        groups = mask.where.groups if mask and mask.where else None
        return self._full_ranking if groups is None else self._cached_ranking(groups)

    def visible_mask(self, mask: SearchMask) -> SearchMask:
        """Return the mask of all that the groups a mask was made for may see."""
        groups = mask.where.groups if mask.where else None
        return self.filter_mask(SearchFilter(groups=groups))

    def entry_masks(self, mask: SearchMask | None, *, questions: bool) -> Sequence[RowFlags | None]:
        """Return per segment which entries may be found; None where all may."""
        period = self._periods()
        if questions:
            return self._layout.select_questions(period.mask if mask is None else mask)
        if mask is None or mask is period.mask:
            unfiltered = period.whole and self._live.count_chunks == self._layout.starts[-1]
            return [None] * len(self._layout.segments) if unfiltered else period.mask.entries
        return mask.entries


def _compute_mask(
    layout: RowLayout, table: DocumentTable, periods: PeriodClock, where: SearchFilter, since: str
) -> SearchMask:
    """Compute the mask of a filter. since: when the validity period began; for the cache's key."""
    mask = layout.extend_mask(layout.mark_rows(table.filter_ranges(where)) & periods().mask.chunks)
    return replace(mask, where=where, now=since)


def _compute_ranking(
    layout: RowLayout,
    table: DocumentTable,
    live: SearchMask,
    full_ranking: Ranking,
    groups: frozenset[str],
) -> Ranking:
    mask = layout.extend_mask(
        layout.mark_rows(table.filter_ranges(SearchFilter(groups=groups))) & live.chunks
    )
    return (
        full_ranking
        if mask.count_chunks == live.count_chunks
        else Ranking(full_ranking.segments, live=mask.entries)
    )
