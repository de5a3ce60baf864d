"""Find running headers, footers and page numbers, and leave them out.

A line is furniture when its words, numbers aside, stand at the same height at the edge of at least
three pages, apart from the text. Its first appearance stays: ``Version 4, May 2026`` in a footer
may be asked for.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Sequence

from ingest.parse.pdf.page_model import Sheet, TextLine, overlap_length

FEWEST_LETTERS = 4  # letters: "page" alone says nothing
EDGE_LINES = 4  # lines at the top and at the foot of a page that may be furniture
FEWEST_PAGES = 3  # pages that show it
HEIGHT_STEP = 8.0  # points: how exactly it is placed, neighbours included
SMALLEST_GAP = 0.8  # times the size: between furniture and the body; lines of prose stand closer
LARGEST_RUNNING = 1.25  # times the body: the title of a slide is no running header
TOP_SHARE, FOOT_SHARE = 0.12, 0.88  # of the page's height: where a lone number is its number

_NUMBER_SIGNS = "0123456789 /页頁"
_PAGE_WORDS = ("page", "p.", "seite", "página", "第")
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_PAGE_NUMBER = re.compile(
    r"(?i)[-–—|\s]*+(?:page|p\.|第|seite|página)?\s*+([0-9]{1,4}|[ivxlc]{1,6})\s*+"
    r"(?:页|頁|ページ)?\s*+(?:(?:of|/|von|de|共)\s*+\d{1,4}\s*+(?:页|頁)?)?[-–—|\s]*+"
)


def drop_running_lines(sheets: Sequence[Sheet], labels: Sequence[str], body: float) -> list[Sheet]:
    """Drop running lines from all pages but the first that shows them, and all page numbers."""
    edges = [_edge_lines(sheet) for sheet in sheets]
    heights: defaultdict[tuple[str, bool], Counter[int]] = defaultdict(Counter)
    for sides in edges:
        for at_top, side in zip((True, False), sides, strict=True):
            for line in side:
                heights[_line_key(line), at_top][int(line.box[1] / HEIGHT_STEP)] += 1
    fewest = min(FEWEST_PAGES, max(len(sheets), 2))
    shift = _find_page_shift(edges)
    kept_keys: set[str] = set()
    texts = {line.text for sheet in sheets for line in sheet.lines}
    clean_sheets = []
    for page, (sheet, sides) in enumerate(zip(sheets, edges, strict=True)):
        dropped: set[int] = set()
        for at_top, side in zip((True, False), sides, strict=True):
            numbers = {
                id(line)
                for line in side
                if _is_page_number(line, page, labels[page], shift, sheet.height)
            }
            runs = {
                id(line)
                for line in side
                if _is_running_line(line, heights[_line_key(line), at_top], fewest, body)
            }
            edge = [line for line in side if id(line) not in numbers]
            outer = set(map(id, side))
            within = [
                line
                for line in sheet.lines
                if id(line) not in outer and not _PAGE_NUMBER.fullmatch(line.text)
            ]
            running = _find_running_lines(edge, runs, within)
            repeats = {
                id(line)
                for line in running
                if _line_key(line) in kept_keys
                or not _has_enough_letters(line)
                or _stands_elsewhere(line, sheet)
                or _drop_page_words(line.text) in texts
            }
            kept_keys.update(map(_line_key, running))
            dropped |= numbers | repeats
        lines = tuple(line for line in sheet.lines if id(line) not in dropped)
        clean_sheets.append(sheet._replace(lines=lines) if dropped else sheet)
    return clean_sheets


def _edge_lines(sheet: Sheet) -> tuple[list[TextLine], list[TextLine]]:
    """Return the lines at the top and at the foot of a page, from the edge inwards."""
    lines = sorted(sheet.lines, key=lambda line: line.box[1])
    upper = [line for line in lines[:EDGE_LINES] if line.box[1] < sheet.height / 2]
    return upper, lines[len(upper) :][-EDGE_LINES:][::-1]


def _find_running_lines(
    side: Sequence[TextLine], runs: Container[int], within: Sequence[TextLine]
) -> list[TextLine]:
    """Return the running lines at an edge: what stands apart from the body, and only runs.

    within: the other lines of the page. Where there are none, all of it is body.
    """
    lines: list[TextLine] = []
    group: list[TextLine] = []
    for line in side:
        if group and _stands_apart(group[-1], line):
            lines += group
            group = []
        if id(line) not in runs:
            return lines
        group.append(line)
    is_apart = group and within and all(_stands_apart(group[-1], line) for line in within)
    return lines + group if is_apart else lines


def _stands_apart(line: TextLine, other: TextLine) -> bool:
    gap = -overlap_length(line.box[1], line.box[3], other.box[1], other.box[3])
    return gap > SMALLEST_GAP * max(line.size, other.size)


def _line_key(line: TextLine) -> str:
    return _DIGITS.sub("0", line.text.casefold())


def _drop_page_words(text: str) -> str | None:
    """Return a running line without the page number at its end; None where it has none.

    >>> _drop_page_words("Staff handbook - Page 5"), _drop_page_words("员工手册 第 3 页")
    ('Staff handbook', '员工手册')
    """
    bare = text.rstrip(_NUMBER_SIGNS)
    if bare == text:
        return None
    for word in _PAGE_WORDS:
        if bare.casefold().endswith(word):
            bare = bare[: -len(word)]
    return bare.rstrip(" -–—|·:：,，")


def _has_enough_letters(line: TextLine) -> bool:
    return sum(map(str.isalpha, line.text)) > FEWEST_LETTERS


def _stands_elsewhere(line: TextLine, sheet: Sheet) -> bool:
    """Tell whether the line's text also stands elsewhere on its page."""
    return line.text in " ".join(other.text for other in sheet.lines if other is not line)


def _is_running_line(line: TextLine, heights: Counter[int], fewest: int, body: float) -> bool:
    """Tell whether a line is shown at its height on enough pages, and is no row of numbers."""
    place = int(line.box[1] / HEIGHT_STEP)
    if sum(heights[height] for height in (place - 1, place, place + 1)) < fewest:
        return False
    figures = sum(not any(map(str.isalpha, cell.text)) for cell in line.cells)
    return line.size < LARGEST_RUNNING * body and figures * 2 <= max(len(line.cells), 2)


def _read_page_number(line: TextLine) -> int | None:
    match = _PAGE_NUMBER.fullmatch(line.text)
    return int(match[1]) if match and match[1].isdecimal() else None


def _find_page_shift(edges: Sequence[tuple[list[TextLine], list[TextLine]]]) -> int | None:
    """Find by how much printed page numbers differ from the count of pages, if evenly."""
    shifts: Counter[int] = Counter()
    for page, sides in enumerate(edges):
        numbers = {_read_page_number(line) for side in sides for line in side[:2]} - {None}
        shifts.update(number - page for number in numbers if number is not None)
    (shift, votes), *_ = shifts.most_common(1) or [(1, 0)]
    return shift if votes >= FEWEST_PAGES or (len(edges) < FEWEST_PAGES and shift == 1) else None


def _is_page_number(
    line: TextLine, page: int, label: str, shift: int | None, height: float
) -> bool:
    match = _PAGE_NUMBER.fullmatch(line.text)
    if not match:
        return False
    if match[1].isdecimal() and shift is not None and int(match[1]) == page + shift:
        return True
    inside = TOP_SHARE * height < line.box[1] < FOOT_SHARE * height
    return not inside and match[1].casefold() == label.casefold()
