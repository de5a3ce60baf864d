"""Estimates with intervals, seeded, over clusters of cases that belong together. Pure.

Exact bounds and quantiles are scipy's, imported when first needed: that takes a second. The
bootstrap stays ours: scipy's draws single cases, not whole clusters. So does Wilson's interval:
scipy's takes whole numbers of cases, and ours come to an effective number.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 20261122
ROUNDS = 10_000
LEVEL = 0.95
FEW = 5  # clusters; of four there are but 35 different resamples, a quarter too little spread
ANY = (-math.inf, math.inf)
Floats = NDArray[np.float64]
_AT_ONCE = 4_000_000  # draws held in memory


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, and the interval that contains 95 % of its resampled values."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def estimate_mean(
    values: Sequence[float],
    clusters: Sequence[str] | None = None,
    within: tuple[float, float] = ANY,
) -> Estimate:
    """Estimate a mean by resampling whole clusters: questions of one article are dependent.

    within: where a value can lie at all. Under five clusters that is the interval: one cluster
    resampled is always itself, and would claim certainty.

    >>> estimate_mean([1.0] * 5)
    Estimate(value=1.0, low=1.0, high=1.0)
    >>> str(estimate_mean([0.75] * 20, ["one article"] * 20, within=(0, 1)))
    '0.750 [0.000, 1.000]'
    """
    sums, counts = sum_clusters(values, clusters)
    if len(sums) < FEW:
        return Estimate(float(sums.sum() / counts.sum()), *map(float, within))
    means = np.concatenate([w @ sums / (w @ counts) for w in draw_cluster_samples(len(sums))])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(sums.sum() / counts.sum()), float(low), float(high))


def estimate_difference(
    ours: Sequence[float],
    theirs: Sequence[float],
    clusters: Sequence[str] | None = None,
    within: tuple[float, float] = ANY,
) -> Estimate:
    """Estimate the mean of paired differences. within: the range of a difference.

    >>> estimate_difference([1.0, 0.5], [0.5, 0.0]).value
    0.5
    """
    return estimate_mean([a - b for a, b in zip(ours, theirs, strict=True)], clusters, within)


def estimate_proportion(values: Sequence[float], clusters: Sequence[str] | None = None) -> Estimate:
    """Estimate a share of yes (1.0) among yes and no by Wilson's interval.

    Cases of one cluster are worth less than as many independent ones (Kish's design effect).
    Where all agree, or there are under five clusters, that cannot be seen, and only whole clusters
    count: a bootstrap would claim certainty there.

    >>> str(estimate_proportion([1.0] * 20))
    '1.000 [0.839, 1.000]'
    >>> clusters = ["a"] * 10 + ["b"] * 10
    >>> str(estimate_proportion([1.0] * 20, clusters))
    '1.000 [0.342, 1.000]'
    >>> str(estimate_proportion([1.0, 0.0] * 10, clusters))
    '0.500 [0.095, 0.905]'
    """
    sums, counts = sum_clusters(values, clusters)
    n = float(counts.sum())
    share = float(sums.sum() / counts.sum())
    return compute_wilson_interval(share, n / _design_effect(sums, counts, share))


def compute_wilson_interval(share: float, n: float) -> Estimate:
    """Return Wilson's score interval of a share of n cases; n may be an effective number.

    >>> str(compute_wilson_interval(0.5, 10))
    '0.500 [0.237, 0.763]'
    """
    z = compute_normal_quantile((1 + LEVEL) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return Estimate(
        share, max(0.0, min(middle - reach, share)), min(1.0, max(middle + reach, share))
    )


def compute_exact_upper_bound(count: int, n: int, *, level: float = LEVEL) -> float:
    """Return the exact one-sided upper bound of a share, by Clopper and Pearson.

    >>> round(compute_exact_upper_bound(0, 29), 3)
    0.098
    >>> compute_exact_upper_bound(3, 3), compute_exact_upper_bound(0, 0)
    (1.0, 1.0)
    """
    from scipy.stats import binomtest  # noqa: PLC0415 - a second

    if count >= n:
        return 1.0
    interval = binomtest(count, n, alternative="less").proportion_ci(level, method="exact")
    return float(interval.high)


def compute_normal_quantile(share: float) -> float:
    """Give the value below which a share of the standard normal distribution lies.

    >>> round(compute_normal_quantile(0.975), 2)
    1.96
    """
    from scipy.stats import norm  # noqa: PLC0415 - a second

    return float(norm.ppf(share))


def sum_clusters(values: Sequence[float], clusters: Sequence[str] | None) -> tuple[Floats, Floats]:
    """Sum and count the values of each cluster. Raises ValueError where there are none."""
    if not len(values):
        raise ValueError("nothing to estimate")
    names = np.asarray(clusters if clusters is not None else range(len(values)))
    _, place = np.unique(names, return_inverse=True)
    sums = np.bincount(place, weights=np.asarray(values, dtype=np.float64)).astype(np.float64)
    return sums, np.bincount(place).astype(np.float64)


def draw_cluster_samples(n: int, rounds: int = ROUNDS) -> Iterator[Floats]:
    """Draw n clusters with replacement, ``rounds`` times; yield counts per cluster, in blocks."""
    random = np.random.default_rng(SEED)
    block = max(1, _AT_ONCE // n)
    for start in range(0, rounds, block):
        size = min(block, rounds - start)
        drawn = random.integers(0, n, size=(size, n))
        drawn += np.arange(size)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def is_binary(values: Any) -> bool:
    """Tell whether all values are yes or no.

    >>> is_binary([0.0, 1.0]), is_binary([0.5])
    (True, False)
    """
    return bool(np.isin(np.asarray(values), (0.0, 1.0)).all())


def _design_effect(sums: Floats, counts: Floats, share: float) -> float:
    clusters = len(sums)
    n = float(counts.sum())
    if share in {0.0, 1.0} or clusters < FEW:
        return n / clusters
    spread = clusters / (clusters - 1) * float(((sums - share * counts) ** 2).sum()) / n**2
    return max(1.0, spread / (share * (1 - share) / n))
