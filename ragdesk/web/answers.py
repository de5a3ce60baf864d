"""Routes of asking: answers and search."""

import hashlib
from collections.abc import Hashable
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.chunk import Filter
from ragdesk import wire
from ragdesk.answering.answer import Answer, Question, Turn
from ragdesk.answering.threads import run_in_thread
from ragdesk.assemble import Opened
from ragdesk.errors import Invalid, NotFound
from ragdesk.support.access import Principal, authorize
from ragdesk.web import schemas, stream
from ragdesk.web.gate import may
from ragdesk.web.leave import unless_left
from ragdesk.web.state import State, of
from ragdesk.web.strict import StrictRoute
from ragdesk.web.use import Leases

router = APIRouter(route_class=StrictRoute, tags=["answers"])
Asker = Annotated[Principal, Depends(may("ask"))]
STREAMED = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: delta\ndata: {"text":"You have 30 days. [1]"}\n\n',
    }
}


@router.post("/v1/answers", responses={200: {"model": schemas.AnswerOut, "content": STREAMED}})
async def answer(ask: schemas.Ask, request: Request, who: Asker, leases: Leases) -> Response:
    """Answer a question from the documents, with citations; as JSON, or streamed."""
    state = of(request)
    authorize(who, "ask", ask.collection)
    _check_length(ask.question, state)
    if ask.conversation is not None:
        raise NotFound("No such conversation.")
    opened = await leases.open(ask.collection)
    question = Question(
        text=ask.question,
        history=tuple(Turn(role=turn.role, text=turn.text) for turn in ask.history),
        where=ask.filters.where(who.groups),
        explain=ask.explain,
        send=ask.verify,
    )

    def note(given: Answer) -> None:
        state.metrics.note(given)

    if ask.stream:
        return await stream.respond(request, leases, opened.desk.stream(question), note)

    async def make() -> Response:  # which may outlast its request, for others that wait for it
        async with state.live.use(ask.collection) as opened:
            given = await unless_left(request, opened.desk.ask(question))
        note(given)
        return JSONResponse(wire.answer(given))

    digest = hashlib.sha256(await request.body()).digest()
    return await state.once.answer(request, who, digest, make, basis=_basis(opened, who))


@router.post("/v1/search", response_model=schemas.SearchOut)
async def search(ask: schemas.Search, request: Request, who: Asker, leases: Leases) -> Response:
    """Find the passages nearest to a query."""
    state = of(request)
    authorize(who, "ask", ask.collection)
    _check_length(ask.query, state)
    opened = await leases.open(ask.collection)
    question = Question(text=ask.query, where=ask.filters.where(who.groups))

    async def make() -> Response:  # which may outlast its request, for others that wait for it
        async with state.live.use(ask.collection) as opened:
            found = await run_in_thread(opened.search, question, ask.top_k)
            generation = opened.index.generation
        return JSONResponse(
            {
                "query": ask.query,
                "collection": ask.collection,
                "generation": generation,
                "passages": wire.passages(found),
            }
        )

    digest = hashlib.sha256(await request.body()).digest()
    return await state.once.answer(request, who, digest, make, basis=_basis(opened, who))


def _basis(opened: Opened, who: Principal) -> Hashable:
    """Name what an answer rests on: the documents that hold now, and who may see which of them."""
    return (opened.opening, opened.index.mask(Filter()).now, who)


def _check_length(text: str, state: State) -> None:
    if len(text) > state.options.max_question:
        raise Invalid(f"Ask in at most {state.options.max_question:,} characters.")
