"""How sure is a figure? Bootstrap intervals, seeded. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEED, ROUNDS = 20261122, 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, and the interval that holds 95 % of its resampled values."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean(values: Sequence[float], clusters: Sequence[str] | None = None) -> Estimate:
    """Estimate a mean. Whole clusters are resampled: questions of one article are not independent.

    >>> mean([1.0, 1.0, 1.0])
    Estimate(value=1.0, low=1.0, high=1.0)
    """
    sums, counts = _grouped(values, clusters)
    drawn = _draws(len(sums))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(sums.sum() / counts.sum()), float(low), float(high))


def difference(
    ours: Sequence[float], theirs: Sequence[float], clusters: Sequence[str] | None = None
) -> Estimate:
    """Estimate the mean of paired differences, case by case.

    >>> difference([1.0, 0.5], [0.5, 0.0]).value
    0.5
    """
    return mean([a - b for a, b in zip(ours, theirs, strict=True)], clusters)


def _grouped(
    values: Sequence[float], clusters: Sequence[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not values:
        raise ValueError("nothing to estimate")
    _, place = np.unique(np.asarray(clusters or range(len(values))), return_inverse=True)
    sums = np.bincount(place, weights=np.asarray(values)).astype(np.float64)
    return sums, np.bincount(place).astype(np.float64)


def _draws(n: int) -> NDArray[np.int64]:
    return np.random.default_rng(SEED).integers(0, n, size=(ROUNDS, n))
