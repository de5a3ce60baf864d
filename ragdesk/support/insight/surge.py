"""Tell a surge of refusals or anger from the ups and downs of the weeks before. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ragdesk.support.conversations.retention import DAY_SECONDS
from ragdesk.support.insight.alert_options import SurgeOptions
from ragdesk.support.insight.insight_report import CHATTER
from ragdesk.support.insight.insight_turns import InsightTurn

SurgeKind = Literal["refusals", "anger"]
REFUSED: Final = frozenset({"not_found", "unsupported"})
PRIOR_QUESTIONS: Final = 20.0  # as many of the usual share are added to both sides: few say little


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """A surge. count: of ``questions`` in the window; usual: the share (0..1) before it."""

    kind: SurgeKind
    count: int
    questions: int
    usual: float
    since: int

    @property
    def share(self) -> float:
        """Return the share of the window's questions."""
        return self.count / self.questions


def find_surges(turns: Sequence[InsightTurn], now: int, options: SurgeOptions) -> tuple[Surge, ...]:
    """Return the surges of the last hours. turns: of the window and the history before it.

    A share is held against the history's by the normal approximation of two binomial samples; both
    are drawn towards each other by a few questions, so that a quiet desk raises no alarm.
    """
    start = now - options.hours * 3_600
    oldest = start - options.days * DAY_SECONDS
    questions = [turn for turn in turns if turn.reason not in CHATTER and turn.time >= oldest]
    window = [turn for turn in questions if turn.time >= start]
    history = [turn for turn in questions if turn.time < start]
    kinds: dict[SurgeKind, Callable[[InsightTurn], bool]] = {
        "refusals": lambda turn: turn.outcome in REFUSED,
        "anger": lambda turn: turn.reason == "complaint" or turn.sentiment == "negative",
    }
    surges = []
    for kind, matches in kinds.items():
        count = sum(map(matches, window))
        before = sum(map(matches, history))
        if count >= options.least and _deviation(count, window, before, history) >= options.sigmas:
            usual = before / len(history) if history else 0.0
            surges.append(
                Surge(kind=kind, count=count, questions=len(window), usual=usual, since=start)
            )
    return tuple(surges)


def _deviation(
    count: int, window: Sequence[InsightTurn], before: int, history: Sequence[InsightTurn]
) -> float:
    """Return how many standard deviations a window's share lies above the history's."""
    if not history:
        return 0.0  # nothing to hold it against
    pooled = (count + before) / (len(window) + len(history))
    n, m = len(window) + PRIOR_QUESTIONS, len(history) + PRIOR_QUESTIONS
    share = (count + PRIOR_QUESTIONS * pooled) / n
    usual = (before + PRIOR_QUESTIONS * pooled) / m
    spread = math.sqrt(max(pooled * (1 - pooled), 1e-6) * (1 / n + 1 / m))
    return (share - usual) / spread
