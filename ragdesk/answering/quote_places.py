"""Where a quote stands on the pages of a PDF, and whether OCR read it there."""

from collections.abc import Callable
from dataclasses import dataclass

from indexes.index import Index
from ingest.parse.pdf.text_boxes import find_boxes, holds_ocr_text
from ragdesk.answering.answer import PageBox
from ragdesk.answering.statement import Quote

MOST_BOXES = 60  # of a quote: a box a line


@dataclass(frozen=True, slots=True)
class QuotePlace:
    """The boxes of a quote on its pages, a line each. ocr: OCR read it from a picture."""

    boxes: tuple[PageBox, ...] = ()
    ocr: bool = False


QuoteLocator = Callable[[Quote], QuotePlace]


def locate_quote(index: Index, quote: Quote) -> QuotePlace:
    """Return the place of a quote, where its document keeps where its text stands."""
    chunk = quote.passage.chunk
    listed = index.documents.find_by_id(chunk.document) if chunk.page else None
    if listed is None:
        return QuotePlace()
    boxes = index.find_chunk_store(listed).load_boxes(listed.id)
    try:
        places = find_boxes(boxes, quote.start, quote.end)[:MOST_BOXES]
        is_ocr = holds_ocr_text(boxes, quote.start, quote.end)
    except ValueError:  # in the form of a newer version: the quote stands without its place
        return QuotePlace()
    return QuotePlace(
        tuple(
            PageBox(
                page=page,
                left=round(left, 1),
                top=round(top, 1),
                right=round(right, 1),
                bottom=round(bottom, 1),
            )
            for page, left, top, right, bottom in places
        ),
        is_ocr,
    )


def locate_nowhere(_: Quote) -> QuotePlace:
    """Return no place: for quotes whose documents are not at hand."""
    return QuotePlace()
