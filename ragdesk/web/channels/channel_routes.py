"""The door of channels: ``/v1/channels/{channel}``, which looks itself at who comes.

Each system proves its messages in its own way; what is not proven is a 401, whatever it says.
"""

import time
from typing import cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ragdesk.errors import NotFound, Unauthenticated
from ragdesk.support.chat_channels.chat_message import ChatRequest
from ragdesk.web.channels.chat_desk import ChatDesk
from ragdesk.web.request_body import StrictRequest, parse_json_body

router = APIRouter(tags=["channels"])


@router.get("/v1/channels/{channel}", include_in_schema=False)
@router.post("/v1/channels/{channel}", include_in_schema=False)
async def hear_channel(channel: str, request: Request) -> Response:
    """Take what a chat system sends: proven, acknowledged, and answered soon.

    For Teams the answer is in the response. Raises NotFound, Unauthenticated, Invalid, Overloaded.
    """
    desk = cast("ChatDesk", request.app.state.chat_desk)
    system = desk.find_system(channel)
    if system is None:
        raise NotFound("No such channel. See the settings: [channels.NAME]")
    body = await StrictRequest(request.scope, request.receive).body()
    if system.takes_json and request.method == "POST":
        parse_json_body(body)
    request.state.slot.take()
    chat_request = ChatRequest(
        method=request.method,
        headers=dict(request.headers),
        query=dict(request.query_params),
        body=body,
    )
    hearing = system.hear(chat_request, time.time())
    response = hearing.body
    if hearing.message is not None and system.answers_at_once:
        reply = await desk.answer_at_once(channel, hearing.message)
        if reply is None:
            raise Unauthenticated  # it does not come twice: somebody else sends it again
        response = system.format_response(reply)
    elif hearing.message is not None:
        await desk.take(channel, hearing.message)
    return Response(response, media_type=hearing.media_type)
