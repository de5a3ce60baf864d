"""Does an engine know when not to answer? Ordering, risk and calibration of its confidence. Pure.

wrong: 1.0 where answering would be wrong, 0.0 where it would be right. All take confidences in
any order; ties never depend on it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 10
Floats = NDArray[np.float64]


def auroc(above: Sequence[float], below: Sequence[float]) -> float:
    """Give the chance that one of ``above`` exceeds one of ``below``; ties count half.

    >>> auroc([0.9, 0.5], [0.5, 0.1])
    0.875
    """
    a, b = np.sort(np.asarray(above)), np.sort(np.asarray(below))
    under = np.searchsorted(b, a, side="left")
    upto = np.searchsorted(b, a, side="right")
    return float((under + upto).sum() / (2 * len(a) * len(b)))


def risks(confidence: Sequence[float], wrong: Sequence[float]) -> tuple[Floats, Floats]:
    """Give coverage and risk at every threshold, the most confident first; ties enter together.

    >>> [x.tolist() for x in risks([0.9, 0.5, 0.5], [0.0, 1.0, 0.0])]
    [[0.3333333333333333, 1.0], [0.0, 0.3333333333333333]]
    """
    sure, bad = np.asarray(confidence, dtype=float), np.asarray(wrong, dtype=float)
    levels, place = np.unique(-sure, return_inverse=True)
    counts = np.cumsum(np.bincount(place, minlength=len(levels)))
    errors = np.cumsum(np.bincount(place, weights=bad, minlength=len(levels)))
    return counts / len(sure), errors / counts


def aurc(confidence: Sequence[float], wrong: Sequence[float]) -> float:
    """Give the area under the risk-coverage curve: mean risk over all coverages, 0.0 at best.

    >>> aurc([0.9, 0.8, 0.1], [0.0, 0.0, 1.0]) < aurc([0.9, 0.8, 0.1], [1.0, 0.0, 0.0])
    True
    """
    coverage, risk = risks(confidence, wrong)
    widths = np.diff(coverage, prepend=0.0)
    return float((widths * risk).sum())


def coverage_at(confidence: Sequence[float], wrong: Sequence[float], *, risk: float) -> float:
    """Give the greatest share of cases that can be answered at no more than a risk.

    >>> coverage_at([0.9, 0.8, 0.1], [0.0, 0.0, 1.0], risk=0.1)
    0.6666666666666666
    """
    coverage, seen = risks(confidence, wrong)
    within = coverage[seen <= risk]
    return float(within.max()) if len(within) else 0.0


def brier(confidence: Sequence[float], wrong: Sequence[float]) -> float:
    """Give the mean squared gap between confidence and what was right, 0.0 at best.

    >>> brier([1.0, 0.0], [0.0, 1.0]), brier([0.5], [1.0])
    (0.0, 0.25)
    """
    right = 1 - np.asarray(wrong, dtype=float)
    return float(np.mean((np.asarray(confidence, dtype=float) - right) ** 2))


def reliability(
    confidence: Sequence[float], wrong: Sequence[float], bins: int = BINS
) -> list[tuple[float, float, int]]:
    """Give mean confidence, share right and count of each bin of equal width that holds cases.

    >>> reliability([0.95, 0.05], [0.0, 1.0])
    [(0.05, 0.0, 1), (0.95, 1.0, 1)]
    """
    sure, right = np.asarray(confidence, dtype=float), 1 - np.asarray(wrong, dtype=float)
    place = np.clip((sure * bins).astype(int), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, weights=one, minlength=bins) for one in (sure, right)]
    return [
        (float(sums[0][i] / counts[i]), float(sums[1][i] / counts[i]), int(counts[i]))
        for i in np.flatnonzero(counts)
    ]


def ece(confidence: Sequence[float], wrong: Sequence[float], bins: int = BINS) -> float:
    """Give the expected calibration error: the mean gap between confidence and share right.

    >>> round(ece([0.9, 0.9], [0.0, 1.0]), 3)
    0.4
    """
    rows = reliability(confidence, wrong, bins)
    return sum(n * abs(sure - right) for sure, right, n in rows) / sum(n for _, _, n in rows)
