"""Routes of answers and search."""

import hashlib
from collections.abc import Hashable
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import (
    Answer,
    Question,
    SearchResult,
    Turn,
    rank_passages,
    to_json_object,
)
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.assemble import OpenCollection
from ragdesk.degradation import format_degraded_reason
from ragdesk.errors import Invalid
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.conversation import Conversation, ConversationTurn
from ragdesk.support.handoff.handoff import Handoff
from ragdesk.web import schemas, stream
from ragdesk.web.auth import require_scope
from ragdesk.web.conversation_access import AnswerView, open_history
from ragdesk.web.disconnect import cancel_on_disconnect
from ragdesk.web.handoff_answers import (
    find_handoff_with_person,
    finish_answer,
    finish_events,
    pass_on_question,
    stream_notice,
)
from ragdesk.web.leases import Leases
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["answers"])
Asker = Annotated[Principal, Depends(require_scope("ask"))]
STREAM_CONTENT = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: delta\ndata: {"text":"You have 30 days. [1]"}\n\n',
    }
}


@router.post("/v1/answers", responses={200: {"model": Answer, "content": STREAM_CONTENT}})
async def answer(ask: schemas.Ask, request: Request, who: Asker, leases: Leases) -> Response:
    """Answer a question from the documents, with citations; as JSON, or streamed.

    With ``conversation`` what was said in it is the history, and the turn is kept in it.
    """
    state = server_state(request)
    conversation, turns = await _find_conversation(ask, state, who)
    collection = conversation.collection if conversation else ask.collection
    authorize(who, "ask", collection)
    _check_question_length(ask.question, state)
    if conversation is not None and (
        handoff := await find_handoff_with_person(state, conversation)
    ):
        return await _pass_on(ask, request, leases, who, handoff)
    opened = await leases.lease_collection(collection)
    history = tuple(Turn(role=turn.role, text=turn.text) for turn in ask.history)
    if conversation is not None:
        view = AnswerView(groups=who.groups, index=opened.index)
        # Who sees every document needs no look-up, and no thread for it.
        is_open = who.groups is None
        history = view.history(turns) if is_open else await run_in_thread(view.history, turns)
    if state.writes_with_model:
        await state.limits.count_answer(request.state.identity)
    question = Question(
        text=ask.question,
        history=history,
        where=ask.filters.to_filter(who.groups),
        explain=ask.explain,
        send=ask.verify,
    )

    if ask.stream:
        events = opened.desk.stream(question)
        if conversation is not None:
            events = finish_events(events, state, conversation, who, ask.question)
        return await stream.respond_with_events(
            request, leases, events, state.metrics.record_answer
        )

    async def build_response() -> Response:
        # A lease of its own: it may outlast its request, for others that wait for the same answer.
        async with state.open_collections.use_collection(collection) as opened:
            result = await cancel_on_disconnect(request, opened.desk.ask(question))
        if conversation is not None:
            result = await finish_answer(state, conversation, who, ask.question, result)
        state.metrics.record_answer(result)
        return JSONResponse(to_json_object(result))

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, build_response, basis=_answer_basis(opened, who)
    )


async def _pass_on(
    ask: schemas.Ask, request: Request, leases: Leases, who: Principal, handoff: Handoff
) -> Response:
    """Give a question to the person who has the conversation."""
    state = server_state(request)
    if ask.stream:
        notice = await pass_on_question(state, handoff, who, ask.question)
        events = stream_notice(notice)
        return await stream.respond_with_events(
            request, leases, events, state.metrics.record_answer
        )

    async def build_response() -> Response:
        notice = await pass_on_question(state, handoff, who, ask.question)
        state.metrics.record_answer(notice)
        return JSONResponse(to_json_object(notice))

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(request, who, digest, build_response)


async def _find_conversation(
    ask: schemas.Ask, state: ServerState, who: Principal
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


@router.post("/v1/search", response_model=SearchResult)
async def search(ask: schemas.Search, request: Request, who: Asker, leases: Leases) -> Response:
    """Find the passages nearest to a query."""
    state = server_state(request)
    authorize(who, "ask", ask.collection)
    _check_question_length(ask.query, state)
    opened = await leases.lease_collection(ask.collection)
    question = Question(text=ask.query, where=ask.filters.to_filter(who.groups))

    async def build_response() -> Response:
        # A lease of its own: it may outlast its request, for others that wait for the same answer.
        async with state.open_collections.use_collection(ask.collection) as opened:
            passages = await run_in_thread(opened.search, question, ask.top_k)
            generation = opened.index.generation
            degraded_reason = format_degraded_reason(opened.index)
        result = SearchResult(
            query=ask.query,
            collection=ask.collection,
            generation=generation,
            passages=rank_passages(passages),
            degraded_reason=degraded_reason,
        )
        return JSONResponse(to_json_object(result))

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, build_response, basis=_answer_basis(opened, who)
    )


def _answer_basis(opened: OpenCollection, who: Principal) -> Hashable:
    """Return what an answer depends on: open collection, access table, asker."""
    return (opened.opening_id, opened.index.make_mask(SearchFilter()).now, who)


def _check_question_length(text: str, state: ServerState) -> None:
    if len(text) > state.options.max_question:
        raise Invalid(f"Ask in at most {state.options.max_question:,} characters.")
