"""What other systems tell of hand-offs: replies that agents write in Chatwoot."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound
from ragdesk.support.handoff.handoff_desk import HandoffAgent, HandoffDesk
from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffState
from ragdesk.support.handoff.on_chatwoot import (
    CHATWOOT_CHANNEL,
    ChatwootEvent,
    read_chatwoot_event,
)
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["hand-offs"])


@router.post("/v1/hooks/chatwoot", include_in_schema=False)
async def hear_chatwoot(request: Request) -> Response:
    """Take a webhook of Chatwoot: signed with the secret of the settings, or refused."""
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
