"""Routes of answers and search."""

import hashlib
import json
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import (
    Answer,
    JsonObject,
    Outcome,
    Question,
    SearchResult,
    rank_passages,
    to_json_object,
)
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.degradation import format_degraded_reason
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.support.replicas.done_requests import DeedPart
from ragdesk.web import schemas, stream
from ragdesk.web.answer_basis import describe_basis, make_answer_basis, respond_once
from ragdesk.web.auth import require_scope
from ragdesk.web.disconnect import cancel_on_disconnect
from ragdesk.web.event_schemas import ANSWER_EVENTS, describe_event_stream
from ragdesk.web.handoff_answers import KeepAnswer, mark_handed_over, stream_notice
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.leases import Leases, RequestLeases
from ragdesk.web.question_answering import (
    QuestionContext,
    answer_question,
    check_question_length,
    count_written_answer,
    finish_first,
    make_question,
    open_question_context,
    pass_question_on,
    repeat_notice,
    stream_answer,
)
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state
from ragdesk.web.stream_retries import (
    AnswerEvents,
    MakeEvents,
    RepeatEvents,
    note_answer,
    open_events_once,
    replace_answer,
)

router = APIRouter(route_class=StrictRoute, tags=["answers"])
Asker = Annotated[Principal, Depends(require_scope("ask"))]
STREAM_CONTENT = describe_event_stream(
    ANSWER_EVENTS, 'event: delta\ndata: {"text":"You have 30 days. [1]"}\n\n'
)


@router.post(
    "/v1/answers",
    responses={200: {"model": Answer, "content": STREAM_CONTENT}},
    dependencies=IDEMPOTENT,
)
async def answer(ask: schemas.Ask, request: Request, who: Asker, leases: Leases) -> Response:
    """Answer a question from the documents, with citations; as JSON, or streamed.

    With ``conversation`` what was said in it is the history, and the turn is kept in it.
    """
    return await respond_to_ask(ask, request, who, leases)


async def respond_to_ask(
    ask: schemas.Ask,
    request: Request,
    who: Principal,
    leases: RequestLeases,
    form: stream.AnswerForm = stream.DESK_FORM,
) -> Response:
    """Answer a question in the shape that its route asks for, whole or streamed."""
    state = server_state(request)
    context = await open_question_context(state, who, ask, request.state.identity)
    if context.handoff is not None:
        return await _pass_on(context, request, leases, form)
    opened = await leases.lease_collection(context.collection)
    question = await make_question(state, context, opened)
    if ask.stream:

        async def make(keep: KeepAnswer) -> AnswerEvents:
            return await stream_answer(state, context, opened, question, keep)

        async def repeat(note: JsonObject) -> AnswerEvents:
            await finish_first(state, context, note)
            await count_written_answer(state, context)
            stand_in = partial(_stand_for, state, note)
            return replace_answer(opened.desk.stream(question), stand_in)

        return await _respond_with_stream(request, context, leases, form, make=make, repeat=repeat)
    return await _respond_whole(request, context, opened, question, form)


async def _respond_with_stream(  # noqa: PLR0913, one parameter a part of the response
    request: Request,
    context: QuestionContext,
    leases: RequestLeases,
    form: stream.AnswerForm,
    *,
    make: MakeEvents,
    repeat: RepeatEvents,
) -> Response:
    """Send an answer event by event, once an ``Idempotency-Key``; a retry is counted nowhere."""
    events, is_first = await open_events_once(request, context.who, leases, make, repeat)
    record = server_state(request).metrics.record_answer

    def count(answer: Answer) -> None:
        if is_first:
            record(answer)

    return await stream.respond_with_events(request, leases, events, count, form)


async def _respond_whole(
    request: Request,
    context: QuestionContext,
    opened: OpenCollection,
    question: Question,
    form: stream.AnswerForm,
) -> Response:
    """Answer a question all at once, and once an ``Idempotency-Key``."""
    state, who = server_state(request), context.who

    async def build_response() -> Response:
        # A lease of its own: it may outlast its request, for others that wait for the same answer.
        async with state.open_collections.use_collection(context.collection) as current:
            result = await answer_question(
                state, context, current, question, partial(cancel_on_disconnect, request)
            )
        state.metrics.record_answer(result)
        return JSONResponse(form.write_answer(result))

    async def build_again(former: bytes) -> Response:
        """Answer as of now under the id of before: the turn of that is kept already."""
        note = note_answer(json.loads(former))
        await finish_first(state, context, note)
        async with state.open_collections.use_collection(context.collection) as current:
            await count_written_answer(state, context)
            result = await cancel_on_disconnect(request, current.desk.ask(question))
        again = _stand_for(state, note, result)
        return JSONResponse(form.write_answer(again))

    digest = hashlib.sha256(await request.body()).digest()
    deed: DeedPart | None = "turn" if context.conversation is not None else None
    if question.lookups:  # how things stand now: no words of before are given again
        return await state.idempotency.get_or_show(
            request, who, digest, build_response, build_again, pick_note=note_answer, deed=deed
        )
    return await state.idempotency.get_or_make(
        request,
        who,
        digest,
        build_response,
        basis=make_answer_basis(opened, who),
        shared_basis=partial(describe_basis, opened, who),
        remake=build_again,
        deed=deed,
    )


def _stand_for(state: ServerState, note: JsonObject, answer: Answer) -> Answer:
    """Return an answer under the id of the first one, for which it stands now.

    Where that one called a person, so it says: nobody is called again.
    """
    again = replace(answer, id=note["id"])
    is_handed_over = note["outcome"] == Outcome.HANDED_OVER
    return mark_handed_over(state.support.handoffs, again) if is_handed_over else again


async def _pass_on(
    context: QuestionContext, request: Request, leases: RequestLeases, form: stream.AnswerForm
) -> Response:
    """Give a question to the person who has the conversation."""
    state = server_state(request)
    if context.ask.stream:

        async def make(keep: KeepAnswer) -> AnswerEvents:
            return stream_notice(await keep(pass_question_on(state, context)))

        async def repeat(note: JsonObject) -> AnswerEvents:
            return stream_notice(replace(repeat_notice(context), id=note["id"]))

        return await _respond_with_stream(request, context, leases, form, make=make, repeat=repeat)

    async def build_response() -> Response:
        notice = await pass_question_on(state, context)
        state.metrics.record_answer(notice)
        return JSONResponse(form.write_answer(notice))

    async def build_again(former: bytes) -> Response:
        again = replace(repeat_notice(context), id=note_answer(json.loads(former))["id"])
        return JSONResponse(form.write_answer(again))

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, context.who, digest, build_response, remake=build_again, deed="turn"
    )


@router.post(
    "/v1/search",
    response_model=SearchResult,
    dependencies=IDEMPOTENT,
)
async def search(ask: schemas.Search, request: Request, who: Asker, leases: Leases) -> Response:
    """Find the passages nearest to a query."""
    state = server_state(request)
    authorize(who, "ask", ask.collection)
    check_question_length(ask.query, state)
    opened = await leases.lease_collection(ask.collection)

    async def build_response() -> Response:
        # A lease of its own: it may outlast its request, for others that wait for the same answer.
        return JSONResponse(to_json_object(await search_passages(state, who, ask)))

    return await respond_once(request, who, opened, build_response)


async def search_passages(state: ServerState, who: Principal, ask: schemas.Search) -> SearchResult:
    """Find the passages nearest to a query, as somebody may see them. Raises a Refusal."""
    authorize(who, "ask", ask.collection)
    check_question_length(ask.query, state)
    question = Question(text=ask.query, where=ask.filters.to_filter(who.groups))
    async with state.open_collections.use_collection(ask.collection) as opened:
        passages = await run_in_thread(opened.search, question, ask.top_k)
        generation = opened.index.generation
        degraded_reason = format_degraded_reason(opened.index)
    return SearchResult(
        query=ask.query,
        collection=ask.collection,
        generation=generation,
        passages=rank_passages(passages),
        degraded_reason=degraded_reason,
    )
