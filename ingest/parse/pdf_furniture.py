"""Find running headers, footers and page numbers, and leave them out.

A line is furniture when its words, numbers aside, stand at the same height at the edge of at least
three pages, apart from the text. Its first appearance stays: ``Version 4, May 2026`` in a footer
may be asked for.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Sequence

from ingest.parse.pdf_line import Line, Sheet, overlap

MARKED = 4  # letters: "page" alone says nothing
EDGE = 4  # lines at the top and at the foot of a page that may be furniture
FEWEST = 3  # pages that show it
STEP = 8.0  # points: how exactly it is placed, neighbours included
GAP = 0.8  # times the size: between furniture and the body; lines of prose stand closer
LARGER = 1.25  # times the body: the title of a slide is no running header
SHALLOW, LOW = 0.12, 0.88  # of the page's height: where a lone number is its number

_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_NUMBER = re.compile(
    r"(?i)[-–—|\s]*+(?:page|p\.|第|seite|página)?\s*+([0-9]{1,4}|[ivxlc]{1,6})\s*+"
    r"(?:页|頁|ページ)?\s*+(?:(?:of|/|von|de|共)\s*+\d{1,4}\s*+(?:页|頁)?)?[-–—|\s]*+"
)


def without_furniture(sheets: Sequence[Sheet], labels: Sequence[str], body: float) -> list[Sheet]:
    """Drop running lines from all pages but the first that shows them, and all page numbers."""
    edges = [_edges(sheet) for sheet in sheets]
    shown: defaultdict[tuple[str, bool], Counter[int]] = defaultdict(Counter)
    for sides in edges:
        for at_top, side in zip((True, False), sides, strict=True):
            for line in side:
                shown[_words(line), at_top][int(line.box[1] / STEP)] += 1
    fewest = min(FEWEST, max(len(sheets), 2))
    shift = _shift(edges)
    seen: set[str] = set()
    kept = []
    for page, (sheet, sides) in enumerate(zip(sheets, edges, strict=True)):
        dropped: set[int] = set()
        for at_top, side in zip((True, False), sides, strict=True):
            numbers = {
                id(line)
                for line in side
                if _is_number(line, page, labels[page], shift, sheet.height)
            }
            runs = {
                id(line) for line in side if _runs(line, shown[_words(line), at_top], fewest, body)
            }
            running = _running([line for line in side if id(line) not in numbers], runs)
            again = {
                id(line)
                for line in running
                if _words(line) in seen or not _says(line) or _is_said(line, sheet)
            }
            seen.update(map(_words, running))
            dropped |= numbers | again
        lines = tuple(line for line in sheet.lines if id(line) not in dropped)
        kept.append(sheet._replace(lines=lines) if dropped else sheet)
    return kept


def _edges(sheet: Sheet) -> tuple[list[Line], list[Line]]:
    """Give the lines at the top and at the foot of a page, from the edge inwards."""
    lines = sorted(sheet.lines, key=lambda line: line.box[1])
    return lines[:EDGE], lines[EDGE:][-EDGE:][::-1]


def _running(side: Sequence[Line], runs: Container[int]) -> list[Line]:
    """Give the running lines at an edge: what stands apart from the body, and only runs."""
    found: list[Line] = []
    group: list[Line] = []
    for line in side:
        if group and _apart(group[-1], line):
            found += group
            group = []
        if id(line) not in runs:
            return found
        group.append(line)
    return found


def _apart(line: Line, other: Line) -> bool:
    gap = -overlap(line.box[1], line.box[3], other.box[1], other.box[3])
    return gap > GAP * max(line.size, other.size)


def _words(line: Line) -> str:
    return _DIGITS.sub("0", line.text.casefold())


def _says(line: Line) -> bool:
    return sum(map(str.isalpha, line.text)) > MARKED


def _is_said(line: Line, sheet: Sheet) -> bool:
    """Tell whether the page says the same elsewhere, as a title says its running header."""
    return line.text in " ".join(other.text for other in sheet.lines if other is not line)


def _runs(line: Line, heights: Counter[int], fewest: int, body: float) -> bool:
    """Tell whether a line is shown at its height on enough pages, and is no row of numbers."""
    place = int(line.box[1] / STEP)
    if sum(heights[near] for near in (place - 1, place, place + 1)) < fewest:
        return False
    figures = sum(not any(map(str.isalpha, cell.text)) for cell in line.cells)
    return line.size < LARGER * body and figures * 2 <= max(len(line.cells), 2)


def _number(line: Line) -> int | None:
    match = _NUMBER.fullmatch(line.text)
    return int(match[1]) if match and match[1].isdecimal() else None


def _shift(edges: Sequence[tuple[list[Line], list[Line]]]) -> int | None:
    """Find by how much printed page numbers differ from the count of pages, if evenly."""
    shifts: Counter[int] = Counter()
    for page, sides in enumerate(edges):
        numbers = {_number(line) for side in sides for line in side[:2]} - {None}
        shifts.update(number - page for number in numbers if number is not None)
    (shift, votes), *_ = shifts.most_common(1) or [(1, 0)]
    return shift if votes >= FEWEST or (len(edges) < FEWEST and shift == 1) else None


def _is_number(line: Line, page: int, label: str, shift: int | None, height: float) -> bool:
    match = _NUMBER.fullmatch(line.text)
    if not match:
        return False
    if match[1].isdecimal() and shift is not None and int(match[1]) == page + shift:
        return True
    inside = SHALLOW * height < line.box[1] < LOW * height
    return not inside and match[1].casefold() == label.casefold()
