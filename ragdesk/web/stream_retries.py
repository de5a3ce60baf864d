"""A streamed answer once an ``Idempotency-Key``: it counts as given with its last event.

What is kept of it is which one it was, no word of it: a retry is answered as of now, under the id
of the first. One that broke off was not given, and a retry begins anew. Where its turn was being
kept as it broke off, that is waited for: a retry would keep a second one.
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
from ragdesk.support.replicas.done_requests import RequestDeed, current_deed, enter_deed
from ragdesk.web.handoff_answers import CALL_PERSON, KeepAnswer, await_answer
from ragdesk.web.idempotency import NOTE
from ragdesk.web.leases import RequestLeases
from ragdesk.web.server_state import server_state

AnswerEvents = AsyncGenerator[AnswerEvent, None]
MakeEvents = Callable[[KeepAnswer], Awaitable[AnswerEvents]]
"""Makes the events of an answer, given what its turn is to be kept by."""
RepeatEvents = Callable[[JsonObject], Awaitable[AnswerEvents]]
"""Makes the events of a retry, given what was noted of the first answer."""


def note_answer(reply: JsonObject) -> JsonObject:
    """Take out of an answer of any shape, or of such a note, what says which one it was."""
    answer = reply.get("ragdesk", reply)
    return {name: answer[name] for name in ("id", "outcome", CALL_PERSON) if name in answer}


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
        return await make(await_answer), True
    note = _StreamNote()
    begun = asyncio.Event()

    async def follow() -> Response:
        note.deed = current_deed()
        begun.set()
        return await note.response

    async def show_note(former: bytes) -> Response:
        return JSONResponse(note_answer(json.loads(former)))

    digest = hashlib.sha256(await request.body()).digest()
    known = asyncio.ensure_future(
        server_state(request).idempotency.get_or_make(
            request,
            who,
            digest,
            follow,
            basis=NOTE,
            shared_basis=lambda: NOTE,
            remake=show_note,
            deed="turn",
        )
    )
    known.add_done_callback(_look_at_error)
    leases.on_close(note.end)
    begins = asyncio.ensure_future(begun.wait())
    try:
        await asyncio.wait({known, begins}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        begins.cancel()
    if not begun.is_set():
        return await repeat(json.loads(bytes((await known).body))), False
    try:
        return note.follow_events(await make(note.keep_answer)), True
    except Exception as error:
        note.fail(error)
        await known  # says what is known of it, where the database failed
        raise


class _StreamNote:
    """What is noted of a streamed answer once it is given. response: the note.

    deed: what its turn is noted by, in the database.
    """

    def __init__(self) -> None:
        self.deed: RequestDeed | None = None
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._keeping: asyncio.Task[Answer] | None = None

    async def keep_answer(self, keep: Awaitable[Answer]) -> Answer:
        """Wait until an answer's turn is kept, and note it even where its client leaves.

        An answer that was kept so and never sent is counted in no metric.
        """

        async def keep_and_note() -> Answer:
            with enter_deed(self.deed):
                answer = await keep
            self._note(answer)
            return answer

        self._keeping = asyncio.ensure_future(keep_and_note())
        return await asyncio.shield(self._keeping)

    async def follow_events(self, events: AnswerEvents) -> AnswerEvents:
        """Pass events on, and note the last."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    self._note(event.answer)
                yield event

    async def end(self) -> None:
        """Leave the key free where nothing was given; what is being kept is waited for."""
        if self._keeping is None:
            self.fail(ClientDisconnect())
            return
        # Of the task, and not behind the wait for it: that may be cancelled, too.
        self._keeping.add_done_callback(self._end_keeping)
        await asyncio.wait({self._keeping})

    def _end_keeping(self, keeping: "asyncio.Task[Answer]") -> None:
        _look_at_error(keeping)
        self.fail(ClientDisconnect())

    def fail(self, error: Exception) -> None:
        """Note that nothing was given."""
        if not self.response.done():
            self.response.set_exception(error)
            self.response.exception()  # looked at, should nobody have waited for it

    def _note(self, answer: Answer) -> None:
        if not self.response.done():
            note = {"id": answer.id, "outcome": answer.outcome}
            self.response.set_result(JSONResponse(note))


def _look_at_error(ended: "asyncio.Future[Response] | asyncio.Future[Answer]") -> None:
    if not ended.cancelled():
        ended.exception()


async def replace_answer(
    events: AnswerEvents, stand_in: Callable[[Answer], Answer]
) -> AnswerEvents:
    """Pass events on, the last of them with another answer."""
    async with aclosing(events):
        async for event in events:
            yield Done(stand_in(event.answer)) if isinstance(event, Done) else event
