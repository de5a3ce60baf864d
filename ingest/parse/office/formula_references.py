"""Tell what decides the value of a formula: the cells and functions that it names.

A formula is only cut into pieces, not understood. One with a piece that is not known here is left,
so nothing that is looked up elsewhere (another workbook, a web page, the clock) gets through.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingest.parse.office.formula_functions import FormulaLeft
from ingest.parse.office.sheet_cells import name_column, number_column

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
MOST_BRACKETS = 64  # in one another; Excel's own limit

_PLACE = r"\$?[A-Za-z]{1,3}\$?\d{1,7}"
_PIECE = re.compile(
    r'(?P<words>"(?:[^"]|"")*+")'
    r"|(?P<sheet>(?:'(?:[^'\[\]]|'')++'|[^\W\d]\w*+)!)?"
    rf"(?:(?P<cells>{_PLACE}(?::{_PLACE})?)|(?P<columns>\$?[A-Za-z]{{1,3}}:\$?[A-Za-z]{{1,3}})"
    r"|(?P<rows>\$?\d{1,7}:\$?\d{1,7}))(?![\w(.:!\[])"
    r"|(?P<number>(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,3})?)(?![\w.:!])"
    r"|(?P<function>[A-Za-z_][A-Za-z0-9_.]*+)\("
    r"|(?P<name>[^\W\d][\w.]*+)(?![\w.(:!\[])"
    r"|(?P<mark>[-+*/^&=<>%(),;{}\s])"
)
_CELL = re.compile(r"(\$?)([A-Za-z]{1,3})(\$?)(\d{1,7})")
_COLUMN = re.compile(r"(\$?)([A-Za-z]{1,3})")
_ROW = re.compile(r"(\$?)(\d{1,7})")

# The functions whose value is decided by their arguments alone, in every country and on every day,
# and which LibreOffice has had since version 7. Not among them: what reads a clock, a file, a
# network or another cell than is named (TODAY, RAND, INDIRECT, OFFSET, CELL), what goes by the
# country (VALUE, DATEVALUE, DOLLAR, FIXED), by hidden rows (SUBTOTAL), or by the formulas of other
# cells (ISFORMULA); and newer ones, whose absence IFERROR would take for an answer (XLOOKUP).
_OLDER_FUNCTIONS = """
ABS ACOS ACOSH ADDRESS AND ASIN ASINH ATAN ATAN2 ATANH AVEDEV AVERAGE AVERAGEA AVERAGEIF AVERAGEIFS
BIN2DEC BIN2HEX CEILING CHAR CHOOSE CLEAN CODE COLUMN COLUMNS COMBIN CONCATENATE CONVERT CORREL COS
COSH COUNT COUNTA COUNTBLANK COUNTIF COUNTIFS CUMIPMT CUMPRINC DATE DATEDIF DAY DAYS360 DB DDB
DEC2BIN DEC2HEX DEGREES EDATE EFFECT EOMONTH EVEN EXACT EXP FACT FALSE FIND FLOOR FORECAST FV GCD
GEOMEAN GROWTH HARMEAN HEX2DEC HLOOKUP HOUR HYPERLINK IF IFERROR INDEX INT INTERCEPT IPMT IRR
ISBLANK ISERR ISERROR ISEVEN ISLOGICAL ISNA ISNONTEXT ISNUMBER ISODD ISTEXT LARGE LCM LEFT LEN LN
LOG LOG10 LOOKUP LOWER MATCH MAX MAXA MEDIAN MID MIN MINA MINUTE MIRR MOD MODE MONTH MROUND N NA
NETWORKDAYS NETWORKDAYS.INTL NOMINAL NORMDIST NOT NPER NPV ODD OR PERCENTILE PERCENTRANK PERMUT PI
PMT POWER PPMT PRICE PRODUCT PROPER PV QUARTILE QUOTIENT RADIANS RANK RATE REPLACE REPT RIGHT ROMAN
ROUND ROUNDDOWN ROUNDUP ROW ROWS RSQ SEARCH SECOND SIGN SIN SINH SLN SLOPE SMALL SQRT STDEV STDEVP
SUBSTITUTE SUM SUMIF SUMIFS SUMPRODUCT SUMSQ SYD T TAN TANH TEXT TIME TRIM TRUE TRUNC UPPER VAR VARP
VDB VLOOKUP WEEKDAY WEEKNUM WORKDAY WORKDAY.INTL XIRR XNPV YEAR YEARFRAC YIELD
"""
# The file format marks these; programs that write files forget it, and then nobody knows them.
_NEWER_FUNCTIONS = """
BITAND BITOR CEILING.MATH CONCAT DAYS FLOOR.MATH IFNA IFS ISOWEEKNUM MAXIFS MINIFS MODE.SNGL
NORM.DIST NORM.INV NUMBERVALUE PERCENTILE.EXC PERCENTILE.INC QUARTILE.EXC QUARTILE.INC RANK.AVG
RANK.EQ STDEV.P STDEV.S SWITCH TEXTJOIN UNICHAR UNICODE VAR.P VAR.S XOR
"""
_MARKED_FUNCTIONS = frozenset(_NEWER_FUNCTIONS.split())
PLAIN_FUNCTIONS = _MARKED_FUNCTIONS.union(_OLDER_FUNCTIONS.split())
_WIDER_RANGES = {"SUMIF", "AVERAGEIF"}  # they read as far as their first range goes


class CellArea(NamedTuple):
    """A range of cells on a sheet."""

    sheet: str
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class FormulaReferences:
    """A formula as it stands in its own cell, and the areas that it names."""

    text: str
    areas: tuple[CellArea, ...]


def read_references(
    formula: str, sheet: str, moved: tuple[int, int], names: Mapping[str, str]
) -> FormulaReferences:
    """Read what a formula of a sheet names. Raises FormulaLeft where more than that decides it.

    moved: rows and columns between the cell that the formula was written for and its own. names:
    what the workbook's names stand for, by their small letters.
    """
    text: list[str] = []
    areas: list[CellArea] = []
    has_wider_range = False
    depth = 0
    at = 0
    while at < len(formula):
        match = _PIECE.match(formula, at)
        if match is None:
            raise FormulaLeft
        at = match.end()
        depth += match[0].endswith("(") - (match[0] == ")")
        if not 0 <= depth <= MOST_BRACKETS:
            raise FormulaLeft
        if match["function"]:
            function = match["function"].upper().removeprefix("_XLFN.")
            if function not in PLAIN_FUNCTIONS:
                raise FormulaLeft
            has_wider_range |= function in _WIDER_RANGES
            text.append(f"_xlfn.{function}(" if function in _MARKED_FUNCTIONS else match[0])
        elif match["name"]:
            text.append(_resolve_name(match["name"], areas, names))
        elif reference := match["cells"] or match["columns"] or match["rows"]:
            prefix = match["sheet"] or ""
            reference, area = _move_reference(reference, _read_sheet_name(prefix) or sheet, moved)
            areas.append(area)
            text.append(prefix + reference)
        else:
            text.append(match[0])
    if depth:
        raise FormulaLeft
    if has_wider_range:
        areas = _widen_areas(areas)
    return FormulaReferences("".join(text), tuple(areas))


def _widen_areas(areas: Sequence[CellArea]) -> list[CellArea]:
    """Make all areas as large as the largest: a range to add up may be named by its first cell."""
    height = max((area.bottom - area.top for area in areas), default=0)
    width = max((area.right - area.left for area in areas), default=0)
    return [
        area._replace(
            bottom=min(LAST_ROW, max(area.bottom, area.top + height)),
            right=min(LAST_COLUMN, max(area.right, area.left + width)),
        )
        for area in areas
    ]


def _resolve_name(name: str, areas: list[CellArea], names: Mapping[str, str]) -> str:
    """Return what a name stands for: an area that is written out with its sheet."""
    if name.upper() in {"TRUE", "FALSE"}:
        return name
    stated = names.get(name.lower(), "").removeprefix("=")
    match = _PIECE.fullmatch(stated)
    reference = match and match["sheet"] and (match["cells"] or match["columns"] or match["rows"])
    if not match or not reference or "$" not in reference:
        raise FormulaLeft
    areas.append(_move_reference(reference, _read_sheet_name(match["sheet"]), (0, 0))[1])
    return stated


def _read_sheet_name(prefix: str) -> str:
    name = prefix.removesuffix("!")
    if name.startswith("'"):
        name = name[1:-1].replace("''", "'")
    return name.lower()


def _move_reference(reference: str, sheet: str, moved: tuple[int, int]) -> tuple[str, CellArea]:
    ends = [_move_end(end, moved) for end in reference.split(":")]
    (first, top, left), (_, bottom, right) = ends[0], ends[-1]
    rows = sorted((top or 1, bottom or LAST_ROW))
    columns = sorted((left or 1, right or LAST_COLUMN))
    text = ":".join(end[0] for end in ends) if len(ends) > 1 else first
    return text, CellArea(sheet, rows[0], columns[0], rows[1], columns[1])


def _move_end(end: str, moved: tuple[int, int]) -> tuple[str, int, int]:
    """Return an end of a reference where it stands now, with its row and column; 0 for all."""
    text, row, column = "", 0, 0
    if match := _CELL.fullmatch(end):
        fixed_column, letters, fixed_row, digits = match.groups()
    elif match := _COLUMN.fullmatch(end):
        fixed_column, letters, fixed_row, digits = *match.groups(), "", ""
    elif match := _ROW.fullmatch(end):
        fixed_column, letters, fixed_row, digits = "", "", *match.groups()
    else:
        raise FormulaLeft
    if letters:
        column = number_column(letters) + (0 if fixed_column else moved[1])
        if not 1 <= column <= LAST_COLUMN:
            raise FormulaLeft
        text = fixed_column + name_column(column)
    if digits:
        row = int(digits) + (0 if fixed_row else moved[0])
        if not 1 <= row <= LAST_ROW:
            raise FormulaLeft
        text += f"{fixed_row}{row}"
    return text, row, column


def name_place(row: int, column: int) -> str:
    """Return the reference of a cell.

    >>> name_place(3, 28)
    'AB3'
    """
    return f"{name_column(column)}{row}"


def read_names(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return what names stand for, by their small letters; none that stands for two things.

    >>> read_names([("Fee", "S!$A$1"), ("Tax", "S!$B$1"), ("fee", "T!$A$1")])
    {'tax': 'S!$B$1'}
    """
    stated: dict[str, set[str]] = {}
    for name, text in pairs:
        stated.setdefault(name.lower(), set()).add(text)
    return {name: next(iter(texts)) for name, texts in stated.items() if len(texts) == 1}
