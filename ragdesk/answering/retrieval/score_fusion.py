"""Join scores of several finders into one, on a common scale. Pure.

Each finder's scores are scale free before they come here (BM25 over the idf of the question,
a cosine, a share of covered words), so weights mean the same for every question and size of
index. A convex combination of such scores beats joining ranks (Bruch et al., 2023; OpenSearch
measured reciprocal rank fusion 3 to 4 % lower).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexes.search_results import Hits, Rows, Scores


def union_rows(hits: Sequence[Hits]) -> Rows:
    """Return every row that any finder found, once, in order.

    >>> one, two = np.array([4, 1]), np.array([1, 9])
    >>> scores = np.ones(2, dtype=np.float32)
    >>> union_rows([Hits(one, scores), Hits(two, scores)]).tolist()
    [1, 4, 9]
    """
    if not hits:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.concatenate([h.rows for h in hits])).astype(np.int64)


def weigh_scores(parts: Sequence[tuple[float, Scores]]) -> NDArray[np.float64]:
    """Add up scores (n,) of the same rows, each in 0..1, by weights that need not sum to 1.

    What a finder could not score (NaN) or scored below 0 counts 0: it found nothing there.
    Divided by the sum of the weights it is a score in 0..1 again.

    >>> lexical, dense = np.array([0.5, 0.25]), np.array([0.125, np.nan])
    >>> weigh_scores([(3.0, lexical), (1.0, dense)]).tolist()
    [1.625, 0.75]
    """
    sums = np.zeros(len(parts[0][1]))
    for weight, scores in parts:
        sums += weight * np.fmin(np.fmax(scores, 0.0), 1.0)  # of NaN and a number, the number
    return sums
