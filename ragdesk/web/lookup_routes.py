"""Routes of what was looked up for a customer: the kept text that its citation counts in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ragdesk.answering.lookup_result import LOOKUP_SCHEME
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound
from ragdesk.support.access import Principal
from ragdesk.support.conversations.kept_answer import is_lookup_part
from ragdesk.web.auth import require_scope
from ragdesk.web.conversation_access import open_conversation, opens_lookups
from ragdesk.web.server_state import server_state

router = APIRouter(tags=["conversations"])
LookupReader = Annotated[Principal, Depends(require_scope("ask"))]
LookupPart = Annotated[str, Path(max_length=100)]
NO_LOOKUP = "No such look-up, or none that you may see."


@router.get(
    "/v1/conversations/{conversation}/turns/{turn}/lookups/{lookup}/{value}",
    response_class=PlainTextResponse,
)
async def show_looked_up_text(  # noqa: PLR0913, PLR0917, one parameter a part of the request
    conversation: str,
    turn: str,
    lookup: LookupPart,
    value: LookupPart,
    request: Request,
    who: LookupReader,
) -> Response:
    """Give what was looked up for a turn, as it is kept: what its citation's offsets count in.

    For the customer whose conversation it is, and the agents whom it was handed to.
    """
    state = server_state(request)
    opened = await open_conversation(state, conversation, who)
    kept_turn = await run_in_thread(state.conversations.get_turn, turn)
    if kept_turn.conversation != opened.id or not opens_lookups(opened, who):
        raise NotFound(NO_LOOKUP)
    uri = f"{LOOKUP_SCHEME}{lookup}/{value}"
    for citation in (kept_turn.answer or {}).get("citations", ()):
        if citation["uri"] == uri and is_lookup_part(citation):
            return PlainTextResponse(citation["context"]["text"])
    raise NotFound(NO_LOOKUP)
