"""Find the tables of a page: each row one line, its cells separated by a bar.

A table is a run of lines with cells; a line without them belongs to it when it labels the rows
below it, or when it is the rest of a label that was too long for one line.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ingest.parse.pdf.page_model import (
    LayoutPart,
    LayoutPiece,
    LineCell,
    TextLine,
    begins_wide,
    bounding_box,
    overlap_length,
)

# The sign or number before the first word of a list item or a numbered heading.
MARKER = re.compile(
    r"(?:[•●○◦▪■□◆◇▶➢✓✔–—*·‣⁃-]|\(?[0-9]{1,3}[.)]|\(?[A-Za-z][.)]|\(?[ivxIVX]{1,5}[.)]"
    r"|[0-9]{1,2}(?:\.[0-9]{1,3}){1,4}\.?|[（(][一二三四五六七八九十0-9]{1,3}[）)]"
    r"|[一二三四五六七八九十]{1,3}、|[①-⑳])"
)
_AMOUNT_CELL = re.compile(
    r"[$€£¥￥]?\s?[(+-]?[$€£¥￥]?\s?[\d.,]*\d[\d.,]*\)?\s?(?:%|pts?|bps)?\)?|[—–-]+"
)
_PAGE_LEADER = re.compile(r" … ?\S{0,6}$")
_YEAR = re.compile(r"(?:19|20)\d\d(?:\s?[A-Z]{1,2})?")
MARKER_CELLS = 2  # cells of a list item: its marker and its text
LONGEST_AMOUNT = 25  # letters: more are no amount
FEWEST_STACKS = 2  # stacked heads beside each other; one may be a label of two lines
MOST_HEADER_LINES = 6  # lines of a header
LONGEST_HEAD_LINE = 32  # letters of one line of a column's head
MOST_LABELS = 3  # lines without cells between two rows
LONGEST_ROW_LABEL = 90  # letters at most of a line without cells inside a table
WIDEST_ROW_GAP = 1.7  # rows with a larger gap between them, in sizes, are not one table


def is_list_line(line: TextLine) -> bool:
    """Tell whether a line begins with the marker of a list item or a numbered heading.

    >>> box = (0.0, 0.0, 9.0, 9.0)
    >>> is_list_line(TextLine((LineCell("(a)", box), LineCell("Refunds", box)), box, 9.0))
    True
    """
    first = line.cells[0].text
    if len(line.cells) == MARKER_CELLS and len(first) == 1:  # as symbol fonts draw bullets
        return not first.isalnum() and first not in "$€£¥￥"
    return len(line.cells) <= MARKER_CELLS and MARKER.fullmatch(first.split(" ", 1)[0]) is not None


def is_contents_line(line: TextLine) -> bool:
    """Tell whether a line leads to a page, as in a table of contents.

    >>> box = (0.0, 0.0, 9.0, 9.0)
    >>> is_contents_line(TextLine((LineCell("Refunds … 12", box),), box, 9.0))
    True
    """
    return "… " in line.text and _PAGE_LEADER.search(line.text) is not None


def find_tables(lines: Sequence[TextLine]) -> list[tuple[int, int]]:
    """Return the first and the end line of each table of a page."""
    rows = [
        len(line.cells) > 1 and not _is_prose(line) and not is_contents_line(line) for line in lines
    ]
    tables: list[tuple[int, int]] = []
    first = 0
    while first < len(lines):
        if not rows[first]:
            first += 1
            continue
        last = first
        for n in range(first + 1, len(lines)):
            if (
                n - last > MOST_LABELS
                or is_contents_line(lines[n])
                or not _is_next_row(lines[n - 1], lines[n])
            ):
                break
            if rows[n]:
                last = n
            elif len(lines[n].text) > LONGEST_ROW_LABEL or lines[n].run != lines[first].run:
                break
        if _is_table([lines[n] for n in range(first, last + 1) if rows[n]], last + 1 - first):
            least = tables[-1][1] if tables else 0
            tables.append((_include_heads(lines, first, last + 1, least), last + 1))
        first = last + 1
    return tables


def _include_heads(lines: Sequence[TextLine], first: int, end: int, least: int) -> int:
    """Include the lines above a table that head its columns, or name its units."""
    second = min(line.cells[1].box[0] for line in lines[first:end] if len(line.cells) > 1)
    while (
        first > least
        and len(lines[first - 1].cells) == 1
        and _is_next_row(lines[first - 1], lines[first])
    ):
        line = lines[first - 1]
        text = line.text
        is_head = line.box[0] > second - 3 * line.size and len(text) < LONGEST_ROW_LABEL
        if not is_head and not (
            text[0] in "(（" and text[-1] in ")）" and len(text) < LONGEST_ROW_LABEL
        ):
            break
        first -= 1
    return first


def _is_prose(line: TextLine) -> bool:
    """Tell whether a line with two cells is no row: an item and its marker, a stretched line."""
    if len(line.cells) > MARKER_CELLS:
        return False
    first, second = line.cells
    if is_list_line(line):
        return not _AMOUNT_CELL.fullmatch(second.text)
    gap = max(second.box[0] - first.box[2], first.box[0] - second.box[2])
    return gap < 2 * line.size and len(second.text) > LONGEST_AMOUNT


def gather_column_heads(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join the column heads that were drawn one under the other into one row.

    ``Additional / Paid-in / Capital`` beside ``Retained / Earnings``: each stack is a cell.
    """
    result: list[TextLine] = []
    n = 0
    while n < len(lines):
        stacks, end = _read_stacks(lines, n)
        if len(stacks) > 1:
            cells = [_merge_stack(stack) for stack in stacks]
            box = bounding_box([line.box for line in lines[n:end]])
            before = result[-1] if result else None
            if (
                before
                and len(before.cells) > 1
                and before.box[2] < box[0]
                and before.box[1] < box[3]
            ):
                cells = [*result.pop().cells, *cells]
                box = bounding_box([before.box, box])
            result.append(lines[n]._replace(cells=tuple(cells), box=box, hyphen=False))
            n = end
        else:
            result.append(lines[n])
            n += 1
    return result


def _merge_stack(stack: Sequence[LineCell]) -> LineCell:
    text = stack[0].text
    for cell in stack[1:]:
        text += choose_cell_joint(text, cell.text) + cell.text
    return LineCell(text, bounding_box([cell.box for cell in stack]))


def choose_cell_joint(text: str, after: str) -> str:
    """Return the joint of two lines of a cell: nothing after a hyphen or between Han characters."""
    return "" if text.endswith("-") or (begins_wide(text[-1:]) and begins_wide(after[:1])) else " "


def _read_stacks(lines: Sequence[TextLine], first: int) -> tuple[list[list[LineCell]], int]:
    """Read short lines as stacks side by side, from left to right; give where they end."""
    stacks: list[list[LineCell]] = []
    n = first
    while (
        n < len(lines)
        and lines[n].run == "right"
        and len(lines[n].cells[0].text) <= LONGEST_HEAD_LINE
    ):
        line = _write_hyphen(lines[n])
        cell = line.cells[0]
        last = stacks[-1][-1] if stacks else None
        if last is None or (cell.box[0] > last.box[2] and cell.box[1] < last.box[3]):
            stacks.append([cell])
        elif _stands_on(last, cell, line.size) and len(stacks[-1]) < MOST_HEADER_LINES:
            stacks[-1].append(cell)
        else:
            break
        stacks += [[other] for other in line.cells[1:]]
        n += 1
    if sum(len(stack) > 1 for stack in stacks) < FEWEST_STACKS:
        return [], n
    return stacks, n


def _stands_on(cell: LineCell, under: LineCell, size: float) -> bool:
    step = under.box[1] - cell.box[1]
    return 0.5 * size < step < 1.5 * size and (
        overlap_length(cell.box[0], cell.box[2], under.box[0], under.box[2]) > 0
    )


def _is_next_row(line: TextLine, after: TextLine) -> bool:
    gap = after.box[1] - line.box[3]
    return -1.5 * line.size < gap < WIDEST_ROW_GAP * max(line.size, after.size)


def _is_table(rows: Sequence[TextLine], lines: int) -> bool:
    """Tell whether rows have columns: a gap stands below a gap. rows: of so many lines."""
    if len(rows) == 1:  # three cells or more, far apart
        gaps = _cell_gaps(rows[0])
        return (
            len(gaps) > 1 and sum(end - start for start, end in gaps) > 2 * len(gaps) * rows[0].size
        )
    below = sum(_share_gap(row, after) for row, after in pairwise(rows))
    return 2 * below >= len(rows) - 1 and 3 * len(rows) > lines


def _cell_gaps(row: TextLine) -> list[tuple[float, float]]:
    boxes = sorted(cell.box for cell in row.cells)
    return [(box[2], after[0]) for box, after in pairwise(boxes)]


def _share_gap(row: TextLine, after: TextLine) -> bool:
    return any(
        overlap_length(*gap, *other) > 0.5 * min(gap[1] - gap[0], other[1] - other[0])
        for gap in _cell_gaps(row)
        for other in _cell_gaps(after)
    )


def make_table(lines: Sequence[TextLine]) -> LayoutPiece:
    """Make a table of its lines: one line a row, and how many of the first are its header."""
    rows = _group_table_rows([_write_hyphen(line) for line in lines])
    parts: list[LayoutPart] = []
    for row in rows:
        for place, cell in enumerate(row):
            for turn, (text, box) in enumerate(cell):
                before = " | " if place else "\n" if parts else ""
                if turn:
                    before = choose_cell_joint(cell[turn - 1].text, text)
                parts.append(LayoutPart(before, text, box, lines[0].run))
    header = _count_header_rows(
        [[" ".join(cell.text for cell in cells) for cells in row] for row in rows]
    )
    if not header and lines[0].bold and len(rows[0]) > 1 and not lines[-1].bold:
        header = 1
    return LayoutPiece(
        kind="table",
        parts=tuple(parts),
        at=bounding_box([line.box for line in lines]),
        size=median([line.size for line in lines]),
        lines=len(rows),
        header=header,
    )


def _write_hyphen(line: TextLine) -> TextLine:
    """Write the hyphen at the end of a line that the reader only marked."""
    if not line.hyphen:
        return line
    last = line.cells[-1]
    return line._replace(
        cells=(*line.cells[:-1], last._replace(text=f"{last.text}-")), hyphen=False
    )


def _group_table_rows(lines: Sequence[TextLine]) -> list[list[list[LineCell]]]:
    """Return each row's cells, each the pieces it was printed in: a long label has two."""
    steps = [after.box[1] - line.box[1] for line, after in pairwise(lines)]
    usual = median(steps) if steps else 0.0
    rows: list[list[list[LineCell]]] = []
    rest: list[LineCell] = []
    for n, line in enumerate(lines):
        tight = n > 0 and 0 < steps[n - 1] < 0.87 * usual
        ahead = n + 1 < len(lines) and 0 < steps[n] < 0.87 * usual and len(lines[n + 1].cells) > 1
        alone = len(line.cells) == 1
        if alone and tight and rows and (place := _find_cell_above(rows[-1], line)) is not None:
            rows[-1][place].append(line.cells[0])
        elif alone and ahead and _continues_label(line.cells[0], lines[n + 1]):
            rest.append(line.cells[0])
        else:
            rows.append([[*rest, line.cells[0]], *[[cell] for cell in line.cells[1:]]])
            rest = []
    return rows


def _find_cell_above(row: Sequence[Sequence[LineCell]], line: TextLine) -> int | None:
    """Return the index of the cell above that a line continues, or None."""
    places = [place for place, cells in enumerate(row) if _continues_label(cells[-1], line)]
    return places[-1] if places else None


def _continues_label(label: LineCell, line: TextLine) -> bool:
    """Tell whether a line goes on with the label above it: at its edge, or a little indented."""
    return -0.5 * line.size < line.cells[0].box[0] - label.box[0] < 2.5 * line.size


def _count_header_rows(rows: Sequence[Sequence[str]]) -> int:
    """Count the rows before the first that holds an amount; years are no amounts.

    >>> _count_header_rows([["(Millions)", "2022", "2021"], ["Net sales", "34,229", "35,355"]])
    1
    """
    for n, row in enumerate(rows[: MOST_HEADER_LINES + 1]):
        cells = row[1:] if len(row) > 1 and not _AMOUNT_CELL.fullmatch(row[0]) else row
        if any(_AMOUNT_CELL.fullmatch(cell) and not _YEAR.fullmatch(cell) for cell in cells):
            return max((m + 1 for m in range(n) if len(rows[m]) > 1), default=0)
    return 0
