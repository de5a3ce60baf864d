"""The route of a document's chunks, as the index sees them."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.chunk import Chunk
from indexes.index import Index
from indexes.text.tokens import tokenize_text
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.support.access import Principal
from ragdesk.web import admin_schemas, cursors
from ragdesk.web.auth import require_scope
from ragdesk.web.document_access import find_document
from ragdesk.web.document_reference import ChunkParam
from ragdesk.web.documents import DOCUMENTS_PATH
from ragdesk.web.leases import Leases
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["documents"])
ChunkReader = Annotated[Principal, Depends(require_scope("write"))]


@router.get(f"{DOCUMENTS_PATH}/{{uri:path}}/chunks", response_model=admin_schemas.ChunksOut)
async def chunks(  # noqa: PLR0913, one parameter a part of the request
    collection: str,
    uri: str,
    request: Request,
    *,
    who: ChunkReader,
    leases: Leases,
    chunk: ChunkParam = None,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    """List the chunks of a document: text, place, words of the index, and whether it has a vector.

    Offsets count in the stored text (`…/text`).
    """
    state = server_state(request)
    opened = await leases.lease_collection(collection)
    document = await run_in_thread(find_document, opened, uri, who, chunk)
    scope = f"chunks\0{collection}\0{document.id}\0{who.name}"
    rows = opened.index.document_rows(document)
    page, following = cursors.cut_page(rows, cursor, limit, scope=scope, secret=state.secret)
    listed = await run_in_thread(_describe_chunks, opened.index, page, rows.start)
    return JSONResponse(
        {
            "generation": opened.index.generation,
            "uri": document.uri,
            "title": document.title,
            "total": len(rows),
            "chunks": listed,
            "next": following,
        }
    )


def _describe_chunks(index: Index, rows: Sequence[int], first: int) -> list[dict[str, Any]]:
    """Write chunks as JSON values; a row without a vector scores NaN against any."""
    has_vector = np.zeros(len(rows), dtype=np.bool_)
    dim = index.segments[0].dense.dim if index.segments and len(rows) else 0
    if dim:
        probe = np.zeros(dim, dtype=np.float32)
        probe[0] = 1.0
        has_vector = ~np.isnan(index.score_dense(probe, np.array(rows, dtype=np.int64)))
    return [
        _describe_chunk(chunk, row - first + 1, has_vector=bool(vector))
        for row, chunk, vector in zip(rows, index.read_chunks(rows), has_vector, strict=True)
    ]


def _describe_chunk(chunk: Chunk, number: int, *, has_vector: bool) -> dict[str, Any]:
    tokens = tokenize_text(chunk.indexed_text)
    names = ("kind", "language", "start", "end", "text", "lead", "page")
    question = None
    if chunk.question:
        start, end = chunk.question
        question = chunk.text[start - chunk.start : end - chunk.start]
    return {
        "chunk": chunk.id,
        "number": number,
        **{name: getattr(chunk, name) for name in names},
        "path": list(chunk.path),
        "question": question,
        "tokens": len(tokens),
        "terms": list(dict.fromkeys(tokens)),
        "has_vector": has_vector,
    }
