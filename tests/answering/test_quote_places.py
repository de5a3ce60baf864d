"""A citation out of a PDF carries where its words stand, and says when OCR read them."""

from fakes import HashEmbedder
from pdf_files import lines, made, picture

from indexes.build import Build
from indexes.chunk import Chunk, DocumentRecord, Passage
from indexes.index import Index
from ingest.ocr_pages import OcrLine, OcrPage
from ingest.parse.pdf import reader
from ragdesk.answering.quote_places import QuotePlace, locate_quote
from ragdesk.answering.statement import Quote

TYPED = "Refunds are paid within thirty days of the return of the goods to our store."
SCANNED = "The garage closes at ten in the evening."
BOX = (72.0, 90.0, 300.0, 104.0)


def read_pages(pages):
    left, top, right, bottom = BOX
    corners = (left, top, right, top, right, bottom, left, bottom)
    return {number: OcrPage(lines=(OcrLine(SCANNED, corners, 0.9),)) for number in pages}


def quote(chunk: Chunk, words: str) -> Quote:
    start = chunk.start + chunk.text.index(words)
    passage = Passage(chunk=chunk, score=1.0)
    return Quote(passage=passage, start=start, end=start + len(words), text=words)


def test_quotes_of_a_pdf_have_boxes_and_say_that_ocr_read_them(tmp_path):
    document = reader.parse(made(lines(TYPED), picture), "a.pdf", read_pages=read_pages)
    record = DocumentRecord(
        id="d1",
        uri="a.pdf",
        source="kb",
        title="A",
        text=document.text,
        media_type=document.media_type,
        language="en",
        digest="0" * 64,
        boxes=document.boxes,
    )
    chunks = [
        Chunk(
            document="d1",
            uri="a.pdf",
            title="A",
            text=document.text[block.start : block.end],
            start=block.start,
            end=block.end,
            page=block.page,
        )
        for block in document.blocks
    ]
    with Build(tmp_path / "c", HashEmbedder()) as build:
        build.add(record, chunks)
        build.publish()
    with Index.open(tmp_path / "c") as index:
        typed = locate_quote(index, quote(chunks[0], "thirty days"))
        scanned = locate_quote(index, quote(chunks[1], "The garage closes"))
        (box,) = scanned.boxes
        assert (box.page, box.left, box.top, box.bottom) == (2, 72.0, 90.0, 104.0)
        assert 150 < box.right < 180
        assert (typed.ocr, scanned.ocr) == (False, True)
        assert [place.page for place in typed.boxes] == [1]
        gone = Chunk(document="d2", uri="b.pdf", title="B", text="x", start=0, end=1, page=1)
        assert locate_quote(index, quote(gone, "x")) == QuotePlace()
