"""Routes of hand-offs: ask for a person, the agents' queue, take, reply, transfer, close, rate."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import Question, to_json_object
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.kept_answer import keep_answer
from ragdesk.support.handoff.handoff import Handoff, HandoffContact
from ragdesk.support.handoff.handoff_desk import HandoffAgent, HandoffRequest
from ragdesk.support.handoff.handoff_rules import is_staffed
from ragdesk.support.handoff.handoff_states import HandoffAction, HandoffState
from ragdesk.support.handoff.handoff_store import OPEN_HANDOFF_STATES, handoff_place
from ragdesk.support.replicas.done_requests import DeedPart
from ragdesk.support.sign_in.audit_log import AuditAction
from ragdesk.web import cursors
from ragdesk.web import handoff_schemas as shapes
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.conversation_access import open_conversation, use_answer_view
from ragdesk.web.disconnect import cancel_on_disconnect
from ragdesk.web.handoff_access import (
    HandoffRole,
    authorize_handoff,
    check_holder,
    common_groups,
    describe_handoff,
    describe_whole,
)
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["hand-offs"])
Participant = Annotated[Principal, Depends(require_scope("ask"))]
CaseAgent = Annotated[Principal, Depends(require_scope("agent"))]
HandoffName = Annotated[str, Path(max_length=64)]
StateName = Literal["open", "waiting", "with_person", "closed", "all"]
MOST_HANDOFFS = 200
CHANGE: dict[str, Any] = {
    "response_model": shapes.HandoffOut,
    "responses": name_problems(409),
    "dependencies": IDEMPOTENT,
}


@router.post(
    "/v1/handoffs",
    response_model=shapes.HandoffOut,
    status_code=201,
    responses=name_problems(409),
    dependencies=IDEMPOTENT,
)
async def open_handoff(body: shapes.HandoffIn, request: Request, who: Participant) -> Response:
    """Ask for a person; while one is waited for, add text and contact to what was asked."""
    state = server_state(request)
    conversation = await open_conversation(state, body.conversation, who, as_owner=True)
    handoffs = state.support.handoffs
    text = state.recorder.redact(body.text)
    contact = HandoffContact(**body.contact.model_dump())

    def write() -> Handoff:
        known = handoffs.store.find_handoff(conversation.id)
        if known is not None and known.state in OPEN_HANDOFF_STATES:
            return handoffs.add_contact(known.id, contact, text, who.person)
        wish = HandoffRequest(
            reason=body.reason,
            groups=who.groups,
            text=text,
            contact=contact,
            language=body.language,
        )
        return handoffs.open(conversation, wish, who.person)

    return await _change(request, who, write, role="customer", status=201)


@router.get("/v1/handoffs", response_model=shapes.HandoffsOut)
async def list_handoffs(  # noqa: PLR0913, one parameter a part of the request
    request: Request,
    who: Participant,
    *,
    state: StateName = "open",
    conversation: Annotated[str | None, Query(max_length=64)] = None,
    view: Annotated[Literal["own", "queue"] | None, Query(description="queue: agents'.")] = None,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_HANDOFFS)] = MOST_HANDOFFS,
) -> Response:
    """List hand-offs: for agents the queue of their collections, oldest first; else one's own.

    With closed ones the last changed first.
    """
    server = server_state(request)
    role: HandoffRole = "agent" if view != "own" and "agent" in who.scopes else "customer"
    authorize(who, "agent" if role == "agent" or view == "queue" else "ask")
    handoffs = server.support.handoffs
    states = _list_states(state)
    scope = f"handoffs\0{who.name}\0{role}\0{state}\0{conversation}"
    after = cursors.read_row(cursor, scope=scope, secret=server.secret)

    def read() -> Response:
        listed = handoffs.store.list_handoffs(
            states,
            collections=who.collections,
            person=None if role == "agent" else who.person,
            conversation=conversation,
            after=after,
            limit=limit + 1,
        )
        page = listed[:limit]
        following = None
        if len(listed) > limit:
            last = handoff_place(page[-1], states)
            following = cursors.sign_row(last, scope=scope, secret=server.secret)
        counts = handoffs.store.count_states(who.collections) if role == "agent" else {}
        body = {
            "handoffs": [describe_handoff(handoff, handoffs, who, role) for handoff in page],
            "counts": counts,
            "staffed": is_staffed(handoffs.options),
            "enabled": handoffs.options.enabled,
            "next": following,
        }
        return JSONResponse(body)

    return await run_in_thread(read)


@router.get("/v1/handoffs/{handoff}", response_model=shapes.HandoffOut)
async def show_handoff(handoff: HandoffName, request: Request, who: Participant) -> Response:
    """Show a hand-off; to agents with what was asked, answered, looked at, and done since."""
    state = server_state(request)
    handoffs = state.support.handoffs
    record, role = await _find(state, handoff, who)
    async with use_answer_view(state, record.collection, who) as view:
        own_view = replace(view, opens_lookups=True)  # of whoever may open it: agent or customer
        body = await run_in_thread(describe_whole, record, handoffs, who, role, own_view)
    return JSONResponse(body)


@router.get("/v1/handoffs/{handoff}/draft", response_model=shapes.HandoffDraftOut)
async def draft_reply(handoff: HandoffName, request: Request, who: CaseAgent) -> Response:
    """Answer the customer's last question for the agent, from what both of them may see."""
    state = server_state(request)
    record, _ = await _find(state, handoff, who, "agent")
    handoffs = state.support.handoffs
    groups = common_groups(who.groups, record.groups)
    question_text = await run_in_thread(handoffs.last_question, record)
    async with state.open_collections.use_collection(record.collection) as opened:
        question = Question(text=question_text, where=SearchFilter(groups=groups))
        answer = await cancel_on_disconnect(request, opened.desk.ask(question))
        draft = await run_in_thread(keep_answer, answer, opened.index)
    await run_in_thread(handoffs.store.store_draft, record.id, draft)
    return JSONResponse(
        {"id": answer.id, "question": question_text, "answer": to_json_object(answer)}
    )


@router.post("/v1/handoffs/{handoff}/take", **CHANGE)
async def take_handoff(handoff: HandoffName, request: Request, who: CaseAgent) -> Response:
    """Take a hand-off that waits. Of two who take it at once one has it, the other gets a 409."""
    state = server_state(request)
    await _find(state, handoff, who, "agent")
    agent = _describe_agent(request, who)
    handoffs = state.support.handoffs
    return await _change(request, who, lambda: handoffs.take(handoff, agent), audit="handoff.take")


@router.post("/v1/handoffs/{handoff}/reply", **CHANGE)
async def reply_to_handoff(
    handoff: HandoffName, body: shapes.HandoffReplyIn, request: Request, who: Participant
) -> Response:
    """Answer the customer, as the agent who has it; or write to the agent, as the customer."""
    state = server_state(request)
    record, role = await _find(state, handoff, who, body.role)
    handoffs = state.support.handoffs
    agent = _describe_agent(request, who)

    def write() -> Handoff:
        if role == "agent":
            return handoffs.reply(handoff, agent, body.text, draft=body.draft)
        return handoffs.write(record, state.recorder.redact(body.text), who.person)

    return await _change(request, who, write, role=role, audit="handoff.reply")


@router.post("/v1/handoffs/{handoff}/transfer", **CHANGE)
async def transfer_handoff(
    handoff: HandoffName, body: shapes.HandoffTransferIn, request: Request, who: CaseAgent
) -> Response:
    """Put a hand-off back into the queue, for anybody or for somebody by name, with a note."""
    state = server_state(request)
    record, _ = await _find(state, handoff, who, "agent")
    check_holder(record, who, body.confirm)
    agent = _describe_agent(request, who)
    handoffs = state.support.handoffs
    to = body.to or None

    def write() -> Handoff:
        return handoffs.transfer(handoff, agent, to, state.recorder.redact(body.text))

    return await _change(request, who, write, audit="handoff.transfer")


@router.post("/v1/handoffs/{handoff}/close", **CHANGE)
async def close_handoff(
    handoff: HandoffName, body: shapes.HandoffEndIn, request: Request, who: Participant
) -> Response:
    """End a hand-off, as an agent or as the customer.

    One that another agent has is ended by editors and administrators, and by whoever sends its id
    as ``confirm``.
    """
    state = server_state(request)
    record, role = await _find(state, handoff, who)
    if role == "agent":
        check_holder(record, who, body.confirm)
    return await _end_or_reopen(handoff, HandoffAction.CLOSE, body, request, who)


@router.post("/v1/handoffs/{handoff}/reopen", **CHANGE)
async def reopen_handoff(
    handoff: HandoffName, body: shapes.HandoffNoteIn, request: Request, who: Participant
) -> Response:
    """Put a closed hand-off into the queue again, as an agent or as the customer."""
    return await _end_or_reopen(handoff, HandoffAction.REOPEN, body, request, who)


@router.post("/v1/handoffs/{handoff}/rate", **CHANGE)
async def rate_handoff(
    handoff: HandoffName, body: shapes.HandoffRatingIn, request: Request, who: Participant
) -> Response:
    """Say how one was helped, once it is closed: 1 to 5, and a comment. The customer alone may."""
    state = server_state(request)
    await _find(state, handoff, who, "customer")
    changes = {"rating": body.rating, "comment": state.recorder.redact(body.comment) or None}
    handoffs = state.support.handoffs

    def write() -> Handoff:
        return handoffs.change(handoff, HandoffAction.RATE, who.person, changes=changes)

    return await _change(request, who, write, role="customer")


@router.post("/v1/handoffs/{handoff}/resend", **CHANGE)
async def resend_handoff(handoff: HandoffName, request: Request, who: CaseAgent) -> Response:
    """Tell other systems again what they did not take."""
    state = server_state(request)
    record, _ = await _find(state, handoff, who, "agent")
    handoffs = state.support.handoffs

    def write() -> Handoff:
        handoffs.outbox.retry_letters(handoff)
        return record

    return await _change(request, who, write, audit="handoff.resend", deed=None)


async def _end_or_reopen(
    name: str,
    action: HandoffAction,
    body: shapes.HandoffNoteIn,
    request: Request,
    who: Principal,
) -> Response:
    state = server_state(request)
    _, role = await _find(state, name, who)
    text = state.recorder.redact(body.text)

    def write() -> Handoff:
        return state.support.handoffs.change(name, action, who.person, text=text)

    audit: AuditAction = "handoff.close" if action is HandoffAction.CLOSE else "handoff.reopen"
    return await _change(request, who, write, role=role, audit=audit)


async def _find(
    state: ServerState, name: str, who: Principal, role: HandoffRole | None = None
) -> tuple[Handoff, HandoffRole]:
    """Return a hand-off and as what somebody deals with it. Raises NotFound."""
    record = await run_in_thread(state.support.handoffs.store.get_handoff, name)
    return record, authorize_handoff(who, record, role)


def _describe_agent(request: Request, who: Principal) -> HandoffAgent:
    """Return an agent under the name that customers read: of the key, or of the account."""
    return HandoffAgent(id=who.person, name=request.state.identity.label)


async def _change(  # noqa: PLR0913, one parameter a part of the change
    request: Request,
    who: Principal,
    write: Callable[[], Handoff],
    *,
    role: HandoffRole = "agent",
    status: int = 200,
    audit: AuditAction | None = None,
    deed: DeedPart | None = "handoff",
) -> Response:
    """Change a hand-off once an ``Idempotency-Key``, tell other systems soon, and show it.

    audit: how the log names what an agent did. deed: what ``write`` notes of itself.
    """
    state = server_state(request)

    async def make() -> Response:
        if audit is not None and role == "agent":
            audit_with_deed(request, who, audit, "handoff")
        changed = await run_in_thread(write)
        if audit is not None and role == "agent":
            await audit_request(request, who, audit, changed.id)
        state.support.deliverer.wake()
        body = describe_handoff(changed, state.support.handoffs, who, role)
        return JSONResponse(body, status)

    async def show_again(former: bytes) -> Response:
        """Show what was changed as it stands now: its first reply is lost."""
        changed, _ = await _find(state, json.loads(former)["id"], who, role)
        body = describe_handoff(changed, state.support.handoffs, who, role)
        return JSONResponse(body, status)

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, make, remake=show_again, deed=deed
    )


def _list_states(name: StateName) -> tuple[HandoffState, ...]:
    match name:
        case "open":
            return OPEN_HANDOFF_STATES
        case "all":
            return (*OPEN_HANDOFF_STATES, HandoffState.CLOSED)
    return (HandoffState(name),)
