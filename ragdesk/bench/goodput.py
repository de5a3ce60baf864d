"""Goodput: answers a second that a person would call quick, out of all that were asked for.

An answer counts where the model wrote it to its end, its first word came in time, counted from the
moment when the question was due, and its words came as fast as they are read. What is answered
late, in the documents' words, out of the answer cache or not at all is load, and no goodput.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ragdesk.bench.load import LoadResult


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodputBounds:
    """What an answer must keep to. first_seconds: to its first word. rate: tokens a second."""

    first_seconds: float = 1.0
    rate: float = 30.0

    def admits(self, waited: float, answer: Mapping[str, float]) -> bool:
        """Tell whether an answer counts. waited: seconds from due to asked.

        >>> bounds = GoodputBounds()
        >>> answer = {"model": 1.0, "first": 0.8, "rate": 45.0}
        >>> bounds.admits(0.1, answer), bounds.admits(0.3, answer)
        (True, False)
        """
        first = answer.get("first")
        return (
            first is not None
            and waited + first <= self.first_seconds
            and answer.get("rate", 0.0) >= self.rate
            and bool(answer.get("model"))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodputResult:
    """A load, and how much of it was good."""

    load: LoadResult
    bounds: GoodputBounds

    @property
    def good(self) -> int:
        """Return how many answers kept to the bounds."""
        pairs = zip(self.load.waited, self.load.answers, strict=True)
        return sum(self.bounds.admits(waited, answer) for waited, answer in pairs)

    @property
    def goodput(self) -> float:
        """Return good answers a second."""
        return self.good / self.load.seconds

    def as_json(self) -> dict[str, Any]:
        """Return the figures of a load, with what kept how many answers from counting."""
        answers = self.load.answers
        pairs = list(zip(self.load.waited, answers, strict=True))
        firsts = [waited + a["first"] for waited, a in pairs if "first" in a]
        rates = [a["rate"] for a in answers if np.isfinite(a.get("rate", np.inf))]
        return {
            **self.load.as_json(),
            "good": self.good,
            "good_per_second": round(self.goodput, 3),
            "by_model": sum(bool(a.get("model")) for a in answers),
            "late": sum(first > self.bounds.first_seconds for first in firsts),
            "slow": sum(a.get("rate", 0.0) < self.bounds.rate for a in answers),
            "first_seconds": _quantiles(firsts, {"p50": 0.5, "p95": 0.95}),
            "tokens_per_second": _quantiles(rates, {"p5": 0.05, "p50": 0.5}),
        }


def _quantiles(values: Sequence[float], marks: Mapping[str, float]) -> dict[str, float]:
    if not values:
        return {}
    return {name: round(float(np.quantile(values, mark)), 3) for name, mark in marks.items()}


def describe_goodput(results: Sequence[GoodputResult]) -> dict[str, Any]:
    """Return all loads as JSON values, the best goodput of them and its bounds first."""
    bounds = results[0].bounds
    return {
        "goodput": round(max(result.goodput for result in results), 3),
        "bounds": {"first_seconds": bounds.first_seconds, "tokens_per_second": bounds.rate},
        "loads": [result.as_json() for result in results],
    }


def goodput_as_markdown(results: Sequence[GoodputResult]) -> str:
    """Write loads as a table."""
    bounds = results[0].bounds
    head = (
        *("asked/s", "good/s", "answered/s", "by the model", "first word p50, p95, s"),
        *("tokens/s p5, p50", "errors, turned away"),
    )
    promise = f"a first word within {bounds.first_seconds:g} s, then {bounds.rate:g} tokens/s"
    rows = [f"good: {promise}", "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for result in results:
        figures = result.as_json()
        first, rate = figures["first_seconds"].values(), figures["tokens_per_second"].values()
        cells = (
            f"{result.load.rate:g}",
            figures["good_per_second"],
            figures["answered_per_second"],
            f"{figures['by_model']} of {figures['answers']}",
            ", ".join(map(str, first)),
            ", ".join(map(str, rate)),
            f"{figures['errors']}, {figures['turned_away']}",
        )
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)
