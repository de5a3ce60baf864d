"""The child process that draws pages and reads them by OCR: a page a request, on stdin and stdout.

It has the limits of the children that parse, with more memory, and a time for each page. It holds
the last document open, as its pages come one after the other.
"""

from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]  # it ships no types

from ingest.errors import Unreadable
from ingest.ocr_pages import OcrLine
from ingest.parse.pdf.on_rapidocr import OcrUnavailable, PageOcr
from ingest.parse.pdf.page_images import draw_page
from ingest.parse.pdf.pdfium_words import open_pdf
from ingest.sandbox.child_process import (
    iter_requests,
    limit_memory,
    open_requests,
    read_body,
    say_ready,
    write_frame,
)
from ingest.sandbox.child_protocol import pack_frame


def main() -> None:
    """Serve one page after the other until the parent closes the pipe, or dies."""
    requests, answers, setting = open_requests()
    read_page = _PageReader()
    limit_memory(setting["memory"])
    say_ready(answers)
    for request in iter_requests(requests):
        write_frame(answers, pack_frame(_answer_page(read_page, request)))


def _answer_page(read_page: "_PageReader", request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"lines": read_page(request)}
    except MemoryError:
        return {"memory": True}
    except (Unreadable, OcrUnavailable) as error:
        return {"lines": [], "failure": str(error)}
    except BaseException as error:  # noqa: BLE001 - a panic of a native library is no Exception
        words = str(error)
        if "alloc" in words.lower() or "insufficient memory" in words.lower():
            return {"memory": True}
        return {"lines": [], "failure": f"its picture is damaged ({type(error).__name__})"}


class _PageReader:
    """Reads pages of the document that was asked for last."""

    def __init__(self) -> None:
        self._ocr = PageOcr()
        self._ocr.warm_up()
        self._name: tuple[str, str] | None = None
        self._document: pypdfium2.PdfDocument | None = None

    def __call__(self, request: dict[str, Any]) -> list[OcrLine]:
        document = self._open_document(request)
        try:
            page = document[request["page"]]
        except pypdfium2.PdfiumError as error:
            raise Unreadable("it cannot be drawn") from error
        try:
            picture, points = draw_page(page)
        finally:
            page.close()
        return self._ocr(picture, points=points)

    def _open_document(self, request: dict[str, Any]) -> pypdfium2.PdfDocument:
        name = (request["file"], request["digest"])
        if self._document is None or name != self._name:
            if self._document is not None:
                self._document.close()
                self._document = None
            try:
                body = read_body(Path(request["file"]), real=request["real"])
                self._document = open_pdf(body)
            except pypdfium2.PdfiumError as error:
                raise Unreadable("its document cannot be drawn") from error
            self._name = name
        return self._document


if __name__ == "__main__":
    main()
