"""Parse XML of office files and e-books without entities, and read its elements."""

import re

from lxml import etree

from ingest.errors import Unreadable

_DECLARES = re.compile(rb"<\0?!\0?E\0?N\0?T\0?I\0?T\0?Y")  # in UTF-8 and UTF-16


def reject_entities(data: bytes) -> None:
    """Raise Unreadable for XML that declares entities: a few lines of them fill any memory."""
    if _DECLARES.search(data):
        raise Unreadable("it declares XML entities, which documents do not need and attacks do")


def parse_xml(data: bytes, name: str) -> etree._Element:
    """Parse XML without loading or expanding anything it refers to. Raises Unreadable."""
    reject_entities(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(f"damaged: its part {name} is no valid XML") from error


def local_name(node: etree._Element) -> str:
    """Return an element's name without its namespace: old and strict documents differ in that."""
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


Element = etree._Element  # noqa: SLF001 (lxml has no public name for its type)


def read_attribute(node: Element | None, name: str = "val") -> str:
    """Return an attribute by its name without namespace; "" when node or attribute is missing."""
    if node is None:
        return ""
    for key, text in node.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(text)
    return ""


def find_child(node: Element | None, *names: str) -> Element | None:
    """Follow a path of child elements by their names without namespaces."""
    for name in names:
        if node is None:
            return None
        node = next(node.iterchildren(f"{{*}}{name}"), None)
    return node


def find_ancestor(node: Element, name: str) -> Element | None:
    """Return the innermost element of a name, without its namespace, that an element stands in."""
    return next(node.iterancestors(f"{{*}}{name}"), None)
