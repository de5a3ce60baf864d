"""Bring the lines of a page into reading order.

The order in which a page is drawn is kept where it goes down every column, as it does on
most pages; only a page that jumps up is ordered by where its lines stand.
"""

import re

import numpy as np

from ingest.parse.pdf_line import Box, Cell, Line, Marks, around, overlap

# A footnote sign drawn apart from its word: (a), 2, *, †.
_SIGN = re.compile(r"[(\[]?(?:[0-9*∗†‡§#+®™]{1,2}|[a-z]{1,2}|SM|TM)[)\]]?")
MOST_LINES = 1_000  # of a page that is compared line by line
LARGEST_SIGN = 1.05  # times the size of the words it stands at
STRAYS = 0.25  # the part of a page's lines that is set apart before all are ordered anew
PROSE = 14  # letters of a line, on average: fewer are cells of a table
PAIR, FEWEST_PAIRS = 2, 5  # cells of a line across two columns, and how many such lines
FEWEST = 3  # lines make a column
CROSSING = 0.4  # the part of a page's lines that may run across its columns


def arrange(lines: list[Line]) -> list[Line]:
    """Give the lines of a page in reading order, cells of one row together."""
    lines = _rejoin(_attach(_unzip(lines)))
    if not 1 < len(lines) <= MOST_LINES:
        return lines
    above, aside = _relations(lines)
    jumps = np.triu(above & ~aside, k=1)
    if not jumps.any():
        return lines
    strays = _strays(jumps)
    if len(strays) > STRAYS * len(lines):
        return _rejoin(by_columns(lines))
    return _rejoin([lines[n] for n in _placed(strays, above, aside)])


def _unzip(lines: list[Line]) -> list[Line]:
    """Part two columns of prose that were drawn row by row, across both.

    In a table the left cells end where they like; in prose most of them reach the gutter.
    """
    pairs = [line for line in lines if len(line.cells) == PAIR and line.run == "right"]
    if len(pairs) < FEWEST_PAIRS or len(pairs) < 0.6 * len(lines):
        return lines
    gutter_start = max(line.cells[0].box[2] for line in pairs)
    gutter_end = min(line.cells[1].box[0] for line in pairs)
    right = max(line.cells[1].box[2] for line in pairs)
    full = [
        gutter_start - line.cells[0].box[2] < 4 * line.size
        and right - line.cells[1].box[2] < 4 * line.size
        and min(len(cell.text) for cell in line.cells) >= PROSE
        for line in pairs
    ]
    if gutter_start > gutter_end or sum(full) < 0.7 * len(full):
        return lines
    halves = [
        line._replace(cells=(cell,), box=cell.box, hyphen=line.hyphen and n == len(line.cells) - 1)
        for line in lines
        for n, cell in enumerate(line.cells)
    ]
    return by_columns(halves)


def _attach(lines: list[Line]) -> list[Line]:
    """Give small signs that were drawn apart back to the words they stand at."""
    apart = [n for n, line in enumerate(lines) if all(_SIGN.fullmatch(c.text) for c in line.cells)]
    if not apart or len(apart) > len(lines) // 2:
        return lines
    kept: list[Line | None] = list(lines)
    for n in apart:
        left = [cell for cell in lines[n].cells if not _found_home(kept, n, cell, lines[n].size)]
        kept[n] = lines[n]._replace(cells=tuple(left)) if left else None
    return [line for line in kept if line is not None]


def _found_home(lines: list[Line | None], own: int, sign: Cell, size: float) -> bool:
    """Write a sign into the cell that ends or begins beside it, else the one it stands in."""
    _, top, _, bottom = sign.box
    near = [
        (line, n, m)
        for n, line in enumerate(lines)
        if line is not None
        and n != own
        and line.run != "left"
        and size <= LARGEST_SIGN * line.size
        and overlap(top, bottom, line.box[1], line.box[3]) > 0.4 * size
        for m in range(len(line.cells))
    ]
    for write in (_behind, _before, _inside):
        for line, n, m in near:
            if (joined := write(line.cells[m], sign, line.size)) is not None:
                cells = (*line.cells[:m], joined, *line.cells[m + 1 :])
                lines[n] = line._replace(cells=cells, box=around([line.box, sign.box]))
                return True
    return False


def _behind(cell: Cell, sign: Cell, size: float) -> Cell | None:
    if not -0.2 * size < sign.box[0] - cell.box[2] < 0.5 * size:
        return None
    return _with(cell, sign, len(cell.text))


def _before(cell: Cell, sign: Cell, size: float) -> Cell | None:
    if not -0.2 * size < cell.box[0] - sign.box[2] < 1.5 * size:
        return None
    return Cell(f"{sign.text} {cell.text}", around([cell.box, sign.box]))


def _inside(cell: Cell, sign: Cell, size: float) -> Cell | None:
    """Write a sign at the space that is nearest to its place."""
    left, _, right, _ = cell.box
    if not left < sign.box[0] < right - 0.2 * size:
        return None
    guess = round(len(cell.text) * (sign.box[0] - left) / (right - left))
    spaces = [place for place, letter in enumerate(cell.text) if letter == " "]
    return _with(
        cell, sign, min(spaces, key=lambda place: abs(place - guess), default=len(cell.text))
    )


def _with(cell: Cell, sign: Cell, at: int) -> Cell:
    mark = f" {sign.text}" if sign.text[0] == "(" else sign.text
    return Cell(cell.text[:at] + mark + cell.text[at:], around([cell.box, sign.box]))


def _rejoin(lines: list[Line]) -> list[Line]:
    """Put neighbours on one height together when one of them is a cell rather than prose."""
    joined: list[Line] = []
    for line in lines:
        if not joined or not _one_row(joined[-1], line):
            joined.append(line)
            continue
        last = joined[-1]
        joined[-1] = last._replace(
            cells=last.cells + line.cells,
            box=around([last.box, line.box]),
            bold=last.bold and line.bold,
            hyphen=line.hyphen,
        )
    return joined


def _one_row(line: Line, after: Line) -> bool:
    if line.run != after.run:
        return False
    low = min(line.size, after.size)
    if overlap(line.box[1], line.box[3], after.box[1], after.box[3]) < 0.6 * low:
        return False
    ahead = line.box[0] - after.box[2] if line.run == "left" else after.box[0] - line.box[2]
    shorter = min(len(line.cells[-1].text), len(after.cells[0].text))
    return ahead > -0.2 * low and shorter < 2 * PROSE


def _relations(lines: list[Line]) -> tuple[Marks, Marks]:
    """Tell of each pair [i, j] whether j stands above i, and whether beside it."""
    left, top, right, bottom = np.array([line.box for line in lines]).T
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    width = np.minimum((right - left)[:, None], right - left)
    above = bottom[None, :] - 0.3 * (bottom - top) <= top[:, None]
    return above, shared <= 0.3 * width


def _strays(jumps: Marks) -> list[int]:
    """Name the fewest lines without which the page never jumps up (greedily)."""
    strays, jumps = [], jumps.copy()
    while jumps.any():
        worst = int(np.argmax(jumps.sum(axis=0) + jumps.sum(axis=1)))
        jumps[worst] = jumps[:, worst] = False
        strays.append(worst)
    return strays


def _placed(strays: list[int], above: Marks, aside: Marks) -> list[int]:
    """Set each stray line where the fewest lines, of its column first, are on its wrong side."""
    order = [n for n in range(len(above)) if n not in set(strays)]
    for stray in sorted(strays):
        weight = np.where(aside[stray, order], 1, len(above))
        early = above[order, stray] * weight  # lines that the stray stands above
        late = above[stray, order] * weight
        wrong = np.append(0, np.cumsum(early)) + late.sum() - np.append(0, np.cumsum(late))
        order.insert(int(np.argmin(wrong)), stray)
    return order


def by_columns(lines: list[Line]) -> list[Line]:
    """Order lines by where they stand: column after column between lines that cross them."""
    middle = _gutter(lines)
    if middle is None:
        return _by_rows(lines)
    ordered: list[Line] = []
    sides: tuple[list[Line], list[Line]] = ([], [])
    for line in sorted(lines, key=lambda line: line.box[1]):
        if line.box[2] <= middle or line.box[0] >= middle:
            sides[line.box[0] >= middle].append(line)
            continue
        ordered += [*by_columns(sides[0]), *by_columns(sides[1]), line]
        sides = ([], [])
    return [*ordered, *by_columns(sides[0]), *by_columns(sides[1])]


def _by_rows(lines: list[Line]) -> list[Line]:
    """Order lines from top to bottom, and those on one height from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.box[1] + line.box[3]) / 2):
        if rows and _level(rows[-1][0].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [
        line
        for row in rows
        for line in sorted(row, key=lambda one: -one.box[2] if one.run == "left" else one.box[0])
    ]


def _level(box: Box, other: Box) -> bool:
    height = min(box[3] - box[1], other[3] - other[1])
    return overlap(box[1], box[3], other[1], other[3]) > 0.6 * height


def _gutter(lines: list[Line]) -> float | None:
    """Find where the page falls into two columns of prose: the middle of the gap, or None."""
    if len(lines) < 2 * FEWEST:
        return None
    left, top, right, bottom = np.array([line.box for line in lines]).T
    letters = np.array([len(line.text) for line in lines])
    best, found = CROSSING * len(lines), None
    for edge in np.unique(np.round(left)):
        first, second = right <= edge + 1, left >= edge - 1
        if first.sum() < FEWEST or second.sum() < FEWEST:
            continue
        across = len(lines) - first.sum() - second.sum()
        if across > best or (across == best and found is not None):
            continue
        beside = overlap(
            top[first].min(), bottom[first].max(), top[second].min(), bottom[second].max()
        )
        deep = min(np.ptp(top[first]), np.ptp(top[second]))
        if beside > 0.5 * deep and min(letters[first].mean(), letters[second].mean()) >= PROSE:
            best, found = float(across), float(right[first].max() + left[second].min()) / 2
    return found
