"""Routes of whole collections: what its last jobs skipped, and its removal."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.errors import CollectionBusy
from ingest.skip_memory import read_skips, skips_to_json
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, NotFound
from ragdesk.support.access import Principal
from ragdesk.web import cursors, schemas
from ragdesk.web.audit_routes import audit_request
from ragdesk.web.auth import require_scope
from ragdesk.web.document_list import name_source
from ragdesk.web.leases import Leases
from ragdesk.web.open_collections import COLLECTION_NAME
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["collections"])
Administrator = Annotated[Principal, Depends(require_scope("admin"))]
SkipReader = Annotated[Principal, Depends(require_scope("ask"))]


@router.get("/v1/collections/{collection}/skipped", response_model=schemas.SkippedOut)
async def skipped(  # noqa: PLR0913, one parameter a part of the request
    collection: str,
    request: Request,
    *,
    who: SkipReader,
    leases: Leases,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List the files that the last jobs could not read, and why, a page at a time.

    There are some for whoever may see every document: what was never taken in has no groups. Notes
    on documents that were taken in are with the documents.
    """
    state = server_state(request)
    opened = await leases.lease_collection(collection)
    remembered = await run_in_thread(read_skips, opened.folder) if who.groups is None else []
    rows = [{**row, "source": name_source(row["source"])} for row in skips_to_json(remembered)]
    scope = f"skipped\0{collection}\0{who.name}"
    page, following = cursors.cut_page(rows, cursor, limit, scope=scope, secret=state.secret)
    return JSONResponse(
        {
            "generation": opened.index.generation,
            "total": len(rows) + sum(memory.left_out for memory in remembered),
            "skipped": page,
            "next": following,
        }
    )


@router.delete("/v1/collections/{collection}", status_code=204, responses=name_problems(409))
async def remove(
    collection: str,
    request: Request,
    who: Administrator,
    confirm: Annotated[str, Query(max_length=100, description="The collection's name again.")],
) -> Response:
    """Remove a collection with all its documents, generations and originals. There is no way back.

    Its name has to be sent twice: in the path, and as ``confirm``.
    """
    state = server_state(request)
    if not COLLECTION_NAME.fullmatch(collection):
        raise NotFound("No such collection.")
    if confirm != collection:
        raise Invalid(f"To remove {collection!r}, send its name as confirm too.")
    if collection in state.jobs.collections():
        raise CollectionBusy(f"Documents wait to be taken into {collection!r}.")
    await asyncio.to_thread(state.remove_collection, collection)
    await audit_request(request, who, "collection.remove", collection)
    return Response(status_code=204)
