"""Parse Excel workbooks: each sheet a section, each table with its header."""

import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any

from lxml import etree
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from ingest.document import Document, describe_hidden_words
from ingest.errors import Unreadable
from ingest.parse import table_rows
from ingest.parse.document_builder import MOST_CHARACTERS, DocumentBuilder
from ingest.parse.media_types import XLSX
from ingest.parse.office.package import Package
from ingest.parse.office.paragraph_text import WHITE_CODES
from ingest.parse.office.sheet_links import CellPlace, read_cell_links

WORKBOOK_TYPE = XLSX

MOST_SHEET_COLUMNS = 500
MOST_CELLS = 5_000_000
_WHITE_INDEXES = {1, 9, 65}  # of the old palette; 65 is the window's ground
_UNNAMED = re.compile(r"(?:sheet|工作表|tabelle|feuille|hoja)\s*\d*", re.IGNORECASE)
_CURRENCY_FORMAT = re.compile(r'\[\$([^\]-]{1,3})|"([$€£¥￥])"|([$€£¥￥])')
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

Row = Sequence[str]


def parse(body: bytes, uri: str) -> Document:
    """Read a workbook's visible sheets. Raises Unreadable: damaged, a bomb, or without text."""
    package = Package(body)
    builder = DocumentBuilder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of features that hold no text
            hidden = _write_sheets(body, builder, package)
    except _WORKBOOK_ERRORS as error:
        raise Unreadable("damaged: its sheets cannot be read") from error
    title = package.find_title() or PurePosixPath(uri).stem
    document = builder.build_document(title=title, media_type=WORKBOOK_TYPE)
    return replace(document, notes=describe_hidden_words(hidden))


def _write_sheets(body: bytes, builder: DocumentBuilder, package: Package) -> int:
    """Write the sheets; give the number of words that are white on white."""
    book = load_workbook(io.BytesIO(body), read_only=True, data_only=True, keep_links=False)
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    # No program lists a sheet's part twice; listed by thousands, a small file fills a disk.
    sheets = list(
        {
            getattr(worksheet, "_worksheet_path", worksheet.title): worksheet
            for worksheet in visible
        }.values()
    )
    hidden_styles = _find_hidden_styles(book)
    hidden_words = 0
    links: dict[CellPlace, str] = {}  # of the sheet that is read
    before = ""  # the words of the cell before: they tell equal cells apart

    def read_visible(cell: object) -> str:
        nonlocal hidden_words, before
        text = _format_cell(cell)
        if text and hidden_styles and getattr(cell, "_style_id", None) in hidden_styles:
            hidden_words += len(text.split())
            return ""
        if links and text and (address := links.get(_cell_place(cell))):
            builder.note_links(text, [(0, len(text), address)], after=before)
        before = text or before
        return text

    for sheet in sheets:
        links = read_cell_links(package, sheet)
        sheet.reset_dimensions()  # the stated size may be that of the whole empty grid
        rows = _limit_rows(
            [read_visible(cell) for cell in row[:MOST_SHEET_COLUMNS]] for row in sheet.rows
        )
        first = next(filter(any, rows), None)
        if first is None:
            continue
        builder.close_sections(1)
        if len(sheets) > 1 or not _UNNAMED.fullmatch(sheet.title):
            builder.add_heading(1, sheet.title)
        _write_regions(chain([first], rows), builder)
    book.close()
    return hidden_words


def _cell_place(cell: Any) -> CellPlace:
    return getattr(cell, "row", 0), getattr(cell, "column", 0)  # an empty cell has neither


def _find_hidden_styles(book: Any) -> frozenset[int]:
    """Find the cell styles whose own font is white on no fill, or on a white one.

    What a table's style or a condition lays under a cell is not read.
    """
    return frozenset(
        number
        for number, style in enumerate(book._cell_styles)  # noqa: SLF001 - no public name
        if _is_white(book._fonts[style.fontId].color)  # noqa: SLF001
        and _is_blank_fill(book._fills[style.fillId])  # noqa: SLF001
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


def _limit_rows(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    cells = characters = 0
    for row in rows:
        cells += len(row)
        characters += sum(map(len, row))  # a string is stored once, however many cells show it
        if cells > MOST_CELLS or characters > MOST_CHARACTERS:
            raise Unreadable(
                f"a sheet of more than {MOST_CELLS:,} cells or {MOST_CHARACTERS:,} characters;"
                " split it"
            )
        yield row


def _write_regions(rows: Iterator[list[str]], builder: DocumentBuilder) -> None:
    """Write what blank rows set apart: lines of words as paragraphs, the rest as tables."""
    for row in rows:
        if not any(row):
            continue
        region = chain([row], _until_blank(rows))
        while True:
            first = list(islice(region, 1))
            if not first:
                break
            words = [cell for cell in first[0] if cell]
            if len(words) > 1:
                _write_region(chain(first, region), builder)
                break
            builder.add_paragraph(words[0])


def _until_blank(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    for row in rows:
        if not any(row):
            return
        yield row


def _write_region(region: Iterator[list[str]], builder: DocumentBuilder) -> None:
    """Write a table without its empty columns: they are spacing."""
    sample = list(islice(region, table_rows.HEADER_SAMPLE))
    width = max(map(len, sample))
    used = [n for n in range(width) if any(n < len(row) and row[n] for row in sample)]
    if len(sample) == table_rows.HEADER_SAMPLE:
        used = list(range(used[0], MOST_SHEET_COLUMNS))  # what comes later may use the others
    rows = ([row[n] for n in used if n < len(row)] for row in chain(sample, region))
    table_rows.write_table(builder, rows)


def _format_cell(cell: object) -> str:
    """Print a cell as a reader sees it: dates, shares and prices by the cell's format."""
    value = getattr(cell, "value", None)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return format_number(value, str(getattr(cell, "number_format", "") or ""))
    if isinstance(value, dt.datetime):
        day = value.time() == dt.time(0)
        return value.date().isoformat() if day else value.isoformat(" ", "minutes")
    if isinstance(value, dt.time):
        return value.isoformat("minutes")
    return str(value)


def format_number(value: float, form: str) -> str:
    """Print a number without noise: no ``.0``, a share as a share, a price with its currency.

    >>> format_number(3.0, "General"), format_number(0.195, "0.0%")
    ('3', '19.5%')
    >>> format_number(79, '#,##0.00 "€"')
    '€79.00'
    """
    if "%" in form:
        return f"{value * 100:.10g}%"
    currency = _CURRENCY_FORMAT.search(form)
    if currency:
        digits = 2 if ".00" in form or value != int(value) else 0
        return f"{next(filter(None, currency.groups()))}{value:,.{digits}f}"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.15g}"  # noqa: PLR2004
