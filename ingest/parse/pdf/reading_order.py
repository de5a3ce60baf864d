"""Bring the lines of a page into reading order.

The order in which a page is drawn is kept where it goes down every column, as it does on
most pages; only a page that jumps up is ordered by where its lines stand.
"""

import re

import numpy as np

from ingest.parse.pdf.page_model import (
    BoolArray,
    Box,
    LineCell,
    TextLine,
    bounding_box,
    overlap_length,
)

# A footnote sign drawn apart from its word: (a), 2, *, †.
_FOOTNOTE_SIGN = re.compile(r"[(\[]?(?:[0-9*∗†‡§#+®™]{1,2}|[a-z]{1,2}|SM|TM)[)\]]?")
MOST_LINES = 1_000  # of a page that is compared line by line
LARGEST_SIGN = 1.05  # times the size of the words it stands at
MOST_STRAYS = 0.25  # the part of a page's lines that is set apart before all are ordered anew
PROSE_LETTERS = 14  # letters of a line, on average: fewer are cells of a table
PAIR_CELLS = 2  # cells of a line across two columns
FEWEST_PAIRS = 5  # such lines, for the page to have columns
FEWEST_COLUMN_LINES = 3  # lines make a column
MOST_CROSSING = 0.4  # the part of a page's lines that may run across its columns


def order_lines(lines: list[TextLine]) -> list[TextLine]:
    """Return the lines of a page in reading order, cells of one row together."""
    lines = _join_rows(_attach_signs(_part_columns(lines)))
    if not 1 < len(lines) <= MOST_LINES:
        return lines
    above, aside = _compare_places(lines)
    jumps = np.triu(above & ~aside, k=1)
    if not jumps.any():
        return lines
    strays = _find_strays(jumps)
    if len(strays) > MOST_STRAYS * len(lines):
        return _join_rows(order_by_columns(lines))
    return _join_rows([lines[n] for n in _place_strays(strays, above, aside)])


def _part_columns(lines: list[TextLine]) -> list[TextLine]:
    """Separate two columns of prose that were drawn row by row across both.

    In a table the left cells end where they like; in prose most of them reach the gutter.
    """
    pairs = [line for line in lines if len(line.cells) == PAIR_CELLS and line.run == "right"]
    if len(pairs) < FEWEST_PAIRS or len(pairs) < 0.6 * len(lines):
        return lines
    gutter_start = max(line.cells[0].box[2] for line in pairs)
    gutter_end = min(line.cells[1].box[0] for line in pairs)
    right = max(line.cells[1].box[2] for line in pairs)
    full = [
        gutter_start - line.cells[0].box[2] < 4 * line.size
        and right - line.cells[1].box[2] < 4 * line.size
        and min(len(cell.text) for cell in line.cells) >= PROSE_LETTERS
        for line in pairs
    ]
    if gutter_start > gutter_end or sum(full) < 0.7 * len(full):
        return lines
    halves = [
        line._replace(cells=(cell,), box=cell.box, hyphen=line.hyphen and n == len(line.cells) - 1)
        for line in lines
        for n, cell in enumerate(line.cells)
    ]
    return order_by_columns(halves)


def _attach_signs(lines: list[TextLine]) -> list[TextLine]:
    """Attach small signs that were drawn apart to the words they stand at."""
    apart = [
        n
        for n, line in enumerate(lines)
        if all(_FOOTNOTE_SIGN.fullmatch(c.text) for c in line.cells)
    ]
    if not apart or len(apart) > len(lines) // 2:
        return lines
    remainder: list[TextLine | None] = list(lines)
    for n in apart:
        cells = [
            cell for cell in lines[n].cells if not _place_sign(remainder, n, cell, lines[n].size)
        ]
        remainder[n] = lines[n]._replace(cells=tuple(cells)) if cells else None
    return [line for line in remainder if line is not None]


def _place_sign(lines: list[TextLine | None], own_line: int, sign: LineCell, size: float) -> bool:
    """Write a footnote sign into the cell beside or around it; False where there is none."""
    _, top, _, bottom = sign.box
    neighbours = [
        (line, n, m)
        for n, line in enumerate(lines)
        if line is not None
        and n != own_line
        and line.run != "left"
        and size <= LARGEST_SIGN * line.size
        and overlap_length(top, bottom, line.box[1], line.box[3]) > 0.4 * size
        for m in range(len(line.cells))
    ]
    for write in (_append_sign, _prepend_sign, _insert_sign):
        for line, n, m in neighbours:
            if (joined := write(line.cells[m], sign, line.size)) is not None:
                cells = (*line.cells[:m], joined, *line.cells[m + 1 :])
                lines[n] = line._replace(cells=cells, box=bounding_box([line.box, sign.box]))
                return True
    return False


def _append_sign(cell: LineCell, sign: LineCell, size: float) -> LineCell | None:
    if not -0.2 * size < sign.box[0] - cell.box[2] < 0.5 * size:
        return None
    return _write_sign(cell, sign, len(cell.text))


def _prepend_sign(cell: LineCell, sign: LineCell, size: float) -> LineCell | None:
    if not -0.2 * size < cell.box[0] - sign.box[2] < 1.5 * size:
        return None
    return LineCell(f"{sign.text} {cell.text}", bounding_box([cell.box, sign.box]))


def _insert_sign(cell: LineCell, sign: LineCell, size: float) -> LineCell | None:
    """Write a sign at the space that is nearest to its place."""
    left, _, right, _ = cell.box
    if not left < sign.box[0] < right - 0.2 * size:
        return None
    guess = round(len(cell.text) * (sign.box[0] - left) / (right - left))
    spaces = [place for place, letter in enumerate(cell.text) if letter == " "]
    return _write_sign(
        cell, sign, min(spaces, key=lambda place: abs(place - guess), default=len(cell.text))
    )


def _write_sign(cell: LineCell, sign: LineCell, at: int) -> LineCell:
    mark = f" {sign.text}" if sign.text[0] == "(" else sign.text
    return LineCell(cell.text[:at] + mark + cell.text[at:], bounding_box([cell.box, sign.box]))


def _join_rows(lines: list[TextLine]) -> list[TextLine]:
    """Join neighbours of one height when one of them is a cell rather than prose."""
    joined: list[TextLine] = []
    for line in lines:
        if not joined or not _is_same_row(joined[-1], line):
            joined.append(line)
            continue
        last = joined[-1]
        joined[-1] = last._replace(
            cells=last.cells + line.cells,
            box=bounding_box([last.box, line.box]),
            bold=last.bold and line.bold,
            hyphen=line.hyphen,
        )
    return joined


def _is_same_row(line: TextLine, after: TextLine) -> bool:
    if line.run != after.run:
        return False
    low = min(line.size, after.size)
    if overlap_length(line.box[1], line.box[3], after.box[1], after.box[3]) < 0.6 * low:
        return False
    ahead = line.box[0] - after.box[2] if line.run == "left" else after.box[0] - line.box[2]
    shorter = min(len(line.cells[-1].text), len(after.cells[0].text))
    return ahead > -0.2 * low and shorter < 2 * PROSE_LETTERS


def _compare_places(lines: list[TextLine]) -> tuple[BoolArray, BoolArray]:
    """Mark for each pair [i, j] whether j stands above i, and whether beside it."""
    left, top, right, bottom = np.array([line.box for line in lines]).T
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    width = np.minimum((right - left)[:, None], right - left)
    above = bottom[None, :] - 0.3 * (bottom - top) <= top[:, None]
    return above, shared <= 0.3 * width


def _find_strays(jumps: BoolArray) -> list[int]:
    """Return the fewest lines to take out so that the page only runs downwards (greedy)."""
    strays, jumps = [], jumps.copy()
    while jumps.any():
        worst = int(np.argmax(jumps.sum(axis=0) + jumps.sum(axis=1)))
        jumps[worst] = jumps[:, worst] = False
        strays.append(worst)
    return strays


def _place_strays(strays: list[int], above: BoolArray, aside: BoolArray) -> list[int]:
    """Set each stray line where the fewest lines, of its column first, are on its wrong side."""
    order = [n for n in range(len(above)) if n not in set(strays)]
    for stray in sorted(strays):
        weight = np.where(aside[stray, order], 1, len(above))
        early = above[order, stray] * weight  # lines that the stray stands above
        late = above[stray, order] * weight
        wrong = np.append(0, np.cumsum(early)) + late.sum() - np.append(0, np.cumsum(late))
        order.insert(int(np.argmin(wrong)), stray)
    return order


def order_by_columns(lines: list[TextLine]) -> list[TextLine]:
    """Order lines by where they stand: column after column between lines that cross them."""
    middle = _find_gutter(lines)
    if middle is None:
        return _order_by_rows(lines)
    ordered: list[TextLine] = []
    sides: tuple[list[TextLine], list[TextLine]] = ([], [])
    for line in sorted(lines, key=lambda line: line.box[1]):
        if line.box[2] <= middle or line.box[0] >= middle:
            sides[line.box[0] >= middle].append(line)
            continue
        ordered += [*order_by_columns(sides[0]), *order_by_columns(sides[1]), line]
        sides = ([], [])
    return [*ordered, *order_by_columns(sides[0]), *order_by_columns(sides[1])]


def _order_by_rows(lines: list[TextLine]) -> list[TextLine]:
    """Order lines from top to bottom, and those on one height from left to right."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: (line.box[1] + line.box[3]) / 2):
        if rows and _is_level(rows[-1][0].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [
        line
        for row in rows
        for line in sorted(
            row, key=lambda entry: -entry.box[2] if entry.run == "left" else entry.box[0]
        )
    ]


def _is_level(box: Box, other: Box) -> bool:
    height = min(box[3] - box[1], other[3] - other[1])
    return overlap_length(box[1], box[3], other[1], other[3]) > 0.6 * height


def _find_gutter(lines: list[TextLine]) -> float | None:
    """Find where the page falls into two columns of prose: the middle of the gap, or None."""
    if len(lines) < 2 * FEWEST_COLUMN_LINES:
        return None
    left, top, right, bottom = np.array([line.box for line in lines]).T
    letters = np.array([len(line.text) for line in lines])
    best = MOST_CROSSING * len(lines)
    middle = None
    for edge in np.unique(np.round(left)):
        first, second = right <= edge + 1, left >= edge - 1
        if first.sum() < FEWEST_COLUMN_LINES or second.sum() < FEWEST_COLUMN_LINES:
            continue
        across = len(lines) - first.sum() - second.sum()
        if across > best or (across == best and middle is not None):
            continue
        beside = overlap_length(
            top[first].min(), bottom[first].max(), top[second].min(), bottom[second].max()
        )
        deep = min(np.ptp(top[first]), np.ptp(top[second]))
        if (
            beside > 0.5 * deep
            and min(letters[first].mean(), letters[second].mean()) >= PROSE_LETTERS
        ):
            best = float(across)
            middle = float(right[first].max() + left[second].min()) / 2
    return middle
