"""Routes of learning from use: gaps, drafts and their approval, corrections, past tickets."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import Question, rank_passages
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, WrongState
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, authorize
from ragdesk.support.learning.approval import APPROVED_SOURCE, approved_uri, format_faq_document
from ragdesk.support.learning.draft import LONGEST_QUESTION, Draft, DraftState
from ragdesk.support.learning.draft_answers import (
    NEAREST_PASSAGES,
    AgentReply,
    draft_from_gap,
    draft_from_reply,
)
from ragdesk.support.learning.entry_effect import EntryEffect
from ragdesk.support.learning.gap import Gap
from ragdesk.support.learning.gap_report import EmbedQuestions, GapOptions
from ragdesk.support.learning.learning_desk import DraftReview
from ragdesk.support.learning.ticket_exports import TicketImport, read_tickets
from ragdesk.support.sign_in.audit_log import AuditAction
from ragdesk.web import cursors, learning_schemas, schemas
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.draft_replies import describe_draft, respond_with_draft
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.learning_access import (
    find_asked_turn,
    find_draft,
    find_replied_turn,
    limit_readers,
    make_answer_filter,
    may_see_draft,
    sees_uri,
    use_if_open,
)
from ragdesk.web.leases import Leases
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.request_body import StrictRoute, iter_body
from ragdesk.web.server_state import ServerState, server_state
from ragdesk.web.uploads import refuse_full_disk

router = APIRouter(route_class=StrictRoute, tags=["learning"])
Editor = Annotated[Principal, Depends(require_scope("edit"))]
Agent = Annotated[Principal, Depends(require_scope("agent"))]
CollectionParam = Annotated[
    str, Query(pattern=schemas.COLLECTION_PATTERN, description="Of which collection.")
]
StateParam = Annotated[
    list[DraftState] | None, Query(description="Only drafts in these states [open, approved].")
]
OPEN_DRAFTS: tuple[DraftState, ...] = ("open", "approved")
SHOWN_QUESTIONS = 20  # of a gap
MOST_READ = 1_000  # drafts of which it is said that they are of a gap
MOST_DRAFTS_LISTED = 200  # of a page
MOST_TICKETS = 2_000  # of an import; a larger export is cut by its operator, newest first
TICKETS_BYTES = 20_000_000
TICKETS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            name: {"schema": {"type": "string"}}
            for name in ("text/csv", "application/json", "application/x-ndjson")
        },
    }
}


@router.get("/v1/gaps", response_model=learning_schemas.GapsOut)
async def list_gaps(
    request: Request,
    who: Editor,
    leases: Leases,
    collection: CollectionParam = "default",
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> Response:
    """List what customers asked and the documents did not answer, the most pressing first.

    Of questions about documents that this key may not see it shows nothing.
    """
    state = server_state(request)
    authorize(who, "edit", collection)
    opened = await leases.lease_collection(collection)
    gaps = await run_in_thread(_report_gaps, state, opened, who, days)
    read = state.learning.drafts.list_drafts
    states = (*OPEN_DRAFTS, "published")
    drafts = await run_in_thread(lambda: read([collection], states=states, limit=MOST_READ))

    def describe() -> list[dict[str, Any]]:
        index, conversations = opened.index, state.conversations
        visible = {d.id for d in drafts if may_see_draft(d, who, index, conversations)}
        return [_gap_json(gap, opened, who, drafts, visible) for gap in gaps]

    listed = await run_in_thread(describe)
    # What an entry answers is a gap again once it is asked in vain after that.
    body = [gap for gap in listed if gap["questions"][0]["time"] >= (gap["published"] or 0)]
    return JSONResponse({"collection": collection, "days": days, "gaps": body})


@router.post(
    "/v1/gaps/{gap}/draft",
    status_code=201,
    response_model=learning_schemas.DraftOut,
    responses=name_problems(409),
    dependencies=IDEMPOTENT,
)
async def draft_gap(  # noqa: PLR0913, one parameter a part of the request
    gap: str,
    request: Request,
    *,
    who: Editor,
    leases: Leases,
    collection: CollectionParam = "default",
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> Response:
    """Draft the FAQ entry of a gap, in the words of the nearest passages. An editor finishes it."""
    state = server_state(request)
    authorize(who, "edit", collection)
    await leases.lease_collection(collection)

    def make_draft(opened: OpenCollection) -> Draft:
        target = state.learning.find_gap(_report_gaps(state, opened, who, days), gap)
        question = Question(text=target.question, where=schemas.Filters().to_filter(who.groups))
        passages = rank_passages(opened.search(question, NEAREST_PASSAGES))
        find = state.learning.find_personal
        draft = draft_from_gap(target, collection, passages, who.person, find)
        return state.learning.drafts.add(limit_readers(draft, opened.index, who))

    async def keep_draft() -> tuple[Draft, None]:
        # A lease of its own: it may outlast its request, for others that wait for the same draft.
        async with state.open_collections.use_collection(collection) as opened:
            audit_with_deed(request, who, "draft.create", "draft")
            draft = await run_in_thread(make_draft, opened)
        await audit_request(request, who, "draft.create", draft.id)
        return draft, None

    return await respond_with_draft(request, who, keep_draft, 201)


@router.get("/v1/drafts", response_model=learning_schemas.DraftsOut)
async def list_drafts(  # noqa: PLR0913, one parameter a part of the request
    request: Request,
    who: Agent,
    *,
    state: StateParam = None,
    collection: Annotated[str | None, Query(pattern=schemas.COLLECTION_PATTERN)] = None,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_DRAFTS_LISTED)] = MOST_DRAFTS_LISTED,
) -> Response:
    """List drafts of FAQ entries, the last changed first; published ones with their effect."""
    server = server_state(request)
    if collection is not None:
        authorize(who, "agent", collection)
    names = [collection] if collection else sorted(who.collections) or None
    read = server.learning.drafts.list_drafts
    states = state or OPEN_DRAFTS
    scope = f"drafts\0{who.name}\0{','.join(states)}\0{collection}"
    after = cursors.read_row(cursor, scope=scope, secret=server.secret)
    rows = await run_in_thread(lambda: read(names, states=states, after=after, limit=limit + 1))
    drafts = rows[:limit]
    descriptions: dict[str, dict[str, Any]] = {}
    for name in {draft.collection for draft in drafts}:
        own = [draft for draft in drafts if draft.collection == name]
        async with use_if_open(server, name) as opened:
            descriptions |= await run_in_thread(_show_drafts, server, own, who, opened)
    listed = [descriptions[draft.id] for draft in drafts if draft.id in descriptions]
    following = None
    if len(rows) > limit:
        last = (drafts[-1].updated, drafts[-1].id)
        following = cursors.sign_row(last, scope=scope, secret=server.secret)
    return JSONResponse({"drafts": listed, "next": following})


@router.post(
    "/v1/drafts",
    status_code=201,
    response_model=learning_schemas.DraftOut,
    responses=name_problems(409),
    dependencies=IDEMPOTENT,
)
async def add_draft(body: learning_schemas.DraftNew, request: Request, who: Agent) -> Response:
    """Propose an FAQ entry: written anew, or what an agent replied to a customer (``turn``)."""
    state = server_state(request)
    authorize(who, "agent", body.collection)
    turn, answer = await find_replied_turn(state, body.turn, who) if body.turn else (None, {})
    reply = AgentReply(
        turn=turn.id if turn else "",
        collection=turn.collection if turn else body.collection,
        language=analyze_question(body.question).language,
        question=body.question,
        text=body.answer,
        similar=tuple(body.similar),
        citations=answer.get("citations", ()),
    )
    return await _keep_reply(request, reply, who, "draft.create")


@router.patch(
    "/v1/drafts/{draft}", response_model=learning_schemas.DraftOut, responses=name_problems(409)
)
async def edit_draft(
    draft: str, body: learning_schemas.DraftEdit, request: Request, who: Agent
) -> Response:
    """Change the texts of a draft; it has to be approved anew. Agents change those they wrote."""
    state = server_state(request)
    former = await find_draft(state, draft, who)
    if former.author != who.person:
        authorize(who, "edit", former.collection)

    def edit() -> Draft:
        texts = "\n".join((body.question, body.answer, *body.similar))
        return state.learning.drafts.edit(
            draft,
            question=body.question,
            answer=body.answer,
            similar=tuple(body.similar),
            personal=tuple(sorted(set(state.learning.find_personal(texts)))),
        )

    return JSONResponse(describe_draft(state, await run_in_thread(edit)))


@router.post(
    "/v1/drafts/{draft}/approve",
    response_model=learning_schemas.DraftOut,
    responses=name_problems(409, 507),
    dependencies=IDEMPOTENT,
)
async def approve_draft(
    draft: str, body: learning_schemas.DraftApproval, request: Request, who: Editor
) -> Response:
    """Approve a draft. Approved by as many as it takes, customers are answered from it at once."""
    state = server_state(request)
    target = await find_draft(state, draft, who)
    if who.groups is not None and target.groups - who.groups:
        raise WrongState("This entry is for groups that are not yours: their editors approve it.")
    review = DraftReview(person=who.person, personal_checked=body.personal_checked)

    async def take_in(entry: Draft) -> str | None:
        if entry.state != "approved":
            return None
        return await asyncio.to_thread(_submit_entry, state, entry, who)

    async def approve() -> tuple[Draft, str | None]:
        audit_with_deed(request, who, "draft.approve", "draft")
        approved = await run_in_thread(state.learning.approve, draft, review)
        await audit_request(request, who, "draft.approve", draft)
        return approved, await take_in(approved)

    return await respond_with_draft(request, who, approve, finish=take_in)


@router.post(
    "/v1/drafts/{draft}/reject",
    response_model=learning_schemas.DraftOut,
    responses=name_problems(409),
    dependencies=IDEMPOTENT,
)
async def reject_draft(
    draft: str, body: learning_schemas.DraftRejection, request: Request, who: Editor
) -> Response:
    """Reject a draft, with a reason for whoever wrote it."""
    state = server_state(request)
    await find_draft(state, draft, who)
    reason = state.recorder.redact(body.reason)

    async def reject() -> tuple[Draft, None]:
        audit_with_deed(request, who, "draft.reject", "draft")
        rejected = await run_in_thread(state.learning.drafts.reject, draft, reason)
        await audit_request(request, who, "draft.reject", draft)
        return rejected, None

    return await respond_with_draft(request, who, reject)


@router.post(
    "/v1/corrections",
    status_code=201,
    response_model=learning_schemas.DraftOut,
    responses=name_problems(409),
    dependencies=IDEMPOTENT,
)
async def correct_answer(
    body: learning_schemas.AnswerCorrection, request: Request, who: Agent
) -> Response:
    """Say what is right in place of an answer: a draft that an editor approves."""
    state = server_state(request)
    turn, _ = await find_asked_turn(state, body.answer, who)
    question = body.question or turn.question or ""
    reply = AgentReply(
        turn=turn.id,
        collection=turn.collection,
        language=turn.language or analyze_question(question).language,
        question=question[:LONGEST_QUESTION],
        text=body.text,
        is_correction=True,
    )
    return await _keep_reply(request, reply, who, "correction.create")


@router.post(
    "/v1/tickets",
    status_code=201,
    response_model=learning_schemas.TicketsOut,
    openapi_extra=TICKETS_BODY,
    dependencies=IDEMPOTENT,
)
async def import_tickets(
    request: Request, who: Editor, leases: Leases, collection: CollectionParam = "default"
) -> Response:
    """Read an export of past tickets (CSV, JSONL, Zendesk's JSON): a draft for each question.

    Tickets that ask the same become one. Nothing of it is published: an editor reads every draft.
    """
    state = server_state(request)
    authorize(who, "edit", collection)
    await leases.lease_collection(collection)
    data = await _read_export(request, state)
    media_type = request.headers.get("content-type", "")
    read = await asyncio.to_thread(_read_tickets, data, media_type)
    count = len(read.tickets)
    if count > MOST_TICKETS:
        raise Invalid(f"At most {MOST_TICKETS:,} tickets at a time; these are {count:,}.")
    left_out = dict(read.left_out)
    counts = {"tickets": count + sum(left_out.values()), "left_out": left_out}

    def make_drafts(opened: OpenCollection) -> list[str]:
        learning = state.learning
        drafts = learning.import_tickets(
            read.tickets, collection, who.person, _make_embed(state, opened)
        )
        entries = [limit_readers(draft, None, who) for draft in drafts]
        return learning.drafts.add_all(entries, {"id": _name_import(entries, collection), **counts})

    async def keep_drafts() -> Response:
        audit_with_deed(request, who, "draft.create", "draft")
        # A lease of its own: it may outlast its request, for others that wait for the same drafts.
        async with state.open_collections.use_collection(collection) as opened:
            names = await asyncio.to_thread(make_drafts, opened)
        await audit_request(request, who, "draft.create", _name_import(names, collection))
        return JSONResponse({"drafts": names, **counts}, 201)

    async def show_again(former: bytes) -> Response:
        note = json.loads(former)
        return JSONResponse({name: note[name] for name in ("drafts", *counts)}, 201)

    digest = hashlib.sha256(media_type.encode() + b"\0" + data).digest()
    return await state.idempotency.get_or_make(
        request, who, digest, keep_drafts, remake=show_again, deed="draft"
    )


def _name_import(drafts: Sequence[object], collection: str) -> str:
    """Name the drafts of an import as the audit log does."""
    return f"{len(drafts)} of tickets in {collection}"


async def _read_export(request: Request, state: ServerState) -> bytes:
    pieces = iter_body(
        request,
        request.app.state.uploading,
        limit=TICKETS_BYTES,
        seconds=state.options.read_seconds,
    )
    return b"".join([piece async for piece in pieces])


def _read_tickets(data: bytes, media_type: str) -> TicketImport:
    """Read an export by its media type; without one, by how it begins."""
    is_json = "json" in media_type or data.lstrip()[:1] in {b"{", b"["}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ("tickets.jsonl" if is_json else "tickets.csv")
        file.write_bytes(data)
        return read_tickets(file)


def _make_embed(state: ServerState, opened: OpenCollection) -> EmbedQuestions:
    return state.learning.make_embed(opened.retrieve.embedder, opened.retrieve.background)


def _report_gaps(
    state: ServerState, opened: OpenCollection, who: Principal, days: int
) -> tuple[Gap, ...]:
    may_see = make_answer_filter(who, opened.index)
    embed = _make_embed(state, opened)
    return state.learning.report_gaps(opened.collection, embed, GapOptions(days=days), may_see)


async def _keep_reply(
    request: Request, reply: AgentReply, who: Principal, action: AuditAction
) -> Response:
    """Keep the draft of what an agent wrote, and show it."""
    state = server_state(request)

    async def keep() -> tuple[Draft, None]:
        draft = draft_from_reply(reply, who.person, state.learning.find_personal)
        async with use_if_open(state, reply.collection) as opened:
            limited = limit_readers(draft, opened.index if opened else None, who)
        audit_with_deed(request, who, action, "draft")
        new_draft = await run_in_thread(state.learning.drafts.add, limited)
        await audit_request(request, who, action, new_draft.id)
        return new_draft, None

    return await respond_with_draft(request, who, keep, 201)


def _show_drafts(
    state: ServerState, drafts: Sequence[Draft], who: Principal, opened: OpenCollection | None
) -> dict[str, dict[str, Any]]:
    """Write the drafts of one collection that somebody may see as JSON values, by their ids."""
    index = opened.index if opened else None
    visible = [draft for draft in drafts if may_see_draft(draft, who, index, state.conversations)]
    effects: Mapping[str, EntryEffect] = {}
    if opened is not None:
        embed = _make_embed(state, opened)
        may_see = make_answer_filter(who, opened.index)
        effects = state.learning.measure_effects(visible, opened.collection, embed, may_see)
    return {draft.id: describe_draft(state, draft, effects.get(draft.uri)) for draft in visible}


def _gap_json(
    gap: Gap, opened: OpenCollection, who: Principal, drafts: Sequence[Draft], visible_ids: set[str]
) -> dict[str, Any]:
    """Write a gap as JSON values; of the documents that were tried only those of the asker.

    visible_ids: ids of the drafts that the asker may see.
    """
    visible = [uri for uri in gap.documents if sees_uri(opened.index, uri, who)]
    latest = gap.questions[:SHOWN_QUESTIONS]
    turns = {question.turn for question in gap.questions}
    own = [
        draft
        for draft in drafts
        if draft.gap == gap.id or any(source.turn in turns for source in draft.sources)
    ]
    return {
        "id": gap.id,
        "question": gap.question,
        "language": gap.language,
        "persons": gap.persons,
        "count": len(gap.questions),
        "recent": gap.recent,
        "earlier": gap.earlier,
        "trend": round(gap.trend, 3),
        "dislikes": gap.dislikes,
        "reasons": dict(gap.reasons),
        "documents": visible,
        "questions": [
            {"turn": q.turn, "text": q.text, "time": q.time, "reason": q.reason} for q in latest
        ],
        "drafts": [draft.id for draft in own if not draft.published and draft.id in visible_ids],
        "published": max((draft.published or 0 for draft in own), default=0) or None,
    }


def _submit_entry(state: ServerState, draft: Draft, who: Principal) -> str:
    """Have an approved draft taken in as a document; gives the job. Raises Overloaded, DiskFull."""
    file = state.uploads.new_file()
    with refuse_full_disk():
        file.write_bytes(format_faq_document(draft))
    try:
        job = state.jobs.submit(
            owner=who.name,
            collection=draft.collection,
            uri=approved_uri(draft),
            body=file,
            groups=draft.groups,
            source=APPROVED_SOURCE,
        )
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    state.jobs.settle()
    return job.id
