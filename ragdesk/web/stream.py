"""An answer as Server-Sent Events: found, delta and verdict, then exactly one done or error."""

import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse

from ragdesk import wire
from ragdesk.answering.answer import Answer, Done, Event
from ragdesk.errors import REASONS, EngineFailed, Refusal, face
from ragdesk.web.leave import unless_left
from ragdesk.web.use import Use

MEDIA_TYPE = "text/event-stream"
SORRY = "Something went wrong here; the server's log says what."
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
log = logging.getLogger("ragdesk.web")


def frame(name: str, data: wire.Json) -> bytes:
    r"""Write one event. JSON has no bare line break, so one ``data`` line is enough.

    >>> frame("delta", {"text": "Hi"})
    b'event: delta\ndata: {"text":"Hi"}\n\n'
    """
    return f"event: {name}\ndata: {_JSON.encode(data)}\n\n".encode()


async def frames(
    events: AsyncGenerator[Event, None], done: Callable[[Answer], None]
) -> AsyncGenerator[bytes, None]:
    """Write a desk's events, and end with ``done`` or with an ``error`` that tells no secret."""
    code, message = "internal", SORRY
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    done(event.answer)
                yield frame(*wire.event(event))
                if isinstance(event, Done):
                    return
        log.error("an answer ended without its last event")
    except EngineFailed as error:
        log.warning("answer broke off", extra={"code": error.reason, "reason": str(error)})
        code, message = face(error).code, f"{error.reason}: {REASONS[error.reason]}"
    except Exception as error:  # the status line has left: every error must end the stream in words
        log.exception("answer failed")
        code = face(error).code
    yield frame("error", {"code": code, "message": message})


async def respond(
    request: Request,
    leases: Use,
    events: AsyncGenerator[Event, None],
    done: Callable[[Answer], None],
) -> StreamingResponse:
    """Send a desk's events as they happen. No proxy on the way should gather them first.

    They are ended with the request, whether or not all of them were sent. Raises a Refusal while
    the status line has not left, or ClientDisconnect.
    """
    headers = {"X-Accel-Buffering": "no"}
    leases.then(events.aclose)  # one that was begun, should nobody read the body to its end
    body = frames(await _begun(request, events), done)
    leases.then(body.aclose)
    return StreamingResponse(body, media_type=MEDIA_TYPE, headers=headers)


async def _begun(
    request: Request, events: AsyncGenerator[Event, None]
) -> AsyncGenerator[Event, None]:
    """Wait for the first event, so that a refusal is a status and not a broken stream."""
    failed: Exception | None = None
    first: Event | None = None

    async def begin() -> Event:
        return await anext(events)

    try:
        first = await unless_left(request, begin())
    except (Refusal, ClientDisconnect):
        await events.aclose()
        raise
    except Exception as error:  # noqa: BLE001, told in the stream, as any other
        failed = error

    async def whole() -> AsyncGenerator[Event, None]:
        if failed:
            raise failed
        async with aclosing(events):
            if first is not None:
                yield first
            async for event in events:
                yield event

    return whole()
