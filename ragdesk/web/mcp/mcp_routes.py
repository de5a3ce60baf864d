"""The route ``/mcp``: the Model Context Protocol as streamable HTTP, behind the common gate."""

import asyncio
import importlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from ragdesk.errors import Forbidden, NotFound, SettingsError
from ragdesk.support.access import Principal
from ragdesk.web.auth import require_scope
from ragdesk.web.credentials import is_same_origin
from ragdesk.web.disconnect import cancel_on_disconnect
from ragdesk.web.mcp.desk_tools import ToolCaller
from ragdesk.web.request_body import StrictRequest, parse_json_body
from ragdesk.web.server_state import server_state

router = APIRouter(tags=["answers"])
ToolUser = Annotated[Principal, Depends(require_scope("ask"))]


# It describes itself by `tools/list`; its errors are those of JSON-RPC, as its clients read them.
@router.post("/mcp", include_in_schema=False)
async def exchange(request: Request, who: ToolUser) -> Response:
    """Take one message of the Model Context Protocol (streamable HTTP), and answer it as JSON.

    Tools: search, answer, get_passage, list_collections. There are no sessions: each request shows
    its key, and sees what that key may see.
    """
    state = server_state(request)
    identity = request.state.identity
    if identity.site is None and request.headers.get("origin") is not None:
        _refuse_other_pages(request)
    body = await StrictRequest(request.scope, request.receive).body()
    parse_json_body(body)  # the same strict JSON as everywhere; the protocol reads it again
    request.state.slot.take()
    caller = ToolCaller(state=state, who=who, identity=identity)

    async def find_caller() -> ToolCaller:
        return caller

    door = await asyncio.to_thread(_open_door)
    reply = await cancel_on_disconnect(
        request, door.exchange_message(find_caller, request.scope, body)
    )
    return Response(reply.body, reply.status, reply.headers)


def _refuse_other_pages(request: Request) -> None:
    """Refuse pages of other origins, as the protocol asks for. Raises Forbidden."""
    if not is_same_origin(request.headers):
        raise Forbidden("Pages of other sites may not use /mcp.")


def _open_door() -> Any:
    """Import what speaks the protocol, an extra that takes a second. Raises NotFound without it."""
    try:
        return importlib.import_module("ragdesk.web.mcp.on_mcp_sdk")
    except SettingsError as error:
        raise NotFound(str(error)) from error
