"""Routes of documents: list, stored text, original bytes, put, delete, and jobs."""

import hashlib
import os
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, NotFound, TooManyCollections
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal, split_names
from ragdesk.web import cursors, schemas
from ragdesk.web.askable_collections import iter_askable
from ragdesk.web.auth import require_scope
from ragdesk.web.document_access import (
    check_groups,
    check_uri,
    find_document,
    find_in_generation,
    has_changeable_document,
    is_visible,
    refuse_foreign_document,
    refuse_redacted_original,
)
from ragdesk.web.document_links import read_document_links
from ragdesk.web.document_list import (
    DocumentListIn,
    count_facets,
    describe_documents,
    find_position,
    name_source,
    select_documents,
)
from ragdesk.web.document_reference import (
    ChunkParam,
    DocumentReader,
    ReferenceParam,
    open_original,
)
from ragdesk.web.idempotency import IDEMPOTENT
from ragdesk.web.jobs import DocumentJob
from ragdesk.web.leases import Leases
from ragdesk.web.open_collections import COLLECTION_NAME
from ragdesk.web.problem_responses import name_problems
from ragdesk.web.proxies import outer_path
from ragdesk.web.request_body import StrictRoute, iter_body
from ragdesk.web.request_middleware import has_body
from ragdesk.web.server_state import ServerState, server_state
from ragdesk.web.uploads import refuse_full_disk

router = APIRouter(route_class=StrictRoute, tags=["documents"])
DocumentWriter = Annotated[Principal, Depends(require_scope("write"))]
GroupsParam = Annotated[
    str | None,
    Query(max_length=1_000, description="Groups, with commas between them. None: everybody."),
]
DOCUMENTS_PATH = "/v1/collections/{collection}/documents"
LOCATION = {"description": "Of the job.", "required": True, "schema": {"type": "string"}}
LOCATED: dict[int | str, dict[str, Any]] = {202: {"headers": {"Location": LOCATION}}}
NO_BODY_MESSAGE = "The body is empty. Send the bytes of the document as the body."
RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/v1/collections", response_model=schemas.CollectionsOut)
async def collections(request: Request, who: DocumentReader) -> Response:
    """List the collections that the key may ask, with the documents it may see in each."""
    listed = await list_askable_collections(server_state(request), who)
    return JSONResponse({"collections": listed})


async def list_askable_collections(state: ServerState, who: Principal) -> list[dict[str, Any]]:
    """List the collections that somebody may ask: fields of ``CollectionOut``."""
    return [
        {
            "name": opened.collection,
            "generation": opened.index.generation,
            "documents": _count_visible_documents(opened, who),
            "embedder": opened.retrieve.embedder.card.name,
        }
        async for opened in iter_askable(state, who)
    ]


def _count_visible_documents(opened: OpenCollection, who: Principal) -> int:
    return sum(is_visible(document, who) for document in opened.documents)


@router.get(DOCUMENTS_PATH, response_model=schemas.DocumentsOut)
async def documents(
    collection: str,
    request: Request,
    *,
    who: DocumentReader,
    leases: Leases,
    criteria: Annotated[DocumentListIn, Query()],
) -> Response:
    """List documents by uri, a page at a time: all, or those that a search and filters leave."""
    state = server_state(request)
    opened = await leases.lease_collection(collection)
    scope = f"documents\0{collection}\0{who.name}\0{criteria.format_basis()}"
    cursor = criteria.cursor
    last_place = cursors.read_cursor(cursor, scope=scope, secret=state.secret) if cursor else ""
    selected = await run_in_thread(select_documents, opened, who, criteria)
    position = find_position(selected, last_place) if cursor else 0
    page = selected[position : position + criteria.limit]
    more = position + criteria.limit < len(selected)
    last = f"{page[-1].uri}\0{page[-1].id}" if more else ""
    reply = {
        "generation": opened.index.generation,
        "documents": await run_in_thread(describe_documents, opened, who, page),
        "total": len(selected),
        "next": cursors.sign_cursor(last, scope=scope, secret=state.secret) if more else None,
    }
    if criteria.facets:
        reply["facets"] = await run_in_thread(count_facets, opened, who)
    return JSONResponse(reply)


@router.get(f"{DOCUMENTS_PATH}/{{uri:path}}/text", response_class=PlainTextResponse)
async def text(reference: ReferenceParam) -> Response:
    """Give the stored text of a document: what the offsets of citations count in."""
    opened = await reference.lease_collection()
    return PlainTextResponse(await run_in_thread(reference.read_text, opened))


@router.get(f"{DOCUMENTS_PATH}/{{uri:path}}/links", response_model=schemas.LinksOut)
async def links(reference: ReferenceParam) -> Response:
    """Say where words of a document lead, by the offsets of its stored text."""
    opened = await reference.lease_collection()
    document_links = await run_in_thread(read_document_links, opened, reference)
    return JSONResponse({"links": [link.model_dump() for link in document_links]})


@router.get(f"{DOCUMENTS_PATH}/{{uri:path}}/original", response_class=FileResponse)
async def original(  # noqa: PLR0913, PLR0917, one parameter a part of the request
    request: Request,
    collection: str,
    uri: str,
    who: DocumentReader,
    leases: Leases,
    chunk: ChunkParam = None,
) -> Response:
    """Give the bytes a document was read from, to be saved: never to be shown as a page.

    Where personal data is taken out of documents (``[redaction] ingest``), it is a 403.
    """
    opened = await leases.lease_collection(collection)
    document = find_document(opened, uri, who, chunk)
    refuse_redacted_original(opened.index, is_redacting=server_state(request).redacts_documents)
    file = open_original(opened.folder, document.digest)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(uri.rpartition('/')[2])}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Type": document.media_type,  # without a charset: its bytes are of any encoding
    }
    return OpenFileResponse(file, headers=headers)


@router.get(f"{DOCUMENTS_PATH}/{{uri:path}}", response_model=schemas.DocumentShownOut)
async def show(
    collection: str, uri: str, who: DocumentReader, leases: Leases, chunk: ChunkParam = None
) -> Response:
    """Say what is known of a document: its source, and what was not read of it (``notes``)."""
    opened = await leases.lease_collection(collection)
    document = await run_in_thread(find_document, opened, uri, who, chunk)
    (described,) = await run_in_thread(describe_documents, opened, who, [document])
    return JSONResponse({"generation": opened.index.generation, **described})


class OpenFileResponse(FileResponse):
    """The bytes of an open file, whatever takes the place of its name meanwhile; then closes it."""

    def __init__(self, file: BufferedReader, **more: Any) -> None:
        self._file = file
        facts = os.fstat(file.fileno())
        super().__init__(f"/dev/fd/{file.fileno()}", stat_result=facts, **more)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or its length alone."""
        with self._file:
            await super().__call__(scope, receive, send)


@router.put(
    f"{DOCUMENTS_PATH}/{{uri:path}}",
    status_code=202,
    response_model=schemas.JobOut,
    openapi_extra=RAW_BODY,
    responses={**LOCATED, **name_problems(409)},
    dependencies=IDEMPOTENT,
)
async def put(
    collection: str, uri: str, request: Request, who: DocumentWriter, groups: GroupsParam = None
) -> Response:
    """Take in a document: its bytes are the body. Its type is read from the bytes."""
    state = server_state(request)
    if not COLLECTION_NAME.fullmatch(collection):
        raise NotFound("No such collection.")
    check_uri(uri)
    _check_query(request)
    if not has_body(request.scope):
        raise Invalid(NO_BODY_MESSAGE)
    group_names = frozenset[str]() if groups is None else split_names(groups)
    check_groups(group_names, who)
    existed = await has_changeable_document(state, collection, uri, who)
    state.jobs.ensure_room(collection, who.name)
    _check_collections(state, collection)
    file = state.uploads.new_file()

    async def submit_job() -> Response:
        if not file.exists():  # whoever sent it was gone before this began
            raise ClientDisconnect
        _check_collections(state, collection)  # others may have been made while the body came
        job = state.jobs.submit(
            owner=who.name,
            collection=collection,
            uri=uri,
            body=file,
            groups=group_names,
            existed=existed,
        )
        return await accept_job(request, job)

    try:
        digest = await _save_body(request, file, state)
        return await state.idempotency.get_or_make(request, who, digest, submit_job)
    finally:
        if not state.jobs.waits_for(file):  # answered from memory, refused, or broken off
            file.unlink(missing_ok=True)


@router.delete(
    f"{DOCUMENTS_PATH}/{{uri:path}}",
    status_code=202,
    response_model=schemas.JobOut,
    responses={**LOCATED, **name_problems(409)},
)
async def delete(collection: str, uri: str, request: Request, who: DocumentWriter) -> Response:
    """Take a document out that was put over HTTP.

    409 for one that a folder owns, as its next ingest would bring it back, and for an attachment.
    """
    state = server_state(request)
    async with state.open_collections.use_documents(collection) as index:
        find_in_generation(index, uri, who)
        refuse_foreign_document(index, uri, who)
    job = state.jobs.submit(owner=who.name, collection=collection, uri=uri, body=None, existed=True)
    return await accept_job(request, job)


@router.get("/v1/jobs/{job}", response_model=schemas.JobOut)
async def job(job: str, request: Request, who: DocumentWriter) -> Response:
    """Say how far a job is. A job of another key is a 404."""
    jobs = server_state(request).jobs
    target = jobs.get_job(job) or await run_in_thread(jobs.find_job, job)
    hidden = target and who.collections and target.collection not in who.collections
    if target is None or hidden or (target.owner != who.name and "admin" not in who.scopes):
        raise NotFound("No such job.")
    return JSONResponse(job_json(target, who))


def _check_query(request: Request) -> None:
    """Refuse all but one ``groups``: a misspelt limit, ignored, would show it to everybody."""
    names = [name for name, _ in request.query_params.multi_items()]
    if names not in ([], ["groups"]):
        raise Invalid("A put takes one query field, groups, with commas between the names.")


def _check_collections(state: ServerState, collection: str) -> None:
    """Refuse to make one more collection than the server makes. Raises TooManyCollections."""
    known = {*state.open_collections.status(), *state.jobs.collections()}
    if collection not in known and len(known) >= state.options.max_collections:
        raise TooManyCollections


async def _save_body(request: Request, file: Path, state: ServerState) -> bytes:
    options = state.options
    digest = hashlib.sha256()
    with refuse_full_disk(), file.open("xb") as out:
        async for piece in iter_body(
            request,
            request.app.state.uploading,
            limit=options.max_upload_bytes,
            seconds=options.read_seconds,
        ):
            digest.update(piece)
            out.write(piece)
        if not out.tell():
            raise Invalid(NO_BODY_MESSAGE)
    return digest.digest()


async def accept_job(request: Request, job: DocumentJob) -> Response:
    """Answer 202 with a job, once every server knows of it, and where to ask for it."""
    if server_state(request).database.is_shared:
        await run_in_thread(server_state(request).jobs.settle)
    place = outer_path(request, f"/v1/jobs/{job.id}")
    return JSONResponse(job_json(job), 202, headers={"Location": place})


def job_json(job: DocumentJob, who: Principal | None = None) -> dict[str, Any]:
    """Write a job as JSON values. To a limited key its report tells nothing of other documents."""
    values = {name: getattr(job, name) for name in schemas.JobOut.model_fields}
    if job.report is not None:
        limited = who is None or who.groups is not None
        values["report"] = job.report.to_document_json() if limited else job.report.to_json()
        for copy in values["report"].get("duplicates", ()):  # not by their places on this machine
            for place in ("source", "same_source"):
                copy[place] = name_source(copy[place])
    return values
