"""Turn the lines that OCR read into lines of a page: straightened, in order, cells in one row."""

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from ingest.ocr_pages import OcrLine
from ingest.parse.pdf.drawn_text import tidy_text
from ingest.parse.pdf.page_model import Box, LineCell, TextLine
from ingest.parse.pdf.reading_order import order_by_columns, order_lines

LETTER_SHARE = 0.72  # of a line's height as OCR marks it that its letters' size is
ALIKE_SIZE = 0.28  # a line this much larger or smaller than most is of their size: marks are rough
MARGIN = 36.0  # points around a page that was turned
LONG_LINE = 4.0  # times its height: what is shorter tells no slope
MOST_SLOPE = 0.35  # of a line: steeper ones run up the page, not across it


def make_ocr_lines(marks: Sequence[OcrLine]) -> list[TextLine]:
    """Make the lines of a page, in reading order; the boxes of cells are those on the page."""
    corners = np.array([line.corners for line in marks], dtype=np.float64).reshape(-1, 4, 2)
    quarter = _find_quarter(corners)
    level = corners @ _make_turn(quarter)
    level = level @ _make_turn(_find_slope(level))
    if quarter:
        level += MARGIN - level.min(axis=(0, 1))
    heights = np.linalg.norm(level[:, 3] - level[:, 0], axis=1)
    usual = median(heights.tolist()) * LETTER_SHARE
    lines = []
    for line, own, straight, height in zip(marks, corners, level, heights.tolist(), strict=True):
        if not (text := tidy_text(line.text)):
            continue
        size = max(height * LETTER_SHARE, 1.0)
        if abs(size - usual) < ALIKE_SIZE * usual:
            size = usual
        lines.append(TextLine((LineCell(text, _box(own)),), _trim_box(_box(straight), size), size))
    return order_lines(order_by_columns(lines)) if lines else []


def _find_quarter(corners: np.ndarray) -> float:
    """Return by how much a page stands on its side or head: quarters of a circle, in radians."""
    across, down = (corners[:, 1] - corners[:, 0]).sum(axis=0).tolist()
    return round(math.atan2(down, across) / (math.pi / 2)) * math.pi / 2


def _make_turn(angle: float) -> np.ndarray:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _find_slope(corners: np.ndarray) -> float:
    """Return by how much the lines of a page slope, in radians: the median of the long ones."""
    along = corners[:, 1] - corners[:, 0]
    height = np.linalg.norm(corners[:, 3] - corners[:, 0], axis=1)
    is_long = (along[:, 0] > LONG_LINE * height) & (
        np.abs(along[:, 1]) < MOST_SLOPE * np.abs(along[:, 0])
    )
    if not is_long.any():
        return 0.0
    return float(np.median(np.arctan2(along[is_long, 1], along[is_long, 0])))


def _box(corners: np.ndarray) -> Box:
    left, top = corners.min(axis=0).tolist()
    right, bottom = corners.max(axis=0).tolist()
    return left, top, right, bottom


def _trim_box(box: Box, size: float) -> Box:
    """Take off the margin that OCR leaves above and below the letters of a line."""
    margin = max((box[3] - box[1] - 1.15 * size) / 2, 0.0)
    return box[0], box[1] + margin, box[2], box[3] - margin
