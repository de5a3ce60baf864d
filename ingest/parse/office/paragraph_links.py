"""Find the links of an office document's paragraphs: hyperlinks, fields, what a click opens.

The address of a hyperlink stands in the relations of its part. ``set_addresses`` writes it on the
element itself, so that a paragraph tells all that its words lead to.
"""

from collections.abc import Mapping

from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.link_spans import LinkSpan
from ingest.parse.office import paragraph_text
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

_ADDRESS = "ragdesk-address"  # our own attribute
_POINTERS = ("{*}hyperlink", "{*}hlinkClick")
_LINK_TAGS = (*_POINTERS, "{*}fldSimple", "{*}instrText")
_FIELD = "HYPERLINK"
MOST_FIELDS = 20  # fields within one another


def set_addresses(root: Element, addresses: Mapping[str, str]) -> None:
    """Write on each hyperlink below an element where it leads, by the relations of its part."""
    if addresses:
        for node in root.iter(*_POINTERS):
            if address := addresses.get(read_attribute(node, "id")):
                node.set(_ADDRESS, address)


def note_paragraph_links(paragraph: Element, builder: DocumentBuilder, after: str = "") -> None:
    """Note the links of a paragraph that is written next. after: words right before it."""
    if next(paragraph.iter(*_LINK_TAGS), None) is None:
        return
    text, links = _LinkReader().read_linked_words(paragraph)
    if links:
        builder.note_links(text, links, after=after)


class _LinkReader:
    """Reads the words of a paragraph, and which of them lead somewhere."""

    def __init__(self) -> None:
        self._length = 0
        self._links: list[LinkSpan] = []
        self._open: tuple[int, str] | None = None
        self._fields: list[list[str]] = []  # the code of each open field, in pieces

    def read_linked_words(self, paragraph: Element) -> tuple[str, list[LinkSpan]]:
        """Return the words, and the spans of those that lead somewhere."""
        parts: list[str] = []
        for words in paragraph_text.iterate_words(paragraph, self._enter_node, self._leave_node):
            parts.append(words)
            self._length += len(words)
        self._close_link()
        return "".join(parts), self._links

    def _enter_node(self, node: Element) -> None:
        name = local_name(node)
        if name == "hyperlink":
            self._open_link(node.get(_ADDRESS, ""))
        elif name == "fldSimple":
            self._open_link(read_field_address(read_attribute(node, "instr")))
        elif name in {"r", "docPr"}:
            self._open_link(_clicked_address(node))
        elif name == "fldChar":
            self._enter_field(read_attribute(node, "fldCharType"))
        elif name == "instrText" and self._fields:
            self._fields[-1].append(node.text or "")

    def _leave_node(self, node: Element) -> None:
        name = local_name(node)
        if name in {"hyperlink", "fldSimple"} or (
            name in {"r", "docPr"} and _clicked_address(node)
        ):
            self._close_link()

    def _enter_field(self, kind: str) -> None:
        """Follow a field: its code, then the words that it shows."""
        if kind == "begin" and len(self._fields) < MOST_FIELDS:
            self._fields.append([])
        elif kind == "separate" and self._fields:
            self._open_link(read_field_address("".join(self._fields[-1])))
        elif kind == "end" and self._fields and read_field_address("".join(self._fields.pop())):
            self._close_link()

    def _open_link(self, address: str) -> None:
        if address and self._open is None:
            self._open = self._length, address

    def _close_link(self) -> None:
        if self._open is not None:
            start, address = self._open
            self._links.append((start, self._length, address))
            self._open = None


def _clicked_address(node: Element) -> str:
    """Return where a click on a run of a slide or on a picture leads; "" for nowhere."""
    inner = find_child(node, "rPr") if local_name(node) == "r" else node
    click = find_child(inner, "hlinkClick")
    return "" if click is None else click.get(_ADDRESS, "")


def read_field_address(code: str) -> str:
    r"""Return the address in the code of a field; "" for a place in the document.

    >>> read_field_address(' HYPERLINK "https://a.example" \\o "Tip"')
    'https://a.example'
    >>> read_field_address('HYPERLINK \\l "_Toc1"'), read_field_address("PAGE")
    ('', '')
    """
    words = code.strip()
    if words[: len(_FIELD)].upper() != _FIELD:
        return ""
    rest = words[len(_FIELD) :].strip()
    if rest.startswith('"'):
        return rest[1:].partition('"')[0]
    return "" if not rest or rest.startswith("\\") else rest.split()[0]
