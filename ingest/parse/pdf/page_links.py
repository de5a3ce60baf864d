"""Find the link annotations of PDF pages, and the words of the text that they lie on.

An annotation is a rectangle over the page. pdfium tells the characters under it; they are looked
for in the runs of text whose boxes it covers, nearest to where they should stand in proportion.
"""

import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from indexes.chunk import MOST_LINKS, DocumentLink
from ingest.parse.link_spans import read_address
from ingest.parse.pdf.page_model import Box, FloatArray, PageLink
from ingest.parse.pdf.text_boxes import TextBox

MOST_PAGE_LINKS = 2_000
_MOST_QUADS = 20  # rectangles of one link
_MOST_WORDS = 1_000  # characters under a link
_MOST_COMPARED = 5_000_000  # boxes of text, for all the links of a document
_LONGEST_ADDRESS = 8_192  # bytes
_INSET = 1.0  # points: annotations are often drawn a little wider than their words
_LINE_INSET = 0.3  # of their height: and into the lines above and below
_GAP = re.compile(r"[\s|]*")

TurnBoxes = Callable[[FloatArray, pypdfium2.PdfPage], FloatArray]


def read_page_links(
    page: pypdfium2.PdfPage, textpage: pypdfium2.PdfTextPage, turn_boxes: TurnBoxes
) -> tuple[PageLink, ...]:
    """Return the links of a page that lead out of the document, with the words under them.

    turn_boxes: turns boxes from page space to the page as it is shown.
    """
    links: list[PageLink] = []
    for link in _iterate_links(page):
        address = _read_uri(page, link)
        if not address:
            continue
        for left, bottom, right, top in _list_rectangles(link):
            high = (top - bottom) * _LINE_INSET
            words = _read_words(
                textpage, (left + _INSET, bottom + high, right - _INSET, top - high)
            )
            sides = turn_boxes(np.array([[left, bottom, right, top]]), page)[0].tolist()
            links.append(PageLink((sides[0], sides[1], sides[2], sides[3]), address, words))
        if len(links) >= MOST_PAGE_LINKS:
            break
    return tuple(links)


def _iterate_links(page: pypdfium2.PdfPage) -> Iterator[Any]:
    place = ctypes.c_int(0)
    link = pdfium.FPDF_LINK()
    while pdfium.FPDFLink_Enumerate(page.raw, ctypes.byref(place), ctypes.byref(link)):
        yield link


def _read_uri(page: pypdfium2.PdfPage, link: Any) -> str:
    """Return the address of a link; "" where it leads to a place in the document."""
    action = pdfium.FPDFLink_GetAction(link)
    if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
        return ""
    size = pdfium.FPDFAction_GetURIPath(page.pdf.raw, action, None, 0)
    if not 1 < size <= _LONGEST_ADDRESS:
        return "x:" if size > 1 else ""  # of no scheme that is kept: it is counted as lost
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAction_GetURIPath(page.pdf.raw, action, buffer, size)
    return buffer.value.decode("utf-8", "replace")


def _list_rectangles(link: Any) -> list[Box]:
    """Return the rectangles of a link in page space: left, bottom, right, top."""
    boxes: list[Box] = []
    quad = pdfium.FS_QUADPOINTSF()
    for n in range(min(pdfium.FPDFLink_CountQuadPoints(link), _MOST_QUADS)):
        if pdfium.FPDFLink_GetQuadPoints(link, n, quad):
            across = (quad.x1, quad.x2, quad.x3, quad.x4)
            upward = (quad.y1, quad.y2, quad.y3, quad.y4)
            boxes.append((min(across), min(upward), max(across), max(upward)))
    frame = pdfium.FS_RECTF()
    if not boxes and pdfium.FPDFLink_GetAnnotRect(link, frame):
        left, right = sorted((frame.left, frame.right))
        bottom, top = sorted((frame.bottom, frame.top))
        boxes.append((left, bottom, right, top))
    return [box for box in boxes if np.isfinite(box).all()]


def _read_words(textpage: pypdfium2.PdfTextPage, box: Box) -> str:
    left, bottom, right, top = box
    if right <= left or top <= bottom:
        return ""
    buffer = (ctypes.c_ushort * _MOST_WORDS)()
    count = pdfium.FPDFText_GetBoundedText(
        textpage.raw, left, top, right, bottom, buffer, _MOST_WORDS
    )
    units = bytes(buffer)[: 2 * max(count, 0)]
    return units.decode("utf-16-le", "ignore").rstrip("\0")


def find_text_links(
    text: str, places: Sequence[TextBox], page_links: Sequence[tuple[PageLink, ...]]
) -> tuple[tuple[DocumentLink, ...], int]:
    """Return the links of a document's text, in order, and how many more there were.

    places: where runs of the text stand, in order. page_links: of each page.
    """
    links: list[DocumentLink] = []
    lost = compared = 0
    for page, group in groupby(places, key=lambda place: place.page):
        runs = list(group)
        for link in page_links[page - 1]:
            address = read_address(link.address)
            compared += len(runs)
            if address is None or compared > _MOST_COMPARED:
                lost += 1
            elif address:
                spans = (_find_span(text, run, link) for run in runs if _covers(link.box, run.box))
                links += [DocumentLink(*span, address) for span in spans if span is not None]
    joined = list(_join_links(text, sorted(links)))
    return tuple(joined[:MOST_LINKS]), lost + max(len(joined) - MOST_LINKS, 0)


def _covers(link: Box, run: Box) -> bool:
    """Tell whether a link lies on the middle of a run's line, or the run on that of the link."""
    across = min(link[2], run[2]) - max(link[0], run[0])
    down = min(link[3], run[3]) - max(link[1], run[1])
    least = min(link[3] - link[1], run[3] - run[1]), min(link[2] - link[0], run[2] - run[0])
    return down > least[0] / 2 and across > min(least[1] / 2, 2.0)


def _find_span(text: str, run: TextBox, link: PageLink) -> tuple[int, int] | None:
    """Find the words of a link in a run of text: as they read, else in proportion."""
    words = text[run.start : run.end]
    squeezed = [n for n, letter in enumerate(words) if not letter.isspace()]
    letters = "".join(words[n] for n in squeezed)
    wanted = "".join(link.words.split())
    head, tail = _measure_overlap(run, link.box)
    if not letters or not wanted:
        return None
    if letters in wanted:  # a link over several lines, or cells
        return run.start + squeezed[0], run.start + squeezed[-1] + 1
    guess = round(head * len(letters))
    after = letters.find(wanted, guess)
    before = letters.rfind(wanted, 0, guess + len(wanted))
    starts = [at for at in (before, after) if at >= 0]
    if starts:
        first = min(starts, key=lambda at: abs(at - guess))
        return run.start + squeezed[first], run.start + squeezed[first + len(wanted) - 1] + 1
    last = min(max(round(tail * len(letters)), guess + 1), len(letters))
    return run.start + squeezed[min(guess, last - 1)], run.start + squeezed[last - 1] + 1


def _measure_overlap(run: TextBox, link: Box) -> tuple[float, float]:
    """Return which part of a run a link lies on: from 0 to 1, along its words."""
    left, top, right, bottom = run.box
    first, last, start, end = left, right, link[0], link[2]
    if run.run in {"down", "up"}:
        first, last, start, end = top, bottom, link[1], link[3]
    long = max(last - first, 0.1)
    head, tail = (min(max((at - first) / long, 0.0), 1.0) for at in (start, end))
    return (head, tail) if run.run in {"right", "down"} else (1 - tail, 1 - head)


def _join_links(text: str, links: Sequence[DocumentLink]) -> Iterator[DocumentLink]:
    """Join the lines of one link, and drop what lies over another."""
    before: DocumentLink | None = None
    for link in links:
        if before is None:
            before = link
        elif link.start < before.end:
            continue
        elif link.href == before.href and _GAP.fullmatch(text, before.end, link.start):
            before = before._replace(end=link.end)
        else:
            yield before
            before = link
    if before is not None:
        yield before
