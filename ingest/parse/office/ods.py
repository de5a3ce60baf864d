"""Parse OpenDocument spreadsheets (.ods): their cells hold the text that a reader sees."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from lxml import etree

from indexes.chunk import MOST_LINKS
from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.link_spans import LinkSpan
from ingest.parse.media_types import ODS
from ingest.parse.office.open_drawings import count_open_margins, read_open_drawings
from ingest.parse.office.sheet_cells import MOST_SHEET_COLUMNS, MergeFiller, SheetLosses
from ingest.parse.office.sheet_sections import MOST_CELLS, SheetComment, SheetRemarks, SheetSections
from ingest.parse.parse_options import ParseOptions
from ingest.parse.xml_tree import Element, local_name, read_attribute
from ingest.parse.zip_archive import Archive

_STYLES_PART = "styles.xml"
MOST_BLANKS = 100  # spaces in a row that a file may ask for
_CELLS = frozenset({"table-cell", "covered-table-cell"})
_SILENT = frozenset({"annotation", "ruby-text", "annotation-end"})
_HIDDEN = frozenset({"collapse", "filter"})
_USUAL_OPTIONS = ParseOptions()


class _LinkedCell(NamedTuple):
    text: str
    spans: list[LinkSpan]
    before: str  # the text of the cell before


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """A sheet while it is read: rows as shown, its merges and its comments.

    links: by row, of the cells that lead somewhere.
    """

    name: str
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    comments: list[SheetComment] = field(default_factory=list)
    closed: set[int] = field(default_factory=set)
    links: dict[int, list[_LinkedCell]] = field(default_factory=dict)
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
            rows = _fill_rows(sheet, losses, builder)
            remarks = SheetRemarks(
                comments=sheet.comments,
                lines=read_open_drawings(node, losses.unread),
                closed=sheet.closed,
            )
            sections.write_sheet(sheet.name, rows, remarks)
        if _STYLES_PART in archive.entry_names:
            count_open_margins(archive.parse_entry(_STYLES_PART), losses.unread)
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
            sheet.links.pop(number, None)
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
    if number in sheet.links:
        more = range(number + 1, number + min(repeat, MOST_LINKS))
        sheet.links.update(dict.fromkeys(more, sheet.links[number]))


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
    before = ""
    for part in node:
        if local_name(part) not in _CELLS:
            continue
        repeat = _read_count(part, "number-columns-repeated")
        covered = local_name(part) == "covered-table-cell"
        text, spans = ("", []) if covered else _read_cell(part)
        if text and column not in sheet.closed:
            if spans:
                linked = _LinkedCell(text, spans, before)
                sheet.links.setdefault(number, []).append(linked)
            before = text
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


def _fill_rows(
    sheet: _Sheet, losses: SheetLosses, builder: DocumentBuilder
) -> Iterator[tuple[int, list[str]]]:
    filler = MergeFiller(sheet.merges)
    for number, row in sheet.rows:
        for text, spans, before in sheet.links.get(number, ()):
            builder.note_links(text, spans, after=before, may_be_missing=True)
        filled = filler.fill_row(number, row)
        if sheet.closed:
            filled = [cell for n, cell in enumerate(filled, start=1) if n not in sheet.closed]
        yield number, filled
    losses.hidden_columns += sum(1 for n in sheet.closed if n <= filler.widest)


def _read_count(node: Element, name: str) -> int:
    words = read_attribute(node, name)
    return max(int(words), 1) if words.isdecimal() and len(words) <= 9 else 1  # noqa: PLR2004


def _read_cell(node: Element) -> tuple[str, list[LinkSpan]]:
    """Return the text of a cell, or its value where a program wrote no text, and its links."""
    text, links = _read_lines(node)
    return text or read_attribute(node, "value"), links


def _join_paragraphs(node: Element) -> str:
    return _read_lines(node)[0]


def _read_lines(node: Element) -> tuple[str, list[LinkSpan]]:
    """Return the lines of what has paragraphs, and the spans of the words that lead somewhere."""
    lines: list[str] = []
    links: list[LinkSpan] = []
    at = 0
    for part in node:
        pieces = list(_list_words(part)) if local_name(part) in {"p", "h"} else []
        line = "".join(words for words, _ in pieces)
        if not line.strip():
            continue
        lines.append(line)
        for words, address in pieces:
            end = at + len(words)
            if address and links and links[-1][1:] == (at, address):
                links[-1] = (links[-1][0], end, address)
            elif address and words:
                links.append((at, end, address))
            at = end
        at += 1  # the end of the line
    return "\n".join(lines), links


def _list_words(node: Element, address: str = "") -> Iterator[tuple[str, str]]:
    """Yield the words in a paragraph, blanks and line ends among them, and where each leads."""
    yield node.text or "", address
    for part in node:
        name = local_name(part)
        if name == "s":
            yield " " * min(_read_count(part, "c"), MOST_BLANKS), address
        elif name in {"tab", "line-break"}:
            yield " ", address
        elif name not in _SILENT:
            leads = read_attribute(part, "href") if name == "a" else ""
            yield from _list_words(part, leads or address)
        yield part.tail or "", address
