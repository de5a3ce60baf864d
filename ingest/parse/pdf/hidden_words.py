"""Find the words of a PDF page that no reader sees: drawn invisibly, in white, too small.

Orders to a model hide there. A scan's words are drawn invisibly too, over its picture: where
nearly all words of a page are, and a picture lies under them, they are its OCR layer and stay.
Browsers draw the letters of some fonts as outlines, and put transparent words over them to be
copied: these stay too. White words stay wherever something lies under them that may be dark: a
fill, a picture, a shading.
"""

import ctypes
import math
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.parse.pdf.page_model import BoolArray, FloatArray, IntArray

INVISIBLE_MODES = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)
FILL_MODE = pdfium.FPDF_TEXTRENDERMODE_FILL
WHITE_LEVEL = 250  # of 255, of each colour: a reader sees no difference to paper
TINY_POINTS = 2.0  # points: the smallest print that is meant to be read has 4
LAYER_SHARE = 0.9  # share of a page's words from which they are its OCR layer, or its scale
GLYPH_HEIGHTS = 2.0  # times a word's height: what is taller is no outline of its letters
PICTURE_SHARE = 0.4  # share of a page from which a picture is a scan of it
_UNDER_TEXT = (
    pdfium.FPDF_PAGEOBJ_PATH,
    pdfium.FPDF_PAGEOBJ_IMAGE,
    pdfium.FPDF_PAGEOBJ_SHADING,
    pdfium.FPDF_PAGEOBJ_FORM,
)


def bind_function(function: Any, *arguments: type, result: type = ctypes.c_int) -> Any:
    """Bind a pdfium function to plain addresses: pointer objects cost more than the call."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    return ctypes.CFUNCTYPE(result, *arguments)(address or 0)


_pointer, _int = ctypes.c_void_p, ctypes.c_int
_text_object = bind_function(pdfium.FPDFText_GetTextObject, _pointer, _int, result=ctypes.c_void_p)
_text_mode = bind_function(pdfium.FPDFTextObj_GetTextRenderMode, _pointer)
_fill_colour = bind_function(pdfium.FPDFText_GetFillColor, _pointer, _int, *repeat(_pointer, 4))
_rgba = (ctypes.c_uint * 4)()
_RGBA_AT = [ctypes.addressof(_rgba) + 4 * n for n in range(4)]


def mark_hidden_words(
    handle: int, places: list[int], corners: FloatArray, sizes: FloatArray, page: pypdfium2.PdfPage
) -> tuple[BoolArray, bool]:
    """Mark the words of a page that are hidden; also tell whether they are a scan's OCR layer.

    places: of its first character. corners: its box in page space; (n, 4). sizes: of its font.
    """
    modes, is_white, is_transparent = _read_looks(handle, places)
    is_transparent &= modes == FILL_MODE
    unseen = np.isin(modes, INVISIBLE_MODES) | is_transparent
    if is_transparent.any():
        unseen &= ~(is_transparent & _mark_covered(corners, page, tallest=GLYPH_HEIGHTS))
    is_layer = bool(unseen.mean() >= LAYER_SHARE) and _is_scan(page)
    if is_layer:
        unseen[:] = False
    tiny = (sizes > 0) & (sizes < TINY_POINTS)
    if tiny.mean() >= LAYER_SHARE:  # the whole page is drawn small, and its readers enlarge it
        tiny[:] = False
    is_white &= modes == FILL_MODE
    if is_white.any():
        is_white &= ~_mark_covered(corners, page)
    return np.asarray(unseen | tiny | is_white), is_layer


def _read_looks(handle: int, places: list[int]) -> tuple[IntArray, BoolArray, BoolArray]:
    """Return the render mode of each word, and mark those that are white or wholly transparent.

    All characters of one text object look alike, so that each object is asked once.
    """
    texts = list(map(_text_object, repeat(handle), places))
    looks = {
        text: _read_look(handle, text, place)
        for text, place in dict(zip(texts, places, strict=True)).items()
    }
    table = np.array([looks[text] for text in texts], dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1] > 0, table[:, 2] > 0


def _read_look(handle: int, text: int | None, place: int) -> tuple[int, bool, bool]:
    mode = int(_text_mode(text)) if text else FILL_MODE
    if not _fill_colour(handle, place, *_RGBA_AT):
        return mode, False, False
    red, green, blue, alpha = _rgba
    return mode, min(red, green, blue) >= WHITE_LEVEL, not alpha


def _iterate_bounds(
    page: pypdfium2.PdfPage, *kinds: int
) -> Iterator[tuple[Any, tuple[float, ...]]]:
    sides = [ctypes.c_float() for _ in range(4)]
    for item in page.get_objects(list(kinds), max_depth=1):
        if pdfium.FPDFPageObj_GetBounds(item.raw, *sides):
            yield item, tuple(side.value for side in sides)


def _is_scan(page: pypdfium2.PdfPage) -> bool:
    """Tell whether pictures cover much of a page; those in a form are taken for such."""
    width, height = page.get_size()
    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM)
    covered = sum((b[2] - b[0]) * (b[3] - b[1]) for _, b in _iterate_bounds(page, *kinds))
    return bool(covered >= PICTURE_SHARE * width * height)


def _mark_covered(
    corners: FloatArray, page: pypdfium2.PdfPage, tallest: float = math.inf
) -> BoolArray:
    """Mark the words whose middle lies on a fill that is not white, or on a picture.

    tallest: times a word's height that such a thing is, at most.
    """
    across, up = (corners[:, 0] + corners[:, 2]) / 2, (corners[:, 1] + corners[:, 3]) / 2
    covered = np.zeros(len(corners), np.bool_)
    for item, (left, bottom, right, top) in _iterate_bounds(page, *_UNDER_TEXT):
        if item.type != pdfium.FPDF_PAGEOBJ_PATH or _is_dark(item):
            low = top - bottom <= tallest * (corners[:, 3] - corners[:, 1])
            covered |= low & (left <= across) & (across <= right) & (bottom <= up) & (up <= top)
    return covered


def _is_dark(path: Any) -> bool:
    """Tell whether a path is filled, and not in white; a pattern may be anything."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not pdfium.FPDFPath_GetDrawMode(path.raw, fill, stroke) or not fill.value:
        return False
    parts = [ctypes.c_uint() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetFillColor(path.raw, *parts):
        return True
    red, green, blue, alpha = (part.value for part in parts)
    return bool(alpha) and min(red, green, blue) < WHITE_LEVEL
