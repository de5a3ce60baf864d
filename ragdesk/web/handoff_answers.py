"""Answers that end with a person: what hands over, and what is said while a person has it."""

import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from ragdesk.answering.answer import (
    Answer,
    AnswerEvent,
    AnswerReason,
    Done,
    JsonObject,
    NextStep,
    Outcome,
    PassagesReady,
    TextDelta,
)
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import HomeUnusable, NotFound, WrongState
from ragdesk.support.access import Principal
from ragdesk.support.conversations.conversation import Conversation
from ragdesk.support.handoff.handoff import Handoff
from ragdesk.support.handoff.handoff_desk import HandoffDesk, HandoffRequest
from ragdesk.support.handoff.handoff_rules import WITH_PERSON_TEXTS, describe_waiting
from ragdesk.support.handoff.handoff_states import HandoffReason, HandoffState
from ragdesk.support.replicas.done_requests import current_deed
from ragdesk.web.server_state import ServerState

KeepAnswer = Callable[[Awaitable[Answer]], Awaitable[Answer]]
"""Waits until the turn of an answer is kept, and returns the answer as it goes out."""

CALL_PERSON: Final = "call_person"  # in a turn's note: why a person is to be called
log = logging.getLogger("ragdesk.web")


async def await_answer(keep: Awaitable[Answer]) -> Answer:
    """Wait until the turn of an answer is kept, and give up with whoever asked."""
    return await keep


async def finish_answer(
    state: ServerState, conversation: Conversation, who: Principal, question: str, answer: Answer
) -> Answer:
    """Keep the turn of an answer, and hand the conversation over if a rule says so.

    Returns the answer as it goes out: ``handed_over`` where a hand-off was really opened. A
    database that fails meanwhile calls nobody, and takes no answer from the asker.
    """
    handoffs = state.support.handoffs
    try:
        reason = await run_in_thread(handoffs.find_reason, conversation, answer)
    except HomeUnusable as error:
        _log_failure(error)
        reason = None
    if reason is None:
        state.recorder.record(conversation, question, answer)
        return answer
    passed_on = mark_handed_over(handoffs, answer)
    if (deed := current_deed()) is not None:
        deed.facts[CALL_PERSON] = str(reason)  # noted with the turn, should this server be killed
    state.recorder.record(conversation, question, passed_on)
    await state.recorder.settle(conversation.id)  # what the person reads holds this turn
    request = HandoffRequest(reason=reason, groups=who.groups)
    try:
        await run_in_thread(handoffs.open, conversation, request, who.person)
    except WrongState:  # somebody handed it over meanwhile: it is so, all the same
        return passed_on
    except (HomeUnusable, NotFound) as error:  # the second: it was deleted meanwhile
        _log_failure(error)
        return answer
    return passed_on


async def call_person_anew(
    state: ServerState, conversation: Conversation, who: Principal, note: JsonObject
) -> None:
    """Hand a conversation over where a server kept the turn that did so, and was killed then.

    note: of the turn. Nobody is called twice: what became of the conversation since is looked at.
    Raises NotFound for a turn that is gone, HomeUnusable.
    """
    if CALL_PERSON not in note:
        return
    handoffs = state.support.handoffs
    turn = await run_in_thread(state.conversations.get_turn, note["id"])
    last = await run_in_thread(handoffs.store.find_handoff, conversation.id)
    if last is not None and last.updated >= turn.created // 1000:
        return
    request = HandoffRequest(reason=HandoffReason(note[CALL_PERSON]), groups=who.groups)
    with suppress(WrongState):  # somebody handed it over meanwhile
        await run_in_thread(handoffs.open, conversation, request, who.person)


def _log_failure(error: Exception) -> None:
    log.error("nobody was called", extra={"reason": str(error), "repeats": "handoff"})


def mark_handed_over(handoffs: HandoffDesk, answer: Answer) -> Answer:
    """Say of an answer that a person was called, and when somebody is there.

    Advice in an accident stands first, and such an answer stays one where the documents help.
    """
    waiting = describe_waiting(handoffs.options, datetime.now(UTC), answer.language)
    step = answer.next_step
    is_safety = answer.reason is AnswerReason.SAFETY
    texts = [step.text, waiting] if step and is_safety else [waiting]
    links = tuple(link for link in step.links if is_safety or link.href) if step else ()
    next_step = NextStep(text=("" if answer.language == "zh" else " ").join(texts), links=links)
    if is_safety and answer.outcome is Outcome.ANSWERED:
        return replace(answer, next_step=next_step)
    return replace(answer, outcome=Outcome.HANDED_OVER, next_step=next_step)


async def find_handoff_with_person(
    state: ServerState, conversation: Conversation
) -> Handoff | None:
    """Return the hand-off of a conversation that a person has; None where nobody has it."""
    if conversation.state != "with_person":
        return None
    handoff = await run_in_thread(state.support.handoffs.store.find_handoff, conversation.id)
    return handoff if handoff and handoff.state is HandoffState.WITH_PERSON else None


async def pass_on_question(
    state: ServerState, handoff: Handoff, who: Principal, question: str
) -> Answer:
    """Give a question to the person who has the conversation, and say so.

    The documents are not asked: two who answer at once contradict each other.
    """
    text = state.recorder.redact(question)
    await run_in_thread(state.support.handoffs.write, handoff, text, who.person)
    return make_notice(handoff, question)


def make_notice(handoff: Handoff, question: str) -> Answer:
    """Say that the person who has the conversation was told a question."""
    spoken = "zh" if handoff.language == "zh" else "en"
    return Answer(
        id=secrets.token_hex(16),
        question=question,
        language=spoken,
        outcome=Outcome.HANDED_OVER,
        text=WITH_PERSON_TEXTS[spoken],
        claims=(),
        citations=(),
        passages=(),
        choices=(),
        reason=None,
        next_step=None,
        collection=handoff.collection,
        generation=0,
        generator="extractive",
        model="",
        degraded=False,
        degraded_reason=None,
        withheld=0,
        confidence=None,
        seconds={"total": 0.0},
    )


async def stream_notice(answer: Answer) -> AsyncGenerator[AnswerEvent, None]:
    """Tell an answer that was not looked for as events."""
    yield PassagesReady(())
    yield TextDelta(answer.text)
    yield Done(answer)


async def finish_events(
    events: AsyncGenerator[AnswerEvent, None],
    finish: Callable[[Answer], Awaitable[Answer]],
    keep: KeepAnswer,
) -> AsyncGenerator[AnswerEvent, None]:
    """Pass events on, the last of them as ``finish`` makes it: ``finish_answer``."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Done):
                yield Done(await keep(finish(event.answer)))
            else:
                yield event
