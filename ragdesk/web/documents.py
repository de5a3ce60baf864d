"""Routes of documents: list, stored text, original bytes, put, delete, and jobs."""

import asyncio
import bisect
import contextlib
import hashlib
import unicodedata
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from indexes.documents import Listed
from indexes.index import Index
from ragdesk.answering.threads import run_in_thread
from ragdesk.assemble import Opened
from ragdesk.errors import Forbidden, Invalid, NotFound
from ragdesk.support.access import Principal
from ragdesk.web import cursor as cursors
from ragdesk.web import schemas
from ragdesk.web.gate import may
from ragdesk.web.jobs import Job
from ragdesk.web.live import NAME
from ragdesk.web.state import State, of
from ragdesk.web.strict import StrictRoute, pieces
from ragdesk.web.uploads import telling_full
from ragdesk.web.use import Leases

router = APIRouter(route_class=StrictRoute, tags=["documents"])
Asker = Annotated[Principal, Depends(may("ask"))]
Writer = Annotated[Principal, Depends(may("write"))]
Generation = Annotated[int | None, Query(ge=1, le=2**53)]
Groups = Annotated[str, Query(max_length=1_000, description="Groups, with commas between them.")]
BASE = "/v1/collections/{collection}/documents"
LONGEST_URI = 1_000
SOON = 2.0  # seconds that a list waits for a collection that was never opened
RAW = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def visible(document: Listed, who: Principal) -> bool:
    """Tell whether someone may see a document."""
    return who.groups is None or not document.groups or bool(document.groups & who.groups)


@router.get("/v1/collections", response_model=schemas.CollectionsOut)
async def collections(request: Request, who: Asker) -> Response:
    """List the collections that the key may ask, with the documents it may see in each."""
    state, found = of(request), []
    for name in await asyncio.to_thread(state.live.names):
        if who.collections and name not in who.collections:
            continue
        if state.live.status().get(name) == "closed":
            continue
        try:
            async with asyncio.timeout(SOON), state.live.use(name) as opened:
                count, generation = _count(opened, who), opened.index.generation
        except TimeoutError:  # it is being opened for the first time, from a slow disk
            continue
        found.append({"name": name, "generation": generation, "documents": count})
    return JSONResponse({"collections": found})


def _count(opened: Opened, who: Principal) -> int:
    return sum(visible(document, who) for document in opened.documents)


@router.get(BASE, response_model=schemas.DocumentsOut)
async def documents(  # noqa: PLR0913, one parameter a part of the request
    collection: str,
    request: Request,
    *,
    who: Asker,
    leases: Leases,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List documents by uri, a page at a time."""
    state = of(request)
    opened = await leases.open(collection)
    scope = f"documents\0{collection}\0{who.name}"
    after = cursors.unseal(cursor, scope=scope, secret=state.secret) if cursor else ""
    at = bisect.bisect_right(opened.documents, after, key=lambda document: document.uri)
    seen = [document for document in opened.documents[at:] if visible(document, who)]
    page, more = seen[:limit], len(seen) > limit
    following = cursors.seal(page[-1].uri, scope=scope, secret=state.secret) if more else None
    return JSONResponse(
        {
            "generation": opened.index.generation,
            "documents": [_document(document) for document in page],
            "next": following,
        }
    )


def _document(document: Listed) -> dict[str, str]:
    names = ("uri", "title", "media_type", "language", "source", "digest")
    return {name: getattr(document, name) for name in names}


@router.get(f"{BASE}/{{uri:path}}/text", response_class=PlainTextResponse)
async def text(
    collection: str, uri: str, who: Asker, leases: Leases, generation: Generation = None
) -> Response:
    """Give the stored text of a document: what the offsets of citations count in."""
    opened = await leases.open(collection)
    found = await run_in_thread(read_text, opened, uri, who, generation)
    return PlainTextResponse(found)


@router.get(f"{BASE}/{{uri:path}}/original", response_class=FileResponse)
async def original(collection: str, uri: str, who: Asker, leases: Leases) -> Response:
    """Give the bytes a document was read from, to be saved: never to be shown as a page."""
    opened = await leases.open(collection)
    document = find(opened, uri, who)
    file = opened.folder / "originals" / document.digest
    if not file.is_file():
        raise NotFound("The original of this document is no longer kept.")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(uri.rpartition('/')[2])}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return FileResponse(file, media_type=document.media_type, headers=headers)


@router.put(
    f"{BASE}/{{uri:path}}", status_code=202, response_model=schemas.JobOut, openapi_extra=RAW
)
async def put(
    collection: str, uri: str, request: Request, who: Writer, groups: Groups = ""
) -> Response:
    """Take in a document: its bytes are the body. Its type is read from the bytes."""
    state = of(request)
    if not NAME.fullmatch(collection):
        raise NotFound("No such collection.")
    check_uri(uri)
    named = frozenset(name.strip() for name in groups.split(",") if name.strip())
    if who.groups is not None and not named <= who.groups:
        raise Forbidden("A key gives documents only to groups of its own.")
    known = await _known(state, collection, uri, who)
    if not (named or known) and who.groups:
        named = who.groups  # what a limited key brings in new is not for everybody
    state.jobs.room(collection)
    file = state.uploads.new()

    async def make() -> Response:
        if not file.exists():  # whoever sent it was gone before this began
            raise ClientDisconnect
        job = state.jobs.submit(
            owner=who.name, collection=collection, uri=uri, body=file, groups=named
        )
        return accepted(job)

    try:
        digest = await _save(request, file, state)
        return await state.once.answer(request, who, digest, make)
    finally:
        if not state.jobs.waits_for(file):  # answered from memory, refused, or broken off
            file.unlink(missing_ok=True)


@router.delete(f"{BASE}/{{uri:path}}", status_code=202, response_model=schemas.JobOut)
async def delete(
    collection: str, uri: str, request: Request, who: Writer, leases: Leases
) -> Response:
    """Take a document out that was put over HTTP."""
    state = of(request)
    find(await leases.open(collection), uri, who)
    job = state.jobs.submit(
        owner=who.name, collection=collection, uri=uri, body=None, groups=frozenset()
    )
    return accepted(job)


@router.get("/v1/jobs/{job}", response_model=schemas.JobOut)
async def job(job: str, request: Request, who: Writer) -> Response:
    """Say how far a job is. A job of another key is a 404."""
    found = of(request).jobs.get(job)
    if found is None or (found.owner != who.name and "admin" not in who.scopes):
        raise NotFound("No such job.")
    return JSONResponse(written(found))


def find(opened: Opened, uri: str, who: Principal) -> Listed:
    """Find a document by its uri. Raises NotFound for one that is hidden from the asker too."""
    return seen(opened.index, uri, who)


def seen(index: Index, uri: str, who: Principal) -> Listed:
    """Find a document of a generation by its uri. Raises NotFound, for a hidden one too."""
    document = index.documents.find(uri)
    if document is None or not visible(document, who):
        raise NotFound("No such document.")
    return document


def read_text(opened: Opened, uri: str, who: Principal, generation: int | None) -> str:
    """Read a stored text, of an older generation too while it is kept. Raises NotFound.

    An older text is shown to those who might see it then and may see it now, and to nobody once
    its document is gone: what was deleted is not to be read.
    """
    if generation is None or generation == opened.index.generation:
        return _stored(opened.index, uri, who)
    seen(opened.index, uri, who)
    with opened.older(generation) as before:
        return _stored(before, uri, who)


def _stored(index: Index, uri: str, who: Principal) -> str:
    return index.text(seen(index, uri, who).uri) or ""


def check_uri(uri: str) -> None:
    """Refuse names that no file could have. Raises Invalid.

    Nothing is ever opened by its uri; this keeps names readable, and one per document.
    """
    odd = any(unicodedata.category(c) in {"Cc", "Cs", "Cf"} for c in uri)
    parts = uri.split("/")
    if odd or len(uri) > LONGEST_URI or any(part in {"", ".", ".."} for part in parts):
        raise Invalid(f"A uri is a path of plain names, at most {LONGEST_URI:,} characters.")


async def _known(state: State, collection: str, uri: str, who: Principal) -> bool:
    """Tell whether a document stands under a uri. Raises NotFound for a hidden one."""
    async with contextlib.AsyncExitStack() as held:
        try:
            opened = await held.enter_async_context(state.live.use(collection))
        except NotFound:
            return False  # the first document makes its collection
        document = opened.index.documents.find(uri)
    if document is not None and not visible(document, who):
        raise NotFound("No such document.")
    return document is not None


async def _save(request: Request, file: Path, state: State) -> bytes:
    options, digest = state.options, hashlib.sha256()
    with telling_full(), file.open("xb") as out:
        async for piece in pieces(
            request, limit=options.max_upload_bytes, seconds=options.read_seconds
        ):
            digest.update(piece)
            out.write(piece)
    return digest.digest()


def accepted(job: Job) -> Response:
    """Answer 202 with a job, and where to ask for it."""
    return JSONResponse(written(job), 202, headers={"Location": f"/v1/jobs/{job.id}"})


def written(job: Job) -> dict[str, Any]:
    """Write a job as JSON values."""
    return {name: getattr(job, name) for name in schemas.JobOut.model_fields}
