"""An answer as Server-Sent Events: found, delta and verdict, then exactly one done or error."""

import json
import logging
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse

from ragdesk import wire
from ragdesk.answering.answer import Answer, Done, Question
from ragdesk.assemble import Opened
from ragdesk.errors import face

MEDIA_TYPE = "text/event-stream"
SORRY = "Something went wrong here; the server's log says what."
log = logging.getLogger("ragdesk.web")


def frame(name: str, data: wire.Json) -> bytes:
    r"""Write one event. JSON has no bare line break, so one ``data`` line is enough.

    >>> frame("delta", {"text": "Hi"})
    b'event: delta\ndata: {"text":"Hi"}\n\n'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"event: {name}\ndata: {text}\n\n".encode()


async def frames(
    opened: Opened, question: Question, done: Callable[[Answer], None]
) -> AsyncIterator[bytes]:
    """Write a desk's events, and end with ``done`` or with an ``error`` that tells no secret.

    It holds ``opened`` to its end: an index is closed when nobody holds it any more.
    """
    code = "internal"
    try:
        async for event in opened.desk.stream(question):
            yield frame(*wire.event(event))
            if isinstance(event, Done):
                done(event.answer)
                return
    except Exception as error:  # the status line has left: every error must end the stream in words
        log.exception("answer failed")
        code = face(error).code
    yield frame("error", {"code": code, "message": SORRY})


def respond(
    opened: Opened, question: Question, done: Callable[[Answer], None]
) -> StreamingResponse:
    """Send a desk's events as they happen. No proxy on the way should gather them first."""
    headers = {"X-Accel-Buffering": "no"}
    body = frames(opened, question, done)
    return StreamingResponse(body, media_type=MEDIA_TYPE, headers=headers)
