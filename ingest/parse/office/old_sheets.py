"""Parse workbooks of old Excel (.xls): values, dates and merged cells.

Their number formats are not read: a share stands as 0.19, and a note says so. Another says what the
library does not tell: hidden rows and columns, comments, links, drawings.
"""

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.media_types import XLS
from ingest.parse.office.number_formats import format_number
from ingest.parse.office.sheet_cells import MergeFiller, SheetLosses
from ingest.parse.office.sheet_sections import MOST_CELLS, SheetSections
from ingest.parse.parse_options import ParseOptions

_FORMATS_NOTE = "number formats of this kind of workbook are not read: a share may stand as 0.19"
_UNTOLD_NOTE = (
    "hidden rows and columns of this kind of workbook are read like others; comments, links,"
    " pictures and charts are not read"
)
_LIMIT_WORDS = f"a sheet of more than {MOST_CELLS:,} cells; split it"
_VISIBLE = SheetVisibleEnum.Visible
_USUAL_OPTIONS = ParseOptions()


def parse(body: bytes, uri: str, *, options: ParseOptions = _USUAL_OPTIONS) -> Document:
    """Read a workbook's visible sheets. Raises Unreadable: damaged, locked, or without text."""
    builder = DocumentBuilder()
    losses = SheetLosses()
    shows_all = options.hidden_cells
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(body))
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        visible = [sheet.name for sheet in sheets if shows_all or sheet.visible == _VISIBLE]
        losses.hidden_sheets = len(sheets) - len(visible)
        sections = SheetSections(builder, count=len(visible))
        for name in visible:
            sections.write_sheet(name, _read_rows(book.get_sheet_by_name(name), losses))
    except PasswordError as error:
        raise Unreadable("encrypted: it asks for a password") from error
    except (CalamineError, OSError, ValueError, TypeError, OverflowError) as error:
        raise Unreadable("damaged: its sheets cannot be read") from error
    document = builder.build_document(title=PurePosixPath(uri).stem, media_type=XLS)
    return replace(document, notes=(*losses.list_notes(), _UNTOLD_NOTE))


def _read_rows(sheet: CalamineSheet, losses: SheetLosses) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet with their numbers."""
    if sheet.start is None:
        return
    if sheet.total_height * sheet.total_width > MOST_CELLS:
        raise Unreadable(_LIMIT_WORDS)
    merges = (
        (top + 1, left + 1, bottom + 1, right + 1)
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
    )
    filler = MergeFiller(merges)
    for number, row in enumerate(sheet.to_python(skip_empty_area=False), start=1):
        cells = [_print_value(value, losses) for value in row]
        yield number, filler.fill_row(number, cells)


def _print_value(value: object, losses: SheetLosses) -> str:
    """Print a value; a date or a time by what it has of both."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if _FORMATS_NOTE not in losses.others:
            losses.others.append(_FORMATS_NOTE)
        return format_number(float(value), "")
    if isinstance(value, dt.datetime):
        day = value.time() == dt.time(0)
        return value.date().isoformat() if day else value.isoformat(" ", "minutes")
    if isinstance(value, dt.time):
        return value.isoformat("minutes")
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    return str(value)
