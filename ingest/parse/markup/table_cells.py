"""Read the cells of a markup table, with their spans, and find its header."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial

from ingest.parse import table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.markup.html_tree import Node, iterate_descendants, read_line

MOST_TABLE_COLUMNS = 500
MOST_COLSPAN, MOST_ROWSPAN = 100, 1000  # what one cell may span
_PART_TAGS = frozenset({"thead", "tbody", "tfoot", "tr"})
_ROW_TAGS = frozenset({"tr"})
_CELL_TAGS = frozenset({"td", "th"})
_LAYOUT_TAGS = frozenset({"table", "h1", "h2", "h3", "h4", "h5", "h6"})
# Characters that spans may say again: 100 columns over 1,000 rows of "<tr>" would be 32 million.
MOST_REPEATED = 2_000
MOST_TIMES_OWN = 20
_BETWEEN = 3  # characters between two cells


@dataclass(slots=True)
class _Spans:
    """The text that rowspans and colspans repeat, limited to a multiple of the table's own.

    open_cells: by column, the rows that a tall cell still spans and its text.
    """

    open_cells: dict[int, tuple[int, str]] = field(default_factory=dict)
    own_characters: int = 0
    repeated_characters: int = 0

    def allow_repeat(self, text: str) -> bool:
        """Tell whether a span may say a text once more."""
        self.repeated_characters += len(text) + _BETWEEN
        return self.repeated_characters <= MOST_REPEATED + MOST_TIMES_OWN * self.own_characters


def write_markup_table(table: Node, builder: DocumentBuilder, unseen: Collection[int]) -> bool:
    """Write a table of data. False, and nothing written, for one that only lays out a page."""
    rows = list(_iterate_table_rows(table))
    if table.attributes.get("role") in {"presentation", "none"} or _is_layout(table, rows):
        return False
    heads, body = _read_rows(rows, unseen, read_cell=lambda _: "")
    if max(map(len, heads + body), default=0) < 2:  # noqa: PLR2004 (one column is no table)
        return False  # before its words are read: tables in tables would read them again
    caption = table.css_first("caption")
    if caption is not None:
        builder.add_paragraph(read_line(caption, unseen, builder.note_links))
    before = ""  # the last words: they tell equal cells apart

    def read_cell(cell: Node) -> str:
        nonlocal before
        text = read_line(cell, unseen, partial(builder.note_links, after=before))
        before = text or before
        return text

    heads, body = _read_rows(rows, unseen, read_cell=read_cell)
    header = _make_header(heads) if heads and body else [] if _names_rows(rows) else None
    table_rows.write_table(builder, body or heads, header=header)
    return True


def _names_rows(rows: list[tuple[bool, list[Node]]]) -> bool:
    """Tell whether each row is a name, marked as such, and its value."""
    return all([cell.tag for cell in cells] == ["th", "td"] for _, cells in rows if cells)


def _iterate_table_rows(table: Node) -> Iterator[tuple[bool, list[Node]]]:
    """Yield the table's own rows, not those of tables in it, and whether each is in its head."""
    for part in _child_elements(table, _PART_TAGS):
        if part.tag == "tr":
            yield False, list(_child_elements(part, _CELL_TAGS))
        else:
            for tr in _child_elements(part, _ROW_TAGS):
                yield part.tag == "thead", list(_child_elements(tr, _CELL_TAGS))


def _child_elements(node: Node, tags: frozenset[str]) -> Iterator[Node]:
    child = node.first_child
    while child is not None:
        if child.tag in tags:
            yield child
        child = child.next


def _is_layout(table: Node, rows: list[tuple[bool, list[Node]]]) -> bool:
    """Tell whether a table only lays out a page: no header cells, and whole sections in it."""
    if any(head or any(cell.tag == "th" for cell in cells) for head, cells in rows):
        return False
    # Only up to the first one: tables may nest.
    return any(node.tag in _LAYOUT_TAGS for node in iterate_descendants(table))


def _read_rows(
    source_rows: list[tuple[bool, list[Node]]],
    unseen: Collection[int],
    *,
    read_cell: Callable[[Node], str],
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the header rows and the others. A tall cell is repeated in the rows it spans."""
    heads: list[list[str]] = []
    rows: list[list[str]] = []
    spans = _Spans()
    for above, row_cells in source_rows:
        cells = [cell for cell in row_cells if cell.mem_id not in unseen]
        head = not rows and (above or (bool(cells) and all(cell.tag == "th" for cell in cells)))
        (heads if head else rows).append(_read_row(cells, spans, read_cell, repeat=head))
    return heads, rows


def _read_row(
    cells: list[Node], spans: _Spans, read_cell: Callable[[Node], str], *, repeat: bool
) -> list[str]:
    row: list[str] = []
    open_cells = spans.open_cells

    def fill() -> None:
        while len(row) in open_cells:
            rows_left, text = open_cells.pop(len(row))
            if not spans.allow_repeat(text):
                open_cells.clear()
                return
            if rows_left > 1:
                open_cells[len(row)] = (rows_left - 1, text)
            row.append(text)

    for cell in cells:
        fill()
        if len(row) >= MOST_TABLE_COLUMNS:
            break
        text = read_cell(cell)
        spans.own_characters += len(text) + _BETWEEN
        wide, high = (
            _read_span(cell, "colspan", MOST_COLSPAN),
            _read_span(cell, "rowspan", MOST_ROWSPAN),
        )
        for n in range(wide):
            cell_text = text if n == 0 or repeat else ""
            if n and not spans.allow_repeat(cell_text):
                break
            if high > 1:
                open_cells[len(row)] = (
                    high - 1,
                    cell_text if len(cell_text) <= table_rows.LONGEST_REPEATED_CELL else "",
                )
            row.append(cell_text)
    fill()
    return row


def _read_span(cell: Node, name: str, limit: int) -> int:
    value = (cell.attributes.get(name) or "1").strip()
    return min(max(int(value), 1), limit) if value.isdecimal() and len(value) <= 9 else 1  # noqa: PLR2004


def _make_header(heads: list[list[str]]) -> list[str]:
    """Make one header of a table's header rows; in a single one, repeated cells stay once."""
    if len(heads) == 1:
        return ["" if n and text == heads[0][n - 1] else text for n, text in enumerate(heads[0])]
    return table_rows.merge_header_rows(heads)
