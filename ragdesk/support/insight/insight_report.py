"""The figures of a desk: questions, outcomes, resolution, deflection, time, intents. Pure.

A conversation is *resolved* when its last question was answered, nobody disliked an answer of it,
and no person had to step in; *durable* when its customer did not come back to it for seven days.
*Deflection* is the share of conversations that ended without a person.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from ragdesk.support.conversations.retention import DAY_SECONDS
from ragdesk.support.insight.insight_turns import InsightTurn

DURABLE_DAYS: Final = 7
RETURN_PAUSE: Final = 3_600  # seconds of silence after which a question is a coming back
ANSWERED: Final = "answered"
# Turns that ask the documents nothing are no questions that could be answered or refused.
CHATTER: Final = frozenset({"greeting", "thanks", "goodbye"})
MOST_INTENTS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """One day (UTC, ``2026-11-30``): its questions by outcome, and by sentiment."""

    day: str
    questions: int
    outcomes: Mapping[str, int]
    sentiments: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentFigures:
    """An intent: how often it was asked, and how often answered."""

    intent: str
    questions: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightReport:
    """The figures of a period.

    conversations: all; resolved, durable, pending, handed_over: how many of them. pending are
    resolved and younger than seven days: whether they are durable is not known yet. first_answer:
    seconds, median and 95th percentile; None without answers. out_of_scope: no intent fits them.
    """

    questions: int
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    languages: Mapping[str, int]
    conversations: int
    resolved: int
    durable: int
    pending: int
    handed_over: int
    out_of_scope: int
    likes: int
    dislikes: int
    first_answer_p50: float | None
    first_answer_p95: float | None
    intents: tuple[IntentFigures, ...]
    days: tuple[DayFigures, ...]

    @property
    def deflection(self) -> float | None:
        """Return the share of conversations that no person had to step into; None without any."""
        if not self.conversations:
            return None
        return 1 - self.handed_over / self.conversations


def build_insight_report(turns: Sequence[InsightTurn], since: int, now: int) -> InsightReport:
    """Count a period. turns: oldest first. since, now: seconds since 1970."""
    questions = [turn for turn in turns if turn.reason not in CHATTER and turn.time >= since]
    by_conversation: dict[str, list[InsightTurn]] = {}
    for turn in questions:
        by_conversation.setdefault(turn.conversation, []).append(turn)
    resolved = [own for own in by_conversation.values() if _is_resolved(own)]
    settled = [own for own in resolved if not _came_back(own)]
    pending = [own for own in settled if now - own[-1].time < DURABLE_DAYS * DAY_SECONDS]
    firsts = sorted(
        own[0].seconds for own in by_conversation.values() if own[0].seconds is not None
    )
    return InsightReport(
        questions=len(questions),
        outcomes=_count(turn.outcome for turn in questions),
        reasons=_count(turn.reason for turn in questions if turn.reason),
        languages=_count(turn.language for turn in questions if turn.language),
        conversations=len(by_conversation),
        resolved=len(resolved),
        durable=len(settled) - len(pending),
        pending=len(pending),
        handed_over=sum(own[0].is_handed_over for own in by_conversation.values()),
        out_of_scope=sum(turn.is_out_of_scope for turn in questions),
        likes=sum(turn.likes for turn in questions),
        dislikes=sum(turn.dislikes for turn in questions),
        first_answer_p50=_percentile(firsts, 0.5),
        first_answer_p95=_percentile(firsts, 0.95),
        intents=_count_intents(questions),
        days=_count_days(questions, since, now),
    )


def name_day(seconds: int) -> str:
    """Return the day of a time, UTC.

    >>> name_day(0)
    '1970-01-01'
    """
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _is_resolved(own: Sequence[InsightTurn]) -> bool:
    return (
        own[-1].outcome == ANSWERED
        and not own[-1].is_handed_over
        and not any(turn.dislikes for turn in own)
    )


def _came_back(own: Sequence[InsightTurn]) -> bool:
    """Tell whether a customer asked again after a pause, within seven days."""
    pauses = (after.time - before.time for before, after in pairwise(own))
    return any(RETURN_PAUSE < pause <= DURABLE_DAYS * DAY_SECONDS for pause in pauses)


def _count_intents(questions: Sequence[InsightTurn]) -> tuple[IntentFigures, ...]:
    known = [turn for turn in questions if turn.intent]
    totals = Counter(turn.intent for turn in known)
    answered = Counter(turn.intent for turn in known if turn.outcome == ANSWERED)
    return tuple(
        IntentFigures(intent=name, questions=count, answered=answered[name])
        for name, count in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[
            :MOST_INTENTS
        ]
    )


def _count_days(questions: Sequence[InsightTurn], since: int, now: int) -> tuple[DayFigures, ...]:
    """Count each day of the period, those without a question too."""
    by_day: dict[str, list[InsightTurn]] = {}
    for start in range(since, now + 1, DAY_SECONDS):
        by_day[name_day(start)] = []
    by_day.setdefault(name_day(now), [])
    for turn in questions:
        by_day.setdefault(name_day(turn.time), []).append(turn)
    return tuple(
        DayFigures(
            day=day,
            questions=len(own),
            outcomes=_count(turn.outcome for turn in own),
            sentiments=_count(turn.sentiment for turn in own if turn.sentiment),
        )
        for day, own in sorted(by_day.items())
    )


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _percentile(values: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile of sorted values; None of none."""
    if not values:
        return None
    return round(values[min(len(values) - 1, int(share * len(values)))], 3)
