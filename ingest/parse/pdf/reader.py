"""PDF: page by page, with the place of every line kept.

pypdf is the reader of record (``structure``); pdfium gives the text and its boxes
(``pdfium_words``), compared with pypdf's on sampled pages (``cross_check``). Words become lines
and cells (``text_lines``) in reading order (``reading_order``). Watermarks go (``watermarks``),
pages that are pictures are read by OCR (``ocr_choice``), running headers are dropped
(``running_lines``) and the table of contents becomes an outline (``contents_pages``). Lines become
paragraphs, lists (``paragraphs``) and tables (``page_tables``), and these a document
(``document_writer``) that keeps where its text stands (``text_boxes``).

pdfium is not thread-safe: a process parses one PDF at a time.
"""

from dataclasses import dataclass, replace

import pypdfium2  # type: ignore[import-untyped]  # it ships no types

from ingest.document import Document, describe_hidden_words
from ingest.errors import Unreadable
from ingest.ocr_pages import OcrState, PageReading, find_ocr_state
from ingest.parse.pdf.contents_pages import take_out_contents
from ingest.parse.pdf.cross_check import check_sheets
from ingest.parse.pdf.document_writer import find_body_size, write_pdf_document
from ingest.parse.pdf.ocr_choice import add_ocr_pages
from ingest.parse.pdf.page_model import Sheet
from ingest.parse.pdf.pdfium_words import open_pdf, read_sheets
from ingest.parse.pdf.running_lines import drop_running_lines
from ingest.parse.pdf.structure import PdfStructure
from ingest.parse.pdf.watermarks import drop_watermarks


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfOptions:
    """most_pages: more make a search for a page useless, and a job wait for one file."""

    most_pages: int = 5_000


def parse(
    body: bytes,
    uri: str,
    options: PdfOptions = PdfOptions(),
    *,
    read_pages: PageReading | None = None,
    ocr: OcrState | None = None,
) -> Document:
    """Read a PDF. Raises Unreadable when it is damaged, encrypted, empty or too long.

    read_pages: gives the pages that OCR reads; without it a scanned document is Unreadable too.
    ocr: why nobody reads them; None looks whether the extra lacks.
    """
    structure = PdfStructure(body)
    if not structure.pages:
        raise Unreadable("a PDF without pages")
    if structure.pages > options.most_pages:
        raise Unreadable(
            f"{structure.pages:,} pages, more than the {options.most_pages:,} that are taken in;"
            " split it into several files"
        )
    sheets = check_sheets(_read_all_sheets(body, structure), structure)
    sheets, watermarks = drop_watermarks(sheets, find_body_size(sheets))
    sheets, notes = add_ocr_pages(sheets, read_pages, ocr or find_ocr_state(wanted=True))
    labels = structure.page_labels()
    sheets = drop_running_lines(sheets, labels, find_body_size(sheets))
    sheets, contents, left_out = take_out_contents(sheets, labels)
    hidden = sum(sheet.hidden for sheet in sheets)
    document = write_pdf_document(sheets, labels, structure, uri, contents)
    return replace(document, notes=(*notes, *watermarks, *left_out, *describe_hidden_words(hidden)))


def _read_all_sheets(body: bytes, structure: PdfStructure) -> list[Sheet | None]:
    """Read all pages with pdfium; None for those that it cannot load."""
    try:
        document = open_pdf(body)
    except pypdfium2.PdfiumError:
        return [None] * structure.pages
    try:
        return list(read_sheets(document))
    finally:
        document.close()
