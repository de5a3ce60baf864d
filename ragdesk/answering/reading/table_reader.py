"""Read the rows of a table out of a document's text, each with its column names and its group.

In the stored text a row is a line and " | " stands between its cells; of a table that was cut,
the header stands in the lead of the passage, of one that was not, in its text. Pure.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexes.chunk import Chunk
from indexes.text.sentences import Span
from ragdesk.answering.reading.document_lines import (
    find_paragraph_start,
    list_lines,
    list_paragraphs,
)

MOST_HEAD_ROWS = 3
MOST_LINES_BETWEEN = 2  # of the pages that a table goes over
LONGEST_HEAD_CELL = 80  # characters
TABLE_LOOK_BACK = 20_000  # characters that are read above a passage for the group of its first row

_BAR = re.compile(r"(?<!\S)\|(?!\S)")
_RULE_ROW = re.compile(r"[|\s:+=-]*-[|\s:+=-]*")
_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"(?:19|20)\d\d(?:\s?[年/–-]\s?(?:\d{2,4})?年?)?")
_AMOUNT = re.compile(
    r"[-+(<>≤≥~≈]*\s?(?:[A-Z]{3}\s|[$€£¥￥])?\s?\d[\d.,:/\s%-]*\)?\s?(?:[A-Za-z%€$£¥°/²³()·℃元天月年日次件人小时分钟斤公里千克]{0,12})?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadedRow:
    """A row of a table. Offsets are into the document's text.

    span: of the row. heads: the rows that name its columns. groups: the row or cells above that
    say what it belongs to. columns: the names of its cells' columns, joined of all heads. cells:
    what stands in it, and where a cell is empty because it was merged with the one above, that.
    """

    span: Span
    heads: tuple[Span, ...]
    groups: tuple[Span, ...]
    columns: tuple[str, ...]
    cells: tuple[str, ...]


def find_cells(text: str, row: Span) -> list[Span]:
    """Find the cells of a row; an empty one is an empty span.

    >>> text = "Plan | | 9 EUR"
    >>> [text[a:b] for a, b in find_cells(text, (0, len(text)))]
    ['Plan', '', '9 EUR']
    """
    start, end = row
    marks = [match.span() for match in _BAR.finditer(text, start, end)]
    edges = [start, *(edge for mark in marks for edge in mark), end]
    cells = [_trim_cell(text, *edges[n : n + 2]) for n in range(0, len(edges), 2)]
    if text[start] == "|" and text[end - 1] == "|" and len(cells) > 2:  # noqa: PLR2004 (as in Markdown)
        return cells[1:-1]
    return cells


def read_cells(text: str, row: Span) -> list[str]:
    """Return the words of a row's cells."""
    return [text[start:end] for start, end in find_cells(text, row)]


def read_table_rows(text: str, chunk: Chunk) -> Iterator[HeadedRow]:
    """Read the rows of a passage that is a table, its heads left out."""
    limit = max(chunk.section[0] if chunk.section else 0, chunk.start - TABLE_LOOK_BACK)
    lead_heads = find_lead_header(text, chunk)
    for start, end in list_paragraphs(text, chunk.start, chunk.end):
        top = (
            find_paragraph_start(text, start, min(limit, start)) if start == chunk.start else start
        )
        heads = lead_heads
        if not heads and (top < start or _begins_page(chunk, start)):
            heads = _find_heads_before(text, chunk)
        yield from read_rows(text, (top, end), heads, start, guess=top == start)


def _begins_page(chunk: Chunk, start: int) -> bool:
    """Tell whether a table is the first on a page: it may go on from the page before."""
    return chunk.page is not None and chunk.section is not None and start == chunk.section[0]


def read_rows(
    text: str, block: Span, known_heads: Sequence[Span] = (), start: int = 0, *, guess: bool = True
) -> Iterator[HeadedRow]:
    """Read the rows of a block of lines from ``start`` on.

    known_heads: its header where it is known. guess: else the first row is, if it reads like one.
    """
    lines = [line for line in list_lines(text, *block) if not _RULE_ROW.fullmatch(text, *line)]
    ruled = len(lines) < len(list_lines(text, *block))
    heads = list(known_heads) or (_guess_heads(text, lines, ruled=ruled) if guess else [])
    heads += _further_heads(text, lines, heads)
    if heads and heads[0] in lines:
        lines = lines[lines.index(heads[0]) :]
    elif ruled and len(lines) == 1:
        return  # a head whose rows stand elsewhere
    columns = _join_heads([read_cells(text, head) for head in heads])
    group: tuple[Span, ...] = ()
    above: list[Span] = []
    for line in lines:
        if line in heads or _repeats_head(text, line, heads):
            continue
        spans = find_cells(text, line)
        if len(columns) > 1 and len(spans) == 1 and not _DIGIT.search(text, *line):
            group = (line,)
            above = []
            continue
        merged = _merged_cells(spans, above)
        above = [*merged, *spans[len(merged) :]]
        if line[0] >= start:
            yield HeadedRow(
                span=line,
                heads=tuple(heads),
                groups=(*group, *merged),
                columns=tuple(columns),
                cells=tuple(text[slice(*span)] for span in above),
            )


def find_lead_header(text: str, chunk: Chunk) -> list[Span]:
    """Find the header that stands in a passage's lead: the nearest place above, its whole lines."""
    _, _, below = chunk.lead.partition("\n")
    words = below.strip()
    if chunk.kind != "table" or not words:
        return []
    at = text.rfind(words, chunk.section[0] if chunk.section else 0, chunk.start)
    if at < 0:
        return []
    end = text.find("\n", at + len(words))  # of a wide one, the lead has the beginning only
    heads = list_lines(text, at, len(text) if end < 0 else end)
    return [head for head in heads if len(find_cells(text, head)) > 1] or heads


def is_table_line(line: str) -> bool:
    """Tell whether a line of a text is a row of a table: two bars, or one between cells.

    >>> is_table_line("| Plan | Price |"), is_table_line("Plan | Price"), is_table_line("a || b")
    (True, True, False)
    """
    return bool(_BAR.search(line))


def _trim_cell(text: str, start: int, end: int) -> Span:
    words = text[start:end]
    first = start + len(words) - len(words.lstrip())
    return (first, start + len(words.rstrip())) if words.strip() else (start, start)


def _find_heads_before(text: str, chunk: Chunk) -> list[Span]:
    """Find the header on an earlier page, for a table that goes on there without one.

    What stands above it must be rows of as many cells, up to the first, which reads like a header;
    a line or two between them (the foot of a page) do not matter.
    """
    at, limit = chunk.start, max(0, chunk.start - TABLE_LOOK_BACK)
    width = _usual_width(text, list_lines(text, chunk.start, chunk.end))
    others = 0
    while at > limit and others <= MOST_LINES_BETWEEN:
        end = limit + len(text[limit:at].rstrip())
        start = find_paragraph_start(text, end, limit)
        lines = list_lines(text, start, end)
        at = start
        if not lines:
            break
        if _usual_width(text, lines) != width:
            others += len(lines)
            continue
        others = 0
        if heads := _guess_heads(text, lines, ruled=False):
            return heads if len(find_cells(text, heads[0])) == width else []
    return []


def _usual_width(text: str, lines: Sequence[Span]) -> int:
    """Return how many cells most rows have."""
    return Counter(len(find_cells(text, line)) for line in lines).most_common(1)[0][0]


def _guess_heads(text: str, lines: Sequence[Span], *, ruled: bool) -> list[Span]:
    """Return the first row if it reads like a header: short, distinct labels and no amounts.

    Lines of one cell above it are the title of the table.
    """
    first = next((n for n, line in enumerate(lines) if len(find_cells(text, line)) > 1), None)
    if first is None or first + 1 >= len(lines):
        return []
    labels = [cell for cell in read_cells(text, lines[first]) if cell]
    fits = (
        len(labels) > 1
        and len(labels) == len(set(labels))
        and all(len(cell) <= LONGEST_HEAD_CELL for cell in labels)
        and not any(_is_amount(cell) for cell in labels)
    )
    return [lines[first]] if fits or (ruled and len(labels) > 1) else []


def _further_heads(text: str, lines: Sequence[Span], heads: Sequence[Span]) -> list[Span]:
    """Return the rows right below a header that go on with it: their first cell is empty."""
    if len(heads) != 1 or heads[0] not in lines:
        return []
    further = []
    for line in lines[lines.index(heads[0]) + 1 :][: MOST_HEAD_ROWS - 1]:
        cells = read_cells(text, line)
        first_head = read_cells(text, heads[0])
        if cells[0] or (not first_head[0] and len(cells) <= 1):
            break
        if any(_is_amount(cell) for cell in cells) or not _under_gaps(first_head, cells):
            break
        further.append(line)
    return further


def _under_gaps(head: Sequence[str], cells: Sequence[str]) -> bool:
    """Tell whether a row fills places that the header above it leaves empty."""
    return any(cell and (n >= len(head) or not head[n]) for n, cell in enumerate(cells))


def _join_heads(rows: Sequence[Sequence[str]]) -> list[str]:
    """Join the rows of a header column by column; a wide cell names all columns below it.

    >>> _join_heads([["Plan", "Revenue", "", "Staff"], ["", "2024", "2025"]])
    ['Plan', 'Revenue 2024', 'Revenue 2025', 'Staff']
    """
    columns: list[str] = []
    for n in range(max(map(len, rows), default=0)):
        names: list[str] = []
        for depth, row in enumerate(rows):
            name = row[n] if n < len(row) else ""
            below = any(n < len(other) and other[n] for other in rows[depth + 1 :])
            if not name and below:
                name = next((cell for cell in reversed(row[:n]) if cell), "")
            names.append(name)
        columns.append(" ".join(filter(None, dict.fromkeys(names))))
    return columns


def _repeats_head(text: str, line: Span, heads: Sequence[Span]) -> bool:
    return any(text[slice(*line)] == text[slice(*head)] for head in heads)


def _merged_cells(spans: Sequence[Span], above: Sequence[Span]) -> list[Span]:
    """Return the cells above for the empty ones at the beginning of a row: they were merged."""
    empty = next((n for n, (start, end) in enumerate(spans) if end > start), 0)
    return [span for span in above[:empty] if span[0] < span[1]] if len(above) >= empty else []


def _is_amount(cell: str) -> bool:
    return bool(_AMOUNT.fullmatch(cell)) and not _YEAR.fullmatch(cell)


def find_table_blocks(text: str, chunk: Chunk) -> list[Span]:
    """Find the tables in a passage of plain text: two lines or more in a row with bars between."""
    blocks: list[Span] = []
    for paragraph in list_paragraphs(text, chunk.start, chunk.end):
        lines = list_lines(text, *paragraph)
        run: list[Span] = []
        for line in [*lines, (paragraph[1], paragraph[1])]:
            if is_table_line(text[slice(*line)]) or _RULE_ROW.fullmatch(text, *line):
                run.append(line)
                continue
            if len(run) > 1:
                blocks.append((run[0][0], run[-1][1]))
            run = []
    return blocks
