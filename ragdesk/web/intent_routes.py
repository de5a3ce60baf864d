"""Routes of what questions are about: the intents there are, and an agent's or editor's word.

Who opens a conversation as an agent says it of its questions; customers neither see nor say it.
"""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound
from ragdesk.support.access import Principal
from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.insight.intent_labels import (
    NO_LABELLED_TURN,
    IntentLabel,
    check_intent_name,
    list_intent_names,
)
from ragdesk.support.insight.intents import INTENTS, OUT_OF_SCOPE
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.conversation_access import authorize_conversation
from ragdesk.web.conversation_schemas import TurnIntentOut
from ragdesk.web.conversation_turns import describe_intent
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.schemas import ShortText, StrictModel
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["insight"])
Labeller = Annotated[Principal, Depends(require_scope("agent"))]


class IntentNameOut(BaseModel):
    name: str = Field(description="`out_of_scope`: none of the others fits.")
    meaning: str | None = Field(
        description="What somebody with it does, of ours; null of an operator's own."
    )


class IntentNamesOut(BaseModel):
    intents: list[IntentNameOut]


class TurnIntentIn(StrictModel):
    intent: ShortText = Field(description="One of GET /v1/intents.")


@router.get(
    "/v1/intents",
    response_model=IntentNamesOut,
    dependencies=[Depends(require_scope("agent"))],
)
async def list_intents(request: Request) -> Response:
    """List the intents that a question may be labelled with: the operator's own, then ours."""
    home = server_state(request).workspace.home
    names = await run_in_thread(list_intent_names, home)
    outside = {OUT_OF_SCOPE: "none of the others"}
    meanings = INTENTS | outside
    listed = [{"name": name, "meaning": meanings.get(name)} for name in names]
    return JSONResponse({"intents": listed})


@router.post("/v1/turns/{turn}/intent", response_model=TurnIntentOut, dependencies=IDEMPOTENT)
async def label_intent(turn: str, body: TurnIntentIn, request: Request, who: Labeller) -> Response:
    """Say what a question is about, in place of what was recognised; the latest word holds.

    A desk learns from it only where ``learning.train_on_conversations`` is set.
    """
    state = server_state(request)
    question = await run_in_thread(_find_question, state, turn, who)
    await run_in_thread(check_intent_name, body.intent, state.workspace.home)
    label = IntentLabel(
        turn=question.id,
        intent=body.intent,
        person=who.person,
        role="editor" if "edit" in who.scopes else "agent",
    )

    async def keep() -> Response:
        audit_with_deed(request, who, "intent.set", "label")
        await run_in_thread(state.intent_labels.put, label)
        await audit_request(request, who, "intent.set", question.id)
        return JSONResponse(describe_intent(question, label.intent))

    async def show_again(_former: bytes) -> Response:
        labels = await run_in_thread(state.intent_labels.list_of_turns, [question.id])
        return JSONResponse(describe_intent(question, labels.get(question.id)))

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, keep, remake=show_again, deed="label"
    )


@router.delete("/v1/turns/{turn}/intent", status_code=204)
async def remove_intent_label(turn: str, request: Request, who: Labeller) -> Response:
    """Take back what was said of a question: what was recognised holds again."""
    state = server_state(request)
    question = await run_in_thread(_find_question, state, turn, who)
    await run_in_thread(state.intent_labels.remove, question.id)
    await audit_request(request, who, "intent.remove", question.id)
    return Response(status_code=204)


def _find_question(state: ServerState, name: str, who: Principal) -> ConversationTurn:
    """Find a question in a conversation that somebody may open. Raises NotFound. Blocks."""
    try:
        turn = state.conversations.get_turn(name)
        authorize_conversation(who, state.conversations.get(turn.conversation))
    except NotFound as error:
        raise NotFound(NO_LABELLED_TURN) from error
    if turn.author != "customer" or turn.question is None:
        raise NotFound(NO_LABELLED_TURN)
    return turn
