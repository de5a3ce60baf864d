"""The changes of a conversation as Server-Sent Events: new turns, its state, and its labels."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ragdesk.answering.answer import JsonObject
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import HomeUnusable, RagdeskError
from ragdesk.support.access import Principal, authorize
from ragdesk.support.conversations.conversation import Conversation, ConversationTurn
from ragdesk.web.auth import reidentify_request, require_scope
from ragdesk.web.conversation_access import open_conversation, use_answer_view
from ragdesk.web.conversation_schemas import TurnOut
from ragdesk.web.conversation_turns import describe_turn
from ragdesk.web.event_schemas import (
    EVENT_MEDIA_TYPE,
    DeletedEventOut,
    LabelsEventOut,
    StateEventOut,
    describe_event_stream,
)
from ragdesk.web.leases import Leases
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state
from ragdesk.web.stream import format_event

router = APIRouter(route_class=StrictRoute, tags=["conversations"])
Follower = Annotated[Principal, Depends(require_scope("ask"))]
RETRY_MILLISECONDS: Final = 1_000  # after which a page comes again
HEARTBEAT_SECONDS: Final = 15.0  # a proxy ends a stream that is silent for longer
RECHECK_SECONDS: Final = 5.0  # after which it is asked again whether somebody may follow
RETRY_LINE: Final = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
EVENT_CONTENT: Final = describe_event_stream(
    {
        "state": StateEventOut,
        "turn": TurnOut,
        "labels": LabelsEventOut,
        "deleted": DeletedEventOut,
    },
    'event: state\ndata: {"state":"with_person"}\n\n',
    numbered=frozenset({"state", "turn"}),
)


@router.get(
    "/v1/conversations/{conversation}/events",
    response_class=StreamingResponse,
    responses={200: {"content": EVENT_CONTENT}},
)
async def follow_conversation(  # noqa: PLR0913, one parameter a part of the request
    conversation: str,
    request: Request,
    who: Follower,
    leases: Leases,
    *,
    after: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    last_event_id: Annotated[str | None, Header(description="Goes before `after`.")] = None,
) -> Response:
    """Follow a conversation: ``turn`` for each new turn, ``state`` first and at each change.

    Agents get ``labels`` behind these: what their questions are said to be about, as it is then.
    after: number of the last turn that is known; without it, only turns from now on. A page that
    comes again sends ``Last-Event-ID``. ``deleted`` ends it.
    """
    state = server_state(request)
    opened = await open_conversation(state, conversation, who)
    last = _last_number(last_event_id or "", after)
    if last is None:
        turns = await run_in_thread(state.conversations.list_last_turns, opened.id, 1)
        last = turns[0].number if turns else 0
    changed = leases.enter(state.support.streams.follow(opened.id, who.person))
    request.state.slot.give_back()  # it waits far longer than it works
    events = _write_events(state, opened, last, changed, _make_check(request))
    leases.on_close(events.aclose)
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type=EVENT_MEDIA_TYPE, headers=headers)


async def _write_events(
    state: ServerState,
    conversation: Conversation,
    last: int,
    changed: asyncio.Event,
    check: Callable[[], Awaitable[Principal]],
) -> AsyncGenerator[bytes, None]:
    """Write what changes, to the end of the server or of the right to see it."""
    yield RETRY_LINE
    known_state = ""
    known_labels: dict[str, str] | None = None
    while not state.support.streams.is_ended:
        changed.clear()
        try:
            who = await check()  # a key that was revoked sees nothing more
            conversation = await open_conversation(state, conversation.id, who)
        except HomeUnusable:  # nobody can tell now: the page comes again
            yield RETRY_LINE
            return
        except RagdeskError:
            yield format_event("deleted", {})
            return
        if conversation.state != known_state:
            known_state = conversation.state
            # With its number, so that who comes again misses no turn of meanwhile.
            yield f"id: {last}\n".encode() + format_event("state", {"state": known_state})
        for number, turn in await _read_fresh(state, conversation, who, last):
            last = number
            yield f"id: {number}\n".encode() + format_event("turn", turn)
        labels = await _read_labels(state, conversation, who)
        if labels is not None and labels != known_labels:
            known_labels = labels
            yield format_event("labels", {"labels": labels})
        silent = 0.0
        while not await _wait_for(changed, RECHECK_SECONDS):
            silent += RECHECK_SECONDS
            if silent >= HEARTBEAT_SECONDS:
                silent = 0.0
                yield b": \n\n"
            if not await _may_follow(check):
                break
    yield RETRY_LINE


async def _wait_for(changed: asyncio.Event, seconds: float) -> bool:
    """Wait for a change, for so long at most; False where none came."""
    try:
        async with asyncio.timeout(seconds):
            return await changed.wait()
    except TimeoutError:
        return False


async def _may_follow(check: Callable[[], Awaitable[Principal]]) -> bool:
    """Tell whether somebody may go on; False where that needs a closer look."""
    try:
        await check()
    except RagdeskError:
        return False
    return True


async def _read_labels(
    state: ServerState, conversation: Conversation, who: Principal
) -> dict[str, str] | None:
    """Read what the questions of a conversation are said to be about; None for who is no agent."""
    if "agent" not in who.scopes:
        return None
    return await run_in_thread(state.intent_labels.list_of_conversation, conversation.id)


async def _read_fresh(
    state: ServerState, conversation: Conversation, who: Principal, last: int
) -> list[tuple[int, JsonObject]]:
    turns = await run_in_thread(lambda: state.conversations.list_turns(conversation.id, after=last))
    if not turns:
        return []
    async with use_answer_view(state, conversation.collection, who, conversation) as view:
        is_agent = "agent" in who.scopes and conversation.person != who.person
        labels = None
        if "agent" in who.scopes:
            names = [turn.id for turn in turns]
            labels = await run_in_thread(state.intent_labels.list_of_turns, names)

        def show(turn: ConversationTurn) -> JsonObject:
            return describe_turn(turn, view, None, labels)

        return [
            (turn.number, await run_in_thread(show, turn))
            for turn in turns
            if turn.author != "note" or is_agent
        ]


def _last_number(sent: str, after: int | None) -> int | None:
    return int(sent) if sent.isdecimal() and len(sent) < 10 else after  # noqa: PLR2004, of 32 bits


def _make_check(request: Request) -> Callable[[], Awaitable[Principal]]:
    """Make what tells who follows, as of now. Raises a Refusal once they may not."""

    async def authenticate() -> Principal:
        who = (await reidentify_request(request)).who
        authorize(who, "ask")
        return who

    return authenticate
