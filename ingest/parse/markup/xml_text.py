"""Parse XML as text: records and paragraphs, led by the names of the elements around them.

Markup that is written inside of it (HTML in CDATA) is read as markup. Confluence's own export is
read as its pages.
"""

import re
from collections import deque
from html.entities import html5
from pathlib import PurePosixPath

from lxml import etree

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.link_spans import LinkSpan
from ingest.parse.markup import confluence_export
from ingest.parse.markup.markup_values import write_markup_value
from ingest.parse.xml_tree import Element, local_name, parse_xml, read_attribute

XML_TYPE = "application/xml"

_Line = tuple[str, list[LinkSpan]]

MOST_LEADS = 8  # names of elements above a text
LONGEST_VALUE = 200  # characters of a value that stands beside its name on a line
_TITLES = frozenset({"title", "name", "heading", "subject", "question", "term"})
_PROSE = frozenset({"para", "p", "simpara", "paragraph", "text", "li", "line", "body", "content"})
_INLINE_NAMES = (
    "b i u em strong emphasis sub sup code literal link ulink xref ph uicontrol span a br q cite"
)
_INLINE = frozenset(_INLINE_NAMES.split())
_LINKS = frozenset({"a", "link", "ulink", "xref"})  # of XHTML, DocBook and DITA
_WRITTEN_MARKUP = re.compile(
    r"<(?:p|br|div|ul|ol|li|table|h[1-6]|b|strong|em|span|a)\b[^<>]{0,500}>", re.IGNORECASE
)
_PROLOGUE = re.compile(r"\s*+<\?xml[^>]{0,200}\?>")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{2,40})""")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_OWN_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_TECHNICAL = re.compile(
    r".{0,40}(?:id|uuid|guid|ref|href|src|class|style|version|encoding|key|hash|schemalocation)|lang"
    r"|space|xmlns",
    re.IGNORECASE,
)


def parse(body: bytes, uri: str) -> Document:
    """Read XML. Raises Unreadable: damaged, with entities of its own, or without text."""
    root = parse_root(body)
    if local_name(root) == "svg":
        raise Unreadable("a drawing (SVG), not a document")
    builder = DocumentBuilder()
    if confluence_export.is_confluence_export(root):
        return confluence_export.write_export(root, builder, PurePosixPath(uri).stem)
    _write_elements(root, builder)
    return builder.build_document(title=PurePosixPath(uri).stem, media_type=XML_TYPE)


def parse_root(body: bytes) -> Element:
    """Parse XML in any encoding, with the entities that HTML knows. Raises Unreadable."""
    declared = _DECLARED.search(body, 0, 500)
    source = text_encoding.decode_text(
        body, declared=declared[1].decode("ascii") if declared else ""
    )
    if prologue := _PROLOGUE.match(source):
        source = source[prologue.end() :].lstrip()
    if "<!ENTITY" not in source:
        source = _ENTITY.sub(_expand_entity, source)
    return parse_xml(source.encode(), "text")


def _expand_entity(entity: re.Match[str]) -> str:
    return entity[0] if entity[1] in _OWN_ENTITIES else html5.get(f"{entity[1]};", entity[0])


def _write_elements(root: Element, builder: DocumentBuilder) -> None:
    """Write an element and all that is in it, in order and without recursion."""
    todo: list[tuple[Element | list[_Line], int]] = [(root, 1)]
    while todo:
        part, level = todo.pop()
        builder.close_sections(level)
        if isinstance(part, list):
            for line, links in part:
                builder.note_links(line, links)
            builder.add_paragraph("\n".join(line for line, _ in part))
            continue
        children = [child for child in part if isinstance(child.tag, str)]
        if not children or _is_prose(part, children):
            _write_text(part, builder, level)
            continue
        title = next((child for child in children if _is_title(child)), None)
        below = _open_section(part, title, builder, level)
        parts = _group_children([child for child in children if child is not title])
        lines = _list_attributes(part)
        if lines:
            parts.insert(0, [(line, []) for line in lines])
        todo.extend((inner, below) for inner in reversed(parts))


def _group_children(children: list[Element]) -> list[Element | list[_Line]]:
    """Return children in order, with short values beside their names as lines together."""
    parts: list[Element | list[_Line]] = []
    for child in children:
        words = _read_words(child)
        long = len(words) > LONGEST_VALUE or _WRITTEN_MARKUP.search(words)
        if long or len(child) or local_name(child).lower() in _PROSE:
            parts.append(child)
        elif words or child.attrib:
            extra = ", ".join(_list_attributes(child))
            value = f"{words} ({extra})" if words and extra else words or extra
            if value and not (parts and isinstance(parts[-1], list)):
                parts.append([])
            if value and isinstance(parts[-1], list):
                name = f"{_name_element(child)}: "
                href = _read_href(child)
                span = (len(name), len(name) + len(words), href)
                parts[-1].append((name + value, [span] if href else []))
    return parts


def _open_section(
    node: Element, title: Element | None, builder: DocumentBuilder, level: int
) -> int:
    """Lead by an element's title, else by its name; returns the level of what is in it."""
    if title is not None:
        _note_links(title, builder)
        builder.add_heading(level, _read_words(title))
        return level + 1
    if level > MOST_LEADS:
        return level
    builder.add_heading(level, _name_element(node), visible=False)
    return level + 1


def _write_text(node: Element, builder: DocumentBuilder, level: int) -> None:
    """Write an element that holds but text, maybe with marks for words in it."""
    text = "".join(map(str, node.itertext()))
    if local_name(node).lower() not in _PROSE and level <= MOST_LEADS:
        builder.add_heading(level, _name_element(node), visible=False)
    if _WRITTEN_MARKUP.search(text):
        write_markup_value(text, builder)
        return
    _note_links(node, builder)
    for paragraph in re.split(r"\n[^\S\n]*\n", text):
        builder.add_paragraph(" ".join(paragraph.split()))


def _note_links(node: Element, builder: DocumentBuilder) -> None:
    """Note where the words of an element lead, paragraph by paragraph."""
    text, spans = _read_links(node)
    if not spans:
        return
    at = 0
    waiting = deque(spans)
    for gap in re.finditer(r"\n[^\S\n]*\n|\Z", text):
        inside: list[LinkSpan] = []
        while waiting and waiting[0][0] < gap.start():
            start, end, href = waiting.popleft()
            inside.append((max(start, at) - at, min(end, gap.start()) - at, href))
        builder.note_links(text[at : gap.start()], inside)
        at = gap.end()


def _read_links(node: Element) -> tuple[str, list[LinkSpan]]:
    """Return an element's text, and the spans of the links in it that lead by their address."""
    pieces: list[str] = []
    length = 0
    starts: list[tuple[int, str]] = []
    spans: list[LinkSpan] = []
    for event, inner in etree.iterwalk(node, events=("start", "end")):
        if event == "start":
            starts.append((length, _read_href(inner)))
            words = inner.text or ""
        else:
            start, href = starts.pop()
            if href:
                spans.append((start, length, href))
            words = "" if inner is node else inner.tail or ""
        pieces.append(words)
        length += len(words)
    return "".join(pieces), sorted(spans)


def _read_href(node: Element) -> str:
    """Return the address that an element of a link leads to; "" for other elements."""
    if local_name(node).lower() not in _LINKS:
        return ""
    return read_attribute(node, "href") or read_attribute(node, "url")


def _is_prose(node: Element, children: list[Element]) -> bool:
    """Tell whether an element is a text with marks for words in it."""
    loose = (node.text or "").strip() or any((child.tail or "").strip() for child in children)
    if all(local_name(child).lower() in _INLINE for child in children):
        return bool(loose) or local_name(node).lower() in _PROSE
    return bool(loose) and not any(len(child) for child in children)


def _is_title(node: Element) -> bool:
    return (
        local_name(node).lower() in _TITLES
        and not any(isinstance(child.tag, str) and len(child) for child in node)
        and 0 < len(_read_words(node)) <= LONGEST_VALUE
    )


def _read_words(node: Element) -> str:
    """Return an element's words as a line; of a long text, but its beginning."""
    pieces: list[str] = []
    length = 0
    for text in node.itertext():
        pieces.append(str(text))
        length += len(text)
        if length > 10 * LONGEST_VALUE:
            break
    return " ".join("".join(pieces).split())


def _name_element(node: Element) -> str:
    return local_name(node).replace("_", " ").replace("-", " ")


def _list_attributes(node: Element) -> list[str]:
    """Return an element's attributes that say something to a reader, as lines."""
    lines: list[str] = []
    for key, value in node.attrib.items():
        name = str(key).rpartition("}")[2]
        words = " ".join(str(value).split())
        if words and len(words) <= LONGEST_VALUE and not _TECHNICAL.fullmatch(name):
            lines.append(f"{name}: {words}")
    return lines
