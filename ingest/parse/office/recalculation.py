"""Give formulas their value: as computed here, else as LibreOffice computes them.

A formula whose value goes by the day, by another file or by the network is left, and so are those
that need it: a value of the day of the ingest is no fact.
"""

from collections.abc import Iterable, Iterator, Mapping

from ingest.parse.office.formula_extract import WORD_KINDS, FormulaExtract, Place, is_plain_value
from ingest.parse.office.formulas import LONGEST_RESULT, FormulaBook
from ingest.parse.office.recalculation_state import RecalculationNeeded, RecalculationState
from ingest.parse.office.sheet_cells import CellStyles, SheetCell, SheetLosses


class FormulaValues:
    """The values of a workbook's formulas; what has none is counted in ``losses``.

    computed: what LibreOffice made of them, once it was asked.
    """

    def __init__(
        self,
        book: FormulaBook,
        extract: FormulaExtract,
        computed: Mapping[Place, SheetCell],
        losses: SheetLosses,
        *,
        state: RecalculationState,
    ) -> None:
        self._book = book
        self._extract = extract
        self._computed = computed
        self._losses = losses
        self._state = state

    def fill_value(self, sheet: str, row: int, cell: SheetCell) -> SheetCell:
        """Return a cell with the value of its formula; the cell itself where there is none."""
        filled = self._book.fill_value(sheet, row, cell)
        if filled.value is not None:
            return filled
        computed = self._computed.get((sheet.lower(), row, cell.column))
        if computed is not None:
            self._losses.formulas_by_office += 1
            return cell._replace(kind=computed.kind, value=computed.value)
        self._losses.formulas += 1
        if self._state in {"missing", "ask"}:
            self._losses.formulas_for_office += self._extract.add_cell(sheet, row, cell.column)
        return cell

    def ask_for_rest(self) -> None:
        """Raise RecalculationNeeded where LibreOffice is to be asked for what has no value."""
        if self._state != "ask" or self._extract.is_empty:
            return
        if workbook := self._extract.make_workbook():
            raise RecalculationNeeded(workbook)
        self._losses.formulas_for_office = 0


def collect_computed(
    rows: Iterable[tuple[int, Iterable[SheetCell]]], styles: CellStyles
) -> Iterator[tuple[int, int, SheetCell]]:
    """Yield the computed formulas of a sheet's rows: row, column, and a cell with the value."""
    for row, cells in rows:
        for cell in cells:
            if cell.formula is not None and (value := _read_value(cell, styles)) is not None:
                yield row, cell.column, value


def _read_value(cell: SheetCell, styles: CellStyles) -> SheetCell | None:
    """Return a computed cell with its words in it; None for an error, or for no value."""
    if cell.kind in WORD_KINDS:
        words = styles.read_words(cell)
        return cell._replace(kind="str", value=words) if len(words) <= LONGEST_RESULT else None
    return cell if cell.value is not None and is_plain_value(cell) else None
