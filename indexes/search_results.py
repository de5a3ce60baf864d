"""Search results of one index: rows and scores, best first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
RowMask = NDArray[np.bool_]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows (n,) int64 and scores (n,) float32, best first, ties by row."""

    rows: Rows
    scores: Scores

    @classmethod
    def empty(cls) -> "Hits":
        """Return no hits."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.rows)


def select_best(rows: Rows, scores: Scores, k: int) -> Hits:
    """Keep the k best of the given rows (n,), higher scores first, ties by row.

    Ties at the k-th place go to the smaller row, so the choice never depends on the order given.

    >>> scores = np.array([0.5, 0.5, 0.9], dtype=np.float32)
    >>> select_best(np.array([7, 3, 5]), scores, 2).rows.tolist()
    [5, 3]
    """
    if len(rows) > k > 0:
        floor = np.partition(scores, len(scores) - k)[len(scores) - k]
        is_best = scores >= floor
        rows, scores = rows[is_best], scores[is_best]
    order = np.lexsort((rows, -scores))[: max(k, 0)]
    return Hits(rows[order].astype(np.int64), scores[order].astype(np.float32))


def collapse_entries(hits: Hits, owners: Rows, k: int) -> Hits:
    """Turn hits on entries into hits on the rows that own them, with each row's best score.

    hits: over entries. owners (entries,): the owning row of each entry.
    """
    rows, scores = owners[hits.rows], hits.scores
    order = np.lexsort((-scores, rows))
    rows, scores = rows[order], scores[order]
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = rows[1:] != rows[:-1]
    return select_best(rows[first], scores[first], k)


def merge_hits(hits: list[Hits], k: int) -> Hits:
    """Join rankings of disjoint rows into one, the k best first."""
    if not hits:
        return Hits(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
    rows = np.concatenate([h.rows for h in hits])
    scores = np.concatenate([h.scores for h in hits])
    return select_best(rows, scores, k)
