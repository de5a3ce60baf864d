"""What a PDF page shows beside its words: how much of it pictures cover; the page as a picture."""

import ctypes
from itertools import compress, repeat

import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.errors import Unreadable
from ingest.parse.pdf.hidden_words import bind_function
from ingest.parse.pdf.page_model import PagePictures, PixelArray

LARGE_SHARE = 0.05  # share of a page from which a picture on it may say something
MOST_OBJECTS = 200_000  # of a page that are looked at
OCR_DPI = 200  # in which a page is read: its print is then 20 to 40 pixels high
LONGEST_SIDE = 2_600  # pixels of a page's picture; larger sheets are read smaller
LONGEST_SHOWN = 4_000  # pixels that a page is high at most where people see it
SMALLEST_PAGE = 3.0  # points
_MAY_SHOW_PICTURE = frozenset({pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM})

_pointer, _int = ctypes.c_void_p, ctypes.c_int
_count_objects = bind_function(pdfium.FPDFPage_CountObjects, _pointer)
_get_object = bind_function(pdfium.FPDFPage_GetObject, _pointer, _int, result=ctypes.c_void_p)
_object_type = bind_function(pdfium.FPDFPageObj_GetType, _pointer)
_count_parts = bind_function(pdfium.FPDFFormObj_CountObjects, _pointer)
_get_part = bind_function(
    pdfium.FPDFFormObj_GetObject, _pointer, ctypes.c_ulong, result=ctypes.c_void_p
)
_bounds = bind_function(pdfium.FPDFPageObj_GetBounds, _pointer, *repeat(_pointer, 4))
_sides = (ctypes.c_float * 4)()
_SIDES_AT = [ctypes.addressof(_sides) + 4 * n for n in range(4)]


def measure_pictures(page: pypdfium2.PdfPage) -> PagePictures:
    """Measure the pictures of a page; a form that holds one is taken for it."""
    width, height = page.get_size()
    area = max(width * height, 1.0)
    handle = ctypes.cast(page.raw, ctypes.c_void_p).value or 0
    shares: list[float] = []
    count = min(_count_objects(handle), MOST_OBJECTS)
    items = list(filter(None, map(_get_object, repeat(handle), range(count))))
    kinds = list(map(_object_type, items))  # calls without Python between them: pages hold 10,000
    drawings = kinds.count(pdfium.FPDF_PAGEOBJ_PATH)
    for item in compress(items, map(_MAY_SHOW_PICTURE.__contains__, kinds)):
        is_picture = _object_type(item) == pdfium.FPDF_PAGEOBJ_IMAGE or _holds_picture(item)
        if is_picture and _bounds(item, *_SIDES_AT):
            left, bottom, right, top = (float(side) for side in _sides)
            wide, high = min(right - left, width), min(top - bottom, height)
            shares.append(max(wide, 0.0) * max(high, 0.0) / area)
    large = sum(share >= LARGE_SHARE for share in shares)
    return PagePictures(min(sum(shares), 1.0), large, drawings)


def _holds_picture(form: int) -> bool:
    count = min(_count_parts(form), MOST_OBJECTS)
    parts = filter(None, map(_get_part, repeat(form), range(count)))
    return any(_object_type(part) == pdfium.FPDF_PAGEOBJ_IMAGE for part in parts)


def draw_page(page: pypdfium2.PdfPage) -> tuple[PixelArray, float]:
    """Draw a page as OCR reads it; return the picture and the points that a pixel is wide."""
    longest = max(*page.get_size(), SMALLEST_PAGE)
    scale = min(OCR_DPI / 72, LONGEST_SIDE / longest)
    return _render(page, scale, is_rgb=False), 1 / scale


def render_page(document: pypdfium2.PdfDocument, number: int, width: int) -> PixelArray:
    """Draw a page as people see it, so many pixels wide: red, green and blue of each pixel.

    number: 0-based. A long page is drawn narrower. Raises Unreadable.
    """
    try:
        page = document[number]
    except (pypdfium2.PdfiumError, IndexError) as error:
        raise Unreadable("it cannot be drawn") from error
    try:
        wide, high = (max(side, SMALLEST_PAGE) for side in page.get_size())
        return _render(page, min(width / wide, LONGEST_SHOWN / high), is_rgb=True)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("it cannot be drawn") from error
    finally:
        page.close()


def _render(page: pypdfium2.PdfPage, scale: float, *, is_rgb: bool) -> PixelArray:
    bitmap = page.render(scale=scale, rev_byteorder=is_rgb, may_draw_forms=True)
    picture = bitmap.to_numpy()
    if picture.ndim == len("yx"):
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    return np.ascontiguousarray(picture[:, :, :3])
