"""The door of channels: ``/v1/channels/{channel}``, which looks itself at who comes.

Each system proves its messages in its own way; what is not proven is a 401, whatever it says.
"""

import time
from typing import Final, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ragdesk.errors import NotFound, Unauthenticated
from ragdesk.support.chat_channels.chat_message import ChatRequest
from ragdesk.web.channels import channel_forms
from ragdesk.web.channels.chat_desk import ChatDesk
from ragdesk.web.request_body import StrictRequest, parse_json_body

router = APIRouter(tags=["channels"])
CHANNEL_PATH: Final = "/v1/channels/{channel}"


@router.get(
    CHANNEL_PATH,
    response_class=Response,
    openapi_extra=channel_forms.CHECK_REQUEST,
    responses=channel_forms.CHECK_RESPONSES,
)
async def check_channel(channel: str, request: Request) -> Response:
    """Prove to WeCom that a channel's address is the desk's, when it is entered there.

    A channel of another system has nothing to say to a GET: a 401.
    """
    return await _hear(channel, request)


@router.post(
    CHANNEL_PATH,
    response_class=Response,
    openapi_extra=channel_forms.MESSAGE_REQUEST,
    responses=channel_forms.MESSAGE_RESPONSES,
)
async def hear_channel(channel: str, request: Request) -> Response:
    """Take what a chat system sends: proven, acknowledged, and answered soon.

    Each kind proves its messages as its documentation says: Slack and Feishu by headers, WeCom by
    its query, Teams by `Authorization: HMAC` and the HMAC-SHA256 of the body. What is not proven,
    too old or too early is a 401, whatever it says. The answer is sent to the system's own API; for
    Teams alone it is in the response.
    """
    return await _hear(channel, request)


async def _hear(channel: str, request: Request) -> Response:
    """Take a request. Raises NotFound, Unauthenticated, Invalid, Overloaded."""
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
