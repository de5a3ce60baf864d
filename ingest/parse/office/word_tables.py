"""Read the tables of a Word document as rows of cells; what is merged fills its range."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.parse import table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.office.package import is_on
from ingest.parse.office.word_styles import iterate_children, map_children
from ingest.parse.xml_tree import Element, find_ancestor, find_child, local_name, read_attribute

ReadCell = Callable[[Element], str]

MOST_SPANNED_COLUMNS = 500  # columns
MOST_NAME_ROWS = 3
LEAST_ROWS = 3  # of a table whose head has two
# Characters that merged cells may say again: without an end, a file of some KB is many MB.
MOST_SPANNED_CHARACTERS = 2_000
MOST_TIMES_OWN_TEXT = 20
_BETWEEN_CELLS = 3  # characters


@dataclass(frozen=True, slots=True)
class WordRow:
    """A row of a table: its properties, if it has any, and its cells."""

    own: Element | None
    cells: Sequence[Element]


@dataclass(slots=True)
class _Grid:
    """The rows of a table as they are read. above: by column, what goes on downwards."""

    read_cell: ReadCell
    above: dict[int, str] = field(default_factory=dict)
    own_characters: int = 0
    repeated_characters: int = 0

    def allow_repeat(self, text: str) -> bool:
        """Tell whether a merged cell may say its text once more."""
        if len(text) > table_rows.LONGEST_REPEATED_CELL:
            return False
        self.repeated_characters += len(text) + _BETWEEN_CELLS
        most = MOST_SPANNED_CHARACTERS + MOST_TIMES_OWN_TEXT * self.own_characters
        return self.repeated_characters <= most


def list_table_rows(table: Element) -> list[WordRow]:
    """Return a table's own rows, without deleted ones and those of tables in it."""
    rows = []
    for row in table.iter("{*}tr"):
        own = find_child(row, "trPr")
        if find_ancestor(row, "tbl") is table and find_child(own, "del") is None:
            rows.append(WordRow(own, _list_row_cells(row)))
    return rows


def _list_row_cells(row: Element) -> list[Element]:
    """Return the cells of a row, those in content controls too."""
    cells: list[Element] = []
    for inner in iterate_children(row, "tc", "sdt", "customXml"):
        if local_name(inner) == "tc":
            cells.append(inner)
        else:
            cells += [cell for cell in inner.iter("{*}tc") if find_ancestor(cell, "tr") is row]
    if next(row.iter("{*}cellDel"), None) is None:
        return cells
    return [cell for cell in cells if find_child(cell, "tcPr", "cellDel") is None]


def write_word_table(rows: Sequence[WordRow], builder: DocumentBuilder, read: ReadCell) -> None:
    """Write a table by its rows. read: returns the text of a cell on one line."""
    grid = _Grid(read)
    texts = [_read_row(row, grid) for row in rows]
    marked = 0
    while marked < len(rows) and is_on(find_child(rows[marked].own, "tblHeader")):
        marked += 1
    head = marked or _count_head_rows(rows, texts)
    if not 0 < head < len(texts):
        guessed = table_rows.guess_merged_header(texts)
        table_rows.write_table(builder, texts[1:] if guessed else texts, header=guessed)
        return
    header = (
        table_rows.show_names_once(texts[0])
        if head == 1
        else table_rows.merge_header_rows(texts[:head])
    )
    table_rows.write_table(builder, texts[head:], header=header)


def _read_row(row: WordRow, grid: _Grid) -> list[str]:
    """Read a row; a cell that is merged is said again in each column and row that it spans."""
    texts = [""] * _read_width(find_child(row.own, "gridBefore"), otherwise=0)
    for cell in row.cells:
        if len(texts) >= MOST_SPANNED_COLUMNS:
            break
        own = map_children(find_child(cell, "tcPr"))
        merge = own.get("vMerge")
        going_on = merge is not None and read_attribute(merge) != "restart"
        if going_on:
            text = grid.above.get(len(texts), "")
            text = text if grid.allow_repeat(text) else ""
        else:
            text = grid.read_cell(cell)
            grid.own_characters += len(text) + _BETWEEN_CELLS
        grid.above[len(texts)] = text if merge is not None else ""
        wide = own.get("hMerge")
        if wide is not None and read_attribute(wide) != "restart" and texts and not text:
            text = texts[-1] if grid.allow_repeat(texts[-1]) else ""  # as older programs write it
        texts.append(text)
        for _ in range(1, min(_read_width(own.get("gridSpan")), _room(texts))):
            # A cell alone in its row is a title of what follows.
            repeated = len(row.cells) > 1 and grid.allow_repeat(text)
            texts.append(text if repeated else "")
    return texts


def _room(texts: Sequence[str]) -> int:
    return MOST_SPANNED_COLUMNS - len(texts) + 1


def _read_width(node: Element | None, otherwise: int = 1) -> int:
    width = read_attribute(node)
    readable = width.isdecimal() and len(width) <= 3  # noqa: PLR2004
    return min(int(width), MOST_SPANNED_COLUMNS) if readable else otherwise


def _count_head_rows(rows: Sequence[WordRow], texts: Sequence[Sequence[str]]) -> int:
    """Count the rows of a head that is not marked: where a cell of the first spans columns.

    Then names stand below it, beside cells that go on downwards or an empty corner. 0 for others.
    """
    if len(texts) < LEAST_ROWS or len(set(texts[0])) < 2:  # noqa: PLR2004
        return 0
    first = rows[0].cells
    if not any(_read_width(find_child(cell, "tcPr", "gridSpan")) > 1 for cell in first):
        return 0
    tall = any(find_child(cell, "tcPr", "vMerge") is not None for cell in first)
    if not tall and all(texts[0]):
        return 0
    head = 1
    while head < MOST_NAME_ROWS and head < len(rows) and (head == 1 or _goes_on(rows[head])):
        head += 1
    names = table_rows.merge_header_rows(texts[:head])
    return head if table_rows.guess_header([names, *texts[head : head + 1]]) else 0


def _goes_on(row: WordRow) -> bool:
    """Tell whether the first cell of a row goes on from the row above."""
    merge = find_child(row.cells[0], "tcPr", "vMerge") if row.cells else None
    return merge is not None and read_attribute(merge) != "restart"
