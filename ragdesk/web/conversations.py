"""Routes of conversations: begin, list, search, open, rename, share, delete; and feedback."""

import hashlib
import json
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import JsonObject
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import BadRequest, Invalid, NotFound
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.conversation import (
    HANDED_OVER_STATES,
    Conversation,
    ConversationTurn,
    Feedback,
)
from ragdesk.support.conversations.conversation_store import (
    NO_CONVERSATION,
    ConversationFilter,
    ListPlace,
)
from ragdesk.web import conversation_schemas as shapes
from ragdesk.web import cursors
from ragdesk.web.answer_caching import drop_disliked, forget_answers
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.conversation_access import (
    AnswerView,
    authorize_conversation,
    open_conversation,
    use_answer_view,
)
from ragdesk.web.conversation_turns import (
    describe_conversation,
    describe_feedback,
    describe_turn,
)
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state

router = APIRouter(route_class=StrictRoute, tags=["conversations"])
Speaker = Annotated[Principal, Depends(require_scope("ask"))]
STAFF_KINDS = ("local", "key", "staff")  # who may open what was shared inside the house


@router.post(
    "/v1/conversations",
    response_model=shapes.ConversationOut,
    status_code=201,
    dependencies=IDEMPOTENT,
)
async def begin_conversation(
    start: shapes.ConversationIn, request: Request, who: Speaker
) -> Response:
    """Begin a conversation, in which answers are kept."""
    state = server_state(request)
    authorize(who, "ask", start.collection)
    title = state.recorder.redact(start.title)

    async def create() -> Response:
        def write() -> Conversation:
            return state.conversations.create(
                who.person, start.collection, title=title, origin=start.origin
            )

        return JSONResponse(describe_conversation(await run_in_thread(write), who), 201)

    async def show_again(former: bytes) -> Response:
        begun = await open_conversation(state, json.loads(former)["id"], who)
        return JSONResponse(describe_conversation(begun, who), 201)

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, create, remake=show_again, deed="conversation"
    )


@router.get("/v1/conversations", response_model=shapes.ConversationsOut)
async def list_conversations(  # noqa: PLR0913, one parameter a part of the request
    request: Request,
    who: Speaker,
    *,
    view: Annotated[
        Literal["own", "handed_over"], Query(description="handed_over: for agents.")
    ] = "own",
    query: Annotated[str, Query(max_length=200, description="Whole words, all of them.")] = "",
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """List conversations, the latest first, a page at a time."""
    state = server_state(request)
    which = _make_filter(view, query, who)
    scope = f"conversations\0{who.person}\0{view}\0{query}"
    before = None
    if cursor is not None:
        before = _read_place(cursors.read_cursor(cursor, scope=scope, secret=state.secret))

    def read() -> list[Conversation]:
        return state.conversations.list_conversations(which, before=before, limit=limit + 1)

    if view == "own":
        await state.recorder.settle_person(who.person)
    listed = await run_in_thread(read)
    page, last = listed[:limit], None
    if len(listed) > limit:
        place = f"{page[-1].updated}\0{page[-1].id}"
        last = cursors.sign_cursor(place, scope=scope, secret=state.secret)
    body = {"conversations": [describe_conversation(c, who) for c in page], "next": last}
    return JSONResponse(body)


@router.get("/v1/conversations/{conversation}", response_model=shapes.ConversationOut)
async def show_conversation(conversation: str, request: Request, who: Speaker) -> Response:
    """Show a conversation without its turns."""
    opened = await open_conversation(server_state(request), conversation, who)
    return JSONResponse(describe_conversation(opened, who))


@router.patch("/v1/conversations/{conversation}", response_model=shapes.ConversationOut)
async def rename_conversation(
    conversation: str, change: shapes.ConversationChange, request: Request, who: Speaker
) -> Response:
    """Give a conversation another title."""
    state = server_state(request)
    opened = await open_conversation(state, conversation, who, as_owner=True)
    title = state.recorder.redact(change.title)
    renamed = await run_in_thread(state.conversations.rename, opened.id, title)
    return JSONResponse(describe_conversation(renamed, who))


@router.delete("/v1/conversations/{conversation}", status_code=204)
async def delete_conversation(conversation: str, request: Request, who: Speaker) -> Response:
    """Delete a conversation with its turns and what was said of them."""
    state = server_state(request)
    opened = await open_conversation(state, conversation, who, as_owner=True)
    await run_in_thread(state.conversations.delete, opened.id)
    forget_answers(state, opened.person)
    await audit_request(request, who, "conversation.delete", opened.id)
    return Response(status_code=204)


@router.get("/v1/conversations/{conversation}/turns", response_model=shapes.TurnsOut)
async def list_conversation_turns(
    conversation: str,
    request: Request,
    who: Speaker,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """List the turns of a conversation in their order, a page at a time."""
    state = server_state(request)
    opened = await open_conversation(state, conversation, who)
    as_agent = "agent" in who.scopes
    async with use_answer_view(state, opened.collection, who, opened) as view:
        return await _respond_with_turns(
            state, opened, who, view, after=after, limit=limit, as_agent=as_agent
        )


@router.post(
    "/v1/conversations/{conversation}/share",
    response_model=shapes.ShareOut,
    dependencies=IDEMPOTENT,
)
async def share_conversation(conversation: str, request: Request, who: Speaker) -> Response:
    """Make the token by which others of the house open a conversation; the former one ends.

    They need a key for the same collection, and see the answers that their own groups allow.
    """
    state = server_state(request)
    opened = await open_conversation(state, conversation, who, as_owner=True)
    _refuse_visitors(who)

    async def share() -> Response:
        audit_with_deed(request, who, "conversation.share", "share")
        token = await run_in_thread(state.conversations.share, opened.id)
        await audit_request(request, who, "conversation.share", opened.id)
        return JSONResponse({"token": token})

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, share, is_secret=True, deed="share"
    )


@router.delete("/v1/conversations/{conversation}/share", status_code=204)
async def end_sharing(conversation: str, request: Request, who: Speaker) -> Response:
    """Let the token of a conversation open it no longer."""
    state = server_state(request)
    opened = await open_conversation(state, conversation, who, as_owner=True)
    await run_in_thread(state.conversations.end_sharing, opened.id)
    return Response(status_code=204)


@router.get("/v1/shared/{token}", response_model=shapes.TurnsOut)
async def show_shared(
    token: str,
    request: Request,
    who: Speaker,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Show a conversation that somebody of the house shared."""
    state = server_state(request)
    _refuse_visitors(who)
    opened = await run_in_thread(state.conversations.find_shared, token)
    try:
        authorize(who, "ask", opened.collection)
    except NotFound as error:
        raise NotFound(NO_CONVERSATION) from error
    await state.recorder.settle(opened.id)
    async with use_answer_view(state, opened.collection, who) as view:
        return await _respond_with_turns(state, opened, who, view, after=after, limit=limit)


@router.post(
    "/v1/feedback",
    response_model=shapes.FeedbackOut,
    dependencies=IDEMPOTENT,
)
async def give_feedback(judgement: shapes.FeedbackIn, request: Request, who: Speaker) -> Response:
    """Say what one thinks of an answer in a conversation; again changes it."""
    state = server_state(request)
    await state.recorder.settle_person(who.person)

    async def keep() -> Response:
        feedback, turn = await run_in_thread(_keep_feedback, state, judgement, who)
        if feedback.verdict == "down":
            drop_disliked(state, turn)
        return JSONResponse(describe_feedback(feedback))

    async def show_again(former: bytes) -> Response:
        """Show what was said, as it stands now: its first reply is lost."""
        turn = json.loads(former)["id"]
        judgements = await run_in_thread(state.feedback.list_of_turns, [turn], who.person)
        if turn not in judgements:
            raise NotFound("This judgement is not kept any more.")
        return JSONResponse(describe_feedback(judgements[turn]))

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, keep, remake=show_again, deed="feedback"
    )


async def _respond_with_turns(  # noqa: PLR0913, one parameter a part of the page
    state: ServerState,
    conversation: Conversation,
    who: Principal,
    view: AnswerView,
    *,
    after: int,
    limit: int,
    as_agent: bool = False,
) -> Response:
    def read() -> tuple[list[JsonObject], int | None]:
        turns = state.conversations.list_turns(conversation.id, after=after, limit=limit + 1)
        page = turns[:limit]
        following = page[-1].number if len(turns) > limit else None
        if "agent" not in who.scopes or conversation.person == who.person:
            page = [turn for turn in page if turn.author != "note"]
        judgements = state.feedback.list_of_turns([turn.id for turn in page], who.person)
        labels = None
        if as_agent:
            labels = state.intent_labels.list_of_turns([turn.id for turn in page])
        rows = [describe_turn(turn, view, judgements.get(turn.id), labels) for turn in page]
        return rows, following

    rows, following = await run_in_thread(read)
    body = {
        "conversation": describe_conversation(conversation, who),
        "turns": rows,
        "next": following,
    }
    return JSONResponse(body)


def _keep_feedback(
    state: ServerState, judgement: shapes.FeedbackIn, who: Principal
) -> tuple[Feedback, ConversationTurn]:
    """Keep a judgement by whoever may open the conversation. Raises NotFound. Blocks.

    Returns it, and the turn it is of.
    """
    turn = state.conversations.get_turn(judgement.answer)
    conversation = state.conversations.get(turn.conversation)
    authorize_conversation(who, conversation)
    comment = state.recorder.redact(judgement.comment) if judgement.comment else None
    feedback = state.feedback.put(
        Feedback(
            id="",
            turn=turn.id,
            person=who.person,
            role=_judge_role(conversation, who),
            verdict=judgement.verdict,
            reasons=tuple(dict.fromkeys(judgement.reasons)),
            comment=comment,
        )
    )
    return feedback, turn


def _judge_role(conversation: Conversation, who: Principal) -> str:
    """Return as what somebody judges: only agents' and editors' judgements train anything."""
    if conversation.person == who.person:
        return "customer"
    return "editor" if "edit" in who.scopes else "agent"


def _make_filter(view: str, query: str, who: Principal) -> ConversationFilter:
    """Make the filter of a list. Raises Forbidden for who is no agent, Invalid."""
    if "\0" in query:
        raise Invalid("A query is plain text.")
    collections = tuple(sorted(who.collections))
    if view == "own":
        return ConversationFilter(person=who.person, collections=collections, query=query)
    authorize(who, "agent")
    return ConversationFilter(
        states=HANDED_OVER_STATES, collections=collections, query=query, in_answers=False
    )


def _read_place(place: str) -> ListPlace:
    updated, _, name = place.partition("\0")
    if not updated.isdigit():
        raise BadRequest("This cursor is not one of ours.")
    return int(updated), name


def _refuse_visitors(who: Principal) -> None:
    """Raise NotFound for who is not of the house."""
    if who.kind not in STAFF_KINDS:
        raise NotFound(NO_CONVERSATION)
