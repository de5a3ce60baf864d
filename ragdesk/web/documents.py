"""Routes of documents: list, stored text, original bytes, put, delete, and jobs."""

import asyncio
import bisect
import hashlib
import os
import unicodedata
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path, PurePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from indexes.documents import Listed
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.paths import open_plain, original_file
from ingest import sources
from ingest.survey import Admit, is_of
from ragdesk.answering.threads import run_in_thread
from ragdesk.assemble import Opened
from ragdesk.errors import Forbidden, Invalid, NotFound, TooManyCollections
from ragdesk.support.access import Principal, authorize, split_names
from ragdesk.web import cursor as cursors
from ragdesk.web import schemas
from ragdesk.web.gate import may
from ragdesk.web.jobs import Job
from ragdesk.web.live import NAME
from ragdesk.web.state import State, of
from ragdesk.web.strict import StrictRoute, pieces
from ragdesk.web.uploads import refuse_full_disk
from ragdesk.web.use import Leases
from ragdesk.web.watch import brings_body

router = APIRouter(route_class=StrictRoute, tags=["documents"])
Asker = Annotated[Principal, Depends(may("ask"))]
Writer = Annotated[Principal, Depends(may("write"))]
Generation = Annotated[int | None, Query(ge=1, le=2**53)]
Part = Annotated[
    str | None,
    Query(max_length=100, description="A citation's chunk: which one of two documents of a uri."),
]
Groups = Annotated[
    str | None,
    Query(max_length=1_000, description="Groups, with commas between them. None: everybody."),
]
BASE = "/v1/collections/{collection}/documents"
LONGEST_URI = 1_000
OF_ALL = frozenset(("documents", "chunks", "vectors", "embedded", "resumed"))  # counts of a report
NO_BODY = "The body is empty. Send the bytes of the document as the body."
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
    at = _place_after(opened.documents, after)
    seen = [document for document in opened.documents[at:] if visible(document, who)]
    page, more = seen[:limit], len(seen) > limit
    last = f"{page[-1].uri}\0{page[-1].id}" if more else ""
    following = cursors.seal(last, scope=scope, secret=state.secret) if more else None
    return JSONResponse(
        {
            "generation": opened.index.generation,
            "documents": [_document(document) for document in page],
            "next": following,
        }
    )


def _place_after(listed: Sequence[Listed], cursor: str) -> int:
    """Tell where a list goes on after a document: by its uri, and its id where two share that."""
    uri, _, identity = cursor.partition("\0")
    at = bisect.bisect_left(listed, uri, key=lambda document: document.uri)
    end = bisect.bisect_right(listed, uri, key=lambda document: document.uri)
    after = [n + 1 for n in range(at, end) if listed[n].id == identity]
    return after[0] if after else end


def _document(document: Listed) -> dict[str, str]:
    names = ("uri", "title", "media_type", "language", "digest")
    return {"source": _shown(document.source), **{n: getattr(document, n) for n in names}}


def _shown(source: str) -> str:
    """Name a source without saying where it lies on this machine."""
    return sources.API if is_of(sources.API, source) else PurePath(source).name


@router.get(f"{BASE}/{{uri:path}}/text", response_class=PlainTextResponse)
async def text(  # noqa: PLR0913, one parameter a part of the request
    collection: str,
    uri: str,
    *,
    who: Asker,
    leases: Leases,
    generation: Generation = None,
    chunk: Part = None,
) -> Response:
    """Give the stored text of a document: what the offsets of citations count in."""
    opened = await leases.open(collection)
    found = await run_in_thread(read_text, opened, uri, who, generation, chunk)
    return PlainTextResponse(found)


@router.get(f"{BASE}/{{uri:path}}/original", response_class=FileResponse)
async def original(
    collection: str, uri: str, who: Asker, leases: Leases, chunk: Part = None
) -> Response:
    """Give the bytes a document was read from, to be saved: never to be shown as a page."""
    opened = await leases.open(collection)
    document = find(opened, uri, who, chunk)
    try:
        file = open_plain(original_file(opened.folder, document.digest))
    except (FileNotFoundError, IndexDamaged) as error:
        raise NotFound("The original of this document is no longer kept.") from error
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(uri.rpartition('/')[2])}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return OpenFileResponse(file, media_type=document.media_type, headers=headers)


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
    f"{BASE}/{{uri:path}}", status_code=202, response_model=schemas.JobOut, openapi_extra=RAW
)
async def put(
    collection: str, uri: str, request: Request, who: Writer, groups: Groups = None
) -> Response:
    """Take in a document: its bytes are the body. Its type is read from the bytes."""
    state = of(request)
    if not NAME.fullmatch(collection):
        raise NotFound("No such collection.")
    check_uri(uri)
    _check_query(request)
    if not brings_body(request.scope):
        raise Invalid(NO_BODY)
    named = frozenset[str]() if groups is None else split_names(groups)
    _check_groups(named, who)
    known = await _known(state, collection, uri, who)
    state.jobs.room(collection, who.name)
    _check_collections(state, collection)
    file = state.uploads.new()

    async def make() -> Response:
        if not file.exists():  # whoever sent it was gone before this began
            raise ClientDisconnect
        _check_collections(state, collection)  # others may have been made while the body came
        job = state.jobs.submit(
            owner=who.name, collection=collection, uri=uri, body=file, groups=named, known=known
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
    job = state.jobs.submit(owner=who.name, collection=collection, uri=uri, body=None, known=True)
    return accepted(job)


@router.get("/v1/jobs/{job}", response_model=schemas.JobOut)
async def job(job: str, request: Request, who: Writer) -> Response:
    """Say how far a job is. A job of another key is a 404."""
    found = of(request).jobs.get(job)
    hidden = found and who.collections and found.collection not in who.collections
    if found is None or hidden or (found.owner != who.name and "admin" not in who.scopes):
        raise NotFound("No such job.")
    return JSONResponse(written(found, who))


def make_admission(job: Job, who: Principal) -> Admit:
    """Make the check of a job that is about to change something, for who asked, as of now.

    A name that is hidden from them is like a free one: their document stands beside the hidden
    one. Raises NotFound where the document they meant is hidden by now, or gone and to be deleted;
    Forbidden or NotFound where the key may no longer do this.
    """
    authorize(who, "write", job.collection)
    _check_groups(job.groups, who)

    def admit(named: Sequence[Listed]) -> tuple[list[Listed], frozenset[str] | None]:
        seen = [document for document in named if visible(document, who)]
        if not seen and (job.body is None or (job.known and named)):
            raise NotFound("No such document.")
        # What a limited key brings in new is not for everybody.
        groups = job.groups or (None if seen else who.groups)
        return seen, groups or None

    return admit


def _check_query(request: Request) -> None:
    """Refuse all but one ``groups``: a misspelt limit, ignored, would show it to everybody."""
    names = [name for name, _ in request.query_params.multi_items()]
    if names not in ([], ["groups"]):
        raise Invalid("A put takes one query field, groups, with commas between the names.")


def _check_collections(state: State, collection: str) -> None:
    """Refuse to make one more collection than the server makes. Raises TooManyCollections."""
    known = {*state.live.status(), *state.jobs.collections()}
    if collection not in known and len(known) >= state.options.max_collections:
        raise TooManyCollections


def _check_groups(groups: frozenset[str], who: Principal) -> None:
    if who.groups is not None and not groups <= who.groups:
        raise Forbidden("A key gives documents only to groups of its own.")


def find(opened: Opened, uri: str, who: Principal, chunk: str | None = None) -> Listed:
    """Find a document by its uri. Raises NotFound for one that is hidden from the asker too."""
    return seen(opened.index, uri, who, chunk)


def seen(index: Index, uri: str, who: Principal, chunk: str | None = None) -> Listed:
    """Find a document of a generation by its uri. Raises NotFound, for a hidden one too.

    chunk: one of its chunks, as a citation names it: it tells two documents of one uri apart.
    """
    shown = [document for document in index.documents.named(uri) if visible(document, who)]
    if chunk is not None:
        row = index.row(chunk)
        shown = [document for document in shown if row in index.rows(document)]
    if not shown:
        raise NotFound("No such document.")
    return shown[0]


def read_text(
    opened: Opened, uri: str, who: Principal, generation: int | None, chunk: str | None = None
) -> str:
    """Read a stored text, of an older generation too while it is kept. Raises NotFound.

    An older text is shown to those who might see it then and may see it now, and to nobody once
    its document is gone: what was deleted is not to be read, and another document of its name
    opens nothing.
    """
    if generation is None or generation == opened.index.generation:
        return _stored(opened.index, uri, who, chunk)
    seen(opened.index, uri, who)
    with opened.older(generation) as before:
        return _stored(before, uri, who, chunk)


def _stored(index: Index, uri: str, who: Principal, chunk: str | None) -> str:
    return index.text_of(seen(index, uri, who, chunk)) or ""


def check_uri(uri: str) -> None:
    """Refuse names that no file could have. Raises Invalid.

    Nothing is ever opened by its uri; this keeps names readable, and one per document.
    """
    odd = any(unicodedata.category(c) in {"Cc", "Cs", "Cf"} for c in uri)
    parts = uri.split("/")
    if odd or len(uri) > LONGEST_URI or any(part in {"", ".", ".."} for part in parts):
        raise Invalid(f"A uri is a path of plain names, at most {LONGEST_URI:,} characters.")


async def _known(state: State, collection: str, uri: str, who: Principal) -> bool:
    """Tell whether a document that one may see stands under a uri."""
    try:
        async with state.live.use(collection) as opened:
            return any(visible(document, who) for document in opened.index.documents.named(uri))
    except NotFound:
        return False  # the first document makes its collection


async def _save(request: Request, file: Path, state: State) -> bytes:
    options, digest = state.options, hashlib.sha256()
    with refuse_full_disk(), file.open("xb") as out:
        async for piece in pieces(
            request,
            request.app.state.uploading,
            limit=options.max_upload_bytes,
            seconds=options.read_seconds,
        ):
            digest.update(piece)
            out.write(piece)
        if not out.tell():
            raise Invalid(NO_BODY)
    return digest.digest()


def accepted(job: Job) -> Response:
    """Answer 202 with a job, and where to ask for it."""
    return JSONResponse(written(job), 202, headers={"Location": f"/v1/jobs/{job.id}"})


def written(job: Job, who: Principal | None = None) -> dict[str, Any]:
    """Write a job as JSON values. To a limited key its report counts nothing of other documents."""
    values = {name: getattr(job, name) for name in schemas.JobOut.model_fields}
    if job.report is not None:
        report = dict(job.report)
        if who is not None and who.groups is not None:
            report = {name: value for name, value in report.items() if name not in OF_ALL}
        values["report"] = report
    return values
