"""Routes of what an operator chose of the chat page, its logo, and the questions it offers."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.chunk import SearchFilter
from ragdesk.answering.faq_questions import list_first_questions, list_neighbour_questions
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound
from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.web import schemas
from ragdesk.web.auth import require_scope
from ragdesk.web.document_reference import ChunkParam
from ragdesk.web.leases import Leases
from ragdesk.web.proxies import outer_path
from ragdesk.web.server_state import server_state

router = APIRouter(tags=["page"])
QuestionReader = Annotated[Principal, Depends(require_scope("ask"))]
LOGO_PATH: Final = "/page/logo"
_LOGO_HEADERS: Final = {
    # A drawing can hold scripts: shown as an image they never run, and opened alone they may not.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "no-cache",
}


@router.get("/v1/page", response_model=schemas.PageLookOut)
async def page_look(request: Request) -> Response:
    """Say what the operator chose of the page: name, greeting, logo, colours, questions."""
    look = server_state(request).page_look
    options = look.options
    return JSONResponse(
        {
            "name": options.name,
            "greeting": options.greeting,
            "logo": outer_path(request, LOGO_PATH) if look.logo else None,
            "accent": options.accent,
            "accent_dark": options.accent_dark,
            "suggestions": list(options.suggestions),
        }
    )


@router.get(LOGO_PATH, include_in_schema=False)
async def page_logo(request: Request) -> Response:
    """Give the operator's logo."""
    logo = server_state(request).page_look.logo
    if logo is None:
        raise NotFound("No such page.")
    body, media_type = logo
    return Response(body, media_type=media_type, headers=_LOGO_HEADERS)


@router.get("/v1/collections/{collection}/suggestions", response_model=schemas.SuggestionsOut)
async def suggestions(
    collection: str,
    who: QuestionReader,
    leases: Leases,
    chunk: ChunkParam = None,
    language: Annotated[Literal["en", "zh"] | None, Query()] = None,
) -> Response:
    """Give questions of the collection's FAQ: those beside an entry (chunk), or some to begin with.

    language: of those to begin with, where the FAQ has entries in it.
    """
    opened = await leases.lease_collection(collection)
    questions = await run_in_thread(_list_questions, opened, who, chunk, language)
    return JSONResponse({"questions": questions})


def _list_questions(
    opened: OpenCollection, who: Principal, chunk: str | None, language: str | None
) -> list[str]:
    everything = SearchFilter(groups=who.groups)
    if chunk is not None:
        return list_neighbour_questions(opened.index, chunk, everything)
    own = SearchFilter(groups=who.groups, languages=frozenset({language} if language else ()))
    return list_first_questions(opened.index, own) or list_first_questions(opened.index, everything)
