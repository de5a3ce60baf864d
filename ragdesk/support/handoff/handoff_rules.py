"""Decide whether an answer is the last one before a person: by what was wanted, and how it went.

Pure. What a customer wants is what the desk recognised in the turn (a person, a complaint, an
accident, a matter of an account); how it went is the outcome, of this answer and of the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ragdesk.answering.answer import Answer, AnswerReason, Outcome
from ragdesk.support.handoff.handoff_options import HandoffOptions
from ragdesk.support.handoff.handoff_states import HandoffReason
from ragdesk.support.handoff.opening_hours import (
    find_next_opening,
    find_zone,
    is_open,
    parse_hours,
)

REASONS_OF_TURNS: Final[Mapping[AnswerReason, HandoffReason]] = {
    AnswerReason.SAFETY: HandoffReason.SAFETY,
    AnswerReason.WANTS_PERSON: HandoffReason.CUSTOMER_ASKED,
    AnswerReason.COMPLAINT: HandoffReason.COMPLAINT,
    AnswerReason.NEEDS_ACCOUNT: HandoffReason.NEEDS_ACCOUNT,
}
# Somebody asked something, and the documents did not help.
REFUSALS: Final = frozenset(
    {AnswerReason.NO_PASSAGE, AnswerReason.NEAR_MISS, AnswerReason.UNSUPPORTED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTurn:
    """What came of an earlier question of the conversation."""

    outcome: str
    reason: str | None


def choose_reason(
    answer: Answer, past: Sequence[PastTurn], options: HandoffOptions
) -> HandoffReason | None:
    """Return why a conversation is to be handed over after an answer; None where it is not.

    past: the questions before, oldest first, since it was last handed over.
    """
    if not options.enabled:
        return None
    reasons = (reason for reason in _list_reasons(answer, past, options))
    return next((reason for reason in reasons if str(reason) in options.rules), None)


def _list_reasons(
    answer: Answer, past: Sequence[PastTurn], options: HandoffOptions
) -> list[HandoffReason]:
    """Return what speaks for a person, most urgent first."""
    reasons = []
    # Who has to sign in for a live fact, and was told the rest from the documents, needs nobody.
    asks_to_sign_in = (
        answer.reason is AnswerReason.NEEDS_ACCOUNT and answer.outcome is Outcome.ANSWERED
    )
    if answer.reason is not None and answer.reason in REASONS_OF_TURNS and not asks_to_sign_in:
        reasons.append(REASONS_OF_TURNS[answer.reason])
    if _is_refusal(answer.outcome, answer.reason) and past:
        before = past[-1]
        if _is_refusal(before.outcome, before.reason):
            reasons.append(HandoffReason.REFUSED_TWICE)
    if answer.outcome is Outcome.UNSUPPORTED:
        reasons.append(HandoffReason.UNSUPPORTED)
    is_unsure = answer.confidence is not None and answer.confidence < options.low_confidence
    if answer.outcome is Outcome.ANSWERED and is_unsure:
        reasons.append(HandoffReason.LOW_CONFIDENCE)
    return reasons


def _is_refusal(outcome: str, reason: str | None) -> bool:
    return outcome in {Outcome.NOT_FOUND, Outcome.UNSUPPORTED} and reason in REFUSALS


AWAY_TEXTS: Final = {
    "en": "Your question was passed on to a person. Nobody is there right now{when}; the answer "
    "appears here. Leave an e-mail address or a phone number, if you would rather be written to "
    "or called.",
    "zh": "您的问题已转交人工。现在没有人值班{when}；答复会显示在这里。"
    "如希望通过邮件或电话得到答复，请留下联系方式。",
}
HERE_TEXTS: Final = {
    "en": "Your question was passed on to a person. The answer appears here.",
    "zh": "您的问题已转交人工，答复会显示在这里。",
}
WITH_PERSON_TEXTS: Final = {
    "en": "Passed on to the person who has your question. The answer appears here.",
    "zh": "已转给正在为您处理的人员，答复会显示在这里。",
}
DAY_NAMES: Final = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}


def is_staffed(options: HandoffOptions, now: datetime | None = None) -> bool:
    """Tell whether somebody is there at a moment (of any time zone); None is now."""
    now = datetime.now(UTC) if now is None else now
    return is_open(parse_hours(options.hours), now.astimezone(find_zone(options.time_zone)))


def describe_waiting(options: HandoffOptions, now: datetime, language: str) -> str:
    """Return what is said to somebody who is handed over: who answers, and when.

    >>> from datetime import UTC
    >>> options = HandoffOptions(hours=("mon-fri 09:00-17:00",))
    >>> describe_waiting(options, datetime(2026, 11, 28, 12, tzinfo=UTC), "en")[41:95]
    'Nobody is there right now (again on Monday at 09:00 UT'
    """
    spoken = "zh" if language == "zh" else "en"
    ranges = parse_hours(options.hours)
    moment = now.astimezone(find_zone(options.time_zone))
    if is_open(ranges, moment):
        return HERE_TEXTS[spoken]
    if own := options.away_zh if spoken == "zh" else options.away:
        return own
    opening = find_next_opening(ranges, moment)
    when = ""
    if opening is not None:
        day, hour = DAY_NAMES[spoken][opening.weekday()], f"{opening:%H:%M}"
        zone = f"{opening:%Z}"
        when = (
            f" (again on {day} at {hour} {zone})"
            if spoken == "en"
            else f"（{day} {hour} {zone} 起有人）"
        )
    return AWAY_TEXTS[spoken].format(when=when)
