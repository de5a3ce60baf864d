"""What other systems tell of hand-offs: replies that agents write in Chatwoot."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import JsonObject
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound
from ragdesk.support.handoff.handoff_desk import HandoffAgent, HandoffDesk
from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffState
from ragdesk.support.handoff.on_chatwoot import (
    CHATWOOT_CHANNEL,
    ChatwootEvent,
    read_chatwoot_event,
)
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["hand-offs"])
CHATWOOT_REQUEST: Final[JsonObject] = {
    "parameters": [
        {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}
        for name, words in (
            ("X-Chatwoot-Signature", "`sha256=` and the HMAC of `{timestamp}.{body}`."),
            ("X-Chatwoot-Timestamp", "In seconds, of now within 5 minutes."),
        )
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "`message_created` and `conversation_status_changed` are read; "
                    "any other event is acknowledged.",
                    "required": ["event"],
                    "properties": {"event": {"type": "string"}},
                }
            }
        },
    },
}
CHATWOOT_RESPONSES: Final[dict[int | str, JsonObject]] = {
    200: {"content": {"application/json": {"schema": {"type": "object", "maxProperties": 0}}}},
    **name_problems(401, 404, 409),
}


@router.post("/v1/hooks/chatwoot", openapi_extra=CHATWOOT_REQUEST, responses=CHATWOOT_RESPONSES)
async def hear_chatwoot(request: Request) -> Response:
    """Take a webhook of Chatwoot: signed with the secret of the settings, or refused.

    The same message again, and what concerns no hand-off of ours, changes nothing and is a 200.
    """
    state = server_state(request)
    secret = state.support.chatwoot_secret
    if not secret:
        raise NotFound("Nothing is heard from Chatwoot here. See handoff_chatwoot.webhook_secret.")
    event = read_chatwoot_event(await request.body(), request.headers, secret)
    if event is not None:
        await run_in_thread(take_event, state.support.handoffs, event)
        state.support.deliverer.wake()
    return JSONResponse({})


def take_event(handoffs: HandoffDesk, event: ChatwootEvent) -> bool:
    """Do to a hand-off what was done over there; tells whether anything was. Blocks.

    The same message again, and one of a conversation that is none of ours, changes nothing.
    """
    name = handoffs.outbox.find_handoff_of(CHATWOOT_CHANNEL, event.reference)
    if name is None:
        return False
    handoff = handoffs.store.get_handoff(name)
    if event.action is HandoffAction.CLOSE:
        if handoff.state is HandoffState.CLOSED:
            return False
        handoffs.change(name, HandoffAction.CLOSE, event.agent)
        return True
    if handoffs.has_message(name, event.message):
        return False
    agent = HandoffAgent(id=event.agent, name=event.agent_name)
    if handoff.state is HandoffState.CLOSED:
        handoffs.change(name, HandoffAction.REOPEN, agent.id)
    if handoff.state is HandoffState.WITH_PERSON and handoff.agent != agent.id:
        handoffs.transfer(name, agent, None, "")
    if handoff.state is not HandoffState.WITH_PERSON or handoff.agent != agent.id:
        handoffs.take(name, agent)
    handoffs.reply(name, agent, event.text, source=event.message)
    return True
