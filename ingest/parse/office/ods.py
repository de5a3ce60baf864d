"""Parse OpenDocument spreadsheets (.ods): their cells hold the text that a reader sees."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from lxml import etree

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.media_types import ODS
from ingest.parse.office.sheet_cells import MOST_SHEET_COLUMNS, MergeFiller, SheetLosses
from ingest.parse.office.sheet_sections import MOST_CELLS, SheetComment, SheetRemarks, SheetSections
from ingest.parse.parse_options import ParseOptions
from ingest.parse.xml_tree import Element, local_name, read_attribute
from ingest.parse.zip_archive import Archive

MOST_BLANKS = 100  # spaces in a row that a file may ask for
_CELLS = frozenset({"table-cell", "covered-table-cell"})
_SILENT = frozenset({"annotation", "ruby-text", "annotation-end"})
_HIDDEN = frozenset({"collapse", "filter"})
_USUAL_OPTIONS = ParseOptions()


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """A sheet while it is read: rows as shown, its merges and its comments."""

    name: str
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    comments: list[SheetComment] = field(default_factory=list)
    closed: set[int] = field(default_factory=set)
    cells: int = 0


def parse(body: bytes, uri: str, *, options: ParseOptions = _USUAL_OPTIONS) -> Document:
    """Read a spreadsheet's visible sheets. Raises Unreadable: damaged, a bomb, without text."""
    archive = Archive(body)
    builder = DocumentBuilder()
    losses = SheetLosses()
    root = archive.parse_entry("content.xml")
    shows_all = options.hidden_cells
    hidden = frozenset() if shows_all else _find_hidden_styles(root)
    tables = [node for node in root.iter("{*}table") if _is_sheet(node)]
    visible = [node for node in tables if read_attribute(node, "style-name") not in hidden]
    losses.hidden_sheets = len(tables) - len(visible)
    sections = SheetSections(builder, count=len(visible))
    try:
        for node in visible:
            sheet = _read_sheet(node, losses, hidden=shows_all)
            rows = _fill_rows(sheet, losses)
            remarks = SheetRemarks(comments=sheet.comments, closed=sheet.closed)
            sections.write_sheet(sheet.name, rows, remarks)
    except (ValueError, etree.LxmlError) as error:
        raise Unreadable("damaged: its sheets cannot be read") from error
    document = builder.build_document(title=PurePosixPath(uri).stem, media_type=ODS)
    return replace(document, notes=losses.list_notes())


def _is_sheet(node: Element) -> bool:
    above = node.getparent()
    return above is not None and local_name(above) == "spreadsheet"


def _find_hidden_styles(root: Element) -> frozenset[str]:
    """Find the styles of sheets that are not shown."""
    return frozenset(
        read_attribute(style, "name")
        for style in root.iter("{*}style")
        for part in style
        if local_name(part) == "table-properties" and read_attribute(part, "display") == "false"
    )


def _read_sheet(node: Element, losses: SheetLosses, *, hidden: bool) -> _Sheet:
    sheet = _Sheet(name=read_attribute(node, "name"))
    column = number = 1
    for part in _iterate_parts(node):
        if local_name(part) == "table-column":
            repeat = _read_count(part, "number-columns-repeated")
            if not hidden and read_attribute(part, "visibility") in _HIDDEN:
                last = min(column + repeat, MOST_SHEET_COLUMNS + 1)
                sheet.closed.update(range(column, last))
            column += repeat
            continue
        repeat = _read_count(part, "number-rows-repeated")
        unseen = not hidden and read_attribute(part, "visibility") in _HIDDEN
        comments, merges = len(sheet.comments), len(sheet.merges)
        row = _read_row(part, number, sheet, losses)
        if unseen:
            losses.hidden_rows += repeat if any(row) else 0
            del sheet.comments[comments:], sheet.merges[merges:]
        elif not any(row):
            sheet.rows.append((number, row))
        else:
            _repeat_row(sheet, number, row, repeat)
        number += repeat
    return sheet


def _repeat_row(sheet: _Sheet, number: int, row: list[str], repeat: int) -> None:
    """Add a row as often as the file says; it may say so a million times."""
    sheet.cells += repeat * len(row)
    if sheet.cells > MOST_CELLS:
        raise Unreadable(f"a sheet of more than {MOST_CELLS:,} cells; split it")
    sheet.rows += [(number + n, row) for n in range(repeat)]


def _iterate_parts(node: Element) -> Iterator[Element]:
    """Yield columns and rows, also those within groups and heads; no table within a cell."""
    for part in node:
        name = local_name(part)
        if name in {"table-column", "table-row"}:
            yield part
        elif name.startswith("table-"):
            yield from _iterate_parts(part)


def _read_row(node: Element, number: int, sheet: _Sheet, losses: SheetLosses) -> list[str]:
    cells: list[str] = []
    column = 1
    for part in node:
        if local_name(part) not in _CELLS:
            continue
        repeat = _read_count(part, "number-columns-repeated")
        text = "" if local_name(part) == "covered-table-cell" else _read_cell(part)
        if text:
            _note_merge(part, number, column, sheet)
            fits = min(repeat, MOST_SHEET_COLUMNS + 1 - column)
            losses.cut_cells += repeat - max(fits, 0)
            if fits > 0:
                cells += [""] * (column - 1 - len(cells))
                cells += [text] * fits
        for note in part:
            if local_name(note) == "annotation" and (words := _join_paragraphs(note)):
                sheet.comments.append((number, column, words))
        column += repeat
    return cells


def _note_merge(node: Element, row: int, column: int, sheet: _Sheet) -> None:
    wide = _read_count(node, "number-columns-spanned")
    high = _read_count(node, "number-rows-spanned")
    if wide > 1 or high > 1:
        sheet.merges.append((row, column, row + high - 1, column + wide - 1))


def _fill_rows(sheet: _Sheet, losses: SheetLosses) -> Iterator[tuple[int, list[str]]]:
    filler = MergeFiller(sheet.merges)
    for number, row in sheet.rows:
        filled = filler.fill_row(number, row)
        if sheet.closed:
            filled = [cell for n, cell in enumerate(filled, start=1) if n not in sheet.closed]
        yield number, filled
    losses.hidden_columns += sum(1 for n in sheet.closed if n <= filler.widest)


def _read_count(node: Element, name: str) -> int:
    words = read_attribute(node, name)
    return max(int(words), 1) if words.isdecimal() and len(words) <= 9 else 1  # noqa: PLR2004


def _read_cell(node: Element) -> str:
    """Return the text of a cell, or its value where a program wrote no text."""
    return _join_paragraphs(node) or read_attribute(node, "value")


def _join_paragraphs(node: Element) -> str:
    lines = ["".join(_list_words(part)) for part in node if local_name(part) in {"p", "h"}]
    return "\n".join(line for line in lines if line.strip())


def _list_words(node: Element) -> Iterator[str]:
    """Yield the words in a paragraph, blanks and line ends among them."""
    yield node.text or ""
    for part in node:
        name = local_name(part)
        if name == "s":
            yield " " * min(_read_count(part, "c"), MOST_BLANKS)
        elif name in {"tab", "line-break"}:
            yield " "
        elif name not in _SILENT:
            yield from _list_words(part)
        yield part.tail or ""
