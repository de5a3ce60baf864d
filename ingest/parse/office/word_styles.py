"""Read the styles of a Word document: what is a heading, a list or code, and how it is printed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ingest.parse.office.package import is_on
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

_HEADING_STYLE = re.compile(r"(?:heading|标题|標題|überschrift|titre|título)\s*(\d)", re.IGNORECASE)
_TITLE_STYLES = frozenset({"title", "标题", "標題"})
_CODE_STYLE = re.compile(r"code|preformatted|source|verbatim|代码", re.IGNORECASE)
_CONTENTS_STYLE = re.compile(r"(?:toc|目录|目錄)\s?\d", re.IGNORECASE)
BODY_TEXT_LEVEL = 9  # the outline level that is none
BLOCK_WRAPPERS = frozenset(
    {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent"}
)  # of paragraphs and tables
MOST_STYLE_PARENTS = 20  # styles that one style may stand on
USUAL_SIZE = 20  # half points, where the document names none
MOST_SIZE_DIGITS = 3  # of half points; longer ones are nonsense


@dataclass(frozen=True, slots=True)
class Style:
    """A style's structure and print. level: 0 for a title, from 1 for headings.

    depth: of its list; -1 where only the list's own levels say it. contents: a line of the table of
    contents. size: in half points.
    """

    level: int | None = None
    number: str = ""
    depth: int = -1
    code: bool = False
    contents: bool = False
    bold: bool = False
    size: int = USUAL_SIZE


def read_styles(part: Element | None) -> dict[str, Style]:
    """Read the styles, each with what it inherits; "" is that of paragraphs that name none."""
    nodes = {read_attribute(node, "styleId"): node for node in iterate_children(part, "style")}
    usual = find_child(part, "docDefaults", "rPrDefault", "rPr")
    start = _apply_print(Style(), usual)
    styles = {name: _resolve_style(name, nodes, start, MOST_STYLE_PARENTS) for name in nodes}
    defaults = (
        styles[name]
        for name, node in nodes.items()
        if read_attribute(node, "type") == "paragraph" and read_attribute(node, "default") == "1"
    )
    return {**styles, "": next(defaults, start)}


def _resolve_style(name: str, nodes: dict[str, Element], start: Style, parents_left: int) -> Style:
    node = nodes.get(name)
    if node is None or not parents_left:
        return start
    parent = read_attribute(find_child(node, "basedOn"))
    style = _resolve_style(parent, nodes, start, parents_left - 1)
    style_name = read_attribute(find_child(node, "name")).strip()
    heading = _HEADING_STYLE.fullmatch(style_name)
    if heading:
        style = replace(style, level=int(heading[1]))
    elif style_name.lower() in _TITLE_STYLES:
        style = replace(style, level=0)
    elif _CONTENTS_STYLE.fullmatch(style_name):
        style = replace(style, contents=True)
    elif _CODE_STYLE.search(style_name):
        style = replace(style, code=True)
    style = apply_properties(style, map_children(find_child(node, "pPr")))
    return _apply_print(style, find_child(node, "rPr"))


def apply_properties(style: Style, own: Mapping[str, Element]) -> Style:
    """Apply a paragraph's own outline level and list, by their names, over those of its style."""
    level = read_attribute(own.get("outlineLvl"))
    if level.isdecimal() and style.level != 0:
        style = replace(style, level=int(level) + 1 if int(level) < BODY_TEXT_LEVEL else None)
    numbers = own.get("numPr")
    if numbers is not None:
        number = read_attribute(find_child(numbers, "numId"))
        depth = read_attribute(find_child(numbers, "ilvl"))
        style = replace(
            style,
            number="" if number == "0" else number or style.number,
            depth=int(depth) if depth.isdecimal() and len(depth) == 1 else style.depth,
        )
    return style


def _apply_print(style: Style, own: Element | None) -> Style:
    """Apply how a run is printed, where its properties say it."""
    if own is None:
        return style
    bold, size = find_child(own, "b"), read_attribute(find_child(own, "sz"))
    if bold is not None:
        style = replace(style, bold=is_on(bold))
    if size.isdecimal() and len(size) <= MOST_SIZE_DIGITS:
        style = replace(style, size=int(size))
    return style


def list_inner_blocks(node: Element) -> list[Element]:
    """Return the blocks in a wrapper of blocks; of one that offers a choice, those of the first."""
    if local_name(node) != "AlternateContent":
        return list(node)
    chosen = find_child(node, "Choice")
    chosen = find_child(node, "Fallback") if chosen is None else chosen
    return [] if chosen is None else list(chosen)


def iterate_children(node: Element | None, *names: str) -> Iterator[Element]:
    """Yield the children of an element that have one of these names, whatever their namespace."""
    return (inner for inner in node if local_name(inner) in names) if node is not None else iter(())


def map_children(node: Element | None) -> dict[str, Element]:
    """Return the children of an element by their names without namespaces."""
    return {local_name(inner): inner for inner in node} if node is not None else {}
