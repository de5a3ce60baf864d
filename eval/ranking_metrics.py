"""Metrics of a ranking of names. Pure; a test compares them with ir-measures."""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def compute_ndcg(ranking: Sequence[Name], grades: Mapping[Name, int], *, k: int) -> float:
    """Return the nDCG of a ranking, 1.0 at best (Järvelin and Kekäläinen, 2002).

    >>> compute_ndcg(["a", "b"], {"a": 1}, k=10), round(compute_ndcg(["b", "a"], {"a": 1}, k=10), 3)
    (1.0, 0.631)
    """
    best = _gain(sorted(grades.values(), reverse=True)[:k])
    return _gain([grades.get(name, 0) for name in ranking[:k]]) / best if best else 0.0


def compute_recall(ranking: Sequence[Name], wanted: Collection[Name], *, k: int) -> float:
    """Return the share of the relevant names that are among the first k.

    >>> compute_recall(["a", "b", "c"], {"a", "c"}, k=2)
    0.5
    """
    return len(set(ranking[:k]) & set(wanted)) / len(wanted) if wanted else 0.0


def compute_hit(ranking: Sequence[Name], wanted: Collection[Name], *, k: int) -> float:
    """Return 1.0 if any relevant name is among the first k, else 0.0.

    >>> compute_hit(["a", "b"], {"b"}, k=1), compute_hit(["a", "b"], {"b"}, k=2)
    (0.0, 1.0)
    """
    return float(not set(wanted).isdisjoint(ranking[:k]))


def compute_reciprocal_rank(ranking: Sequence[Name], wanted: Collection[Name]) -> float:
    """Return one over the rank of the first relevant name; 0.0 where there is none.

    >>> compute_reciprocal_rank(["a", "b"], {"b"}), compute_reciprocal_rank(["a"], {"b"})
    (0.5, 0.0)
    """
    places = (place for place, name in enumerate(ranking, start=1) if name in set(wanted))
    return next((1 / place for place in places), 0.0)


def compute_average_precision(ranking: Sequence[Name], wanted: Collection[Name]) -> float:
    """Return the mean precision at the ranks of the relevant names; a missing one counts 0.

    >>> compute_average_precision(["a", "x", "b"], {"a", "b"})
    0.8333333333333333
    """
    relevant = 0
    total = 0.0
    for place, name in enumerate(ranking, start=1):
        if name in set(wanted):
            relevant += 1
            total += relevant / place
    return total / len(wanted) if wanted else 0.0


def remove_repeats(ranking: Sequence[Name]) -> list[Name]:
    """Keep the first of each name: passages become a ranking of documents, or of pages.

    >>> remove_repeats(["a", "b", "a"])
    ['a', 'b']
    """
    return list(dict.fromkeys(ranking))


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 1) for place, grade in enumerate(grades, start=1))
