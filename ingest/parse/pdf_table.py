"""Find the tables of a page: rows stay one line each, cells apart by a bar.

A table is a run of lines with cells; a line without them belongs to it when it labels the rows
below it, or when it is the rest of a label that was too long for one line.
"""

import re
from collections.abc import Sequence
from statistics import median

from ingest.parse.pdf_line import Cell, Line, Part, Piece, around, overlap

# The sign or number before the first word of a list item or a numbered heading.
MARKER = re.compile(
    r"(?:[•●○◦▪■□◆◇▶➢✓✔–—*·‣⁃-]|\(?[0-9]{1,3}[.)]|\(?[A-Za-z][.)]|\(?[ivxIVX]{1,5}[.)]"
    r"|[0-9]{1,2}(?:\.[0-9]{1,3}){1,4}\.?|[（(][一二三四五六七八九十0-9]{1,3}[）)]"
    r"|[一二三四五六七八九十]{1,3}、|[①-⑳])"
)
_AMOUNT = re.compile(
    r"[$€£¥￥]?\s?[(+-]?[$€£¥￥]?\s?[\d.,]*\d[\d.,]*\)?\s?(?:%|pts?|bps)?\)?|[—–-]+"
)
_YEAR = re.compile(r"(?:19|20)\d\d(?:\s?[A-Z]{1,2})?")
MOST_HEADER = 6  # lines of a header
HEAD = 32  # letters of one line of a column's head
LABEL = 90  # letters at most of a line without cells inside a table
APART = 1.7  # rows with a larger gap between them, in sizes, are not one table


def is_item(line: Line) -> bool:
    """Tell whether a line begins with the marker of a list item or a numbered heading.

    >>> box = (0.0, 0.0, 9.0, 9.0)
    >>> is_item(Line((Cell("(a)", box), Cell("Refunds", box)), box, 9.0))
    True
    """
    return (
        len(line.cells) <= 2 and MARKER.fullmatch(line.cells[0].text.split(" ", 1)[0]) is not None
    )  # noqa: PLR2004 - a marker and its text


def find_tables(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Give the first and the end line of each table of a page."""
    rows = [len(line.cells) > 1 and not _is_prose(line) for line in lines]
    tables, first = [], 0
    while first < len(lines):
        if not rows[first]:
            first += 1
            continue
        last = first
        for n in range(first + 1, len(lines)):
            if n - last > 3 or not _follows(lines[n - 1], lines[n]):
                break
            if rows[n]:
                last = n
            elif len(lines[n].text) > LABEL or lines[n].run != lines[first].run:
                break
        if _is_table(lines[first : last + 1], sum(rows[first : last + 1])):
            tables.append((first, last + 1))
        first = last + 1
    return tables


def _is_prose(line: Line) -> bool:
    """Tell whether a line with two cells is no row: an item and its marker, a stretched line."""
    if len(line.cells) > 2:  # noqa: PLR2004
        return False
    first, second = line.cells
    if is_item(line):
        return not _AMOUNT.fullmatch(second.text)
    gap = max(second.box[0] - first.box[2], first.box[0] - second.box[2])
    return gap < 2 * line.size and len(second.text) > 25  # noqa: PLR2004 - letters: no amount


def gather(lines: Sequence[Line]) -> list[Line]:
    """Put the heads of columns that were drawn one under the other into one row.

    ``Additional / Paid-in / Capital`` beside ``Retained / Earnings``: each stack is a cell.
    """
    gathered: list[Line] = []
    n = 0
    while n < len(lines):
        stacks, end = _stacks(lines, n)
        if len(stacks) > 1:
            cells = [
                Cell(" ".join(c.text for c in stack), around([c.box for c in stack]))
                for stack in stacks
            ]
            box = around([line.box for line in lines[n:end]])
            before = gathered[-1] if gathered else None
            if (
                before
                and len(before.cells) > 1
                and before.box[2] < box[0]
                and before.box[1] < box[3]
            ):
                cells, box = [*gathered.pop().cells, *cells], around([before.box, box])
            gathered.append(lines[n]._replace(cells=tuple(cells), box=box))
            n = end
        else:
            gathered.append(lines[n])
            n += 1
    return gathered


def _stacks(lines: Sequence[Line], first: int) -> tuple[list[list[Cell]], int]:
    """Read short lines as stacks side by side, from left to right; give where they end."""
    stacks: list[list[Cell]] = []
    n = first
    while n < len(lines) and lines[n].run == "right" and len(lines[n].cells[0].text) <= HEAD:
        line, cell = lines[n], lines[n].cells[0]
        last = stacks[-1][-1] if stacks else None
        if last is None or (cell.box[0] > last.box[2] and cell.box[1] < last.box[3]):
            stacks.append([cell])
        elif _on_top(last, cell, line.size) and len(stacks[-1]) < MOST_HEADER:
            stacks[-1].append(cell)
        else:
            break
        stacks += [[other] for other in line.cells[1:]]
        n += 1
    if sum(len(stack) > 1 for stack in stacks) < 2:  # noqa: PLR2004 - one is a label of two lines
        return [], n
    return stacks, n


def _on_top(cell: Cell, under: Cell, size: float) -> bool:
    step = under.box[1] - cell.box[1]
    return 0.5 * size < step < 1.5 * size and (
        overlap(cell.box[0], cell.box[2], under.box[0], under.box[2]) > 0
    )


def _follows(line: Line, after: Line) -> bool:
    gap = after.box[1] - line.box[3]
    return -1.5 * line.size < gap < APART * max(line.size, after.size)


def _is_table(lines: Sequence[Line], rows: int) -> bool:
    return rows > 1 or max(len(line.cells) for line in lines) > 2  # noqa: PLR2004 - one wide gap is no table


def table(lines: Sequence[Line]) -> Piece:
    """Make a table of its lines: one line a row, and how many of the first are its header."""
    rows = _rows(lines)
    parts: list[Part] = []
    for row in rows:
        for place, cell in enumerate(row):
            for turn, (text, box) in enumerate(cell):
                joint = " " if turn else " | " if place else "\n" if parts else ""
                parts.append(Part(joint, text, box, lines[0].run))
    return Piece(
        kind="table",
        parts=tuple(parts),
        at=around([line.box for line in lines]),
        size=median([line.size for line in lines]),
        lines=len(rows),
        header=_header([[" ".join(cell.text for cell in cells) for cells in row] for row in rows]),
    )


def _rows(lines: Sequence[Line]) -> list[list[list[Cell]]]:
    """Give each row's cells, each the pieces it was printed in: a long label has two."""
    steps = [after.box[1] - line.box[1] for line, after in zip(lines, lines[1:], strict=False)]
    usual = median(steps) if steps else 0.0
    rows: list[list[list[Cell]]] = []
    rest: list[Cell] = []
    for n, line in enumerate(lines):
        tight = n > 0 and 0 < steps[n - 1] < 0.87 * usual
        ahead = n + 1 < len(lines) and 0 < steps[n] < 0.87 * usual and len(lines[n + 1].cells) > 1
        alone = len(line.cells) == 1
        if alone and tight and rows and (place := _over(rows[-1], line)) is not None:
            rows[-1][place].append(line.cells[0])
        elif alone and ahead and _under(line.cells[0], lines[n + 1]):
            rest.append(line.cells[0])
        else:
            rows.append([[*rest, line.cells[0]], *[[cell] for cell in line.cells[1:]]])
            rest = []
    return rows


def _over(row: Sequence[Sequence[Cell]], line: Line) -> int | None:
    """Find the cell above a line that it goes on with."""
    places = [place for place, cells in enumerate(row) if _under(cells[-1], line)]
    return places[-1] if places else None


def _under(label: Cell, line: Line) -> bool:
    """Tell whether a line goes on with the label above it: at its edge, or a little indented."""
    return -0.5 * line.size < line.cells[0].box[0] - label.box[0] < 2.5 * line.size


def _header(rows: Sequence[Sequence[str]]) -> int:
    """Count the rows before the first that holds an amount; years are no amounts.

    >>> _header([["(Millions)", "2022", "2021"], ["Net sales", "34,229", "35,355"]])
    1
    """
    for n, row in enumerate(rows[: MOST_HEADER + 1]):
        cells = row[1:] if len(row) > 1 and not _AMOUNT.fullmatch(row[0]) else row
        if any(_AMOUNT.fullmatch(cell) and not _YEAR.fullmatch(cell) for cell in cells):
            return max((m + 1 for m in range(n) if len(rows[m]) > 1), default=0)
    return 0
