"""PowerPoint presentations: a slide is a page, its title a heading; notes follow the slide."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.media_types import PPTX
from ingest.parse.office import chart_data, paragraph_text
from ingest.parse.office.package import Package
from ingest.parse.office.paragraph_links import note_paragraph_links, set_addresses
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

SLIDES_TYPE = PPTX

_TITLE_PLACEHOLDERS = frozenset({"title", "ctrTitle"})
_SKIPPED_PLACEHOLDERS = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
# Placeholders whose paragraphs have bullets by themselves.
_BODY_PLACEHOLDERS = frozenset({"body", "obj", ""})
_SHAPE_TAGS = frozenset({"sp", "graphicFrame", "pic"})
_ITEM_MARK = re.compile(r"\s*(?:\d{1,3}[.)]|[-•·–▪])\s")
NOTES_HEADING = "Notes"


def parse(body: bytes, uri: str) -> Document:
    """Read a presentation. Raises Unreadable: damaged, encrypted, a bomb, or without text."""
    package = Package(body)
    builder = DocumentBuilder()
    slides = package.read_relations(package.main)
    listed = package.archive.parse_entry(package.main).iter("{*}sldId")
    read: set[str] = set()  # no program lists a slide twice; thousands of times it fills a disk
    for number, node in enumerate(listed, start=1):
        kind, name = slides.get(_relation_id(node), ("", ""))
        if kind == "slide" and package.has_part(name) and name not in read:
            read.add(name)
            _write_slide(package, name, number, builder)
    title = builder.headline or package.find_title() or PurePosixPath(uri).stem
    return builder.build_document(title=title, media_type=SLIDES_TYPE)


def _relation_id(node: Element) -> str:
    """Return a relation id: unlike a plain ``id`` it has a namespace."""
    return next(
        (str(identifier) for key, identifier in node.attrib.items() if str(key).endswith("}id")), ""
    )


def _write_slide(package: Package, name: str, number: int, builder: DocumentBuilder) -> None:
    builder.close_sections(1)
    builder.begin_page(str(number))
    root = package.archive.parse_entry(name)
    set_addresses(root, package.read_addresses(name))
    shapes = list(_iterate_shapes(find_child(root, "cSld", "spTree")))
    titles = [shape for shape in shapes if _placeholder_type(shape) in _TITLE_PLACEHOLDERS]
    for shape in titles:
        _note_links(shape, builder)
        builder.add_heading(1, join_wrapped_lines(clean_text(" ".join(_list_paragraphs(shape)))))
    for shape in shapes:
        if shape not in titles:
            _write_shape(shape, builder)
    for chart in dict.fromkeys(package.find_related(name, "chart")):
        if package.has_part(chart):
            _write_chart(package.archive.parse_entry(chart), builder)
    for notes in dict.fromkeys(package.find_related(name, "notesSlide")):
        if package.has_part(notes):
            notes_root = package.archive.parse_entry(notes)
            set_addresses(notes_root, package.read_addresses(notes))
            _write_notes(notes_root, builder)


def _write_notes(root: Element, builder: DocumentBuilder) -> None:
    """Write the speaker's notes under a heading that leads them but is no text of the slide."""
    builder.add_heading(2, NOTES_HEADING, visible=False)
    for shape in _iterate_shapes(find_child(root, "cSld", "spTree")):
        if _placeholder_type(shape) == "body":
            _note_links(shape, builder)
            for text in _list_paragraphs(shape):
                builder.add_paragraph(text)


def _iterate_shapes(tree: Element | None) -> Iterator[Element]:
    """Yield the shapes of a slide, those in groups too, without dates, footers and numbers."""
    for node in tree if tree is not None else ():
        name = local_name(node)
        if name in {"grpSp", "AlternateContent", "Choice"}:
            yield from _iterate_shapes(node)
        elif (
            name in _SHAPE_TAGS
            and _placeholder_type(node) not in _SKIPPED_PLACEHOLDERS
            and not _is_hidden_shape(node)
        ):
            yield node


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
    for row in table.iter("{*}tr"):
        if next(row.iterancestors("{*}tbl"), None) is not table:
            continue  # of a table in a cell, which says it already
        above = rows[-1] if rows else []
        cells = [element for element in row if local_name(element) == "tc"]
        rows.append(
            [
                _read_slide_cell(cell, above[n] if n < len(above) else "")
                for n, cell in enumerate(cells)
            ]
        )
    headed = (
        read_attribute(find_child(table, "tblPr"), "firstRow") in {"1", "true"} and len(rows) > 1
    )
    table_rows.write_table(
        builder, rows[1:] if headed else rows, header=rows[0] if headed else None
    )


def _write_chart(root: Element, builder: DocumentBuilder) -> None:
    builder.add_paragraph(chart_data.chart_title(root))
    rows = chart_data.chart_rows(root)
    if len(rows) > 1:
        table_rows.write_table(builder, rows[1:], header=rows[0])


def _read_slide_cell(cell: Element, above: str) -> str:
    """Return a cell's words; one merged downwards repeats those above it."""
    if read_attribute(cell, "vMerge") in {"1", "true"}:
        return above if len(above) <= table_rows.LONGEST_REPEATED_CELL else ""
    return (
        "" if read_attribute(cell, "hMerge") in {"1", "true"} else " ".join(_list_paragraphs(cell))
    )
