"""Parse Excel workbooks: each sheet a section, each table with its head, values as shown."""

import io
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from lxml import etree
from openpyxl import load_workbook
from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.utils.exceptions import InvalidFileException

from ingest.document import Document, describe_hidden_words
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.media_types import XLSX
from ingest.parse.office.formula_extract import FormulaExtract, Place
from ingest.parse.office.formula_references import read_names
from ingest.parse.office.formulas import FormulaBook
from ingest.parse.office.package import Package
from ingest.parse.office.paragraph_text import WHITE_CODES
from ingest.parse.office.recalculation import FormulaValues, collect_computed
from ingest.parse.office.recalculation_state import Recalculation
from ingest.parse.office.sheet_cells import (
    CellReading,
    CellStyles,
    SheetCell,
    SheetLosses,
    find_merges,
    iterate_cells,
    read_sheet_rows,
)
from ingest.parse.office.sheet_comments import read_sheet_comments
from ingest.parse.office.sheet_drawings import SheetDrawings
from ingest.parse.office.sheet_links import CellPlace, read_cell_links
from ingest.parse.office.sheet_sections import SheetRemarks, SheetSections
from ingest.parse.parse_options import ParseOptions

WORKBOOK_TYPE = XLSX

_WHITE_INDEXES = {1, 9, 65}  # of the old palette; 65 is the window's ground
_USUAL_OPTIONS = ParseOptions()
_NO_RECALCULATION = Recalculation()
_FIRST_OWN_FORMAT = 164  # numbers below are the formats that every program knows
_WORKBOOK_ERRORS = (
    ArithmeticError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OSError,
    SyntaxError,  # what both XML parsers raise derives from it
    zipfile.BadZipFile,
    InvalidFileException,
    etree.LxmlError,
)


def parse(
    body: bytes,
    uri: str,
    *,
    options: ParseOptions = _USUAL_OPTIONS,
    recalculation: Recalculation = _NO_RECALCULATION,
) -> Document:
    """Read a workbook's visible sheets. Raises Unreadable: damaged, a bomb, or without text.

    recalculation: how formulas are computed that are not computed here; where LibreOffice must be
    asked for them first, it raises RecalculationNeeded.
    """
    package = Package(body)
    builder = DocumentBuilder()
    losses = SheetLosses()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of features that hold no text
            book = _open_book(body)
            _write_sheets(
                book,
                package,
                builder,
                losses,
                hidden=options.hidden_cells,
                recalculation=recalculation,
            )
            book.close()
    except _WORKBOOK_ERRORS as error:
        raise Unreadable("damaged: its sheets cannot be read") from error
    title = package.find_title() or PurePosixPath(uri).stem
    document = builder.build_document(title=title, media_type=WORKBOOK_TYPE)
    notes = (*describe_hidden_words(losses.hidden_words), *losses.list_notes())
    return replace(document, notes=notes)


def _write_sheets(  # noqa: PLR0913 - a workbook, and all that is known of it
    book: Any,
    package: Package,
    builder: DocumentBuilder,
    losses: SheetLosses,
    *,
    hidden: bool,
    recalculation: Recalculation,
) -> None:
    archive = cast("zipfile.ZipFile", book._archive)  # noqa: SLF001 - no public name
    # No program lists a sheet's part twice; listed by thousands, a small file fills a disk.
    sheets = {_find_part(sheet): sheet for sheet in book.worksheets}
    visible = {
        part: sheet for part, sheet in sheets.items() if hidden or sheet.sheet_state == "visible"
    }
    losses.hidden_sheets = len(sheets) - len(visible)
    styles = _read_styles(book)
    stale = _is_stale(book)
    formulas = _open_formulas(book, styles, losses, recalculation)
    sections = SheetSections(builder, count=len(visible))
    drawings = SheetDrawings(package, losses.unread)
    for part, sheet in visible.items():
        reading = CellReading(
            styles=styles,
            losses=losses,
            compute=partial(formulas.fill_value, sheet.title),
            stale=stale,
            hidden=hidden,
            note_cell=_make_link_noter(builder, read_cell_links(package, sheet)),
        )
        merges = find_merges(_open_part(archive, part))
        rows = read_sheet_rows(_open_part(archive, part), reading, merges=merges)
        remarks = SheetRemarks(
            comments=read_sheet_comments(package, part),
            lines=drawings.read_sheet(part),
            left_out=reading.left_out,
            closed=reading.closed,
        )
        sections.write_sheet(sheet.title, rows, remarks)
    drawings.count_chart_sheets()
    formulas.ask_for_rest()


def _is_stale(book: Any) -> bool:
    return bool(book.calculation and book.calculation.fullCalcOnLoad)


def _open_formulas(
    book: Any, styles: CellStyles, losses: SheetLosses, recalculation: Recalculation
) -> FormulaValues:
    """Prepare to give the formulas of a workbook their values."""
    archive = cast("zipfile.ZipFile", book._archive)  # noqa: SLF001 - no public name
    parts = {sheet.title.lower(): _find_part(sheet) for sheet in book.worksheets}

    def open_sheet(name: str) -> Iterator[tuple[int, list[SheetCell]]] | None:
        return iterate_cells(_open_part(archive, parts[name])) if name in parts else None

    formulas = FormulaBook(open_sheet, styles, stale=_is_stale(book))
    scopes = (book.defined_names, *(sheet.defined_names for sheet in book.worksheets))
    names = read_names(
        [(name, str(item.value)) for scope in scopes for name, item in scope.items()]
    )
    titles = {sheet.title.lower(): sheet.title for sheet in book.worksheets}
    extract = FormulaExtract(formulas, styles, titles=titles, names=names)
    computed: Mapping[Place, SheetCell] = {}
    if recalculation.state == "done":
        try:
            computed = _read_computed(recalculation.copy, from_1904=styles.from_1904)
        except (*_WORKBOOK_ERRORS, Unreadable):
            losses.office_failure = "LibreOffice made no workbook of them"
    losses.office_failure = losses.office_failure or recalculation.reason
    return FormulaValues(formulas, extract, computed, losses, state=recalculation.state)


def _read_computed(copy: bytes, *, from_1904: bool) -> dict[Place, SheetCell]:
    """Read what LibreOffice computed; it is believed as little as the document."""
    Package(copy)
    book = _open_book(copy)
    styles = _read_styles(book)
    if styles.from_1904 != from_1904:
        raise ValueError("the days of the copy are counted from another one")
    computed = {
        (sheet.title.lower(), row, column): cell
        for sheet in book.worksheets
        for row, column, cell in collect_computed(
            iterate_cells(_open_part(book._archive, _find_part(sheet))),  # noqa: SLF001
            styles,
        )
    }
    book.close()
    return computed


def _open_book(body: bytes) -> Any:
    return load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)


def _make_link_noter(
    builder: DocumentBuilder, links: Mapping[CellPlace, str]
) -> Callable[[int, int, str, str], None] | None:
    if not links:
        return None

    def note_cell(row: int, column: int, text: str, before: str) -> None:
        if address := links.get((row, column)):
            span = (0, len(text), address)
            builder.note_links(text, [span], after=before, may_be_missing=True)

    return note_cell


def _find_part(sheet: Any) -> str:
    return str(getattr(sheet, "_worksheet_path", sheet.title))


def _open_part(archive: zipfile.ZipFile, part: str) -> BinaryIO:
    return cast("BinaryIO", archive.open(part))


def _read_styles(book: Any) -> CellStyles:
    """Read how the styles of cells show numbers, and which hide words.

    Hidden are those whose own font is white on no fill, or on a white one. What a table's style or
    a condition lays under a cell is not read.
    """
    own = book._number_formats  # noqa: SLF001 - no public name, nor have those below
    forms = []
    for style in book._cell_styles:  # noqa: SLF001
        number = style.numFmtId
        at = number - _FIRST_OWN_FORMAT
        named = own[at] if 0 <= at < len(own) else BUILTIN_FORMATS.get(number, "")
        forms.append(str(named))
    white = (
        number
        for number, style in enumerate(book._cell_styles)  # noqa: SLF001
        if _is_white(book._fonts[style.fontId].color)  # noqa: SLF001
        and _is_blank_fill(book._fills[style.fillId])  # noqa: SLF001
    )
    strings: list[str] = next((sheet._shared_strings for sheet in book.worksheets), [])  # noqa: SLF001
    return CellStyles(
        forms=tuple(forms),
        white=frozenset(white),
        strings=tuple(map(str, strings)),
        from_1904=book.epoch == CALENDAR_MAC_1904,
    )


def _is_blank_fill(fill: Any) -> bool:
    kind = getattr(fill, "fill_type", "gradient")
    return kind in {None, "none"} or (kind == "solid" and _is_white(fill.fgColor))


def _is_white(colour: Any) -> bool:
    if colour is None or colour.tint:
        return False
    if colour.type == "rgb":
        return str(colour.rgb).upper()[-6:] in WHITE_CODES
    return (colour.type == "theme" and colour.theme == 0) or (
        colour.type == "indexed" and colour.indexed in _WHITE_INDEXES
    )
