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

from ingest.document import Document, hidden_note
from ingest.errors import Unreadable
from ingest.parse import grid, runs, zipped
from ingest.parse.compose import Composer, clean, flow
from ingest.parse.numbering import Numbering
from ingest.parse.ooxml import Element, Package, child, on, value
from ingest.parse.sniff import DOCX
from ingest.parse.zipped import local

MEDIA_TYPE = DOCX

_HEADING = re.compile(r"(?:heading|标题|標題|überschrift|titre|título)\s*(\d)", re.IGNORECASE)
_TITLES = frozenset({"title", "标题", "標題"})
_CODE = re.compile(r"code|preformatted|source|verbatim|代码", re.IGNORECASE)
BODY_TEXT = 9  # the outline level that is none
MOST_BASED = 20  # styles that one style may stand on
MOST_SPANNED = 500  # columns


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style says of structure. level: 0 for a title, from 1 for headings."""

    level: int | None = None
    number: str = ""
    depth: int = 0
    code: bool = False


def parse(body: bytes, uri: str) -> Document:
    """Read a Word document. Raises Unreadable: damaged, encrypted, a bomb, or without text."""
    package = Package(body)
    reader = _Reader(package)
    reader.stream()
    name = reader.composer.headline or package.title() or PurePosixPath(uri).stem
    document = reader.composer.document(title=name, media_type=MEDIA_TYPE)
    return replace(document, notes=hidden_note(reader.hidden))


class _Reader:
    def __init__(self, package: Package) -> None:
        self.composer = Composer()
        self._package = package
        self._styles = styles(package.part("styles"))
        self._numbering = Numbering(package.part("numbering"))
        self._notes = {
            (kind, value(note, "id")): note
            for kind in ("footnote", "endnote")
            for note in _children(package.part(f"{kind}s"), kind)
        }
        self.hidden = 0  # words that no reader sees
        self._boxes: set[Element] = set()  # text boxes of the block that is read
        self._items: list[str] = []
        self._code: list[str] = []

    def stream(self) -> None:
        """Read the document part block by block, and forget each block once it is written."""
        data = self._package.archive.read(self._package.main)
        zipped.check(data)
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
                if above is not None and local(above) == "body":
                    self.hidden += runs.hidden(node)
                    self.block(node)
                    self._boxes.clear()
                    node.clear()
                    while node.getprevious() is not None:
                        del above[0]
        except etree.XMLSyntaxError as error:
            raise Unreadable("damaged: its text is no valid XML") from error
        self._end()

    def block(self, node: Element) -> None:
        """Write a paragraph, a table, or what a content control holds."""
        name = local(node)
        if name == "p":
            self._paragraph(node)
        elif name == "tbl":
            self._end()
            self._table(node)
        elif name in {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"}:
            for one in node:
                self.block(one)

    def _paragraph(self, node: Element) -> None:
        style = self._style(node)
        text = runs.text(node)
        mark = self._numbering.mark(style.number, style.depth) if text.strip() else ""
        if style.level is not None:
            self._end()
            words = flow(clean(text))
            said = mark and mark != "-" and words
            self.composer.heading(style.level, f"{mark} {words}" if said else words)
        elif style.code and not mark:
            self._end_items()
            self._code.append(text)
        elif mark:
            self._end_code()
            self._items.append(f"{'  ' * style.depth}{mark} {flow(text)}")
        elif text.strip():
            self._end()
            self.composer.paragraph(text)
        self._beside(node)

    def _beside(self, node: Element) -> None:
        """Write what a paragraph holds or refers to beside its words: boxes and notes."""
        for box in runs.boxes(node):
            if box in self._boxes:  # in a box that was written: once more each level would double
                continue
            self._boxes.add(box)
            for one in box:
                self.block(one)
        for key in runs.notes(node):
            for paragraph in _children(self._notes.get(key), "p"):
                self._end()
                self.composer.paragraph(runs.text(paragraph))

    def _end(self) -> None:
        self._end_items()
        self._end_code()

    def _end_items(self) -> None:
        if self._items:
            self.composer.items(self._items)
            self._items.clear()

    def _end_code(self) -> None:
        if self._code:
            self.composer.code("\n".join(self._code))
            self._code.clear()

    def _style(self, node: Element) -> Style:
        """Join a paragraph's style with what it says itself."""
        own = child(node, "pPr")
        style = self._styles.get(value(child(own, "pStyle")), Style())
        return _own(style, own)

    def _table(self, node: Element) -> None:
        rows = [row for row in node.iter("{*}tr") if _table_of(row) is node]
        rows = [row for row in rows if child(row, "trPr", "del") is None]
        cells = [list(_children(row, "tc", "sdt")) for row in rows]
        if max(map(len, cells), default=0) == 1:
            for row in cells:
                for cell in row:
                    for one in cell:
                        self.block(one)
            self._end()
            return
        above: dict[int, str] = {}
        texts = [self._row(row, above) for row in cells]
        head = [text for row, text in zip(rows, texts, strict=True) if _is_head(row)]
        if head and texts[: len(head)] == head and len(texts) > len(head):
            grid.write(self.composer, texts[len(head) :], header=_merged(head))
        else:
            grid.write(self.composer, texts)

    def _row(self, cells: list[Element], above: dict[int, str]) -> list[str]:
        """Read a row; a cell merged downwards is said again."""
        row: list[str] = []
        for cell in cells:
            inner = cell if local(cell) == "tc" else child(cell, "sdtContent", "tc")
            if inner is None:
                continue
            merged = child(inner, "tcPr", "vMerge")
            going_on = merged is not None and value(merged) != "restart"
            text = above.get(len(row), "") if going_on else self._cell(inner)
            short = len(text) <= grid.LONGEST_REPEATED
            above[len(row)] = text if merged is not None and short else ""
            wide = value(child(inner, "tcPr", "gridSpan"))
            width = int(wide) if wide.isdecimal() and len(wide) <= 3 else 1  # noqa: PLR2004
            row += [text, *[""] * (min(width, MOST_SPANNED) - 1)]
        return row

    def _cell(self, cell: Element) -> str:
        """Give a cell on one line; items and rows of a table in it are set apart."""
        parts: list[str] = []
        listed = False
        for paragraph in cell.iter("{*}p"):
            text = flow(clean(runs.text(paragraph)))
            if text:
                item = bool(self._style(paragraph).number) or _table_of(paragraph) is not _table_of(
                    cell
                )
                apart = "; " if (item or listed) and not "".join(parts[-1:]).endswith(":") else " "
                parts += [apart if parts else "", text]
                listed = item
        return "".join(parts)


def styles(part: Element | None) -> dict[str, Style]:
    """Read the paragraph styles; each knows what those it stands on say."""
    nodes = {value(node, "styleId"): node for node in _children(part, "style")}
    return {name: _chain(name, nodes, MOST_BASED) for name in nodes}


def _chain(name: str, nodes: dict[str, Element], left: int) -> Style:
    node = nodes.get(name)
    if node is None or not left:
        return Style()
    style = _chain(value(child(node, "basedOn")), nodes, left - 1)
    said = value(child(node, "name")).strip()
    heading = _HEADING.fullmatch(said)
    if heading:
        style = replace(style, level=int(heading[1]))
    elif said.lower() in _TITLES:
        style = replace(style, level=0)
    elif _CODE.search(said):
        style = replace(style, code=True)
    return _own(style, child(node, "pPr"))


def _own(style: Style, own: Element | None) -> Style:
    """Lay a paragraph's own outline level and list over those of its style."""
    level = value(child(own, "outlineLvl"))
    if level.isdecimal() and style.level != 0:
        style = replace(style, level=int(level) + 1 if int(level) < BODY_TEXT else None)
    numbers = child(own, "numPr")
    if numbers is not None:
        number, depth = value(child(numbers, "numId")), value(child(numbers, "ilvl"))
        style = replace(
            style,
            number="" if number == "0" else number or style.number,
            depth=int(depth) if depth.isdecimal() and len(depth) == 1 else style.depth,
        )
    return style


def _children(node: Element | None, *names: str) -> Iterator[Element]:
    return (one for one in node if local(one) in names) if node is not None else iter(())


def _table_of(node: Element) -> Element | None:
    return next(node.iterancestors("{*}tbl"), None)


def _is_head(row: Element) -> bool:
    return on(child(row, "trPr", "tblHeader"))


def _merged(heads: list[list[str]]) -> list[str]:
    width = max(map(len, heads))
    columns = ([row[n] for row in heads if n < len(row) and row[n]] for n in range(width))
    return [" ".join(dict.fromkeys(column)) for column in columns]
