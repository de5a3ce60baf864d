"""Routes of jobs as a list, and of a document that is read anew from its stored original."""

import hashlib
import shutil
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.errors import IndexDamaged
from indexes.store.document_table import ListedDocument
from indexes.store.paths import open_plain, original_file
from ingest import sources
from ingest.document_places import belongs_to_source
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import BadRequest, NotFound
from ragdesk.support.access import Principal
from ragdesk.web import cursors, schemas
from ragdesk.web.auth import require_scope
from ragdesk.web.document_access import find_in_generation, is_visible, refuse_foreign_document
from ragdesk.web.documents import DOCUMENTS_PATH, LOCATED, accept_job, job_json
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.jobs import DocumentJob, JobState
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state
from ragdesk.web.uploads import refuse_full_disk

router = APIRouter(route_class=StrictRoute, tags=["documents"])
JobReader = Annotated[Principal, Depends(require_scope("write"))]


@router.get("/v1/jobs", response_model=schemas.JobsOut)
async def list_jobs(  # noqa: PLR0913, PLR0917, one parameter a query
    request: Request,
    who: JobReader,
    collection: Annotated[str | None, Query(max_length=100)] = None,
    state: Annotated[JobState | None, Query(description="Only jobs that are so far.")] = None,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """List jobs, newest first: one's own, and for scope `admin` everybody's.

    The last thousand are remembered: with PostgreSQL those of all servers, else until a restart.
    """
    desk = server_state(request)
    scope = f"jobs\0{collection}\0{state}\0{who.name}"
    before = _read_place(cursor, scope, desk.secret) if cursor else None
    jobs = [
        job
        for job in await run_in_thread(desk.jobs.list_jobs)
        if may_see_job(job, who)
        and collection in (None, job.collection)
        and state in (None, job.state)
        and (before is None or (job.created, job.id) < before)
    ]
    page = jobs[:limit]
    more = len(jobs) > limit
    positions = desk.jobs.list_positions()
    last = f"{page[-1].created!r} {page[-1].id}" if more else ""
    return JSONResponse(
        {
            "jobs": [
                {
                    **job_json(job, who),
                    "started": job.started,
                    "position": positions.get(job.id),
                }
                for job in page
            ],
            "next": cursors.sign_cursor(last, scope=scope, secret=desk.secret) if more else None,
        }
    )


def may_see_job(job: DocumentJob, who: Principal) -> bool:
    """Tell whether a job is of somebody's own, or theirs to administrate."""
    if who.collections and job.collection not in who.collections:
        return False
    return job.owner == who.name or "admin" in who.scopes


def _read_place(cursor: str, scope: str, secret: bytes) -> tuple[float, str]:
    created, _, name = cursors.read_cursor(cursor, scope=scope, secret=secret).partition(" ")
    try:
        return float(created), name
    except ValueError as error:
        raise BadRequest("This cursor is not one of ours.") from error


@router.post(
    f"{DOCUMENTS_PATH}/{{uri:path}}/reingest",
    status_code=202,
    response_model=schemas.JobOut,
    responses={**LOCATED, **name_problems(409, 507)},
    dependencies=IDEMPOTENT,
)
async def reingest(collection: str, uri: str, request: Request, who: JobReader) -> Response:
    """Read a document anew from its stored original, with the groups that it has.

    409 for one that a folder owns: the folder's next ingest reads it. What no newer version reads
    otherwise stays as it is.
    """
    state = server_state(request)
    async with state.open_collections.use_documents(collection) as index:
        find_in_generation(index, uri, who)
        refuse_foreign_document(index, uri, who)
        document = next(
            document
            for document in index.documents.list_by_uri(uri)
            if is_visible(document, who) and belongs_to_source(sources.API, document.source)
        )
        folder = index.collection

    async def submit_job() -> Response:
        state.jobs.ensure_room(collection, who.name)
        file = state.uploads.new_file()
        try:
            await run_in_thread(_copy_original, folder, document, file)
            job = state.jobs.submit(
                owner=who.name,
                collection=collection,
                uri=uri,
                body=file,  # without groups, as these stay
                existed=True,
            )
        finally:
            if not state.jobs.waits_for(file):
                file.unlink(missing_ok=True)
        return await accept_job(request, job)

    digest = hashlib.sha256(await request.body()).digest()
    return await state.idempotency.get_or_make(request, who, digest, submit_job)


def _copy_original(folder: Path, document: ListedDocument, file: Path) -> None:
    try:
        original = open_plain(original_file(folder, document.digest))
    except (FileNotFoundError, IndexDamaged) as error:
        raise NotFound("The original of this document is no longer kept: put it again.") from error
    with original, refuse_full_disk(), file.open("xb") as copy:
        shutil.copyfileobj(original, copy)
