"""Read Confluence's XML export: its current pages, each under its title.

A page's body is markup of Confluence's own kind (storage format) in CDATA: macros become what they
show, their parameters are no text.
"""

import html
import re
from collections.abc import Iterator

from ingest.document import Document
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.markup import hidden_elements, tree_writer
from ingest.parse.markup.html_tree import parse_html
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

CONFLUENCE_TYPE = "application/xml"

_PAGES = frozenset({"Page", "BlogPost"})
_GONE = frozenset({"deleted", "draft", "historical"})
_DATA, _DATA_ENDS = "<![CDATA[", ("]]>", "]] >")  # an export writes the inner end with a blank
_TITLE_PARAMETER = re.compile(r'<ac:parameter ac:name="title">([^<>]*+)</ac:parameter>')
_PARAMETER = re.compile(r"<ac:parameter\b[^<>]*+>[^<>]*+</ac:parameter>")
_NAMESPACED = re.compile(r"<(/?)(?:ac|ri):([\w-]++)[^<>]*+>")
_BLOCKS = frozenset(
    {"structured-macro", "rich-text-body", "layout", "layout-section", "layout-cell"}
)
_TASK_STATUS = re.compile(r"<ac:task-(?:id|uuid)>[^<>]*+</ac:task-(?:id|uuid)>")


def is_confluence_export(root: Element) -> bool:
    """Tell whether XML is the export of a Confluence space."""
    return local_name(root) == "hibernate-generic"


def write_export(root: Element, builder: DocumentBuilder, title: str) -> Document:
    """Write the current pages of a space; earlier versions and drafts are left out."""
    bodies = _list_bodies(root)
    unnamed = [body for key, body in bodies if not key]
    by_page = {key: body for key, body in bodies if key}
    for page in root:
        if read_attribute(page, "class") not in _PAGES or _is_gone(page):
            continue
        body = by_page.get(_read_id(page)) or (unnamed.pop(0) if unnamed else "")
        builder.close_sections(1)
        builder.add_heading(1, _read_property(page, "title"), asks=None)
        tree = parse_html(render_storage_format(body))
        if tree.body is not None:
            unseen = hidden_elements.find_hidden_elements(tree)
            tree_writer.write_tree(tree.body, builder, unseen=unseen)
    return builder.build_document(title=builder.headline or title, media_type=CONFLUENCE_TYPE)


def _list_bodies(root: Element) -> list[tuple[str, str]]:
    """Return the bodies of pages with the ids of these; "" where none is named."""
    bodies = []
    for node in root:
        if read_attribute(node, "class") == "BodyContent":
            owner = _find_property(node, "content")
            page = "" if owner is None else _read_id(owner)
            bodies.append((page, _read_property(node, "body")))
    return bodies


def _is_gone(page: Element) -> bool:
    original = _find_property(page, "originalVersion")
    return original is not None or _read_property(page, "contentStatus").lower() in _GONE


def _find_property(node: Element, name: str) -> Element | None:
    return next(
        (
            child
            for child in node
            if local_name(child) == "property" and read_attribute(child, "name") == name
        ),
        None,
    )


def _read_property(node: Element, name: str) -> str:
    element = _find_property(node, name)
    return "" if element is None else "".join(map(str, element.itertext())).strip()


def _read_id(node: Element) -> str:
    number = find_child(node, "id")
    return "" if number is None else (number.text or "").strip()


def render_storage_format(source: str) -> str:
    """Return Confluence's storage format as HTML: code as code, macros without their settings.

    >>> render_storage_format("<ac:link><ri:page/><ac:link-body>B</ac:link-body></ac:link>")
    'B'
    """
    source = "".join(_write_data(source))
    source = _TITLE_PARAMETER.sub(r"<p>\1</p>", source)
    source = _PARAMETER.sub("", _TASK_STATUS.sub("", source))
    source = source.replace("<ac:task-status>incomplete</ac:task-status>", "[ ] ")
    source = source.replace("<ac:task-status>complete</ac:task-status>", "[x] ")
    return _NAMESPACED.sub(_write_element, source)


def _write_data(source: str) -> Iterator[str]:
    """Yield a source whose CDATA is code, or the words of a link."""
    at = 0
    while (start := source.find(_DATA, at)) >= 0:
        ends = [end for mark in _DATA_ENDS if (end := source.find(mark, start)) >= 0]
        if not ends:
            break
        before = source[at:start]
        words = html.escape(source[start + len(_DATA) : min(ends)])
        in_link = before.rstrip().endswith("<ac:plain-text-link-body>")
        yield before
        yield words if in_link else f"<pre>{words}</pre>"
        at = source.index(">", min(ends)) + 1
    yield source[at:]


def _write_element(tag: re.Match[str]) -> str:
    if tag[2] == "task":
        return f"<{tag[1]}li>"
    if tag[2] == "task-list":
        return f"<{tag[1]}ul>"
    return f"<{tag[1]}div>" if tag[2] in _BLOCKS and not tag[0].endswith("/>") else ""
