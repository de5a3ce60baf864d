"""Choose the segments to merge: a tiered policy over their sizes. Pure.

Segments of about one size are merged when there are eight of them, so that a chunk is written
again once each time the collection grows eightfold, and a search looks into a few dozen segments
at most. This is the tiered policy of log-structured stores (O'Neil et al., 1996; Lucene).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MERGE_FAN = 8  # segments of one tier that are merged
LOWEST_TIER_CHUNKS = 128  # chunks; smaller segments are all of the lowest tier
MOST_WASTE = 0.5  # share of removed rows from which a segment is written anew
# Chunks that a publish may write again by the way; about a quarter of a second.
INLINE_CHUNKS = 1_024
MergePolicy = Literal["none", "small", "due", "all"]


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """The size of a segment: its digest, its chunks, and its live chunks."""

    digest: str
    chunks: int
    live: int

    @property
    def tier(self) -> int:
        """Return its tier: 0 up to 128 live chunks, 1 up to 1,024, and so on.

        >>> [SegmentSize("", n, n).tier for n in (1, 128, 129, 1_024, 1_025)]
        [0, 0, 1, 1, 2]
        """
        return max(0, math.ceil(math.log(max(self.live, 1) / LOWEST_TIER_CHUNKS, MERGE_FAN) - 1e-9))


def choose_segments(sizes: Sequence[SegmentSize], merge: MergePolicy) -> list[str]:
    """Choose the segments to merge into one, or none.

    small: what is due and cheap. due: whatever is due. all: everything, for a collection that
    will not change soon.

    >>> eight = [SegmentSize(str(n), 10, 10) for n in range(8)]
    >>> choose_segments(eight, "small"), choose_segments(eight[:7], "due")
    (['0', '1', '2', '3', '4', '5', '6', '7'], [])
    >>> choose_segments([SegmentSize("a", 100, 40), SegmentSize("b", 100, 100)], "due")
    ['a']
    """
    if merge == "none" or not sizes:
        return []
    if merge == "all":
        whole = len(sizes) == 1 and sizes[0].live == sizes[0].chunks
        return [] if whole else [size.digest for size in sizes]
    due = _find_due(sizes)
    if merge == "small" and sum(size.live for size in due) > INLINE_CHUNKS:
        due = [size for size in due if size.tier == 0]
        due = due if len(due) >= MERGE_FAN else []
    return [size.digest for size in due]


def _find_due(sizes: Sequence[SegmentSize]) -> list[SegmentSize]:
    """Find wasteful segments, and tiers with too many, counting what a merge would add."""
    chosen = {size.digest for size in sizes if size.chunks - size.live > MOST_WASTE * size.chunks}
    for tier in range(max(size.tier for size in sizes) + 1):
        here = [size for size in sizes if size.tier == tier and size.digest not in chosen]
        live = sum(size.live for size in sizes if size.digest in chosen)
        joins = bool(chosen) and SegmentSize("", live, live).tier == tier
        if len(here) + joins >= MERGE_FAN:
            chosen |= {size.digest for size in here}
    return [size for size in sizes if size.digest in chosen]
