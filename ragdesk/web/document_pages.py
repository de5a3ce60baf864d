"""Routes of what can be seen of a document: pages of a PDF, and pictures in other files."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from indexes.index import Index
from indexes.store.document_table import ListedDocument
from indexes.store.paths import original_file
from ingest.parse.pdf.text_boxes import find_boxes, read_page_sizes
from ingest.parse.picture_files import PICTURE_TYPES, find_picture_type
from ragdesk.answering.quote_places import MOST_BOXES
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import NotFound
from ragdesk.open_collection import OpenCollection
from ragdesk.web import schemas
from ragdesk.web.document_reference import ReferenceParam, open_original
from ragdesk.web.documents import DOCUMENTS_PATH
from ragdesk.web.request_body import StrictRoute
from ragdesk.web.server_state import server_state

router = APIRouter(route_class=StrictRoute, tags=["documents"])
PICTURE_HEADERS: Final = {"Content-Security-Policy": "default-src 'none'; sandbox"}
PDF_TYPE: Final = "application/pdf"
DEFAULT_WIDTH, SMALLEST_WIDTH, LARGEST_WIDTH = 1_200, 100, 2_000  # pixels of a page's picture
KeptDocumentFinder = Callable[[], AbstractContextManager[tuple[Index, ListedDocument]]]
OffsetParam = Annotated[int, Query(ge=0, le=2**53, description="Code points of the stored text.")]
WidthParam = Annotated[
    int, Query(ge=SMALLEST_WIDTH, le=LARGEST_WIDTH, description="Pixels of the picture.")
]


@router.get(f"{DOCUMENTS_PATH}/{{uri:path}}/pages", response_model=schemas.PagesOut)
async def pages(
    reference: ReferenceParam, start: OffsetParam = 0, end: OffsetParam = 0
) -> Response:
    """Give the sizes of a PDF's pages, and the boxes of the text from start to end on them.

    Points from the top left of a page as it is shown. A document that is no PDF has no pages.
    """
    opened = await reference.lease_collection()
    find = partial(reference.use_document, opened)
    described = await run_in_thread(_describe_pages, find, start, end)
    return JSONResponse(described.model_dump())


@router.get(
    f"{DOCUMENTS_PATH}/{{uri:path}}/pages/{{number:int}}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The page as a picture."}},
)
async def page_image(
    number: int, request: Request, reference: ReferenceParam, width: WidthParam = DEFAULT_WIDTH
) -> Response:
    """Give a page of a PDF as a PNG. number: from 1."""
    opened = await reference.lease_collection()
    find = partial(reference.use_document, opened)
    digest = await run_in_thread(_find_digest, find, number)
    file = await run_in_thread(_find_original, opened.folder, digest)
    image = await server_state(request).page_images.find_page(file, digest, number - 1, width)
    return Response(image, media_type="image/png", headers=PICTURE_HEADERS)


@router.get(f"{DOCUMENTS_PATH}/{{uri:path}}/pictures", response_model=schemas.PicturesOut)
async def pictures(request: Request, reference: ReferenceParam) -> Response:
    """Count the pictures that lie in a document's file: Word, PowerPoint, Excel, EPUB, HTML."""
    opened = await reference.lease_collection()
    find = partial(reference.use_document, opened)
    bodies = await _find_pictures(request, opened, find)
    return JSONResponse({"pictures": len(bodies)})


@router.get(
    f"{DOCUMENTS_PATH}/{{uri:path}}/pictures/{{number:int}}",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}, "description": "The picture as it is."}},
)
async def picture(number: int, request: Request, reference: ReferenceParam) -> Response:
    """Give a picture that lies in a document's file: PNG, JPEG or GIF. number: from 1."""
    opened = await reference.lease_collection()
    find = partial(reference.use_document, opened)
    bodies = await _find_pictures(request, opened, find)
    if not 1 <= number <= len(bodies):
        raise NotFound("No such picture.")
    body = bodies[number - 1]
    return Response(body, media_type=find_picture_type(body), headers=PICTURE_HEADERS)


async def _find_pictures(
    request: Request, opened: OpenCollection, find: KeptDocumentFinder
) -> Sequence[bytes]:
    """Return the pictures of a document, none of a type in which none are looked for."""
    document = await run_in_thread(_find_listed, find)
    if document.media_type not in PICTURE_TYPES:
        return ()
    file = await run_in_thread(_find_original, opened.folder, document.digest)
    images = server_state(request).page_images
    return await images.find_pictures(file, document.digest, document.media_type)


def _find_listed(find: KeptDocumentFinder) -> ListedDocument:
    with find() as (_, document):
        return document


def _describe_pages(find: KeptDocumentFinder, start: int, end: int) -> schemas.PagesOut:
    with find() as (index, document):
        boxes = _load_boxes(index, document)
        try:
            sizes = read_page_sizes(boxes)
            places = find_boxes(boxes, start, end)[:MOST_BOXES]
        except ValueError:  # in the form of a newer version: the text stands without its pages
            return schemas.PagesOut(pages=[], boxes=[])
    return schemas.PagesOut(
        pages=[schemas.PageSizeOut(width=width, height=height) for width, height in sizes],
        boxes=[
            schemas.BoxOut(page=page, left=left, top=top, right=right, bottom=bottom)
            for page, left, top, right, bottom in places
        ],
    )


def _find_digest(find: KeptDocumentFinder, number: int) -> str:
    """Return the digest of a PDF that has such a page. Raises NotFound."""
    with find() as (index, document):
        try:
            count = len(read_page_sizes(_load_boxes(index, document)))
        except ValueError:
            count = 0
        if not 1 <= number <= count:
            raise NotFound("No such page.")
        return document.digest


def _find_original(folder: Path, digest: str) -> Path:
    open_original(folder, digest).close()
    return original_file(folder, digest)


def _load_boxes(index: Index, document: ListedDocument) -> bytes:
    if document.media_type != PDF_TYPE:
        return b""
    return index.find_chunk_store(document).load_boxes(document.id)
