"""Group questions that ask the same, by the cosine of their vectors less what all share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexes.search_results import Vectors

MOST_ROUNDS = 4  # of assignment; questions rarely move after the second


def cluster_questions(
    vectors: Vectors, shared: Vectors | None = None, floor: float = 0.45
) -> list[list[int]]:
    """Return groups of rows that lie near each other, the largest first.

    vectors: (n, dim), of length 1. shared: (dim,), what questions of this language share; a model
    of narrow cosines tells questions apart only without it. floor: cosine from which a question
    joins a group's mean. Leader clustering with reassignment: linear in n times groups.
    """
    if not len(vectors):
        return []
    rows = _subtract_shared(vectors, shared)
    means = _choose_leaders(rows, floor)
    labels = np.zeros(len(rows), dtype=np.int64)
    for _ in range(MOST_ROUNDS):
        nearest = _nearest(rows, means)
        if np.array_equal(nearest, labels) and _ > 0:
            break
        labels = nearest
        means = _mean_vectors(rows, labels, means)
    groups: dict[int, list[int]] = {}
    for row, label in enumerate(labels.tolist()):
        groups.setdefault(label, []).append(row)
    return sorted(groups.values(), key=lambda members: (-len(members), members[0]))


def count_near(vectors: Vectors, shared: Vectors | None, floor: float) -> int:
    """Count the rows behind the first that ask the same as it does, as groups are made."""
    rows = _subtract_shared(vectors, shared)
    return int(np.sum(rows[1:] @ rows[0] >= floor))


def choose_representative(vectors: Vectors, members: Sequence[int]) -> int:
    """Return the member that lies nearest to the mean of its group."""
    rows = vectors[list(members)]
    return members[int(np.argmax(rows @ rows.mean(axis=0)))]


def _subtract_shared(vectors: Vectors, shared: Vectors | None) -> Vectors:
    rows = vectors - shared if shared is not None else vectors.copy()
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit


def _choose_leaders(rows: Vectors, floor: float) -> Vectors:
    """Choose the first question of each group, in the order in which they were asked."""
    matrix = np.empty_like(rows)
    count = 0
    for row in rows:
        if not count or float(np.max(matrix[:count] @ row)) < floor:
            matrix[count] = row
            count += 1
    return matrix[:count]


def _nearest(rows: Vectors, means: Vectors) -> NDArray[np.int64]:
    nearest: NDArray[np.int64] = np.argmax(rows @ means.T, axis=1).astype(np.int64)
    return nearest


def _mean_vectors(rows: Vectors, labels: NDArray[np.int64], former: Vectors) -> Vectors:
    means = former.copy()
    for label in np.unique(labels):
        mean = rows[labels == label].mean(axis=0)
        means[label] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return means
