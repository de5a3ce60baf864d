"""Rank candidates by score, reading as few of them sentence by sentence as possible.

Pure.

What the best sentence of a passage holds is dear to know and cheap to bound: no more than the
whole passage does, and that stands in the index. So only those are read that may come next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heapreplace

from indexes.chunk import Passage

BOUND_SLACK = 1e-6  # of a bound: what rounding may add to a score


@dataclass(frozen=True, slots=True)
class PriorityLanes:
    """Rows that rank ahead of the others: exact names, and FAQ entries that match the question."""

    name_shares: Mapping[int, float]
    faq_likeness: Mapping[int, float]

    def __contains__(self, row: int) -> bool:
        return row in self.name_shares or row in self.faq_likeness

    def __bool__(self) -> bool:
        return bool(self.name_shares or self.faq_likeness)


def iter_best_first(
    rows: Sequence[int], bounds: Sequence[float], score: Callable[[int], float]
) -> Iterator[tuple[int, float]]:
    """Yield positions in ``rows`` with their scores, best first; score only what may come next.

    bounds: what each score is at most. score: called once for a place whose turn may have come,
    and for no other.

    >>> read = []
    >>> ranked = iter_best_first([7, 8, 9], [0.9, 0.8, 0.3], lambda at: read.append(at) or 0.6)
    >>> next(ranked), next(ranked), read
    ((0, 0.6), (1, 0.6), [0, 1])
    """
    heap = [
        (-bound - BOUND_SLACK, row, at, False)
        for at, (row, bound) in enumerate(zip(rows, bounds, strict=True))
    ]
    heapify(heap)
    while heap:
        least, row, at, known = heap[0]
        if known:
            heappop(heap)
            yield at, -least
        else:
            heapreplace(heap, (-score(at), row, at, True))


def order_with_lanes(
    candidates: Iterator[tuple[int, Passage]],
    lanes: PriorityLanes,
    min_share: float,
    rerank: Callable[[Sequence[Passage]], Sequence[Passage]] | None = None,
) -> Iterator[Passage]:
    """Put the lanes first: FAQ entries by likeness, then named documents, then the others.

    min_share: a name's lane is for passages whose score is this part of the best, or more.
    rerank: orders all candidates anew; then each lane by itself goes by that order. Who is in
    which lane is settled before, by the scores that ``min_share`` was fitted to.
    """
    if not lanes and rerank is None:
        return (passage for _, passage in candidates)
    by_lane = _sort_by_lanes(list(candidates), lanes, min_share)
    passages = _lift_scores([passage for _, passage in by_lane])
    if rerank is not None:
        lane_of = {passage.chunk.id: lane for lane, passage in by_lane}
        reranked = rerank(passages)
        passages = _lift_scores(sorted(reranked, key=lambda p: lane_of[p.chunk.id]))
    return iter(passages)


def _sort_by_lanes(
    candidates: Sequence[tuple[int, Passage]], lanes: PriorityLanes, min_share: float
) -> list[tuple[tuple[float, float], Passage]]:
    """Sort candidates by lane, then score, then row; each with its lane, the first the least."""
    floor = min_share * max((passage.score for _, passage in candidates), default=0.0)

    def find_lane(row: int, passage: Passage) -> tuple[float, float]:
        name_share = lanes.name_shares.get(row, 0.0) if passage.score >= floor else 0.0
        return (-lanes.faq_likeness.get(row, 0.0), -name_share)

    ranked = [
        (find_lane(row, passage), -passage.score, row, passage) for row, passage in candidates
    ]
    ranked.sort(key=lambda entry: entry[:3])
    return [(lane, passage) for lane, _, _, passage in ranked]


def _lift_scores(passages: Sequence[Passage]) -> list[Passage]:
    """Lift each score to the best one behind it: scores never rise down the ranking."""
    lifted: list[Passage] = []
    least = 0.0
    for passage in reversed(passages):
        least = max(least, passage.score)
        lifted.append(replace(passage, score=least))
    return lifted[::-1]
