"""Paired tests of two runs: permutation test, Holm's correction, smallest visible effect.

A test without a finding means little unless one knows what it could have shown, so every comparison
also gives the smallest effect that this set would have shown. The permutation test
stays ours, as scipy's flips single cases and not whole clusters; Holm is not in scipy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.stats import (
    ANY,
    FEW,
    LEVEL,
    ROUNDS,
    SEED,
    Estimate,
    Floats,
    compute_normal_quantile,
    estimate_difference,
    sum_clusters,
)

POWER = 0.80
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """The difference of two runs in a metric, with its interval and p value.

    p: of the permutation test, two-sided. smallest: the effect that would have been found in
    four of five samples of this size.
    """

    effect: Estimate
    p: float
    smallest: float
    n: int


def compare_pairs(
    ours: Sequence[float],
    theirs: Sequence[float],
    clusters: Sequence[str] | None = None,
    within: tuple[float, float] = ANY,
) -> PairedDifference:
    """Compare two measurements of the same cases. within: the range of a difference.

    >>> same = compare_pairs([0.5, 1.0, 0.0], [0.5, 1.0, 0.0])
    >>> same.p, same.smallest
    (1.0, 0.0)
    """
    gaps = [a - b for a, b in zip(ours, theirs, strict=True)]
    return PairedDifference(
        effect=estimate_difference(ours, theirs, clusters, within),
        p=compute_permutation_p(gaps, clusters),
        smallest=compute_smallest_effect(gaps, clusters),
        n=len(gaps),
    )


def compute_permutation_p(gaps: Sequence[float], clusters: Sequence[str] | None = None) -> float:
    """Return the two-sided p: the share of sign flips of whole clusters that reach the gap.

    >>> compute_permutation_p([1.0] * 12) < 0.01 < 0.5 < compute_permutation_p([1.0, -1.0] * 6)
    True
    """
    sums, _ = sum_clusters(gaps, clusters)
    if not sums.any():
        return 1.0
    random = np.random.default_rng(SEED)
    signs = (
        random.integers(0, 2, size=(ROUNDS, len(sums)), dtype=np.int8).astype(np.float32) * 2 - 1
    )
    flipped = np.abs(signs @ sums.astype(np.float32))
    observed = abs(float(sums.sum()))
    return (1 + int((flipped >= observed - 1e-6 * max(1.0, observed)).sum())) / (ROUNDS + 1)


def compute_smallest_effect(gaps: Sequence[float], clusters: Sequence[str] | None = None) -> float:
    """Return the mean gap that a test at 5 % detects in four of five samples like this one."""
    sums, counts = sum_clusters(gaps, clusters)
    if len(sums) == 1:
        return float("inf") if sums.any() else 0.0
    n = counts.sum()
    residue = sums - sums.sum() / n * counts
    error = np.sqrt(len(sums) / (len(sums) - 1) * (residue**2).sum()) / n
    return float((compute_normal_quantile(1 - ALPHA / 2) + compute_normal_quantile(POWER)) * error)


def adjust_holm(ps: Sequence[float]) -> list[float]:
    """Adjust p values of several tests at once (Holm, 1979).

    >>> adjust_holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted = [0.0] * len(ps)
    least = 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = least
    return adjusted


def estimate_share_gap(gaps: Sequence[float], clusters: Sequence[str] | None = None) -> Estimate:
    """Estimate the difference of two paired shares from gaps of -1, 0 and 1.

    By Agresti and Min (2005): half a case is added to each of the four cells, so that pairs which
    all agree do not claim certainty, as a bootstrap would. Cases of one cluster are worth less
    than as many independent ones; where all agree, or under five clusters, whole clusters count.

    >>> str(estimate_share_gap([0.0] * 50))
    '0.000 [-0.038, 0.038]'
    >>> str(estimate_share_gap([0.0] * 50, ["one question"] * 50))
    '0.000 [-0.653, 0.653]'
    >>> str(estimate_share_gap([-1.0] * 5 + [0.0] * 45))
    '-0.100 [-0.186, -0.007]'
    """
    sums, counts = sum_clusters(gaps, clusters)
    pairs = float(counts.sum())
    mean = float(sums.sum()) / pairs
    independent = pairs / _cluster_effect(gaps, sums, counts, mean)
    added = independent + 2
    discordant = float(np.abs(np.asarray(gaps)).sum()) / pairs * independent + 1
    middle = mean * independent / added
    error = float(np.sqrt(discordant - middle * middle * added)) / added
    reach = compute_normal_quantile((1 + LEVEL) / 2) * error
    low, high = max(-1.0, middle - reach), min(1.0, middle + reach)
    return Estimate(mean, min(low, mean), max(high, mean))


def _cluster_effect(gaps: Sequence[float], sums: Floats, counts: Floats, mean: float) -> float:
    """Return how many times the variance of a mean is that of as many independent cases."""
    clusters = len(sums)
    alone = float(((np.asarray(gaps) - mean) ** 2).sum())
    if clusters < FEW or not alone:
        return float(counts.sum()) / clusters
    together = clusters / (clusters - 1) * float(((sums - mean * counts) ** 2).sum())
    return max(1.0, together / alone)
