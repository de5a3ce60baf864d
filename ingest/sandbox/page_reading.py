"""What a child that parses makes of the pages that OCR is to read, as its request says.

Parsing and OCR are two children with limits of their own. So a document with such pages is parsed
twice: once to name them, and again when they lie in a folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.ocr_pages import OcrLine, OcrNeeded, OcrPage, read_ocr_page

ASK = "ask"  # name the pages first
PLAN = "plan"  # count them, and go on with a line in place of each
_LINE = OcrLine("a page for OCR", (72, 72, 300, 72, 300, 88, 72, 88), 1.0)
_STAND_IN = OcrPage(lines=(_LINE,), is_planned=True)


def choose_page_reading(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a document's pages are read, as ``pdf.reader.parse`` wants it.

    The request's ``ocr`` is ASK, PLAN or the folder of the pages; its ``ocr_state`` says why there
    is none of them.
    """
    way = request.get("ocr")
    reading: dict[str, Any] = {"ocr": request.get("ocr_state")}
    if way == ASK:
        return {**reading, "read_pages": _ask_for_pages}
    if way == PLAN:
        return {**reading, "read_pages": lambda pages: dict.fromkeys(pages, _STAND_IN)}
    if way:
        folder = Path(way)
        return {**reading, "read_pages": lambda pages: _read_folder(folder, pages)}
    return reading


def _ask_for_pages(pages: Sequence[int]) -> Mapping[int, OcrPage]:
    raise OcrNeeded(pages)


def _read_folder(folder: Path, pages: Sequence[int]) -> dict[int, OcrPage]:
    kept = {number: read_ocr_page(folder, number) for number in pages}
    return {number: page for number, page in kept.items() if page is not None}
