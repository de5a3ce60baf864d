"""Word documents: headings by style, outline or print, lists with their numbers, tables, notes.

The markup is read as a stream, one paragraph or table at a time: python-docx builds the whole
tree, and a 430 KB file took it 2.1 GB. Strict documents (ISO 29500), which it refuses, read alike.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from lxml import etree

from ingest.document import Document, describe_hidden_words
from ingest.errors import Unreadable
from ingest.parse import xml_tree
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.media_types import DOCX
from ingest.parse.office import (
    graphic_frames,
    paragraph_links,
    paragraph_text,
    printed_headings,
    word_tables,
)
from ingest.parse.office.document_comments import WordComments
from ingest.parse.office.list_numbering import ListNumbering
from ingest.parse.office.package import Package
from ingest.parse.office.printed_headings import HeadingLine, HeadingLines, Print
from ingest.parse.office.unread_parts import UnreadParts
from ingest.parse.office.word_margins import MarginTexts
from ingest.parse.office.word_styles import (
    BLOCK_WRAPPERS,
    Style,
    apply_properties,
    iterate_children,
    list_inner_blocks,
    map_children,
    read_styles,
)
from ingest.parse.parse_options import ParseOptions
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import Element, find_ancestor, find_child, local_name, read_attribute

WORD_TYPE = DOCX
_USUAL_OPTIONS = ParseOptions()

_BLOCK_TAGS = [f"{{*}}{name}" for name in ("p", "tbl", "sectPr", "altChunk", *BLOCK_WRAPPERS)]


def parse(body: bytes, uri: str, *, options: ParseOptions = _USUAL_OPTIONS) -> Document:
    """Read a Word document. Raises Unreadable: damaged, encrypted, a bomb, or without text."""
    package = Package(body)
    reader = _BlockReader(package, WordComments(package) if options.comments else None)
    reader.read_body()
    name = reader.builder.headline or package.find_title() or PurePosixPath(uri).stem
    document = reader.builder.build_document(title=name, media_type=WORD_TYPE)
    notes = describe_hidden_words(reader.hidden_words) + reader.unread.list_notes()
    return replace(document, notes=notes)


class _BlockReader:
    def __init__(self, package: Package, comments: WordComments | None) -> None:
        self.builder = DocumentBuilder()
        self.unread = UnreadParts()
        self.hidden_words = 0  # words that no reader sees
        self._package = package
        self._styles = read_styles(package.parse_part("styles"))
        self._numbering = ListNumbering(package.parse_part("numbering"))
        self._margins = MarginTexts(package)
        self._comments = comments  # None: they stay out
        self._comment_lines: list[str] = []  # on what is not written yet
        self._notes = {
            (kind, read_attribute(note, "id")): note
            for kind in ("footnote", "endnote")
            for note in iterate_children(_parse_linked_part(package, f"{kind}s"), kind)
        }
        self._boxes: set[Element] = set()  # text boxes of the block that is read
        self._words_before = ""  # of the cells of a table: they tell equal ones apart
        self._lines = HeadingLines()
        self._unended = ""  # of a paragraph whose end was deleted: the next one goes on with it
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
            tag=_BLOCK_TAGS,
            resolve_entities=False,
            no_network=True,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            for _, node in parsing:
                above = node.getparent()
                if local_name(node) == "sectPr":
                    if above is not None and local_name(above) in {"body", "pPr"}:
                        self._margins.add_section(node)
                elif above is not None and local_name(above) == "body":
                    paragraph_links.set_addresses(node, addresses)
                    self._read_block(node)
                    node.clear()
                    while node.getprevious() is not None:
                        del above[0]
        except etree.XMLSyntaxError as error:
            raise Unreadable("damaged: its text is no valid XML") from error
        self._end_body()

    def _read_block(self, node: Element) -> None:
        self.hidden_words += paragraph_text.count_hidden_words(node)
        self.unread.add("struck", paragraph_text.count_struck_words(node))
        self.unread.count_content(node)
        self.write_block(node)
        self._boxes.clear()
        if self._comments is not None:
            self._comment_lines += self._comments.take_lines(node)
            if not (self._lines.waiting or self._items or self._code):
                self._write_comments()

    def _write_comments(self) -> None:
        """Write the comments on the blocks before."""
        for line in self._comment_lines:
            self.builder.add_paragraph(line)
        self._comment_lines.clear()

    def _end_body(self) -> None:
        """Write what is still open, then what stands in the margins of the pages."""
        self._end_block()
        self.builder.add_paragraph(self._unended)
        self._write_comments()
        self.builder.close_sections(0)
        for line in self._margins.list_lines():
            self.builder.add_paragraph(line)
        self.unread.add("margin", len(self._margins.unread))
        if self._comments is None:
            self.unread.count_comments(self._package, self._package.main)
        else:
            self.unread.add("comment", self._comments.left)

    def write_block(self, node: Element) -> None:
        """Write a paragraph, a table, or what a content control holds."""
        name = local_name(node)
        if name == "p":
            self._write_styled_paragraph(node)
        elif name == "tbl":
            self._write_table(node)
        elif name in BLOCK_WRAPPERS:
            for inner in list_inner_blocks(node):
                self.write_block(inner)

    def _write_styled_paragraph(self, node: Element) -> None:
        own = map_children(find_child(node, "pPr"))
        style = self._find_style(own)
        text = self._unended + paragraph_text.read_paragraph(node)
        end_is_deleted = find_child(own.get("rPr"), "del") is not None
        self._unended = text if end_is_deleted else ""
        if style.contents:
            self.unread.add("contents", int(bool(text.strip())))
        elif not end_is_deleted:
            self._write_paragraph_text(node, style, text)
        self._write_anchored(node)

    def _write_paragraph_text(self, node: Element, style: Style, text: str) -> None:
        mark = self._numbering.next_mark(style.number, style.depth) if style.number else ""
        if style.code and not mark and style.level is None:
            self._settle_lines(None)
            self._end_items()
            self._code.append(text)
            return
        if not text.strip():
            return
        paragraph_links.note_paragraph_links(node, self.builder)
        if style.level is None and not mark:
            self._write_words(node, style, text=text, item="")
            return
        words = join_wrapped_lines(clean_text(text))
        marked = f"{mark} {words}" if mark not in {"", "-"} else words
        if style.level is not None:
            self._end_code()
            self._write_lines(self._lines.take_before_heading())
            self._end_items()
            self.builder.add_heading(style.level, marked)
            self._lines.begin_section(style.level)
        elif printed_headings.is_article(mark):
            self._write_words(node, style, text=marked, item="")
        else:
            item = f"{'  ' * style.depth}{mark} {words}"
            self._write_words(node, style, text=marked if mark != "-" else "", item=item)

    def _write_words(self, node: Element, style: Style, *, text: str, item: str) -> None:
        """Write a paragraph or an item of a list, or keep it: it may turn out to be a heading."""
        kind = (style.number, style.depth)
        may_be_heading = printed_headings.may_be_heading(text) and not _has_anchored(node)
        if may_be_heading or self._lines.waiting:
            own_print = printed_headings.measure_print(node, style, self._styles)
            if printed_headings.names_chapter(text):
                own_print = replace(own_print, bold=True)
            if may_be_heading and (own_print.bold or own_print.size > self._styles[""].size):
                self._end_code()
                line = HeadingLine(words=text, own_print=own_print, item=item, kind=kind)
                self._lines.waiting.append(line)
                return
            self._settle_lines(own_print, kind if item else ("", 0))
        self._lines.note_content()
        self._end_code()
        self._write_plain(text, item)

    def _settle_lines(self, follows: Print | None, kind: tuple[str, int] = ("", 0)) -> None:
        """Write the lines that waited for what follows: as headings, or as they are."""
        if self._lines.waiting:
            self._write_lines(self._lines.take_lines(follows, kind))

    def _write_lines(self, lines: Iterable[tuple[HeadingLine, int | None]]) -> None:
        for line, level in lines:
            if level is None:
                self._write_plain(line.words, line.item)
            else:
                self._end_items()
                self.builder.add_heading(level, line.words)

    def _write_plain(self, text: str, item: str) -> None:
        if item:
            self._items.append(item)
        else:
            self._end_items()
            self.builder.add_paragraph(text)

    def _write_anchored(self, node: Element) -> None:
        """Write what a block anchors: text boxes, drawings, charts and notes."""
        for box in paragraph_text.find_text_boxes(node):
            if box in self._boxes:  # in a box that was written: once more each level would double
                continue
            self._boxes.add(box)
            for inner in box:
                self.write_block(inner)
            self._settle_lines(None)
        self._write_drawings(node)
        for key in paragraph_text.find_note_references(node):
            note = self._notes.get(key)
            if note is None:
                self.unread.add("footnote")
                continue
            for paragraph in note.iter("{*}p"):
                if find_ancestor(paragraph, "Fallback") is None:
                    self._end_block()
                    paragraph_links.note_paragraph_links(paragraph, self.builder)
                    self.builder.add_paragraph(paragraph_text.read_paragraph(paragraph))

    def _write_drawings(self, node: Element) -> None:
        """Write the words of SmartArt, and the numbers behind charts."""
        for frame in graphic_frames.find_frames(node, "relIds", "chart"):
            if frame in self._boxes:
                continue
            self._boxes.add(frame)
            self._end_block()
            self._lines.note_content()
            graphic_frames.write_drawing(
                self._package, self._package.main, frame, self.builder, self.unread
            )

    def _end_block(self) -> None:
        self._settle_lines(None)
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

    def _find_style(self, own: Mapping[str, Element]) -> Style:
        """Join a paragraph's style with what its own properties say."""
        if not own:
            return self._styles[""]
        name = read_attribute(own.get("pStyle"))
        style = apply_properties(self._styles.get(name, self._styles[""]), own)
        if style.number and style.depth < 0:
            style = replace(style, depth=self._numbering.find_depth(style.number, name))
        return style

    def _write_table(self, node: Element) -> None:
        self._settle_lines(Print(bold=False, size=self._styles[""].size))
        self._end_block()
        self._lines.note_content()
        rows = word_tables.list_table_rows(node)
        if max((len(row.cells) for row in rows), default=0) == 1:
            for row in rows:
                for cell in row.cells:
                    for inner in cell:
                        self.write_block(inner)
            self._end_block()
            return
        word_tables.write_word_table(rows, self.builder, self._read_cell)
        self._write_anchored(node)

    def _read_cell(self, cell: Element) -> str:
        """Return a cell on one line; items and rows of a table in it are set apart."""
        parts: list[str] = []
        listed = False
        table = find_ancestor(cell, "tbl")
        boxed = next(cell.iter("{*}txbxContent"), None) is not None
        for paragraph in cell.iter("{*}p"):
            if boxed and next(paragraph.iterancestors("{*}txbxContent"), None) is not None:
                continue  # written below the table
            style = self._find_style(map_children(find_child(paragraph, "pPr")))
            mark = self._numbering.next_mark(style.number, style.depth) if style.number else ""
            words = join_wrapped_lines(clean_text(paragraph_text.read_paragraph(paragraph)))
            text = f"{mark} {words}".strip() if mark not in {"", "-"} else words
            if text:
                paragraph_links.note_paragraph_links(paragraph, self.builder, self._words_before)
                self._words_before = text
                inner = find_ancestor(paragraph, "tbl") is not table
                item = bool(style.number) or inner
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


def _has_anchored(node: Element) -> bool:
    anchors = ("txbxContent", "footnoteReference", "endnoteReference", "relIds", "chart")
    return next(node.iter(*(f"{{*}}{name}" for name in anchors)), None) is not None
