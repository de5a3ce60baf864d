"""Join the words of a page into cells and lines.

A new line begins where the reader saw one, or where the next word stands at another height;
words on one height with a wide gap between them are cells of one line.
"""

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ingest.parse.pdf.drawn_text import NEEDS_TIDYING, tidy_ordinary_text, tidy_text
from ingest.parse.pdf.page_model import (
    BoolArray,
    Box,
    FloatArray,
    IntArray,
    LineCell,
    PageWords,
    RunDirection,
    TextLine,
    bounding_box,
)

# Words further apart than this share of their height are cells of a table.
CELL_GAP = 1.05
ALIKE_HEIGHT = 0.85
CLOSE_GAP = 0.6  # in a line that has cells, if it is also twice as wide as those between words
# Two words stand on one line when they share this part of the lower one's height.
SAME_LINE_SHARE = 0.4
TURNED_HEIGHTS = 3.0  # a word this many times as tall as its neighbour runs down the page beside it
SMALLEST_SIZE = 0.5  # points
TOUCHING_GAP = 0.1  # and closer than this they are one word, whatever stands between them
FIRST_CJK = 0x2E80
MOST_CJK = 0.5  # of the words of a page
# How even the gaps of a stretched line are, least to widest, by their number; of four: 0.85.
EVEN_GAPS = (2, 2, 0.97, 0.93)


def _make_sign_table(signs: str, *ranges: tuple[str, str]) -> BoolArray:
    """Make a table that tells of each character whether it is one of some signs."""
    table = np.zeros(0x10000, dtype=np.bool_)
    table[[ord(sign) for sign in signs]] = True
    for first, last in ranges:
        table[ord(first) : ord(last) + 1] = True
    return table


_CURRENCY_SIGNS = _make_sign_table("$€£¥￥")
_UNIT_SIGNS = _make_sign_table("%)")
_AMOUNT_END = _make_sign_table("%)—–-", ("0", "9"))
_LETTER = _make_sign_table("“‘\"'(", ("A", "Z"), ("a", "z"), ("À", "ɏ"))

_RTL, _LTR = re.compile("[\u0590-\u08ff]"), re.compile("[A-Za-z]")


def make_lines(
    sheet: tuple[float, float],
    words: PageWords,
    is_bold_at: Callable[[int], bool],
    size_at: Callable[[int], float],
) -> list[TextLine]:
    """Make lines of the words of a page.

    sheet: its width and height. is_bold_at, size_at: of a character, by its position, whether it
    is bold, and the size of its font (0: unknown).
    """
    run = _find_direction(words)
    layout_boxes = _turn_boxes(words.boxes, sheet, run)
    row, cell, is_glued = _find_breaks(words, layout_boxes)
    text = _drop_line_ends(words, is_glued)
    firsts = np.flatnonzero(np.concatenate([[True], row | cell]))  # first word of each cell
    lasts = np.append(firsts[1:], len(words.starts)) - 1
    spans = zip(words.starts[firsts].tolist(), words.ends[lasts].tolist(), strict=True)
    places = _measure_cells(words.boxes, firsts)
    view_boxes = places if run == "right" else _measure_cells(layout_boxes, firsts)
    read = tidy_text if NEEDS_TIDYING.search(text) else tidy_ordinary_text
    cells = [LineCell(read(text[a:b]), box) for (a, b), box in zip(spans, places, strict=True)]
    begins = [0, *(np.flatnonzero(row[firsts[1:] - 1]) + 1).tolist(), len(firsts)]
    heights = (layout_boxes[:, 3] - layout_boxes[:, 1]).tolist()
    lines = []
    for first, end in pairwise(begins):
        a, b = int(firsts[first]), int(lasts[end - 1])
        if any(cells[n].text for n in range(first, end)):
            row_cells, box, direction = _order_cells(cells[first:end], view_boxes[first:end], run)
            height = _choose_line_size(heights[a : b + 1], size_at(int(words.starts[(a + b) // 2])))
            is_bold = is_bold_at(int(words.starts[a])) and is_bold_at(int(words.ends[b]) - 1)
            hyphen = b < len(words.hyphen) and bool(words.hyphen[b])
            lines.append(TextLine(row_cells, box, height, is_bold, hyphen, direction))
    return lines


def _order_cells(
    cells: list[LineCell], view_boxes: list[Box], run: RunDirection
) -> tuple[tuple[LineCell, ...], Box, RunDirection]:
    """Bring the cells of a line into the order they are read in."""
    if run == "right" and _is_right_to_left(cells):
        run = "left"
    if len(cells) == 1:
        return (cells[0],), view_boxes[0], run
    key = (lambda n: -view_boxes[n][2]) if run == "left" else (lambda n: view_boxes[n][0])
    order = sorted(range(len(cells)), key=key)
    return tuple(cells[n] for n in order if cells[n].text), bounding_box(view_boxes), run


def _choose_line_size(heights: list[float], font_size: float) -> float:
    """Trust the font's size where it fits the letters' height, which differs from font to font."""
    height = sorted(heights)[len(heights) // 2]
    return max(font_size if 0.5 * height < font_size < 2 * height else height / 1.15, SMALLEST_SIZE)


def _is_right_to_left(cells: list[LineCell]) -> bool:
    if all(cell.text.isascii() for cell in cells):
        return False
    text = "".join([cell.text for cell in cells])
    return len(_RTL.findall(text)) > len(_LTR.findall(text))


def _find_direction(words: PageWords) -> RunDirection:
    """Find the direction of a page's lines, by the way from the first to the last letter.

    Vertical Chinese and Japanese often comes one character at a time, each below the last.
    """
    across, down = words.ways.T
    aside, along = np.abs(across).sum(), np.abs(down).sum()
    first = words.codes[words.starts[:200]]
    if (first >= FIRST_CJK).mean() > MOST_CJK:
        step = np.diff((words.boxes[:, :2] + words.boxes[:, 2:]) / 2, axis=0)
        height = (words.boxes[:, 3] - words.boxes[:, 1]).mean()
        is_close = np.abs(step).max(axis=1) < 2 * height
        aside += np.abs(step[is_close, 0]).sum()
        along += np.abs(step[is_close, 1]).sum()
        down = np.abs(down)
    if along <= 2 * aside:
        return "right"
    return "down" if down.sum() >= 0 else "up"


def _turn_boxes(boxes: FloatArray, sheet: tuple[float, float], run: RunDirection) -> FloatArray:
    """Turn a page whose lines run up or down, so that the layout sees them run right."""
    left, top, right, bottom = boxes.T
    if run == "down":
        return np.column_stack([top, sheet[0] - right, bottom, sheet[0] - left])
    if run == "up":
        return np.column_stack([sheet[1] - bottom, left, sheet[1] - top, right])
    return boxes


def _drop_line_ends(words: PageWords, is_glued: BoolArray) -> str:
    """Blank out line ends that pdfium saw inside words; positions stay."""
    text = words.text
    if not is_glued.any():
        return text
    parts = []
    at = 0
    for n in np.flatnonzero(is_glued).tolist():
        end, start = int(words.ends[n]), int(words.starts[n + 1])
        parts += [text[at:end], "\0" * (start - end)]
        at = start
    return "".join(parts) + text[at:]


def _find_breaks(words: PageWords, boxes: FloatArray) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Find for each pair of neighbours whether a line ends between them, a cell, or nothing."""
    left, top, right, bottom = boxes.T
    height = np.maximum(bottom - top, 0.1)
    low, high = np.minimum(height[1:], height[:-1]), np.maximum(height[1:], height[:-1])
    shared = np.minimum(bottom[1:], bottom[:-1]) - np.maximum(top[1:], top[:-1])
    same = (shared > SAME_LINE_SHARE * low) & (high < TURNED_HEIGHTS * low)
    gap = np.maximum(left[1:] - right[:-1], left[:-1] - right[1:])
    # pdfium breaks the line at a raised sign or a change of font; the words stand close.
    close = (left[1:] > right[:-1] - 0.3 * low) & (gap < CELL_GAP * high)
    row = ~same | (words.newline & ~close)
    opens, joined = _mark_amounts(words)
    cell = ~row & ((opens & (gap > TOUCHING_GAP * high)) | (gap > CELL_GAP * high)) & ~joined
    if cell.any():
        inside = np.where(row, np.nan, gap)
        cell &= ~_mark_stretched(words, inside)
        alike = low > ALIKE_HEIGHT * high  # the room after a raised sign is no gap
        cell |= _mark_close_cells(inside, cell) & (gap > CLOSE_GAP * high) & alike & ~joined
    return row, cell, ~row & words.newline & (gap < TOUCHING_GAP * high)


def _split_gaps(gap: FloatArray) -> tuple[IntArray, IntArray]:
    """Return each line's first gap and how many it has, the one at its end (nan) included."""
    firsts = np.append(0, np.flatnonzero(np.isnan(gap)) + 1)
    firsts = firsts[firsts < len(gap)]
    return firsts, np.diff(np.append(firsts, len(gap)))


def _mark_stretched(words: PageWords, gap: FloatArray) -> BoolArray:
    """Mark the gaps of justified lines, whose words stand at even distances.

    gap: to the next word of the line, nan at its end.
    """
    firsts, lengths = _split_gaps(gap)
    ends = np.isnan(gap)
    lowest = np.minimum.reduceat(np.where(ends, np.inf, gap), firsts)
    widest = np.maximum.reduceat(np.where(ends, 0, gap), firsts)
    count = np.add.reduceat(~ends, firsts, dtype=np.int64)
    letters = np.add.reduceat(
        _LETTER[np.minimum(words.codes[words.starts[:-1]], 0xFFFF)], firsts, dtype=np.int64
    )
    even = lowest > np.array(EVEN_GAPS)[np.minimum(count, len(EVEN_GAPS) - 1)] * widest
    even |= (count >= len(EVEN_GAPS)) & (lowest > 0.85 * widest)
    return np.asarray(np.repeat(even & (letters * 3 > count * 2), lengths))


def _mark_close_cells(gap: FloatArray, cell: BoolArray) -> BoolArray:
    """Mark the gaps in a line with cells that are much wider than those between words."""
    firsts, lengths = _split_gaps(gap)
    space = np.where(np.isnan(gap) | cell, np.inf, gap)
    least = np.minimum.reduceat(space, firsts)
    count = np.add.reduceat(space < np.inf, firsts, dtype=np.int64)
    has_cells = np.add.reduceat(cell, firsts, dtype=np.int64) > 0
    limit = np.where(has_cells, np.where(count == 1, 0.0, 2.2 * least), np.inf)
    return np.asarray((space < np.inf) & (space > np.repeat(limit, lengths)))


def _mark_amounts(words: PageWords) -> tuple[BoolArray, BoolArray]:
    """Mark the gaps behind which a currency sign opens a cell, and those that it joins.

    A currency sign stays with its amount, and so do a percent sign and a closing bracket.
    """
    single = words.ends - words.starts == 1
    first = np.minimum(words.codes[words.starts], 0xFFFF)
    last = np.minimum(words.codes[words.ends - 1], 0xFFFF)
    sign = single & _CURRENCY_SIGNS[first]
    return sign[1:] & _AMOUNT_END[last][:-1], sign[:-1] | (single & _UNIT_SIGNS[first])[1:]


def _measure_cells(boxes: FloatArray, firsts: np.ndarray) -> list[Box]:
    low = np.minimum.reduceat(boxes[:, :2], firsts, axis=0)
    high = np.maximum.reduceat(boxes[:, 2:], firsts, axis=0)
    return [(a, b, c, d) for a, b, c, d in np.hstack([low, high]).tolist()]
