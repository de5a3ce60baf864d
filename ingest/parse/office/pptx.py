"""PowerPoint presentations: a slide is a page, its title a heading; notes follow the slide."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.media_types import PPTX
from ingest.parse.office import chart_data, graphic_frames, paragraph_text
from ingest.parse.office.document_comments import SlideComments
from ingest.parse.office.package import Package
from ingest.parse.office.paragraph_links import note_paragraph_links, set_addresses
from ingest.parse.office.unread_parts import UnreadParts
from ingest.parse.parse_options import ParseOptions
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import Element, find_ancestor, find_child, local_name, read_attribute

SLIDES_TYPE = PPTX
_USUAL_OPTIONS = ParseOptions()

_TITLE_PLACEHOLDERS = frozenset({"title", "ctrTitle"})
_MARGIN_PLACEHOLDERS = frozenset({"ftr", "hdr"})
_SKIPPED_PLACEHOLDERS = frozenset({"dt", "sldNum", "sldImg", *_MARGIN_PLACEHOLDERS})
# Placeholders whose paragraphs have bullets by themselves.
_BODY_PLACEHOLDERS = frozenset({"body", "obj", ""})
_SHAPE_TAGS = frozenset({"sp", "graphicFrame", "pic"})
_ITEM_MARK = re.compile(r"\s*(?:\d{1,3}[.)]|[-•·–▪])\s")
NOTES_HEADING = "Notes"


def parse(body: bytes, uri: str, *, options: ParseOptions = _USUAL_OPTIONS) -> Document:
    """Read a presentation. Raises Unreadable: damaged, encrypted, a bomb, or without text."""
    package = Package(body)
    reader = _SlideReader(package, SlideComments(package) if options.comments else None)
    reader.read_slides()
    title = reader.builder.headline or reader.package.find_title() or PurePosixPath(uri).stem
    document = reader.builder.build_document(title=title, media_type=SLIDES_TYPE)
    return replace(document, notes=reader.unread.list_notes())


class _SlideReader:
    def __init__(self, package: Package, comments: SlideComments | None) -> None:
        self.package = package
        self._comments = comments  # None: they stay out
        self.builder = DocumentBuilder()
        self.unread = UnreadParts()
        self._footers: set[str] = set()  # that were written: the slides repeat them

    def read_slides(self) -> None:
        """Read the slides in the order of the presentation."""
        slides = self.package.read_relations(self.package.main)
        listed = self.package.archive.parse_entry(self.package.main).iter("{*}sldId")
        read: set[str] = set()  # no program lists a slide twice; thousands of times it fills a disk
        for number, node in enumerate(listed, start=1):
            kind, name = slides.get(_relation_id(node), ("", ""))
            if kind == "slide" and self.package.has_part(name) and name not in read:
                read.add(name)
                self._write_slide(name, number)

    def _write_slide(self, name: str, number: int) -> None:
        self.builder.close_sections(1)
        self.builder.begin_page(str(number))
        root = self.package.archive.parse_entry(name)
        set_addresses(root, self.package.read_addresses(name))
        tree = find_child(root, "cSld", "spTree")
        if tree is not None:
            self.unread.count_content(tree)
            self.unread.add("struck", paragraph_text.count_struck_words(tree))
        drawn = list(_iterate_shapes(tree))
        shapes = {s: _placeholder_type(s) for s in drawn if not _is_hidden_shape(s)}
        self.unread.add("shape", len(drawn) - len(shapes))
        titles = [shape for shape, holder in shapes.items() if holder in _TITLE_PLACEHOLDERS]
        for shape in titles:
            title = join_wrapped_lines(clean_text(" ".join(_list_paragraphs(shape))))
            _note_links(shape, self.builder)
            self.builder.add_heading(1, title)
        for shape, holder in shapes.items():
            if holder not in _SKIPPED_PLACEHOLDERS and holder not in _TITLE_PLACEHOLDERS:
                self._write_shape(shape, name)
        self._write_footers(shapes)
        self._write_charts(name)
        for notes in dict.fromkeys(self.package.find_related(name, "notesSlide")):
            if self.package.has_part(notes):
                page = self.package.archive.parse_entry(notes)
                set_addresses(page, self.package.read_addresses(notes))
                _write_notes(page, self.builder)
        if self._comments is None:
            self.unread.count_comments(self.package, name)
            return
        self.builder.close_sections(2)
        for line in self._comments.list_lines(name):
            self.builder.add_paragraph(line)

    def _write_shape(self, shape: Element, part: str) -> None:
        drawn = local_name(shape) == "graphicFrame"
        frames = graphic_frames.find_frames(shape, "relIds") if drawn else []
        for frame in frames:
            graphic_frames.write_drawing(self.package, part, frame, self.builder, self.unread)
        if not frames:
            _write_shape(shape, self.builder)

    def _write_charts(self, part: str) -> None:
        for kind in ("chart", "chartEx"):
            for name in dict.fromkeys(self.package.find_related(part, kind)):
                if self.package.has_part(name):
                    chart = self.package.archive.parse_entry(name)
                    self.unread.add("chart", int(not chart_data.write_chart(chart, self.builder)))

    def _write_footers(self, shapes: Mapping[Element, str | None]) -> None:
        """Write what stands below the slides, on the first one that has it."""
        for shape, holder in shapes.items():
            if holder in _MARGIN_PLACEHOLDERS:
                text = " ".join(_list_paragraphs(shape))
                if text not in self._footers:
                    self._footers.add(text)
                    _note_links(shape, self.builder)
                    self.builder.add_paragraph(text)


def _relation_id(node: Element) -> str:
    """Return a relation id: unlike a plain ``id`` it has a namespace."""
    return next(
        (str(identifier) for key, identifier in node.attrib.items() if str(key).endswith("}id")), ""
    )


def _write_notes(root: Element, builder: DocumentBuilder) -> None:
    """Write the speaker's notes under a heading that leads them but is no text of the slide."""
    builder.add_heading(2, NOTES_HEADING, visible=False)
    for shape in _iterate_shapes(find_child(root, "cSld", "spTree")):
        if _placeholder_type(shape) == "body":
            _note_links(shape, builder)
            for text in _list_paragraphs(shape):
                builder.add_paragraph(text)


def _iterate_shapes(tree: Element | None) -> Iterator[Element]:
    """Yield the shapes of a slide, those in groups too; a hidden group is one."""
    for node in tree if tree is not None else ():
        name = local_name(node)
        if name in _SHAPE_TAGS or (name == "grpSp" and _is_hidden_shape(node)):
            yield node
        elif name in {"grpSp", "AlternateContent", "Choice"}:
            yield from _iterate_shapes(node)


def _is_hidden_shape(node: Element) -> bool:
    properties = next(node.iter("{*}cNvPr"), None)
    return read_attribute(properties, "hidden") in {"1", "true"}


def _placeholder_type(node: Element) -> str | None:
    """Return the type of placeholder that a shape fills; None for a shape of its own."""
    placeholder = next(node.iter("{*}ph"), None)
    return None if placeholder is None else read_attribute(placeholder, "type")


def _write_shape(node: Element, builder: DocumentBuilder) -> None:
    if local_name(node) == "pic":
        properties = next(node.iter("{*}cNvPr"), None)
        if properties is not None:
            builder.add_paragraph(paragraph_text.describe_picture(properties))
        return
    table = next(node.iter("{*}tbl"), None)
    if table is not None:
        _write_slide_table(table, builder)
    else:
        _write_text(node, builder)


def _write_text(node: Element, builder: DocumentBuilder) -> None:
    """Write a shape's paragraphs; those with bullets, or in a body of several, are items."""
    paragraphs = [
        (inner, text)
        for inner in node.iter("{*}p")
        if (text := paragraph_text.read_paragraph(inner)).strip()
    ]
    listed = _placeholder_type(node) in _BODY_PLACEHOLDERS and len(paragraphs) > 1
    items: list[str] = []
    count = 0
    for paragraph, text in paragraphs:
        own = find_child(paragraph, "pPr")
        marks = {local_name(child) for child in own} if own is not None else set()
        bulleted = listed and "buNone" not in marks
        if bulleted or marks & {"buChar", "buAutoNum", "buBlip"}:
            depth = read_attribute(own, "lvl")
            count = count + 1 if "buAutoNum" in marks else 0
            mark = "" if _ITEM_MARK.match(text) else f"{count}. " if count else "- "
            note_paragraph_links(paragraph, builder)
            indent = "  " * int(depth) if depth.isdecimal() and len(depth) == 1 else ""
            items.append(f"{indent}{mark}{join_wrapped_lines(text)}")
            continue
        builder.add_list(items)
        items = []
        count = 0
        note_paragraph_links(paragraph, builder)
        builder.add_paragraph(text)
    builder.add_list(items)


def _note_links(node: Element, builder: DocumentBuilder) -> None:
    """Note the links of all paragraphs below a node that are written next."""
    for paragraph in node.iter("{*}p"):
        note_paragraph_links(paragraph, builder)


def _list_paragraphs(node: Element) -> list[str]:
    return [
        text
        for paragraph in node.iter("{*}p")
        if (text := paragraph_text.read_paragraph(paragraph)).strip()
    ]


def _write_slide_table(table: Element, builder: DocumentBuilder) -> None:
    _note_links(table, builder)
    rows: list[list[str]] = []
    parts = [row for row in table.iter("{*}tr") if find_ancestor(row, "tbl") is table]
    for part in parts:
        above = rows[-1] if rows else []
        row: list[str] = []
        for n, cell in enumerate(inner for inner in part if local_name(inner) == "tc"):
            text = _read_slide_cell(cell, above[n] if n < len(above) else "", row[-1] if n else "")
            row.append(text)
        rows.append(row)
    head = int(len(rows) > 1 and _is_set(find_child(table, "tblPr"), "firstRow"))
    if head and len(rows) > 2 and _has_merge(parts[0], "hMerge"):  # noqa: PLR2004
        # Names over names, beside those that go on downwards, or an empty corner.
        head = 2 if _has_merge(parts[1], "vMerge") or not rows[0][0] else 1
    _write_rows(builder, rows, head)


def _write_rows(builder: DocumentBuilder, rows: list[list[str]], head: int) -> None:
    """Write a table; head: the rows that its writer marked as its header."""
    header: table_rows.TableRow | None = table_rows.guess_merged_header(rows)
    if head > 1:
        header = table_rows.merge_header_rows(rows[:head])
    elif head == 1:
        header = table_rows.show_names_once(rows[0])
    elif header:
        head = 1
    table_rows.write_table(builder, rows[head:], header=header)


def _is_set(node: Element | None, name: str) -> bool:
    return read_attribute(node, name) in {"1", "true"}


def _has_merge(row: Element, name: str) -> bool:
    return any(_is_set(cell, name) for cell in row)


def _read_slide_cell(cell: Element, above: str, left: str) -> str:
    """Return a cell's words; a merged one repeats those above it or left of it."""
    merged = above if _is_set(cell, "vMerge") else left if _is_set(cell, "hMerge") else None
    if merged is not None:
        return merged if len(merged) <= table_rows.LONGEST_REPEATED_CELL else ""
    return " ".join(_list_paragraphs(cell))
