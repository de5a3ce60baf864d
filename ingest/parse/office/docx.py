"""Word documents: headings by style or outline, lists with their numbers, tables, notes.

The markup is read as a stream, one paragraph or table at a time: python-docx builds the whole
tree, and a 430 KB file took it 2.1 GB. Strict documents (ISO 29500), which it refuses, read alike.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from lxml import etree

from ingest.document import Document, describe_hidden_words
from ingest.errors import Unreadable
from ingest.parse import table_rows, xml_tree
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.media_types import DOCX
from ingest.parse.office import paragraph_links, paragraph_text
from ingest.parse.office.list_numbering import ListNumbering
from ingest.parse.office.package import Package, is_on
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

WORD_TYPE = DOCX

_HEADING_STYLE = re.compile(r"(?:heading|标题|標題|überschrift|titre|título)\s*(\d)", re.IGNORECASE)
_TITLE_STYLES = frozenset({"title", "标题", "標題"})
_CODE_STYLE = re.compile(r"code|preformatted|source|verbatim|代码", re.IGNORECASE)
BODY_TEXT_LEVEL = 9  # the outline level that is none
MOST_STYLE_PARENTS = 20  # styles that one style may stand on
MOST_SPANNED_COLUMNS = 500  # columns


@dataclass(frozen=True, slots=True)
class Style:
    """A paragraph style's structure. level: 0 for a title, from 1 for headings."""

    level: int | None = None
    number: str = ""
    depth: int = 0
    code: bool = False


def parse(body: bytes, uri: str) -> Document:
    """Read a Word document. Raises Unreadable: damaged, encrypted, a bomb, or without text."""
    package = Package(body)
    reader = _BlockReader(package)
    reader.read_body()
    name = reader.builder.headline or package.find_title() or PurePosixPath(uri).stem
    document = reader.builder.build_document(title=name, media_type=WORD_TYPE)
    return replace(document, notes=describe_hidden_words(reader.hidden_words))


class _BlockReader:
    def __init__(self, package: Package) -> None:
        self.builder = DocumentBuilder()
        self._package = package
        self._styles = read_styles(package.parse_part("styles"))
        self._numbering = ListNumbering(package.parse_part("numbering"))
        self._notes = {
            (kind, read_attribute(note, "id")): note
            for kind in ("footnote", "endnote")
            for note in _child_nodes(_parse_linked_part(package, f"{kind}s"), kind)
        }
        self.hidden_words = 0  # words that no reader sees
        self._boxes: set[Element] = set()  # text boxes of the block that is read
        self._words_before = ""  # of the cells of a table: they tell equal ones apart
        self._items: list[str] = []
        self._code: list[str] = []

    def read_body(self) -> None:
        """Read the document part block by block, and forget each block once it is written."""
        data = self._package.archive.read_entry(self._package.main)
        addresses = self._package.read_addresses(self._package.main)
        xml_tree.reject_entities(data)
        parsing = etree.iterparse(
            io.BytesIO(data),
            events=("end",),
            tag=("{*}p", "{*}tbl", "{*}sdt"),
            resolve_entities=False,
            no_network=True,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            for _, node in parsing:
                above = node.getparent()
                if above is not None and local_name(above) == "body":
                    self.hidden_words += paragraph_text.count_hidden_words(node)
                    paragraph_links.set_addresses(node, addresses)
                    self.write_block(node)
                    self._boxes.clear()
                    node.clear()
                    while node.getprevious() is not None:
                        del above[0]
        except etree.XMLSyntaxError as error:
            raise Unreadable("damaged: its text is no valid XML") from error
        self._end_block()

    def write_block(self, node: Element) -> None:
        """Write a paragraph, a table, or what a content control holds."""
        name = local_name(node)
        if name == "p":
            self._write_styled_paragraph(node)
        elif name == "tbl":
            self._end_block()
            self._write_word_table(node)
        elif name in {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"}:
            for inner in node:
                self.write_block(inner)

    def _write_styled_paragraph(self, node: Element) -> None:
        style = self._find_style(node)
        text = paragraph_text.read_paragraph(node)
        mark = self._numbering.next_mark(style.number, style.depth) if text.strip() else ""
        if style.level is not None:
            self._end_block()
            words = join_wrapped_lines(clean_text(text))
            shows_mark = mark and mark != "-" and words
            paragraph_links.note_paragraph_links(node, self.builder)
            self.builder.add_heading(style.level, f"{mark} {words}" if shows_mark else words)
        elif style.code and not mark:
            self._end_items()
            self._code.append(text)
        elif mark:
            self._end_code()
            paragraph_links.note_paragraph_links(node, self.builder)
            self._items.append(f"{'  ' * style.depth}{mark} {join_wrapped_lines(text)}")
        elif text.strip():
            self._end_block()
            paragraph_links.note_paragraph_links(node, self.builder)
            self.builder.add_paragraph(text)
        self._write_anchored(node)

    def _write_anchored(self, node: Element) -> None:
        """Write the text boxes and notes that a paragraph anchors."""
        for box in paragraph_text.find_text_boxes(node):
            if box in self._boxes:  # in a box that was written: once more each level would double
                continue
            self._boxes.add(box)
            for inner in box:
                self.write_block(inner)
        for key in paragraph_text.find_note_references(node):
            for paragraph in _child_nodes(self._notes.get(key), "p"):
                self._end_block()
                paragraph_links.note_paragraph_links(paragraph, self.builder)
                self.builder.add_paragraph(paragraph_text.read_paragraph(paragraph))

    def _end_block(self) -> None:
        self._end_items()
        self._end_code()

    def _end_items(self) -> None:
        if self._items:
            self.builder.add_list(self._items)
            self._items.clear()

    def _end_code(self) -> None:
        if self._code:
            self.builder.add_code("\n".join(self._code))
            self._code.clear()

    def _find_style(self, node: Element) -> Style:
        """Join a paragraph's style with what it says itself."""
        own = find_child(node, "pPr")
        style = self._styles.get(read_attribute(find_child(own, "pStyle")), Style())
        return _apply_properties(style, own)

    def _write_word_table(self, node: Element) -> None:
        rows = [row for row in node.iter("{*}tr") if _find_table(row) is node]
        rows = [row for row in rows if find_child(row, "trPr", "del") is None]
        cells = [list(_child_nodes(row, "tc", "sdt")) for row in rows]
        if max(map(len, cells), default=0) == 1:
            for row in cells:
                for cell in row:
                    for inner in cell:
                        self.write_block(inner)
            self._end_block()
            return
        above: dict[int, str] = {}
        texts = [self._read_word_row(row, above) for row in cells]
        head = [text for row, text in zip(rows, texts, strict=True) if _is_header_row(row)]
        if head and texts[: len(head)] == head and len(texts) > len(head):
            table_rows.write_table(
                self.builder, texts[len(head) :], header=table_rows.merge_header_rows(head)
            )
        else:
            table_rows.write_table(self.builder, texts)

    def _read_word_row(self, cells: list[Element], above: dict[int, str]) -> list[str]:
        """Read a row; a cell merged downwards is said again."""
        row: list[str] = []
        for cell in cells:
            inner = cell if local_name(cell) == "tc" else find_child(cell, "sdtContent", "tc")
            if inner is None:
                continue
            merge = find_child(inner, "tcPr", "vMerge")
            going_on = merge is not None and read_attribute(merge) != "restart"
            text = above.get(len(row), "") if going_on else self._read_word_cell(inner)
            short = len(text) <= table_rows.LONGEST_REPEATED_CELL
            above[len(row)] = text if merge is not None and short else ""
            wide = read_attribute(find_child(inner, "tcPr", "gridSpan"))
            width = int(wide) if wide.isdecimal() and len(wide) <= 3 else 1  # noqa: PLR2004
            row += [text, *[""] * (min(width, MOST_SPANNED_COLUMNS) - 1)]
        return row

    def _read_word_cell(self, cell: Element) -> str:
        """Return a cell on one line; items and rows of a table in it are set apart."""
        parts: list[str] = []
        listed = False
        for paragraph in cell.iter("{*}p"):
            text = join_wrapped_lines(clean_text(paragraph_text.read_paragraph(paragraph)))
            if text:
                paragraph_links.note_paragraph_links(paragraph, self.builder, self._words_before)
                self._words_before = text
                item = bool(self._find_style(paragraph).number) or _find_table(
                    paragraph
                ) is not _find_table(cell)
                apart = "; " if (item or listed) and not "".join(parts[-1:]).endswith(":") else " "
                parts += [apart if parts else "", text]
                listed = item
        return "".join(parts)


def _parse_linked_part(package: Package, kind: str) -> Element | None:
    """Parse a part of a document, its hyperlinks with their addresses."""
    root = package.parse_part(kind)
    if root is not None:
        name = next(package.find_related(package.main, kind), "")
        paragraph_links.set_addresses(root, package.read_addresses(name))
    return root


def read_styles(part: Element | None) -> dict[str, Style]:
    """Read the paragraph styles, each with what it inherits."""
    nodes = {read_attribute(node, "styleId"): node for node in _child_nodes(part, "style")}
    return {name: _resolve_style(name, nodes, MOST_STYLE_PARENTS) for name in nodes}


def _resolve_style(name: str, nodes: dict[str, Element], parents_left: int) -> Style:
    node = nodes.get(name)
    if node is None or not parents_left:
        return Style()
    style = _resolve_style(read_attribute(find_child(node, "basedOn")), nodes, parents_left - 1)
    style_name = read_attribute(find_child(node, "name")).strip()
    heading = _HEADING_STYLE.fullmatch(style_name)
    if heading:
        style = replace(style, level=int(heading[1]))
    elif style_name.lower() in _TITLE_STYLES:
        style = replace(style, level=0)
    elif _CODE_STYLE.search(style_name):
        style = replace(style, code=True)
    return _apply_properties(style, find_child(node, "pPr"))


def _apply_properties(style: Style, own: Element | None) -> Style:
    """Apply a paragraph's own outline level and list over those of its style."""
    level = read_attribute(find_child(own, "outlineLvl"))
    if level.isdecimal() and style.level != 0:
        style = replace(style, level=int(level) + 1 if int(level) < BODY_TEXT_LEVEL else None)
    numbers = find_child(own, "numPr")
    if numbers is not None:
        number = read_attribute(find_child(numbers, "numId"))
        depth = read_attribute(find_child(numbers, "ilvl"))
        style = replace(
            style,
            number="" if number == "0" else number or style.number,
            depth=int(depth) if depth.isdecimal() and len(depth) == 1 else style.depth,
        )
    return style


def _child_nodes(node: Element | None, *names: str) -> Iterator[Element]:
    return (inner for inner in node if local_name(inner) in names) if node is not None else iter(())


def _find_table(node: Element) -> Element | None:
    return next(node.iterancestors("{*}tbl"), None)


def _is_header_row(row: Element) -> bool:
    return is_on(find_child(row, "trPr", "tblHeader"))
