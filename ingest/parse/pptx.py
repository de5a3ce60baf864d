"""PowerPoint presentations: a slide is a page, its title a heading; notes follow the slide."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse import charts, grid, runs
from ingest.parse.compose import Composer, clean, flow
from ingest.parse.ooxml import Element, Package, child, value
from ingest.parse.sniff import PPTX
from ingest.parse.zipped import local

MEDIA_TYPE = PPTX

_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
_BODIES = frozenset({"body", "obj", ""})  # placeholders whose paragraphs have bullets by themselves
_SHAPES = frozenset({"sp", "graphicFrame", "pic"})
_MARKED = re.compile(r"\s*(?:\d{1,3}[.)]|[-•·–▪])\s")
NOTES = "Notes"


def parse(body: bytes, uri: str) -> Document:
    """Read a presentation. Raises Unreadable: damaged, encrypted, a bomb, or without text."""
    package = Package(body)
    composer = Composer()
    slides = package.relations(package.main)
    listed = package.archive.xml(package.main).iter("{*}sldId")
    read: set[str] = set()  # no program lists a slide twice; thousands of times it fills a disk
    for number, node in enumerate(listed, start=1):
        kind, name = slides.get(_relation(node), ("", ""))
        if kind == "slide" and package.has(name) and name not in read:
            read.add(name)
            _slide(package, name, number, composer)
    title = composer.headline or package.title() or PurePosixPath(uri).stem
    return composer.document(title=title, media_type=MEDIA_TYPE)


def _relation(node: Element) -> str:
    """Give a relation id: unlike a plain ``id`` it has a namespace."""
    return next((str(said) for key, said in node.attrib.items() if str(key).endswith("}id")), "")


def _slide(package: Package, name: str, number: int, composer: Composer) -> None:
    composer.close(1)
    composer.page(str(number))
    root = package.archive.xml(name)
    shapes = list(_shapes(child(root, "cSld", "spTree")))
    titles = [shape for shape in shapes if _holder(shape) in _TITLES]
    for shape in titles:
        composer.heading(1, flow(clean(" ".join(_said(shape)))))
    for shape in shapes:
        if shape not in titles:
            _shape(shape, composer)
    for chart in dict.fromkeys(package.related(name, "chart")):
        if package.has(chart):
            _chart(package.archive.xml(chart), composer)
    for notes in dict.fromkeys(package.related(name, "notesSlide")):
        if package.has(notes):
            _notes(package.archive.xml(notes), composer)


def _notes(root: Element, composer: Composer) -> None:
    """Write the speaker's notes under a heading that leads them but is no text of the slide."""
    composer.heading(2, NOTES, shown=False)
    for shape in _shapes(child(root, "cSld", "spTree")):
        if _holder(shape) == "body":
            for text in _said(shape):
                composer.paragraph(text)


def _shapes(tree: Element | None) -> Iterator[Element]:
    """Give the shapes of a slide, those in groups too, without dates, footers and numbers."""
    for node in tree if tree is not None else ():
        name = local(node)
        if name in {"grpSp", "AlternateContent", "Choice"}:
            yield from _shapes(node)
        elif name in _SHAPES and _holder(node) not in _FURNITURE and not _is_hidden(node):
            yield node


def _is_hidden(node: Element) -> bool:
    properties = next(node.iter("{*}cNvPr"), None)
    return value(properties, "hidden") in {"1", "true"}


def _holder(node: Element) -> str | None:
    """Name the placeholder that a shape fills; None for a shape of its own."""
    holder = next(node.iter("{*}ph"), None)
    return None if holder is None else value(holder, "type")


def _shape(node: Element, composer: Composer) -> None:
    if local(node) == "pic":
        properties = next(node.iter("{*}cNvPr"), None)
        if properties is not None:
            composer.paragraph(runs.description(properties))
        return
    table = next(node.iter("{*}tbl"), None)
    if table is not None:
        _table(table, composer)
    else:
        _text(node, composer)


def _text(node: Element, composer: Composer) -> None:
    """Write a shape's paragraphs; those with bullets, or in a body of several, are items."""
    paragraphs = [(one, text) for one in node.iter("{*}p") if (text := runs.text(one)).strip()]
    listed = _holder(node) in _BODIES and len(paragraphs) > 1
    items: list[str] = []
    count = 0
    for paragraph, text in paragraphs:
        own = child(paragraph, "pPr")
        marks = {local(one) for one in own} if own is not None else set()
        bulleted = listed and "buNone" not in marks
        if bulleted or marks & {"buChar", "buAutoNum", "buBlip"}:
            depth = value(own, "lvl")
            count = count + 1 if "buAutoNum" in marks else 0
            mark = "" if _MARKED.match(text) else f"{count}. " if count else "- "
            indent = "  " * int(depth) if depth.isdecimal() and len(depth) == 1 else ""
            items.append(f"{indent}{mark}{flow(text)}")
            continue
        composer.items(items)
        items, count = [], 0
        composer.paragraph(text)
    composer.items(items)


def _said(node: Element) -> list[str]:
    return [text for one in node.iter("{*}p") if (text := runs.text(one)).strip()]


def _table(table: Element, composer: Composer) -> None:
    rows: list[list[str]] = []
    for row in table.iter("{*}tr"):
        if next(row.iterancestors("{*}tbl"), None) is not table:
            continue  # of a table in a cell, which says it already
        above = rows[-1] if rows else []
        cells = [one for one in row if local(one) == "tc"]
        rows.append(
            [_cell(cell, above[n] if n < len(above) else "") for n, cell in enumerate(cells)]
        )
    headed = value(child(table, "tblPr"), "firstRow") in {"1", "true"} and len(rows) > 1
    grid.write(composer, rows[1:] if headed else rows, header=rows[0] if headed else None)


def _chart(root: Element, composer: Composer) -> None:
    composer.paragraph(charts.title(root))
    found = charts.rows(root)
    if len(found) > 1:
        grid.write(composer, found[1:], header=found[0])


def _cell(cell: Element, above: str) -> str:
    """Give a cell's words; one merged downwards says those above it again."""
    if value(cell, "vMerge") in {"1", "true"}:
        return above if len(above) <= grid.LONGEST_REPEATED else ""
    return "" if value(cell, "hMerge") in {"1", "true"} else " ".join(_said(cell))
