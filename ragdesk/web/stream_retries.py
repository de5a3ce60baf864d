"""A streamed answer once an ``Idempotency-Key``: it counts as given with its last event.

What is kept of it is which one it was, no word of it: a retry is answered as of now, under the id
of the first. One that broke off was not given, and a retry begins anew.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import Answer, AnswerEvent, Done, JsonObject
from ragdesk.support.access import Principal
from ragdesk.web.idempotency import NOTE
from ragdesk.web.leases import RequestLeases
from ragdesk.web.server_state import server_state

AnswerEvents = AsyncGenerator[AnswerEvent, None]
MakeEvents = Callable[[], Awaitable[AnswerEvents]]
RepeatEvents = Callable[[JsonObject], Awaitable[AnswerEvents]]
"""Makes the events of a retry, given what was noted of the first answer."""


def note_answer(reply: JsonObject) -> JsonObject:
    """Take out of an answer of any shape, or of such a note, what says which one it was."""
    answer = reply.get("ragdesk", reply)
    return {"id": answer["id"], "outcome": answer["outcome"]}


async def open_events_once(
    request: Request,
    who: Principal,
    leases: RequestLeases,
    make: MakeEvents,
    repeat: RepeatEvents,
) -> tuple[AnswerEvents, bool]:
    """Return the events of an answer, and whether it is given for the first time.

    A retry that comes while the first is being given waits for its end. Raises what ``make`` and
    ``IdempotencyCache.get_or_make`` raise.
    """
    if request.state.idempotency_key is None:
        return await make(), True
    ended: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def follow() -> Response:
        begun.set()
        return await ended

    digest = hashlib.sha256(await request.body()).digest()
    known = asyncio.ensure_future(
        server_state(request).idempotency.get_or_make(
            request, who, digest, follow, basis=NOTE, shared_basis=lambda: NOTE
        )
    )
    known.add_done_callback(_look_at_error)
    leases.on_close(_make_ending(ended))
    begins = asyncio.ensure_future(begun.wait())
    try:
        await asyncio.wait({known, begins}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        begins.cancel()
    if not begun.is_set():
        return await repeat(json.loads(bytes((await known).body))), False
    try:
        return _note_end(await make(), ended), True
    except Exception as error:
        ended.set_exception(error)
        await known  # says what is known of it, where the database failed
        raise


def _make_ending(ended: "asyncio.Future[Response]") -> Callable[[], Awaitable[None]]:
    async def end() -> None:
        if not ended.done():
            ended.set_exception(ClientDisconnect())
            ended.exception()  # looked at, should nobody have waited for it

    return end


def _look_at_error(known: "asyncio.Future[Response]") -> None:
    if not known.cancelled():
        known.exception()


async def _note_end(events: AnswerEvents, ended: "asyncio.Future[Response]") -> AnswerEvents:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Done) and not ended.done():
                answer = event.answer
                ended.set_result(JSONResponse({"id": answer.id, "outcome": answer.outcome}))
            yield event


async def replace_answer(
    events: AnswerEvents, stand_in: Callable[[Answer], Answer]
) -> AnswerEvents:
    """Pass events on, the last of them with another answer."""
    async with aclosing(events):
        async for event in events:
            yield Done(stand_in(event.answer)) if isinstance(event, Done) else event
