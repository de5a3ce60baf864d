"""Read the lines of a PDF page from pdfium: the words, their boxes, their size and weight.

pdfium gives text in the order it is drawn, which is reading order far more often than not,
and the box of every character. Only the first and last character of each word are asked for
their box, and the calls go through ``map`` without Python between them: 0.7 ms a page where
pdfium itself needs 3 to 7 ms.
"""

import ctypes
import math
import re
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.errors import Unreadable
from ingest.parse.pdf.drawn_text import tidy_text
from ingest.parse.pdf.glyph_codes import has_suspect_font, read_glyph_codes
from ingest.parse.pdf.hidden_words import TINY_POINTS, bind_function, mark_hidden_words
from ingest.parse.pdf.page_images import measure_pictures
from ingest.parse.pdf.page_links import read_page_links
from ingest.parse.pdf.page_model import (
    BoolArray,
    FloatArray,
    IntArray,
    LineCell,
    PageWords,
    Sheet,
    TextLine,
)
from ingest.parse.pdf.raised_digits import raise_digits
from ingest.parse.pdf.reading_order import order_lines
from ingest.parse.pdf.text_lines import make_lines

PDFIUM_HYPHEN = "\ufffe"  # pdfium's mark for a hyphen at a line's end
FORCE_BOLD = 1 << 18  # font descriptor flag, ISO 32000-1 table 123
FIRST_SURROGATE = 0xD800
LAST_SURROGATE = 0xDFFF
LAST_CODE = 0x10FFFF
NEWLINE = 0x0A
FARTHEST_POINT = 1e5  # points: what a damaged page says beyond is no place
SMALLEST_WORD = 1.2  # points: what is drawn smaller hides words from readers, not from programs
LEAST_SLANT = 0.15  # rise of a word to its run, from which its angle is asked for
SLANT_DEGREES = 8  # of a word that is no line of a page
MOST_PAGE_CHARACTERS = 400_000  # of one page

_SPACE_CODES = [*range(0x21), 0x7F, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029]
_SPACE_CODES += [0x202F, 0x205F, 0x3000, 0xFEFF, ord(PDFIUM_HYPHEN)]
_IS_SPACE = np.zeros(0x10000, dtype=np.bool_)
_IS_SPACE[_SPACE_CODES] = True

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi|cmbx|simhei|-medi", re.IGNORECASE)
_LAM_ALEF = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
_pointer, _int = ctypes.c_void_p, ctypes.c_int
_loose_box = bind_function(pdfium.FPDFText_GetLooseCharBox, _pointer, _int, _pointer)
_get_text = bind_function(pdfium.FPDFText_GetText, _pointer, _int, _int, _pointer)
_unicode = bind_function(pdfium.FPDFText_GetUnicode, _pointer, _int)
_font_size = bind_function(pdfium.FPDFText_GetFontSize, _pointer, _int, result=ctypes.c_double)
_is_generated = bind_function(pdfium.FPDFText_IsGenerated, _pointer, _int)
_char_angle = bind_function(pdfium.FPDFText_GetCharAngle, _pointer, _int, result=ctypes.c_float)
_matrix = bind_function(pdfium.FPDFText_GetMatrix, _pointer, _int, _pointer)
_font = bind_function(
    pdfium.FPDFText_GetFontInfo, _pointer, _int, _pointer, ctypes.c_ulong, _pointer
)


# One document at a time: one room for the answers of a function that is called per line.
_name_buffer = ctypes.create_string_buffer(96)
_flags_buffer = ctypes.c_int(0)
_matrix_buffer = (ctypes.c_float * 6)()
_MATRIX_AT = ctypes.addressof(_matrix_buffer)
_NAME_AT = ctypes.addressof(_name_buffer)
_FLAGS_AT = ctypes.addressof(_flags_buffer)


def open_pdf(body: bytes, password: str = "") -> pypdfium2.PdfDocument:
    """Open a PDF in pdfium. Raises pypdfium2.PdfiumError. Close it: one document at a time."""
    return pypdfium2.PdfDocument(body, password=password or None)


def read_sheets(document: pypdfium2.PdfDocument) -> Iterator[Sheet | None]:
    """Read page after page; None for a page that pdfium cannot load."""
    for number in range(len(document)):
        try:
            page = document[number]
        except pypdfium2.PdfiumError:
            yield None
            continue
        try:
            yield _read_sheet(page)
        finally:
            page.close()


def _read_sheet(page: pypdfium2.PdfPage) -> Sheet | None:
    width, height = page.get_size()
    try:
        textpage = page.get_textpage()
    except pypdfium2.PdfiumError:
        return None
    try:
        handle = ctypes.cast(textpage.raw, ctypes.c_void_p).value or 0
        count = pdfium.FPDFText_CountChars(textpage.raw)
        if count > MOST_PAGE_CHARACTERS:
            raise Unreadable(f"a page of {count:,} characters; a page of small print has 15,000")
        words, hidden, slanted = _read_words(handle, count, page) if count > 0 else (None, 0, ())
        lines = _make_page_lines(handle, words, (width, height)) if words else []
        links = read_page_links(page, textpage, _turn_to_display) if words else ()
    finally:
        textpage.close()
    has_layer = words is not None and words.is_layer
    return Sheet(
        width,
        height,
        tuple(lines),
        measure_pictures(page),
        hidden=hidden,
        has_layer=has_layer,
        slanted=slanted,
        links=links,
    )


def _make_page_lines(handle: int, words: PageWords, sheet: tuple[float, float]) -> list[TextLine]:
    return order_lines(
        make_lines(sheet, words, partial(_is_bold, handle), partial(_read_font_size, handle))
    )


def _read_characters(handle: int, count: int) -> tuple[str, npt.NDArray[np.uint32]]:
    """Return the characters of a page so that position i is character i of pdfium."""
    buffer = np.zeros(count + 1, dtype=np.uint16)
    unit_count = _get_text(handle, 0, count, buffer.ctypes.data) - 1
    units = buffer[:unit_count]
    if unit_count == count and not _mark_surrogates(units).any():
        return units.tobytes().decode("utf-16-le"), units.astype(np.uint32)
    # Characters outside the first plane, or unnamed ones that the text leaves out: one by one.
    codes = np.fromiter(map(_unicode, repeat(handle), range(count)), np.uint32, count)
    codes[(codes > LAST_CODE) | _mark_surrogates(codes)] = 0
    return codes.astype("<u4").tobytes().decode("utf-32-le"), codes


def _number_fonts(handle: int, count: int) -> IntArray:
    """Return the font number of each character of a page; what pdfium added has its own."""
    numbers: dict[bytes, int] = {b"": 0}
    fonts = np.zeros(count, dtype=np.int64)
    for place in range(count):
        if not _is_generated(handle, place):
            _font(handle, place, _NAME_AT, len(_name_buffer), _FLAGS_AT)
            fonts[place] = numbers.setdefault(_name_buffer.value, len(numbers))
    return fonts


def _mark_surrogates(codes: npt.NDArray[Any]) -> BoolArray:
    return (codes >= FIRST_SURROGATE) & (codes <= LAST_SURROGATE)


def _read_words(
    handle: int, count: int, page: pypdfium2.PdfPage
) -> tuple[PageWords | None, int, tuple[TextLine, ...]]:
    """Return the words of a page that can be seen, the number of hidden ones, and slanted ones."""
    text, codes = _read_characters(handle, count)
    if has_suspect_font(codes):
        codes = read_glyph_codes(codes, _number_fonts(handle, count))
        text = codes.astype("<u4").tobytes().decode("utf-32-le")
    space = _IS_SPACE[np.minimum(codes, 0xFFFD + (codes == ord(PDFIUM_HYPHEN)))]
    edges = np.flatnonzero(np.diff(space, prepend=True, append=True))
    starts, ends = edges[0::2], edges[1::2]
    if not len(starts):
        return None, 0, ()
    page_boxes = _read_boxes(handle, np.concatenate([starts, ends - 1]))
    first, last = np.split(_turn_to_display(page_boxes, page), 2)
    boxes = np.hstack(
        [np.minimum(first[:, :2], last[:, :2]), np.maximum(first[:, 2:], last[:, 2:])]
    )
    if _RIGHT_TO_LEFT.search(text):
        text = _reorder_ligatures(handle, text)
        boxes = _measure_hulls(handle, starts, ends, page)
    raised = raise_digits(codes, (starts, ends), (first, last), partial(_see_boxes, handle, page))
    if raised is not codes:
        codes, text = raised, raised.astype("<u4").tobytes().decode("utf-32-le")
    ways = (last[:, :2] + last[:, 2:] - first[:, :2] - first[:, 2:]) / 2
    own_boxes = page_boxes[: len(starts)]
    sizes = _read_small_sizes(handle, starts, own_boxes)
    veiled, is_layer = mark_hidden_words(handle, starts.tolist(), own_boxes, sizes, page)
    visible = _mark_visible(boxes, page) & ~veiled
    is_slanted = visible & _mark_slanted(handle, starts, ways)
    slanted = tuple(
        _make_slanted_line(handle, text[starts[n] : ends[n]], int(starts[n]), boxes[n])
        for n in np.flatnonzero(is_slanted).tolist()
    )
    visible &= ~is_slanted
    if not visible.all():
        starts, ends, boxes, ways = starts[visible], ends[visible], boxes[visible], ways[visible]
        if not len(starts):
            return None, int(veiled.sum()), slanted
    between = (ends[:-1] - 1, starts[1:])
    page_words = PageWords(
        text,
        codes,
        starts,
        ends,
        boxes,
        ways,
        _mark_crossings(codes == NEWLINE, *between),
        _mark_crossings(codes == ord(PDFIUM_HYPHEN), *between),
        is_layer,
    )
    return page_words, int(veiled.sum()), slanted


def _mark_slanted(handle: int, starts: IntArray, ways: FloatArray) -> BoolArray:
    """Mark the words that run neither along nor down the page: stamps and watermarks."""
    across, down = np.abs(ways).T
    slanted = np.minimum(across, down) > LEAST_SLANT * np.maximum(across, down)
    for n in np.flatnonzero(slanted).tolist():
        turn = math.degrees(_char_angle(handle, int(starts[n]))) % 90
        slanted[n] = SLANT_DEGREES < turn < 90 - SLANT_DEGREES
    return np.asarray(slanted)


def _make_slanted_line(handle: int, text: str, place: int, box: FloatArray) -> TextLine:
    left, top, right, bottom = box.tolist()
    own = (left, top, right, bottom)
    return TextLine((LineCell(tidy_text(text), own),), own, max(_read_font_size(handle, place), 1))


def _read_small_sizes(handle: int, starts: IntArray, boxes: FloatArray) -> FloatArray:
    """Return the font size of each word whose box may be that of tiny print; 0 for the others."""
    sizes = np.zeros(len(starts))
    small = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) < 1.5 * TINY_POINTS
    for n in np.flatnonzero(small).tolist():
        sizes[n] = _read_font_size(handle, int(starts[n]))
    return sizes


def _mark_crossings(marks: BoolArray, ends: IntArray, starts: IntArray) -> BoolArray:
    """Mark the pairs of neighbouring words between which a mark stands."""
    count = np.cumsum(marks)
    return np.asarray(count[starts] != count[ends])


def _read_boxes(handle: int, positions: IntArray) -> FloatArray:
    """Ask for the boxes of characters: left, bottom, right, top in page space; (n, 4)."""
    buffer = np.zeros((len(positions), 4), dtype=np.float32)  # FS_RECTF: left, top, right, bottom
    place = buffer.ctypes.data
    size = buffer.itemsize * 4
    calls = map(
        _loose_box,
        repeat(handle),
        positions.tolist(),
        range(place, place + size * len(buffer), size),
    )
    valid = np.fromiter(calls, np.bool_, len(buffer))
    if not valid.all():
        buffer[~valid] = buffer[valid].mean(axis=0) if valid.any() else 0
    exact = np.nan_to_num(buffer.astype(np.float64))
    left, top, right, bottom = np.clip(exact, -FARTHEST_POINT, FARTHEST_POINT).T
    return np.column_stack(
        [
            np.minimum(left, right),
            np.minimum(bottom, top),
            np.maximum(left, right),
            np.maximum(bottom, top),
        ]
    )


def _turn_to_display(boxes: FloatArray, page: pypdfium2.PdfPage) -> FloatArray:
    """Turn boxes from page space (origin at the bottom left) to the page as it is shown."""
    frame = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page.raw, frame)
    left, bottom, right, top = (boxes - (frame.left, frame.bottom, frame.left, frame.bottom)).T
    wide, high = frame.right - frame.left, frame.top - frame.bottom
    match page.get_rotation():
        case 90:
            sides = [bottom, left, top, right]
        case 180:
            sides = [wide - right, bottom, wide - left, top]
        case 270:
            sides = [high - top, wide - right, high - bottom, wide - left]
        case _:
            sides = [left, high - top, right, high - bottom]
    return np.column_stack(sides)


def _see_boxes(handle: int, page: pypdfium2.PdfPage, positions: IntArray) -> FloatArray:
    """Ask for the boxes of characters on the page as it is shown; (n, 4)."""
    return _turn_to_display(_read_boxes(handle, positions), page)


def _mark_visible(boxes: FloatArray, page: pypdfium2.PdfPage) -> BoolArray:
    """Mark the words that a reader can see: on the page, and larger than a dot."""
    width, height = page.get_size()
    left, top, right, bottom = boxes.T
    inside = (right > 0) & (left < width) & (bottom > 0) & (top < height)
    return np.asarray(inside & (np.maximum(bottom - top, right - left) > SMALLEST_WORD))


def _measure_hulls(
    handle: int, starts: IntArray, ends: IntArray, page: pypdfium2.PdfPage
) -> FloatArray:
    """Box each word by all its characters: Arabic and Latin in one word run both ways."""
    lengths = ends - starts
    firsts = np.cumsum(lengths) - lengths
    places = np.repeat(starts - firsts, lengths) + np.arange(lengths.sum())
    boxes = _turn_to_display(_read_boxes(handle, places), page)
    low = np.minimum.reduceat(boxes[:, :2], firsts, axis=0)
    return np.hstack([low, np.maximum.reduceat(boxes[:, 2:], firsts, axis=0)])


def _reorder_ligatures(handle: int, text: str) -> str:
    """Swap lam and alef where pdfium reversed their ligature."""
    places = np.array([match.start() for match in _LAM_ALEF.finditer(text)], dtype=np.int64)
    if not len(places):
        return text
    letters = list(text)
    is_ligature = (_read_boxes(handle, places) == _read_boxes(handle, places + 1)).all(axis=1)
    for place in places[is_ligature].tolist():
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def _read_font_size(handle: int, position: int) -> float:
    """Return the size of a character's font in points, as it is shown; 0 when it is not known."""
    if not _matrix(handle, position, _MATRIX_AT):
        return 0.0
    return float(_font_size(handle, position)) * math.hypot(_matrix_buffer[2], _matrix_buffer[3])


def _is_bold(handle: int, position: int) -> bool:
    """Tell whether a character is set in a bold font."""
    _font(handle, position, _NAME_AT, len(_name_buffer), _FLAGS_AT)
    return bool(_flags_buffer.value & FORCE_BOLD) or _is_bold_name(_name_buffer.value)


@lru_cache(maxsize=512)
def _is_bold_name(name: bytes) -> bool:
    return bool(_BOLD_NAME.search(name))
