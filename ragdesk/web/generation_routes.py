"""Routes of a collection's generations: what was published, verified, and the way back.

They go by the files of the home, so that a collection that cannot be opened can be mended too.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from indexes.errors import CollectionBusy, IndexesError, IndexNotFound
from indexes.upkeep import history, verify
from indexes.upkeep.generation_diff import CHANGE_KINDS, DocumentChange, compare_generations
from indexes.upkeep.history import GenerationStatus
from indexes.upkeep.rollback import find_rolled_back, roll_back
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.assemble import EXTRA_FILES
from ragdesk.errors import Invalid, NotFound, WrongState, error_status, public_words
from ragdesk.support.access import Principal
from ragdesk.support.database import Database
from ragdesk.support.replicas.done_requests import drop_plan, note_file_deed, plan_deed
from ragdesk.web import admin_schemas, cursors
from ragdesk.web.audit_routes import audit_request, audit_with_deed
from ragdesk.web.auth import require_scope
from ragdesk.web.document_list import name_source
from ragdesk.web.event_schemas import EVENT_MEDIA_TYPE, VERIFY_EVENTS, describe_event_stream
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.open_collections import COLLECTION_NAME
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import ServerState, server_state
from ragdesk.web.stream import format_event

router = APIRouter(route_class=StrictRoute, tags=["generations"])
GenerationKeeper = Annotated[Principal, Depends(require_scope("admin"))]
GenerationNumber = Annotated[int, Query(ge=1, le=2**53)]
GENERATIONS_PATH = "/v1/collections/{collection}/generations"
CHANGED_MESSAGE = (
    "Another generation was published since this was first asked for, and this was not done, or "
    "not as far as can be told. Look at the list, and send it with a new Idempotency-Key."
)
VERIFY_PULSE = 2.0  # seconds between two signs of life of a verification
_KEPT_DIFFS = 256
_verify_lock = threading.Lock()  # one at a time reads every file of a collection


def _find_folder(state: ServerState, collection: str) -> Path:
    if not COLLECTION_NAME.fullmatch(collection):
        raise NotFound("No such collection.")
    folder = state.workspace.collection_folder(collection)
    if not folder.is_dir():
        raise NotFound(f"No collection {collection!r}.")
    return folder


@router.get(GENERATIONS_PATH, response_model=admin_schemas.GenerationsOut)
async def list_kept_generations(
    collection: str, request: Request, who: GenerationKeeper
) -> Response:
    """List the generations that are kept, newest first: what each holds, and what made it."""
    del who
    folder = _find_folder(server_state(request), collection)
    listed = await run_in_thread(_describe_generations, folder)
    return JSONResponse({"collection": collection, "generations": listed})


def _describe_generations(folder: Path) -> list[dict[str, Any]]:
    statuses = history.list_history(folder)
    by_number = {status.generation: status for status in statuses}
    return [
        {
            **asdict(status),
            "problem": status.problem and status.problem.replace(f"{folder}/", ""),
            **_describe_origin(folder, status, by_number),
        }
        for status in reversed(statuses)
    ]


def _describe_origin(
    folder: Path, status: GenerationStatus, by_number: dict[int, GenerationStatus]
) -> dict[str, Any]:
    """Tell what made a generation, by what differs from the one that it was made of."""
    if status.problem:
        return {"made_by": "unknown", "changes": None, "sources": []}
    if status.parent is None:
        return {"made_by": "first", "changes": None, "sources": []}
    parent = by_number.get(status.parent)
    if parent is None or parent.problem:
        return {"made_by": "unknown", "changes": None, "sources": []}
    try:
        changes = _compare_kept(
            folder, parent.generation, parent.created, status.generation, status.created
        )
    except IndexesError:
        return {"made_by": "unknown", "changes": None, "sources": []}
    kinds = {change.kind for change in changes}
    made_by = "documents" if kinds - {"regrouped"} else "access" if kinds else "upkeep"
    return {
        "made_by": made_by,
        "changes": _count_kinds(changes),
        "sources": sorted({name_source(change.source) for change in changes}),
    }


@lru_cache(maxsize=_KEPT_DIFFS)
def _compare_kept(  # a generation never changes; its date tells it from one of a restored home
    folder: Path, older: int, _older_created: str, newer: int, _newer_created: str
) -> tuple[DocumentChange, ...]:
    return tuple(compare_generations(folder, older, newer))


def _count_kinds(changes: tuple[DocumentChange, ...]) -> dict[str, int]:
    counts = Counter(change.kind for change in changes)
    return {kind: counts[kind] for kind in CHANGE_KINDS}


@router.get(f"{GENERATIONS_PATH}/diff", response_model=admin_schemas.GenerationDiffOut)
async def diff(  # noqa: PLR0913, one parameter a part of the request
    collection: str,
    request: Request,
    who: GenerationKeeper,
    *,
    older: GenerationNumber,
    newer: GenerationNumber,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List the documents that differ between two generations, a page at a time."""
    state = server_state(request)
    folder = _find_folder(state, collection)
    created = {status.generation: status.created for status in history.list_history(folder)}
    try:
        changes = await run_in_thread(
            _compare_kept, folder, older, created.get(older, ""), newer, created.get(newer, "")
        )
    except IndexNotFound as error:
        raise NotFound("One of these generations is not kept.") from error
    scope = f"diff\0{collection}\0{older}\0{newer}\0{who.name}"
    page, following = cursors.cut_page(changes, cursor, limit, scope=scope, secret=state.secret)
    rows = [{**asdict(change), "source": name_source(change.source)} for change in page]
    return JSONResponse(
        {
            "older": older,
            "newer": newer,
            "counts": _count_kinds(changes),
            "changes": rows,
            "next": following,
        }
    )


VERIFY_CONTENT = describe_event_stream(
    VERIFY_EVENTS, 'event: done\ndata: {"problems":[],"unlisted_originals":0}\n\n'
)


@router.post(
    "/v1/collections/{collection}/verify",
    response_class=StreamingResponse,
    responses={200: {"content": VERIFY_CONTENT}, **name_problems(409)},
)
async def verify_collection_files(
    collection: str, request: Request, who: GenerationKeeper
) -> Response:
    """Read every file of every generation anew, and send what is wrong as Server-Sent Events.

    `progress` while it reads, then one `done` or `error`. One verification runs at a time.
    """
    del who
    folder = _find_folder(server_state(request), collection)
    if not _verify_lock.acquire(blocking=False):
        raise CollectionBusy("Another verification is running.")
    reading = asyncio.ensure_future(asyncio.to_thread(_verify_once, folder))
    return StreamingResponse(
        _iter_verify_events(reading, folder),
        media_type=EVENT_MEDIA_TYPE,
        headers={"X-Accel-Buffering": "no"},
    )


def _verify_once(folder: Path) -> tuple[list[str], int]:
    try:
        problems = verify.verify_collection(folder, extra_files=EXTRA_FILES)
        unlisted = 0 if problems else len(list(verify.list_unlisted_originals(folder)))
        return problems, unlisted
    finally:
        _verify_lock.release()


async def _iter_verify_events(
    reading: "asyncio.Future[tuple[list[str], int]]", folder: Path
) -> AsyncIterator[bytes]:
    seconds = 0.0
    while not reading.done():
        yield format_event("progress", {"seconds": round(seconds, 1)})
        await asyncio.wait({reading}, timeout=VERIFY_PULSE)
        seconds += VERIFY_PULSE
    try:
        problems, unlisted = reading.result()
    except Exception as error:  # noqa: BLE001, the status line has left: it is said in the stream
        words = {"code": error_status(error).code, "message": public_words(error)}
        yield format_event("error", words)
        return
    listed = [problem.replace(f"{folder}/", "") for problem in problems]
    yield format_event("done", {"problems": listed, "unlisted_originals": unlisted})


@router.post(
    "/v1/collections/{collection}/rollback",
    response_model=admin_schemas.RolledBackOut,
    responses=name_problems(409),
    dependencies=IDEMPOTENT,
)
async def roll_back_collection(
    collection: str, ask: admin_schemas.RollbackIn, request: Request, who: GenerationKeeper
) -> Response:
    """Answer from an earlier generation again, once all of it was read and found whole.

    Texts go back, and who may see them does not. The collection's name has to be sent as `confirm`.
    """
    state = server_state(request)
    folder = _find_folder(state, collection)
    if ask.confirm != collection:
        raise Invalid(f"To roll {collection!r} back, send its name as confirm too.")

    async def go_back() -> Response:
        state.open_collections.volume.check()
        audit_with_deed(request, who, "generation.rollback", "rollback")
        number, target = await asyncio.to_thread(_roll_back_once, state.database, folder, ask.to)
        await asyncio.to_thread(state.open_collections.refresh, collection)
        place = f"{collection}/{target}"
        note = {"id": place, "generation": number, "content_of": target}
        await run_in_thread(note_file_deed, state.database, "rollback", note)
        await audit_request(request, who, "generation.rollback", place)
        return JSONResponse({"collection": collection, "generation": number, "content_of": target})

    async def show_again(former: bytes) -> Response:
        note = json.loads(former)
        numbers = {name: note[name] for name in ("generation", "content_of")}
        return JSONResponse({"collection": collection, **numbers})

    digest = ask.model_dump_json().encode()
    return await state.idempotency.get_or_make(
        request, who, digest, go_back, remake=show_again, deed="rollback"
    )


def _roll_back_once(database: Database, folder: Path, chosen: int | None) -> tuple[int, int]:
    """Go back to a generation, or see that this request did it before its server was lost.

    Returns the generation that answers, and the one whose content it has. chosen: None for the one
    before. Raises Invalid, NotFound; WrongState where others published since it was planned.
    """

    def make_plan() -> Mapping[str, int | None]:
        target = chosen or history.find_previous_generation(folder)
        if target is None:
            raise Invalid("No generation stands before this one. Name one: to.")
        numbers = [status.generation for status in history.list_history(folder)]
        if target not in numbers:
            raise NotFound(f"Generation {target} is not kept.")
        current = history.find_current_generation(folder)
        return {"target": target, "former": current, "newest": max(numbers)}

    plan = plan_deed(database, make_plan)
    target, former, newest = plan["target"], plan["former"], plan["newest"]
    if history.find_current_generation(folder) != former:
        number = find_rolled_back(folder, target, newest)
        if number is None:
            raise WrongState(CHANGED_MESSAGE)
        return number, target
    try:
        return roll_back(folder, target), target
    except IndexesError as error:
        if history.find_current_generation(folder) == former:
            drop_plan(database)  # nothing was done: a retry begins anew
        if isinstance(error, IndexNotFound):
            raise NotFound(f"Generation {target} is not kept.") from error
        raise
