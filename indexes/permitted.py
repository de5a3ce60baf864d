"""What an asker may find: flags over chunks and entries, and the statistics of words over these.

Statistics count what the asker's groups may see and nothing else. Else the score of a question, or
whether it is answered at all, would tell that a word stands in a document hidden from the asker.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

from indexes.chunk import Filter
from indexes.current import Current
from indexes.documents import Documents
from indexes.layout import Flags, Layout, Mask
from indexes.lexical import Ranking

_MASKS = 64  # filters remembered, each a byte a chunk
_RANKINGS = 16  # sets of groups whose statistics are remembered, each eight bytes an entry


class Permitted:
    """Answers filters for one generation; any thread may call.

    live: what is not removed. every: the ranking of all that is live.
    """

    def __init__(self, layout: Layout, table: Documents, live: Mask, every: Ranking) -> None:
        self._layout, self._live, self._every = layout, live, every
        self._current = Current(layout, table, live)
        # Bound to the parts and not to self: a cycle would keep a closed index mapped.
        masked = partial(_mask, layout, table, self._current)
        ranked = partial(_ranking, layout, table, live, every)
        self._masked = lru_cache(maxsize=_MASKS)(masked)
        self._ranked = lru_cache(maxsize=_RANKINGS)(ranked)

    def mask(self, where: Filter) -> Mask:
        """Say which chunks a filter lets through, of those that hold now.

        Fails closed: what cannot be told is left out.
        """
        period = self._current()
        return period.mask if where == Filter() else self._masked(where, period.since)

    def ranking(self, mask: Mask | None) -> Ranking:
        """Rank as an index would that holds what the asker's groups may see alone."""
        groups = mask.where.groups if mask and mask.where else None
        return self._every if groups is None else self._ranked(groups)

    def entries(self, mask: Mask | None, *, questions: bool) -> Sequence[Flags | None]:
        """Say per segment which entries may be found; None where all may."""
        period = self._current()
        if questions:
            return self._layout.questions(period.mask if mask is None else mask)
        if mask is None or mask is period.mask:
            every = period.whole and self._live.count == self._layout.starts[-1]
            return [None] * len(self._layout.segments) if every else period.mask.entries
        return mask.entries


def _mask(layout: Layout, table: Documents, current: Current, where: Filter, since: str) -> Mask:
    """Answer a filter for the period that began ``since``, which names it among the remembered."""
    mask = layout.mask(layout.flags(table.where(where)) & current().mask.chunks)
    return replace(mask, where=where, now=since)


def _ranking(
    layout: Layout, table: Documents, live: Mask, every: Ranking, groups: frozenset[str]
) -> Ranking:
    mask = layout.mask(layout.flags(table.where(Filter(groups=groups))) & live.chunks)
    return every if mask.count == live.count else Ranking(every.segments, live=mask.entries)
