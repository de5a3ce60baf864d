"""An answer as Server-Sent Events: found, delta and verdict, then exactly one done or error."""

import json
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse

from ragdesk.answering.answer import Answer, AnswerEvent, Done, JsonObject, to_json_object
from ragdesk.errors import ENGINE_REASONS, EngineFailed, Refusal, error_status
from ragdesk.web.auth import reidentify_request
from ragdesk.web.disconnect import cancel_on_disconnect
from ragdesk.web.event_schemas import EVENT_MEDIA_TYPE
from ragdesk.web.leases import RequestLeases

REIDENTIFY_SECONDS = 5.0  # after which a stream asks again whether its key is still valid
INTERNAL_MESSAGE = "Something went wrong here; the server's log says what."
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
# Characters at which str.splitlines breaks, too, and with it clients that read lines of text. In
# JSON they can only stand in strings.
_FURTHER_BREAKS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
log = logging.getLogger("ragdesk.web")


def encode_data(data: JsonObject) -> str:
    r"""Write JSON without any line break, also of those that some readers of lines know.

    >>> encode_data({"text": "a\nb\u2028c"})
    '{"text":"a\\nb\\u2028c"}'
    """
    return _JSON.encode(data).translate(_FURTHER_BREAKS)


def format_event(name: str, data: JsonObject) -> bytes:
    r"""Write one event. Its JSON has no line break, so one ``data`` line is enough.

    >>> format_event("delta", {"text": "Hi"})
    b'event: delta\ndata: {"text":"Hi"}\n\n'
    """
    return f"event: {name}\ndata: {encode_data(data)}\n\n".encode()


class AnswerForm(Protocol):
    """The shape in which one answer goes out: whole, or event by event."""

    def write_answer(self, answer: Answer) -> JsonObject: ...

    def write_event(self, event: AnswerEvent) -> bytes: ...

    def write_error(self, code: str, message: str) -> bytes: ...


class DeskForm:
    """The shape of ``/v1/answers``: an answer's own fields."""

    def write_answer(self, answer: Answer) -> JsonObject:
        """Return an answer as JSON values."""
        return to_json_object(answer)

    def write_event(self, event: AnswerEvent) -> bytes:
        """Return an event of an answer as one of the stream."""
        return format_event(event.event_name, to_json_object(event))

    def write_error(self, code: str, message: str) -> bytes:
        """Return the error that ends a stream."""
        return format_event("error", {"code": code, "message": message})


DESK_FORM = DeskForm()


async def format_events(
    events: AsyncGenerator[AnswerEvent, None],
    on_done: Callable[[Answer], None],
    form: AnswerForm = DESK_FORM,
) -> AsyncGenerator[bytes, None]:
    """Write a desk's events, and end with ``on_done`` or with an ``error`` that tells no secret."""
    code, message = "internal", INTERNAL_MESSAGE
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    on_done(event.answer)
                if data := form.write_event(event):
                    yield data
                if isinstance(event, Done):
                    return
        log.error("an answer ended without its last event")
    except Refusal as error:  # a key that was revoked meanwhile
        code, message = error_status(error).code, str(error)
    except EngineFailed as error:
        log.warning("answer broke off", extra={"code": error.reason, "reason": str(error)})
        code, message = error_status(error).code, f"{error.reason}: {ENGINE_REASONS[error.reason]}"
    except Exception as error:  # the status line has left: every error must end the stream in words
        log.exception("answer failed")
        code = error_status(error).code
    yield form.write_error(code, message)


async def respond_with_events(
    request: Request,
    leases: RequestLeases,
    events: AsyncGenerator[AnswerEvent, None],
    on_done: Callable[[Answer], None],
    form: AnswerForm = DESK_FORM,
) -> StreamingResponse:
    """Send a desk's events as they happen. No proxy on the way should gather them first.

    They are ended with the request, whether or not all of them were sent. Raises a Refusal while
    the status line has not left, or ClientDisconnect.
    """
    headers = {"X-Accel-Buffering": "no"}
    leases.on_close(events.aclose)  # one that was begun, should nobody read the body to its end
    begun = await _wait_for_first(request, events)
    body = format_events(_end_when_revoked(request, begun), on_done, form)
    leases.on_close(body.aclose)
    return StreamingResponse(body, media_type=EVENT_MEDIA_TYPE, headers=headers)


async def _end_when_revoked(
    request: Request, events: AsyncGenerator[AnswerEvent, None]
) -> AsyncGenerator[AnswerEvent, None]:
    """Pass events on as long as who asked may ask. Raises Unauthenticated, Forbidden."""
    due = time.monotonic() + REIDENTIFY_SECONDS
    async with aclosing(events):
        async for event in events:
            if time.monotonic() >= due:
                await reidentify_request(request)
                due = time.monotonic() + REIDENTIFY_SECONDS
            yield event


async def _wait_for_first(
    request: Request, events: AsyncGenerator[AnswerEvent, None]
) -> AsyncGenerator[AnswerEvent, None]:
    """Wait for the first event, so that a refusal is a status and not a broken stream."""
    failure: Exception | None = None
    first: AnswerEvent | None = None

    async def begin() -> AnswerEvent:
        return await anext(events)

    try:
        first = await cancel_on_disconnect(request, begin())
    except (Refusal, ClientDisconnect):
        await events.aclose()
        raise
    except Exception as error:  # noqa: BLE001, told in the stream, as any other
        failure = error

    async def all_events() -> AsyncGenerator[AnswerEvent, None]:
        if failure:
            raise failure
        async with aclosing(events):
            if first is not None:
                yield first
            async for event in events:
                yield event

    return all_events()
