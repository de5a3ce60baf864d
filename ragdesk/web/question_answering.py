"""A question asked through any door of the server: who asks where, and the events of its answer.

The routes of answers, the API in OpenAI's shapes, the Model Context Protocol and the channels all
ask here, so that rights, history, hand-offs and what is kept are the same at each of them.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from ragdesk.answering.answer import Answer, AnswerEvent, Done, JsonObject, Question, Turn
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.conversation import Conversation, ConversationTurn
from ragdesk.support.handoff.handoff import Handoff
from ragdesk.support.sign_in.identity import Identity
from ragdesk.web import schemas
from ragdesk.web.answer_caching import (
    CacheTicket,
    keep_events,
    may_be_cached,
    open_ticket,
    replay_answer,
)
from ragdesk.web.conversation_access import AnswerView, open_history
from ragdesk.web.handoff_answers import (
    KeepAnswer,
    await_answer,
    call_person_anew,
    find_handoff_with_person,
    finish_answer,
    finish_events,
    make_notice,
    pass_on_question,
    stream_notice,
)
from ragdesk.web.server_state import ServerState


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionContext:
    """Where a question is asked, and what was said before it.

    handoff: of the person who has the conversation; then the documents are not asked. identity:
    whose limits count what a model writes.
    """

    who: Principal
    ask: schemas.Ask
    collection: str
    identity: Identity | None = None
    conversation: Conversation | None = None
    turns: tuple[ConversationTurn, ...] = ()
    handoff: Handoff | None = None


async def open_question_context(
    state: ServerState, who: Principal, ask: schemas.Ask, identity: Identity | None = None
) -> QuestionContext:
    """Look up the conversation that a question goes on with, and check who asks.

    Raises Invalid, Forbidden, NotFound.
    """
    conversation, turns = await _find_conversation(state, who, ask)
    collection = conversation.collection if conversation else ask.collection
    authorize(who, "ask", collection)
    check_question_length(ask.question, state)
    handoff = await find_handoff_with_person(state, conversation) if conversation else None
    return QuestionContext(
        who=who,
        ask=ask,
        collection=collection,
        identity=identity,
        conversation=conversation,
        turns=tuple(turns),
        handoff=handoff,
    )


async def make_question(
    state: ServerState, context: QuestionContext, opened: OpenCollection
) -> Question:
    """Make the question that an open collection is asked.

    What it wants looked up for the asker comes with it: such an answer is kept in no cache.
    """
    ask, who = context.ask, context.who
    history = tuple(Turn(role=turn.role, text=turn.text) for turn in ask.history)
    if context.conversation is not None:
        view = AnswerView(groups=who.groups, index=opened.index, opens_lookups=True)
        # Who sees every document needs no look-up, and no thread for it.
        is_open = who.groups is None
        turns = context.turns
        history = view.history(turns) if is_open else await run_in_thread(view.history, turns)
    lookups = await state.lookups.look_up(ask.question, history, who, context.collection)
    return Question(
        text=ask.question,
        history=history,
        where=ask.filters.to_filter(who.groups),
        explain=ask.explain,
        send=ask.verify,
        lookups=lookups,
        session=context.conversation.id if context.conversation else "",
    )


async def count_written_answer(state: ServerState, context: QuestionContext) -> None:
    """Count an answer that is to be written, where a model writes it. Raises RateLimited."""
    if state.writes_with_model:
        await state.limits.count_answer(context.identity)


async def stream_answer(
    state: ServerState,
    context: QuestionContext,
    opened: OpenCollection,
    question: Question,
    keep: KeepAnswer = await_answer,
) -> AsyncGenerator[AnswerEvent, None]:
    """Answer a question from an open collection, event by event, and keep its turn.

    The cache is outside of all: an answer that called a person is not kept in it, and one that is
    given again counts as none that a model wrote. Raises RateLimited before the first event.
    """
    ticket = _open_ticket(state, context, opened, question)
    cached = ticket.find_answer() if ticket else None
    if cached is None:
        await count_written_answer(state, context)
    events = replay_answer(cached) if cached else opened.desk.stream(question)
    if context.conversation is not None:
        events = finish_events(events, partial(record_turn, state, context), keep)
    return keep_events(events, ticket) if ticket and not cached else events


async def answer_question(
    state: ServerState,
    context: QuestionContext,
    opened: OpenCollection,
    question: Question,
    ask_desk: Callable[[Coroutine[Any, Any, Answer]], Awaitable[Answer]],
) -> Answer:
    """Answer a question from an open collection, all at once, and keep its turn.

    ask_desk: waits for what the desk says, or gives up with who asked. Raises RateLimited.
    """
    ticket = _open_ticket(state, context, opened, question)
    cached = ticket.find_answer() if ticket else None
    if cached is None:
        await count_written_answer(state, context)
    answer = cached or await ask_desk(opened.desk.ask(question))
    answer = await record_turn(state, context, answer)
    if ticket and not cached:
        ticket.keep_answer(answer)
    return answer


def _open_ticket(
    state: ServerState, context: QuestionContext, opened: OpenCollection, question: Question
) -> CacheTicket | None:
    is_plain = may_be_cached(context.conversation, context.turns)
    return open_ticket(state, context.who, opened, question, is_plain=is_plain)


async def record_turn(state: ServerState, context: QuestionContext, answer: Answer) -> Answer:
    """Keep the turn of an answer where it has a conversation; the answer as it goes out."""
    conversation = context.conversation
    if conversation is None:
        return answer
    return await finish_answer(state, conversation, context.who, context.ask.question, answer)


async def finish_first(state: ServerState, context: QuestionContext, note: JsonObject) -> None:
    """Do what a server that was killed behind a turn left undone. note: of that turn."""
    if context.conversation is not None:
        await call_person_anew(state, context.conversation, context.who, note)


async def pass_question_on(state: ServerState, context: QuestionContext) -> Answer:
    """Give a question to the person who has the conversation; the notice that says so."""
    if context.handoff is None:
        raise AssertionError("nobody has this conversation")
    return await pass_on_question(state, context.handoff, context.who, context.ask.question)


def repeat_notice(context: QuestionContext) -> Answer:
    """Return the notice of a question that was given to a person before."""
    if context.handoff is None:
        raise AssertionError("nobody has this conversation")
    return make_notice(context.handoff, context.ask.question)


async def ask_through_door(
    state: ServerState, who: Principal, ask: schemas.Ask, identity: Identity | None = None
) -> AsyncGenerator[AnswerEvent, None]:
    """Answer a question event by event, counted, with a collection open to its end.

    For doors that are no route of their own. Raises a Refusal before the first event.
    """
    context = await open_question_context(state, who, ask, identity)
    if context.handoff is not None:
        events = stream_notice(await pass_question_on(state, context))
        async for event in _count_answer(state, events):
            yield event
        return
    async with state.open_collections.use_collection(context.collection) as opened:
        question = await make_question(state, context, opened)
        events = await stream_answer(state, context, opened, question)
        async with aclosing(_count_answer(state, events)) as counted:
            async for event in counted:
                yield event


async def _count_answer(
    state: ServerState, events: AsyncGenerator[AnswerEvent, None]
) -> AsyncGenerator[AnswerEvent, None]:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Done):
                state.metrics.record_answer(event.answer)
            yield event


async def _find_conversation(
    state: ServerState, who: Principal, ask: schemas.Ask
) -> tuple[Conversation | None, list[ConversationTurn]]:
    """Return the conversation that a question goes on with, and its last turns.

    Raises Invalid, NotFound.
    """
    if ask.conversation is None:
        return None, []
    if ask.history:
        raise Invalid("A conversation has its own history: send `conversation` or `history`.")
    conversation, turns = await open_history(state, ask.conversation, who)
    if "collection" in ask.model_fields_set and ask.collection != conversation.collection:
        raise Invalid(f"This conversation is about the collection {conversation.collection!r}.")
    return conversation, turns


def check_question_length(text: str, state: ServerState) -> None:
    """Raise Invalid for a question that is longer than settings allow."""
    if len(text) > state.options.max_question:
        raise Invalid(f"Ask in at most {state.options.max_question:,} characters.")
