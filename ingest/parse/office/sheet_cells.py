"""Read the cells of one worksheet's XML: values as shown, merges filled, hidden rows apart.

The rows are read one by one, so that a large sheet is never held as a tree. What merged cells
cover stands behind the rows, so it is looked for before them, in the bytes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from lxml import etree

from ingest.parse.office.number_formats import format_number, format_words
from ingest.parse.office.unread_parts import UnreadParts
from ingest.parse.sheet_layout import SpannedText
from ingest.parse.table_rows import LONGEST_REPEATED_CELL
from ingest.parse.xml_tree import Element, local_name

MOST_SHEET_COLUMNS = 500
MOST_MERGES = 100_000  # of a sheet
_STEP = 1 << 20  # bytes read at once
_LONGEST_MERGE = 200  # bytes of a merge's element
_MERGE = re.compile(
    rb"mergeCell\s[^<>]{0,150}?ref\s?=\s?[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"
)
_LETTERS = re.compile(r"([A-Za-z]{1,3})\$?(\d{1,7})")

Merge = tuple[int, int, int, int]
"""First row and column, last row and column, all 1-based."""


class SheetCell(NamedTuple):
    """A cell as its file has it. kind: its ``t``. value: its ``v``. formula: its ``f``.

    shared: the number of the formula that several cells share, if it does. array: the cells that it
    fills, if it computes with whole ranges.
    """

    column: int
    kind: str
    style: int
    value: str | None
    formula: str | None
    shared: str = ""
    array: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStyles:
    """How cells are shown: number format by style, and the styles that are white on white."""

    forms: tuple[str, ...] = ()
    white: frozenset[int] = frozenset()
    strings: tuple[str, ...] = ()
    from_1904: bool = False

    def print_cell(self, cell: SheetCell) -> str:
        """Print a cell as a reader sees it."""
        value = cell.value
        if value is None:
            return ""
        form = self.forms[cell.style] if 0 <= cell.style < len(self.forms) else ""
        if cell.kind in {"s", "str", "inlineStr"}:
            return format_words(self.read_words(cell), form)
        if cell.kind == "b":
            return "TRUE" if value.strip() not in {"0", "false"} else "FALSE"
        if cell.kind in {"e", "d"}:
            return value.removesuffix("T00:00:00")
        plain = not form or form == "General"
        if plain and value.isdecimal() and len(value) < 15 and value[0] != "0":  # noqa: PLR2004
            return value
        return format_number(float(value), form, from_1904=self.from_1904)

    def read_words(self, cell: SheetCell) -> str:
        """Return the text of a cell of words; many cells may share one string."""
        if cell.kind != "s":
            return cell.value or ""
        at = int(cell.value or 0)
        return self.strings[at] if 0 <= at < len(self.strings) else ""


@dataclass(slots=True, kw_only=True)
class SheetLosses:
    """What was seen in the sheets of a workbook, and not kept: counts of it."""

    hidden_words: int = 0
    hidden_rows: int = 0
    hidden_columns: int = 0
    hidden_sheets: int = 0
    cut_cells: int = 0
    formulas: int = 0
    formulas_by_office: int = 0
    formulas_for_office: int = 0
    office_failure: str = ""
    unread: UnreadParts = field(default_factory=UnreadParts)
    others: list[str] = field(default_factory=list)

    def list_notes(self) -> tuple[str, ...]:
        """Return a note for each kind of loss.

        >>> SheetLosses(hidden_rows=1, formulas=2).list_notes()
        ('1 hidden row was left out', '2 formulas had no stored value and could not be computed')
        """
        counts = (
            (self.hidden_sheets, "hidden sheet", "left out"),
            (self.hidden_rows, "hidden row", "left out"),
            (self.hidden_columns, "hidden column", "left out"),
            (self.cut_cells, "cell", f"not read: beyond column {MOST_SHEET_COLUMNS}"),
        )
        notes = [
            f"{count:,} {name}{'s were' if count > 1 else ' was'} {fate}"
            for count, name, fate in counts
            if count
        ]
        notes += self._list_formula_notes()
        return (*notes, *self.unread.list_notes(), *self.others)

    def _list_formula_notes(self) -> Iterator[str]:
        if count := self.formulas_by_office:
            were = (
                "formulas without a stored value were"
                if count > 1
                else ("formula without a stored value was")
            )
            yield f"{count:,} {were} computed by LibreOffice"
        if self.formulas:
            plural = "s" if self.formulas > 1 else ""
            remedy = self._describe_formula_remedy()
            yield (
                f"{self.formulas:,} formula{plural} had no stored value and could not be computed"
                f"{remedy}"
            )

    def _describe_formula_remedy(self) -> str:
        if self.office_failure:
            return f" ({self.office_failure})"
        if count := self.formulas_for_office:
            which = "it" if self.formulas == 1 else f"{count:,} of them"
            return f": install LibreOffice Calc to have {which} computed"
        return ""


Compute = Callable[[int, SheetCell], SheetCell]
"""Gives a cell the value of its formula; row first. The same cell where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReading:
    """How the cells of one sheet are read.

    stale: the program that wrote the workbook left all formulas to be computed when it is opened,
    and may have stored a 0 for each. hidden: hidden rows and columns are read too. left_out: the
    numbers of rows that were left out. closed: those of columns, known before the first row is
    read. note_cell: told row, column and text of each cell that is read, and the text of the cell
    before it.
    """

    styles: CellStyles
    losses: SheetLosses
    compute: Compute
    stale: bool = False
    hidden: bool = False
    left_out: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    note_cell: Callable[[int, int, str, str], None] | None = None

    def print_cell(self, row: int, cell: SheetCell) -> str:
        """Print a cell; what no reader sees, or what has no value, is counted instead."""
        if cell.formula is not None and self._lacks_value(cell):
            cell = self.compute(row, cell._replace(value=None))
        if cell.value is None:
            return ""
        if cell.column > MOST_SHEET_COLUMNS:
            self.losses.cut_cells += 1
            return ""
        text = self.styles.print_cell(cell)
        if not text or cell.style in self.styles.white:
            words = text or self.styles.read_words(cell)
            self.losses.hidden_words += len(words.split())
            return ""
        return text

    def _lacks_value(self, cell: SheetCell) -> bool:
        return (cell.value is None and cell.kind != "str") or (self.stale and cell.value == "0")


def read_sheet_rows(
    source: BinaryIO, reading: CellReading, *, merges: Iterable[Merge]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a worksheet with their numbers, as they are shown."""
    closed = reading.closed
    filler = MergeFiller(merges)
    for number, row, unseen in _iterate_rows(source, set() if reading.hidden else closed):
        cells: list[str] = []
        before = ""
        if unseen and not reading.hidden:
            reading.losses.hidden_rows += any(cell.value is not None for cell in row)
            reading.left_out.add(number)
            filler.fill_row(number, [])
            continue
        for cell in row:
            if text := reading.print_cell(number, cell):
                cells += [""] * (cell.column - len(cells) - 1)
                cells[cell.column - 1 :] = [text]
                if reading.note_cell is not None and cell.column not in closed:
                    reading.note_cell(number, cell.column, text, before)
                before = before if cell.column in closed else text
        filled = filler.fill_row(number, cells)
        if closed:
            filled = [cell for n, cell in enumerate(filled, start=1) if n not in closed]
        yield number, filled
    reading.losses.hidden_columns += sum(1 for n in closed if n <= filler.widest)


class MergeFiller:
    """Says in every cell of a merge what its first cell says, row by row from the top."""

    def __init__(self, merges: Iterable[Merge]) -> None:
        self._begin: dict[int, list[Merge]] = {}
        for merge in merges:
            top, left, bottom, right = merge
            if left <= MOST_SHEET_COLUMNS:
                visible_merge = (top, left, bottom, min(right, MOST_SHEET_COLUMNS))
                self._begin.setdefault(top, []).append(visible_merge)
        self._open: list[tuple[Merge, str]] = []
        self.widest = 0

    def fill_row(self, number: int, cells: list[str]) -> list[str]:
        """Return the cells of a row with those filled that merges cover."""
        self.widest = max(self.widest, len(cells))
        if not self._begin and not self._open:
            return cells
        begin = self._begin.pop(number, [])
        self._open = [(merge, text) for merge, text in self._open if merge[2] >= number]
        for merge in begin:
            first = merge[1] - 1
            text = cells[first] if first < len(cells) else ""
            covered = sum(right - left + 1 for (_, left, _, right), _ in self._open)
            if text and covered < MOST_SHEET_COLUMNS:  # merges never lie over one another
                is_short = len(text) <= LONGEST_REPEATED_CELL
                self._open.append((merge, text if is_short else ""))
        filled = list(cells)
        for (top, left, _, last), text in self._open:
            filled += [""] * (last - len(filled))
            for n in range(left - 1, last):
                if not filled[n] and not (top == number and n == left - 1):
                    filled[n] = SpannedText(text)
        return filled


def find_merges(source: BinaryIO) -> list[Merge]:
    """Find the merged ranges in the bytes of a worksheet."""
    merges: list[Merge] = []
    rest = b""
    while piece := source.read(_STEP):
        data = rest + piece
        last = 0
        for match in _MERGE.finditer(data):
            last = match.end()
            merges.append(_read_merge(*match.groups()))
        rest = data[max(last, len(data) - _LONGEST_MERGE) :]
        if len(merges) > MOST_MERGES:
            return merges[:MOST_MERGES]
    return merges


def _read_merge(left: bytes, top: bytes, right: bytes, bottom: bytes) -> Merge:
    return int(top), number_column(left.decode()), int(bottom), number_column(right.decode())


def number_column(letters: str) -> int:
    """Return the number of a column by its letters, the first being 1.

    >>> number_column("A"), number_column("AB")
    (1, 28)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def name_column(number: int) -> str:
    """Return the letters of a column, the first being 1.

    >>> name_column(1), name_column(28), name_column(702)
    ('A', 'AB', 'ZZ')
    """
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def split_reference(reference: str) -> tuple[int, int] | None:
    """Return the row and the column that a reference names; None for anything else.

    >>> split_reference("B3"), split_reference("B")
    ((3, 2), None)
    """
    match = _LETTERS.fullmatch(reference)
    return (int(match[2]), number_column(match[1])) if match else None


def iterate_cells(source: BinaryIO) -> Iterator[tuple[int, list[SheetCell]]]:
    """Yield the rows of a worksheet as its file has them, with their numbers."""
    return ((number, cells) for number, cells, _ in _iterate_rows(source, set()))


def _iterate_rows(
    source: BinaryIO, closed: set[int]
) -> Iterator[tuple[int, list[SheetCell], bool]]:
    """Yield the rows, and whether each is hidden; hidden columns' numbers go to ``closed``."""
    number = 0
    events = etree.iterparse(
        source, events=("end",), tag=("{*}row", "{*}col"), resolve_entities=False, no_network=True
    )
    for _, node in events:
        unseen = node.get("hidden") in {"1", "true"}
        if local_name(node) == "col":
            first, last = (int(node.get(name, "0")) for name in ("min", "max"))
            columns = range(max(first, 1), min(last, MOST_SHEET_COLUMNS) + 1)
            closed.update(columns if unseen else ())
            continue
        stated = node.get("r", "")
        at = int(stated) if stated.isdecimal() else number + 1
        if at > number + 1:
            yield number + 1, [], False  # one blank row stands for all
        number = at
        yield number, _read_cells(node), unseen
        node.clear()
        while node.getprevious() is not None:
            del node.getparent()[0]


def _read_cells(row: Element) -> list[SheetCell]:
    cells = []
    column = 0
    for node in row:
        reference = node.get("r", "").rstrip("0123456789")
        column = number_column(reference) if reference else column + 1
        value = formula = None
        shared = array = ""
        for part in node:
            name = str(part.tag).rpartition("}")[2]
            if name == "v":
                value = part.text
            elif name == "f":
                formula = part.text or ""
                shared = str(part.get("si", "")) if part.get("t") == "shared" else ""
                array = str(part.get("ref", "")) if part.get("t") == "array" else ""
            elif name == "is":
                value = _read_inline(part)
        style = node.get("s", "0")
        cells.append(
            SheetCell(
                column=column,
                kind=node.get("t", "n"),
                style=int(style) if style.isdecimal() else 0,
                value=value,
                formula=formula,
                shared=shared,
                array=array,
            )
        )
    return cells


def _read_inline(node: Element) -> str:
    """Read a text that stands in its cell, without what says how it is pronounced."""
    texts = [
        part.text or ""
        for part in node.iter("{*}t")
        if (above := part.getparent()) is None or local_name(above) != "rPh"
    ]
    return "".join(texts)
