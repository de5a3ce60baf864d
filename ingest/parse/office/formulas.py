"""Compute formulas that a program wrote without a value: arithmetic, sums, choices, look-ups.

What a sheet's own program would compute on opening is missing in files that other programs wrote.
Only plain functions are known; anything else is left, and counted by whoever asked.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ingest.parse.office.formula_functions import (
    FormulaLeft,
    Value,
    call_function,
    combine_values,
    compare_values,
    read_as_number,
    read_as_truth,
)
from ingest.parse.office.formula_references import CellArea
from ingest.parse.office.sheet_cells import CellStyles, SheetCell, number_column

LONGEST_FORMULA = 8_192  # characters; Excel's own limit
LONGEST_RESULT = 32_767  # characters of a cell, by Excel's own limit
MOST_DEPTH = 40  # of brackets, and of formulas that need one another
MOST_CHAINS = 200  # of so many formulas each that need one another
MOST_SHEET_CELLS = 200_000  # of a sheet that is computed
MOST_FORMULA_STEPS = 2_000_000  # cells looked at, for a whole workbook
_CHARACTERS_A_STEP = 4  # of a formula that are read in the time of looking at a cell

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d{1,300}(?:\.\d{0,300})?(?:[eE][+-]?\d{1,3})?)"
    r'|"(?P<text>(?:[^"]|"")*+)"'
    r"|(?P<sheet>(?:'(?:[^']|'')*+'|[^\W\d]\w*+)!)?"
    r"(?P<first>\$?[A-Za-z]{1,3}\$?\d{1,7})(?::(?P<last>\$?[A-Za-z]{1,3}\$?\d{1,7}))?(?![\w(])"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*+)"
    r"|(?P<mark><=|>=|<>|[-+*/^&=<>%(),;]))"
)
_PLACE = re.compile(r"(\$?)([A-Za-z]{1,3})(\$?)(\d{1,7})")


class _TooDeep(FormulaLeft):
    """A formula that needs too many others at once: first the one at ``place``."""

    def __init__(self, place: tuple[str, int, int]) -> None:
        self.place = place


_NO_VALUE = (FormulaLeft, ArithmeticError, ValueError, LookupError, RecursionError)


class _Node(NamedTuple):
    """A part of a formula: what it does, its words or number, and the parts in it."""

    kind: str
    value: object
    parts: tuple["_Node", ...] = ()


class OpenFormula(NamedTuple):
    """A formula that has no value yet.

    moved: rows and columns between the cell that its text was written for and its own. array: the
    cells that it fills, if it computes with whole ranges.
    """

    text: str
    moved: tuple[int, int] = (0, 0)
    array: str = ""


class FormulaBook:
    """The formulas of a workbook. open_sheet: gives the rows of a sheet by its name, or None."""

    def __init__(
        self,
        open_sheet: Callable[[str], Iterator[tuple[int, list[SheetCell]]] | None],
        styles: CellStyles,
        *,
        stale: bool = False,
    ) -> None:
        self._open_sheet = open_sheet
        self._styles = styles
        self._stale = stale
        self._sheets: dict[str, dict[tuple[int, int], SheetCell] | None] = {}
        self._shared: dict[tuple[str, str], tuple[int, int, str]] = {}
        self._values: dict[tuple[str, int, int], Value | FormulaLeft] = {}
        self._pending: set[tuple[str, int, int]] = set()
        self._steps = 0

    def fill_value(self, sheet: str, row: int, cell: SheetCell) -> SheetCell:
        """Return a cell with the value of its formula; the cell itself where there is none."""
        try:
            value = self._resolve((sheet.lower(), row, cell.column))
        except _NO_VALUE:
            return cell
        if isinstance(value, bool):
            return cell._replace(kind="b", value=str(int(value)))
        if isinstance(value, float):
            finite = math.isfinite(value)
            return cell._replace(kind="n", value=repr(value)) if finite else cell
        return cell._replace(kind="str", value=value or "")

    def _resolve(self, place: tuple[str, int, int]) -> Value:
        """Compute a cell; of a long chain of formulas, first those at its far end."""
        waiting = [place]
        while True:
            try:
                value = self._read_value(*waiting[-1])
            except _TooDeep as error:
                if len(waiting) > MOST_CHAINS:  # a circle, most likely
                    self._values.update((cell, FormulaLeft()) for cell in waiting)
                    raise FormulaLeft from error
                waiting.append(error.place)
                continue
            waiting.pop()
            if not waiting:
                return value

    def load_sheet(self, name: str) -> dict[tuple[int, int], SheetCell]:
        """Return the cells of a sheet, by its name in small letters. Raises FormulaLeft."""
        if name not in self._sheets:
            self._sheets[name] = None
            rows = self._open_sheet(name)
            grid: dict[tuple[int, int], SheetCell] = {}
            for row, cells in rows or ():
                for cell in cells:
                    grid[row, cell.column] = cell
                    if cell.shared and cell.formula:
                        self._shared.setdefault(
                            (name, cell.shared), (row, cell.column, cell.formula)
                        )
                if len(grid) > MOST_SHEET_CELLS:
                    raise FormulaLeft
            self._sheets[name] = None if rows is None else grid
        sheet = self._sheets[name]
        if sheet is None:
            raise FormulaLeft
        return sheet

    def _read_value(self, sheet: str, row: int, column: int) -> Value:
        self._steps += 1
        if self._steps > MOST_FORMULA_STEPS:
            raise FormulaLeft
        cell = self.load_sheet(sheet).get((row, column))
        if cell is None:
            return None
        place = (sheet, row, column)
        formula = self.open_formula(place, cell)
        if formula is None:
            return self._read_stored(cell)
        if place in self._pending:
            raise FormulaLeft  # it needs itself
        if place not in self._values:
            if len(self._pending) > MOST_DEPTH:
                raise _TooDeep(place)
            self._pending.add(place)
            try:
                self._values[place] = self._compute(sheet, formula)
            except _TooDeep:
                raise
            except _NO_VALUE:
                self._values[place] = FormulaLeft()
            finally:
                self._pending.discard(place)
        value = self._values[place]
        if isinstance(value, FormulaLeft):
            raise value
        return value

    def _read_stored(self, cell: SheetCell) -> Value:
        if cell.kind in {"s", "str", "inlineStr"}:
            return self._styles.read_words(cell)
        if cell.value is None:
            return None
        if cell.kind == "b":
            return cell.value.strip() not in {"0", "false"}
        if cell.kind != "n":
            raise FormulaLeft
        return float(cell.value)

    def open_formula(self, place: tuple[str, int, int], cell: SheetCell) -> OpenFormula | None:
        """Return the formula of a cell that has no value; None for a cell that needs none."""
        stale = self._stale and cell.value == "0"
        if cell.formula is None or not (stale or (cell.value is None and cell.kind != "str")):
            return None
        if cell.formula or not cell.shared:
            return OpenFormula(cell.formula, array=cell.array)
        sheet, row, column = place
        first_row, first_column, text = self._shared.get((sheet, cell.shared), (0, 0, ""))
        return OpenFormula(text, (row - first_row, column - first_column))

    def _compute(self, sheet: str, formula: OpenFormula) -> Value:
        text = formula.text
        if not text or len(text) > LONGEST_FORMULA:
            raise FormulaLeft
        self._steps += len(text) // _CHARACTERS_A_STEP  # one that is shared is read in each cell
        node = _FormulaParser(text, sheet, formula.moved).parse()
        value = self._evaluate(node)
        if isinstance(value, str) and len(value) > LONGEST_RESULT:
            raise FormulaLeft
        return value

    def _evaluate(self, node: _Node) -> Value:
        if node.kind == "value":
            return node.value  # type: ignore[return-value]
        if node.kind == "area":
            values = self._list_values(node)
            if len(values) != 1:
                raise FormulaLeft
            return values[0]
        if node.kind == "call":
            return self._call(str(node.value), node.parts)
        if len(node.parts) == 1:
            number = read_as_number(self._evaluate(node.parts[0]))
            return number / 100 if node.value == "%" else -number
        left, right = map(self._evaluate, node.parts)
        return combine_values(str(node.value), left, right)

    def _list_values(self, node: _Node) -> list[Value]:
        """Return the values of an argument: of a range all of them, row by row."""
        if node.kind != "area":
            return [self._evaluate(node)]
        area = node.value
        if not isinstance(area, CellArea):
            raise FormulaLeft
        grid = self.load_sheet(area.sheet)
        size = (area.bottom - area.top + 1) * (area.right - area.left + 1)
        if size > len(grid):  # whole columns: only what is in them
            self._steps += len(grid)
            inside = sorted(
                (row, column)
                for row, column in grid
                if area.top <= row <= area.bottom and area.left <= column <= area.right
            )
            return [self._read_value(area.sheet, *place) for place in inside]
        return [
            self._read_value(area.sheet, row, column)
            for row in range(area.top, area.bottom + 1)
            for column in range(area.left, area.right + 1)
        ]

    def _call(self, name: str, parts: Sequence[_Node]) -> Value:
        """Compute a function."""
        if name in {"IF", "IFERROR"}:
            return self._choose(name, parts)
        if name == "VLOOKUP":
            return self._look_up(parts)
        return call_function(name, [self._list_values(part) for part in parts])

    def _choose(self, name: str, parts: Sequence[_Node]) -> Value:
        """Compute only what is chosen."""
        if name == "IF" and 2 <= len(parts) <= 3:  # noqa: PLR2004
            if read_as_truth(self._evaluate(parts[0])):
                return self._evaluate(parts[1])
            return self._evaluate(parts[2]) if len(parts) > 2 else False  # noqa: PLR2004
        if name != "IFERROR" or len(parts) != 2:  # noqa: PLR2004
            raise FormulaLeft
        try:
            return self._evaluate(parts[0])
        except ZeroDivisionError:
            return self._evaluate(parts[1])

    def _look_up(self, parts: Sequence[_Node]) -> Value:
        """Look a value up in the first column of a range; only the exact one."""
        if len(parts) != 4 or not isinstance(parts[1].value, CellArea):  # noqa: PLR2004
            raise FormulaLeft
        if read_as_truth(self._evaluate(parts[3])):
            raise FormulaLeft
        wanted, area = self._evaluate(parts[0]), parts[1].value
        offset = int(read_as_number(self._evaluate(parts[2]))) - 1
        if not 0 <= offset <= area.right - area.left:
            raise FormulaLeft
        last = min(area.bottom, area.top + MOST_SHEET_CELLS)
        for row in range(area.top, last + 1):
            if compare_values("=", self._read_value(area.sheet, row, area.left), wanted):
                return self._read_value(area.sheet, row, area.left + offset)
        raise FormulaLeft


class _FormulaParser:
    """Reads a formula by its operators' strength, weakest first."""

    def __init__(self, formula: str, sheet: str, moved: tuple[int, int]) -> None:
        self._sheet = sheet
        self._moved = moved
        self._tokens = list(self._cut_tokens(formula.removeprefix("=").strip()))
        self._at = 0
        self._depth = 0

    def parse(self) -> _Node:
        """Return the whole formula as a tree."""
        node = self._parse_level(0)
        if self._at != len(self._tokens):
            raise FormulaLeft
        return node

    def _cut_tokens(self, formula: str) -> Iterator[_Node]:
        at = 0
        while at < len(formula):
            match = _TOKEN.match(formula, at)
            if match is None:
                raise FormulaLeft
            at = match.end()
            if match["number"]:
                yield _Node("value", float(match["number"]))
            elif match["first"]:
                yield _Node("area", self._read_area(match))
            elif match["name"]:
                yield _Node("name", match["name"].upper().removeprefix("_XLFN."))
            elif match["mark"]:
                yield _Node("mark", match["mark"])
            else:
                yield _Node("value", match["text"].replace('""', '"'))

    def _read_area(self, match: re.Match[str]) -> CellArea:
        sheet = (match["sheet"] or "").removesuffix("!")
        if sheet.startswith("'"):
            sheet = sheet[1:-1].replace("''", "'")
        first = self._read_place(match["first"])
        last = self._read_place(match["last"] or match["first"])
        rows, columns = sorted((first[0], last[0])), sorted((first[1], last[1]))
        return CellArea(sheet.lower() or self._sheet, rows[0], columns[0], rows[1], columns[1])

    def _read_place(self, reference: str) -> tuple[int, int]:
        match = _PLACE.fullmatch(reference)
        if match is None:
            raise FormulaLeft
        row, column = int(match[4]), number_column(match[2])
        return (
            row if match[3] else row + self._moved[0],
            column if match[1] else column + self._moved[1],
        )

    def _take_mark(self, marks: Sequence[str]) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at].kind == "mark":
            mark = str(self._tokens[self._at].value)
            if mark in marks:
                self._at += 1
                return mark
        return ""

    def _parse_level(self, level: int) -> _Node:
        self._depth += 1
        if self._depth > MOST_DEPTH * len(_LEVELS):
            raise FormulaLeft
        if level == len(_LEVELS):
            node = self._parse_sign()
        else:
            node = self._parse_level(level + 1)
            while mark := self._take_mark(_LEVELS[level]):
                node = _Node("op", mark, (node, self._parse_level(level + 1)))
        self._depth -= 1
        return node

    def _parse_sign(self) -> _Node:
        minus = False
        while mark := self._take_mark(("-", "+")):
            minus ^= mark == "-"
        node = self._parse_atom()
        while self._take_mark(("%",)):
            node = _Node("op", "%", (node,))
        return _Node("op", "-", (node,)) if minus else node

    def _parse_atom(self) -> _Node:
        if self._take_mark(("(",)):
            node = self._parse_level(0)
            self._expect(")")
            return node
        if self._at >= len(self._tokens) or self._tokens[self._at].kind == "mark":
            raise FormulaLeft
        token = self._tokens[self._at]
        self._at += 1
        if token.kind != "name":
            return token
        if token.value in {"TRUE", "FALSE"} and not self._take_mark(("(",)):
            return _Node("value", token.value == "TRUE")
        if token.value not in {"TRUE", "FALSE"}:
            self._expect("(")
        parts = []
        if not self._take_mark((")",)):
            parts.append(self._parse_level(0))
            while self._take_mark((",", ";")):
                parts.append(self._parse_level(0))
            self._expect(")")
        return _Node("call", token.value, tuple(parts))

    def _expect(self, mark: str) -> None:
        if not self._take_mark((mark,)):
            raise FormulaLeft


_LEVELS = (("=", "<>", "<", ">", "<=", ">="), ("&",), ("+", "-"), ("*", "/"), ("^",))
