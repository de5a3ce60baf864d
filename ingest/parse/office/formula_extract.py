"""Write a workbook of the formulas that LibreOffice is to compute, and of nothing else.

It never sees the document itself: what it gets is of our own making, and holds the formulas that
are wanted, those that they need, and the plain values of their sheets.
"""

import io
import math
import zipfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

from ingest.parse.office.formula_functions import FormulaLeft
from ingest.parse.office.formula_references import CellArea, name_place, read_references
from ingest.parse.office.formulas import LONGEST_FORMULA, OpenFormula
from ingest.parse.office.sheet_cells import CellStyles, SheetCell

MOST_EXTRACT_CELLS = 400_000
MOST_TRACE_STEPS = 1_000_000  # formulas looked at, from all that need them
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
WORD_KINDS = {"s", "str", "inlineStr"}

Place = tuple[str, int, int]
"""The small letters of a sheet's name, a row and a column."""


class FormulaSource(Protocol):
    """The sheets of a workbook with their formulas, as ``FormulaBook`` has them."""

    def load_sheet(self, name: str) -> Mapping[tuple[int, int], SheetCell]:
        """Return the cells of a sheet by row and column. Raises FormulaLeft."""

    def open_formula(self, place: Place, cell: SheetCell) -> OpenFormula | None:
        """Return the formula of a cell that has no value; None for a cell that needs none."""


class FormulaExtract:
    """The formulas of a workbook that LibreOffice may compute, with all that they need.

    titles: the names of its sheets by their small letters. names: what its names stand for.
    """

    def __init__(
        self,
        source: FormulaSource,
        styles: CellStyles,
        *,
        titles: Mapping[str, str],
        names: Mapping[str, str],
    ) -> None:
        self._source = source
        self._styles = styles
        self._titles = titles
        self._names = names
        self._texts: dict[Place, tuple[str, str]] = {}  # of formulas, with the range of an array
        self._plain: dict[Place, bool] = {}  # whether nothing else decides it; False while open
        self._open_columns: dict[str, dict[int, list[int]]] = {}
        self._wanted: set[Place] = set()
        self._steps = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to compute."""
        return not self._wanted

    def add_cell(self, sheet: str, row: int, column: int) -> bool:
        """Take the formula of a cell in, and those that it needs; False where that cannot be."""
        place = (sheet.lower(), row, column)
        if not self._trace(place):
            return False
        self._wanted.add(place)
        return True

    def make_workbook(self) -> bytes | None:
        """Write the formulas and the plain values of their sheets; None where these are too many.

        Values that are not plain stay out, so what depends on them has no value either.
        """
        formulas: dict[str, dict[tuple[int, int], tuple[str, str]]] = {}
        for name in self._open_columns:  # all that was looked at
            formulas[name] = {}
        for place, text in self._texts.items():
            if self._plain.get(place):
                formulas.setdefault(place[0], {})[place[1:]] = text
        grids = {name: self._source.load_sheet(name) for name in formulas}
        if sum(map(len, grids.values())) > MOST_EXTRACT_CELLS:
            return None
        sheets = [
            (self._titles[name], self._write_sheet(name, grid, formulas[name]))
            for name, grid in grids.items()
        ]
        return _pack_workbook(sheets, from_1904=self._styles.from_1904)

    def _trace(self, place: Place) -> bool:
        """Follow what a formula names, down to plain values; False where it cannot be."""
        if place not in self._plain:
            waiting = [self._begin(place)]
            try:
                while waiting:
                    at, needed = waiting[-1]
                    below = next(needed, None)
                    if below is None:
                        waiting.pop()
                        self._plain[at] = True
                    elif below not in self._plain:
                        waiting.append(self._begin(below))
                    elif not self._plain[below]:  # or it is open: they need one another
                        break
            except FormulaLeft:
                pass  # all that wait need it, and stay as they are: not plain
        return self._plain[place]

    def _begin(self, place: Place) -> tuple[Place, Iterator[Place]]:
        self._plain[place] = False
        return place, self._find_needed(place)

    def _find_needed(self, place: Place) -> Iterator[Place]:
        """Yield the formulas without a value that a formula needs."""
        sheet, row, column = place
        formula = self._source.open_formula(place, self._source.load_sheet(sheet)[row, column])
        if formula is None or len(formula.text) > LONGEST_FORMULA:  # an error, say
            raise FormulaLeft
        references = read_references(formula.text, sheet, formula.moved, self._names)
        if formula.array not in {"", name_place(row, column)}:  # it fills other cells, too
            raise FormulaLeft
        self._texts[place] = (references.text, formula.array)
        self._list_open_columns(sheet)
        for area in references.areas:
            yield from self._find_open(area)

    def _find_open(self, area: CellArea) -> Iterator[Place]:
        """Yield the cells of an area that are not plain values."""
        columns = self._list_open_columns(area.sheet)
        for column in (
            columns if area.right - area.left > len(columns) else range(area.left, area.right + 1)
        ):
            rows = columns.get(column, ())
            if not area.left <= column <= area.right:
                continue
            for row in rows[bisect_left(rows, area.top) : bisect_right(rows, area.bottom)]:
                self._steps += 1
                if self._steps > MOST_TRACE_STEPS:
                    raise FormulaLeft
                yield area.sheet, row, column

    def _list_open_columns(self, sheet: str) -> dict[int, list[int]]:
        """Return the rows of the cells that are not plain values, by column."""
        if sheet not in self._open_columns:
            columns: dict[int, list[int]] = {}
            for (row, column), cell in self._source.load_sheet(sheet).items():
                place = (sheet, row, column)
                if self._source.open_formula(place, cell) or not is_plain_value(cell):
                    columns.setdefault(column, []).append(row)
            self._open_columns[sheet] = {n: sorted(rows) for n, rows in columns.items()}
        return self._open_columns[sheet]

    def _write_sheet(
        self,
        name: str,
        grid: Mapping[tuple[int, int], SheetCell],
        formulas: Mapping[tuple[int, int], tuple[str, str]],
    ) -> str:
        rows: dict[int, list[str]] = {}
        for row, column in sorted(grid):
            cell = grid[row, column]
            at = name_place(row, column)
            if (row, column) in formulas:
                text, array = formulas[row, column]
                kind = f' t="array" ref="{at}"' if array else ""
                written = f'<c r="{at}"><f{kind}>{escape(text)}</f></c>'
            elif self._source.open_formula((name, row, column), cell) or not is_plain_value(cell):
                continue
            else:
                written = self._write_value(at, cell)
            if written:
                rows.setdefault(row, []).append(written)
        data = "".join(f'<row r="{row}">{"".join(cells)}</row>' for row, cells in rows.items())
        return f'<worksheet xmlns="{_MAIN}"><sheetData>{data}</sheetData></worksheet>'

    def _write_value(self, at: str, cell: SheetCell) -> str:
        if cell.kind in WORD_KINDS:
            words = escape(self._styles.read_words(cell))
            text = f'<is><t xml:space="preserve">{words}</t></is>'
            return f'<c r="{at}" t="inlineStr">{text}</c>'
        if cell.value is None:
            return ""
        return f'<c r="{at}" t="{cell.kind}"><v>{escape(cell.value)}</v></c>'


def is_plain_value(cell: SheetCell) -> bool:
    """Tell whether a stored value can be handed on: words, a number, a truth, or nothing."""
    if cell.kind in WORD_KINDS or cell.value is None:
        return True
    if cell.kind == "b":
        return cell.value in {"0", "1"}
    try:
        return cell.kind == "n" and math.isfinite(float(cell.value))
    except ValueError:
        return False


def _pack_workbook(sheets: Sequence[tuple[str, str]], *, from_1904: bool) -> bytes:
    """Make a workbook of sheets, each a name and its XML."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>'
        for n, (name, _) in zip(numbers, sheets, strict=True)
    )
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for n in numbers
    )
    main = f'<Relationship Id="r1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
    names = f'xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f"{overrides}</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{main}</Relationships>',
        "xl/workbook.xml": f'<workbook {names}><workbookPr date1904="{int(from_1904)}"/>'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{relations}</Relationships>",
    }
    parts |= {
        f"xl/worksheets/sheet{n}.xml": text for n, (_, text) in zip(numbers, sheets, strict=True)
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()
