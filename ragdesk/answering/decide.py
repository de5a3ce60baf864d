"""Decide whether to answer: before anything is written, and once it is. Pure.

The coefficients were fitted on public development data; ``python -m eval.bench.extraction``
measures what they cost: answers given where there is none, and refusals where there is one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragdesk.answering.answer import Claim, Outcome, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOptions:
    """When to say that the documents do not answer a question.

    floor: least likelihood (0..1) that the passages hold an answer. Raise it to refuse more often.
    """

    floor: float = 0.5


# Of a logistic regression over the signals of ``retrieve``.
INTERCEPT = -4.0
WEIGHTS: Mapping[str, float] = {"lexical": 10.0, "focus": 4.0}


def answerable(signals: Mapping[str, float]) -> float:
    """Give the likelihood (0..1) that what was found holds an answer.

    >>> answerable({}) < 0.05 < 0.95 < answerable({"lexical": 0.6, "focus": 1.0})
    True
    """
    z = INTERCEPT + sum(weight * signals.get(name, 0.0) for name, weight in WEIGHTS.items())
    return 1 / (1 + math.exp(-z))


def decide(claims: Sequence[Claim]) -> Outcome:
    """Name the outcome of what was said: nothing, something, or something unsupported."""
    if not claims:
        return Outcome.NOT_FOUND
    held = any(c.verdict in {Standing.SUPPORTED, Standing.PARTIAL} for c in claims)
    return Outcome.ANSWERED if held else Outcome.UNSUPPORTED
