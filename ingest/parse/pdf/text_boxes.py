"""Where the text of a PDF stands on its pages, stored so that quotes can be marked there.

The form, version 1, little-endian: ``b"BOX1"``, then a zlib stream of

- uint32 pages, uint32 ranges;
- pages x int32 width, pages x int32 height;
- per range, one column after the other: uint32 start (as the step from the range before),
  uint32 length, uint32 page (as the step from the one before), int32 left, top, right, bottom
  (as steps), uint8 run (0 right, 1 left, 2 down, 3 up; 4 more where OCR read the text).

Lengths are tenths of a point, the origin is the top left of the page as it is shown, offsets are
code points of the document's text. Ranges are in order and do not overlap; a range is a run of
text on one line, so that a part of it is found by proportion.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.parse.pdf.page_model import Box, RunDirection

BOX_MAGIC = b"BOX1"
MOST_RANGES = 8_000_000
_RUNS: tuple[RunDirection, ...] = ("right", "left", "down", "up")
_CODES = {run: code for code, run in enumerate(_RUNS)}
_COLUMN_COUNT = 7  # of four bytes each
_RANGE_BYTES = 29  # of a range: its columns and one byte
_HEAD_BYTES = 8  # bytes of the two numbers at the head
_LARGEST_LENGTH = 100_000  # a length in points beyond which a file lies
_OCR_FLAG = 4  # of a run's byte


class TextBox(NamedTuple):
    """A run of text and the box it fills. page: 1-based. ocr: whether OCR read it."""

    start: int
    end: int
    page: int
    box: Box
    run: RunDirection = "right"
    ocr: bool = False


class _BoxMap(NamedTuple):
    sizes: npt.NDArray[np.int32]  # (pages, 2)
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    pages: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int64]  # (ranges, 4)
    runs: npt.NDArray[np.uint8]
    ocr: npt.NDArray[np.bool_]


def write_boxes(sizes: Sequence[tuple[float, float]], places: Sequence[TextBox]) -> bytes:
    """Encode boxes, in order of their text, with the width and height of each page in points."""
    columns = np.zeros((_COLUMN_COUNT, len(places)), dtype=np.int64)
    if places:
        columns[0] = [place.start for place in places]
        columns[1] = [place.end - place.start for place in places]
        columns[2] = [place.page for place in places]
        columns[3:] = _to_tenths([place.box for place in places]).T
        columns[[0, 2, 3, 4, 5, 6]] = np.diff(columns[[0, 2, 3, 4, 5, 6]], axis=1, prepend=0)
    flags = [_CODES[place.run] + _OCR_FLAG * place.ocr for place in places]
    runs = np.array(flags, dtype=np.uint8)
    body = struct.pack("<II", len(sizes), len(places))
    body += _to_tenths(list(sizes)).reshape(-1, 2).T.astype("<i4").tobytes()
    return BOX_MAGIC + zlib.compress(body + columns.astype("<i4").tobytes() + runs.tobytes(), 4)


def _to_tenths(lengths: Sequence[tuple[float, ...]]) -> npt.NDArray[np.int64]:
    exact = np.array(lengths, dtype=np.float64) * 10
    return (
        np.clip(np.nan_to_num(exact), -10 * _LARGEST_LENGTH, 10 * _LARGEST_LENGTH)
        .round()
        .astype(np.int64)
    )


def find_boxes(boxes: bytes, start: int, end: int) -> list[tuple[int, float, float, float, float]]:
    """Find where the text from start to end stands: page (1-based), left, top, right, bottom.

    Points from the top left of the page as it is shown, one box a line, in order of the text. A
    range that is only partly asked for is narrowed in proportion. Nothing known: an empty list.
    Raises ValueError when the bytes are no map of a version that is read here.
    """
    if not boxes or end <= start:
        return []
    box_map = _read_box_map(boxes)
    first = int(np.searchsorted(box_map.ends, start, side="right"))
    last = int(np.searchsorted(box_map.starts, end, side="left"))
    return [
        (int(box_map.pages[n]), *_narrow_box(box_map, n, start, end)) for n in range(first, last)
    ]


def move_boxes(boxes: bytes, move: Callable[[int], int]) -> bytes:
    """Rewrite the offsets of boxes for a text that was changed; a box without text is dropped.

    move: gives the new offset of an old one, in the same order. Raises ValueError as above.
    """
    if not boxes:
        return boxes
    box_map = _read_box_map(boxes)
    places = []
    for n, (first, last) in enumerate(zip(box_map.starts, box_map.ends, strict=True)):
        start, end = move(int(first)), move(int(last))
        if start < end:
            left, top, right, bottom = (float(side) / 10 for side in box_map.boxes[n])
            run = _RUNS[box_map.runs[n]]
            page, ocr = int(box_map.pages[n]), bool(box_map.ocr[n])
            places.append(TextBox(start, end, page, (left, top, right, bottom), run, ocr))
    return write_boxes(read_page_sizes(boxes), places)


def holds_ocr_text(boxes: bytes, start: int, end: int) -> bool:
    """Tell whether OCR read some of the text from start to end. Raises ValueError as above."""
    if not boxes or end <= start:
        return False
    box_map = _read_box_map(boxes)
    first = int(np.searchsorted(box_map.ends, start, side="right"))
    last = int(np.searchsorted(box_map.starts, end, side="left"))
    return bool(box_map.ocr[first:last].any())


def read_page_sizes(boxes: bytes) -> list[tuple[float, float]]:
    """Return the width and height of each page, in points. Raises ValueError as ``find_boxes``."""
    if not boxes:
        return []
    return [(width / 10, height / 10) for width, height in _read_box_map(boxes).sizes.tolist()]


def _narrow_box(box_map: _BoxMap, n: int, start: int, end: int) -> Box:
    first, last = int(box_map.starts[n]), int(box_map.ends[n])
    left, top, right, bottom = (float(side) / 10 for side in box_map.boxes[n])
    head = max(start - first, 0) / (last - first)
    tail = max(last - end, 0) / (last - first)
    wide, high = right - left, bottom - top
    match _RUNS[box_map.runs[n]]:
        case "right":
            return left + head * wide, top, right - tail * wide, bottom
        case "left":
            return left + tail * wide, top, right - head * wide, bottom
        case "down":
            return left, top + head * high, right, bottom - tail * high
        case _:
            return left, top + tail * high, right, bottom - head * high


@lru_cache(maxsize=8)  # a page of answers quotes the same few documents
def _read_box_map(boxes: bytes) -> _BoxMap:
    if boxes[:4] != BOX_MAGIC:
        raise ValueError("not a map of boxes in a form that this version reads")
    opened = zlib.decompressobj()
    most = _HEAD_BYTES + MOST_RANGES * _RANGE_BYTES
    try:
        body = opened.decompress(boxes[4:], most)
    except zlib.error as error:
        raise ValueError("a damaged map of boxes") from error
    pages, ranges = struct.unpack_from("<II", body) if len(body) >= _HEAD_BYTES else (0, 0)
    if opened.unconsumed_tail or len(body) != _HEAD_BYTES + 8 * pages + _RANGE_BYTES * ranges:
        raise ValueError("a damaged map of boxes")
    sizes = np.frombuffer(body, "<i4", 2 * pages, _HEAD_BYTES).reshape(2, pages).T
    columns = np.frombuffer(body, "<i4", _COLUMN_COUNT * ranges, _HEAD_BYTES + 8 * pages).reshape(
        _COLUMN_COUNT, ranges
    )
    runs = np.frombuffer(body, np.uint8, ranges, len(body) - ranges)
    numbers = columns.astype(np.int64)
    numbers[[0, 2, 3, 4, 5, 6]] = np.cumsum(numbers[[0, 2, 3, 4, 5, 6]], axis=1)
    starts, lengths, sheets = numbers[:3]
    return _BoxMap(
        sizes, starts, starts + lengths, sheets, numbers[3:].T, runs % _OCR_FLAG, runs >= _OCR_FLAG
    )
