"""Parse HTML into a tree that is safe to walk. The only importer of the HTML parser."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import accumulate

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.errors import Unreadable
from ingest.parse.link_spans import LinkSpan
from ingest.parse.text_cleaning import join_wrapped_lines, read_alt_text

Tree = LexborHTMLParser
NoteLinks = Callable[[str, list[LinkSpan]], None]
Node = LexborNode

TEXT_NODE = "-text"
# Chromium stops nesting at 512. The parser takes time quadratic in depth: 200,000 nested divs
# were measured at 461 s.
MOST_NESTED_ELEMENTS = 1000
MOST_ATTRIBUTES = 2000

# No text of the document: scripts, controls, pictures drawn in markup, words struck out.
_UNSEEN_NAMES = (
    "-comment annotation annotation-xml audio button canvas datalist del dialog embed head"
    " iframe input map meter noscript object progress rp rt s script select strike style svg"
    " template textarea video"
)
_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details dir div dl dt fieldset"
    " figcaption figure footer form header hgroup hr html legend li main nav ol p section"
    " summary table tbody td tfoot th thead tr ul"
)
_INLINE_NAMES = (
    "a abbr b bdi bdo big br cite code data dfn em font h1 h2 h3 h4 h5 h6 i img ins kbd label mark"
    " math nobr pre q rb rtc ruby samp small span strong sub sup time tt u var wbr"
)
INVISIBLE_TAGS = frozenset(_UNSEEN_NAMES.split())
BLOCK_TAGS = frozenset(_BLOCK_NAMES.split())
_KNOWN_TAGS = frozenset({*_INLINE_NAMES.split(), *BLOCK_TAGS}) - {"div"}
# Elements that end by themselves or are put right by the parser: they open without nesting.
_FREE_NAMES = (
    "a area b base big body br code col dd dt em embed font frame head hr html i img input li"
    " link meta nobr option optgroup p param s small source strike strong tbody td tfoot th"
    " thead tr tt track u wbr"
)
_FREE = frozenset(_FREE_NAMES.split())
_LONG_TAG = 2 * MOST_ATTRIBUTES  # characters of a tag from which its attributes are counted
_TAG_START = re.compile(r"<[a-zA-Z]")
_QUOTED_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'")
_EMPTY = re.compile(r"<([a-zA-Z][\w:-]*)((?:\s[^<>]*?)?)/>")
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
_VOID = frozenset(_VOID_NAMES.split())
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_RAISES = frozenset(map(chr, _RAISED))
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")


def parse_html(markup: str) -> Tree:
    """Parse markup as browsers do. Raises Unreadable when elements are nested absurdly deep.

    Also for an element with thousands of attributes: both cost the parser quadratic time.
    """
    if _estimate_depth(markup) > MOST_NESTED_ELEMENTS:
        raise Unreadable(f"its elements are nested more than {MOST_NESTED_ELEMENTS} deep")
    if any(_count_attributes(tag) > MOST_ATTRIBUTES for tag in _long_tags(markup)):
        raise Unreadable(f"an element with more than {MOST_ATTRIBUTES:,} attributes")
    return LexborHTMLParser(markup)


def _long_tags(markup: str) -> Iterator[str]:
    """Yield what stands between a tag's beginning and the next ``>``, where it is long."""
    for part in markup.split(">"):
        if len(part) > _LONG_TAG and (start := _TAG_START.search(part)):
            tag = part[start.start() :]
            if len(tag) - len(start[0]) >= _LONG_TAG:
                yield tag


def expand_empty_elements(source: str) -> str:
    """Expand XHTML's empty elements: in HTML, `<title/>` would swallow the page.

    >>> expand_empty_elements('<title/><br/><a id="x"/>text')
    '<title></title><br/><a id="x"></a>text'
    """
    return _EMPTY.sub(_expand_element, source) if "/>" in source else source


def _expand_element(match: re.Match[str]) -> str:
    name, rest = match.groups()
    return match[0] if name.lower() in _VOID else f"<{name}{rest}></{name}>"


def _count_attributes(tag: str) -> int:
    return len(_QUOTED_VALUE.sub("", tag).split()) - 1


def _estimate_depth(markup: str) -> int:
    """Estimate how deep elements are nested at most, without building them."""
    if markup.count("<") - markup.count("</") <= MOST_NESTED_ELEMENTS:
        return 0
    depth = deepest = 0
    for closing, name in _TAG.findall(markup):
        if name.lower() in _FREE:
            continue
        depth = max(0, depth - 1) if closing else depth + 1
        deepest = max(deepest, depth)
    return deepest


class _LineLinks:
    """The links of a line that is read, as spans of its parts."""

    def __init__(self) -> None:
        self.spans: list[LinkSpan] = []
        self._starts: list[int] = []

    def enter_element(self, tag: str, parts: int) -> None:
        if tag == "a":
            self._starts.append(parts)

    def leave_element(self, node: Node, parts: int) -> None:
        if node.tag == "a":
            self.spans.append((self._starts.pop(), parts, node.attributes.get("href") or ""))

    def note_spans(self, parts: Sequence[str], note_links: NoteLinks | None) -> None:
        """Hand on the links, where there are any and somebody notes them."""
        if note_links is not None and self.spans:
            note_links("".join(parts), measure_links(parts, self.spans))


def measure_links(parts: Sequence[str], links: Sequence[LinkSpan]) -> list[LinkSpan]:
    """Turn spans of parts into spans of their characters.

    >>> measure_links(["See ", "the ", "form", "."], [(1, 3, "https://a.example")])
    [(4, 12, 'https://a.example')]
    """
    at = list(accumulate(map(len, parts), initial=0))
    return [(at[start], at[end], href) for start, end, href in links]


def walk_tree(root: Node, enter: Callable[[Node], bool], leave: Callable[[Node], None]) -> None:
    """Visit a tree in document order without recursion.

    enter: called before the children of a node; False passes over them. leave: called after
    the children, not for a node that was passed over.
    """
    above: list[Node] = []
    node = root
    while True:
        if enter(node):
            child = node.first_child
            if child is not None:
                above.append(node)
                node = child
                continue
            leave(node)
        while above:
            following = node.next
            if following is not None:
                node = following
                break
            node = above.pop()
            leave(node)
        else:
            return


def component_label(node: Node) -> str:
    """Return the label of a component (a tab's `label`, a card's `title`), or ""."""
    tag = node.tag
    if tag in _KNOWN_TAGS:
        return ""
    names = node.attributes
    return join_wrapped_lines(names.get("label") or (tag != "div" and names.get("title")) or "")


def iterate_descendants(root: Node) -> Iterator[Node]:
    """Yield all nodes below a node, in document order."""
    nodes = root.traverse(include_text=True)
    next(nodes, None)
    return nodes


def read_superscript(node: Node) -> str:
    """Return superscript text; digits become ⁶ and the like, as 10⁶ is not 106."""
    text = node.text(strip=True)
    return text.translate(_RAISED) if set(text) <= _RAISES else text


def read_line(root: Node, unseen: Collection[int] = (), note_links: NoteLinks | None = None) -> str:
    """Return all that is seen in an element as one line; list items are set apart by semicolons.

    note_links: called with the words as they stand and the links in them, where there are any.
    """
    parts: list[str] = []
    links = _LineLinks()

    def enter(node: Node) -> bool:
        tag = node.tag or ""
        if (tag in INVISIBLE_TAGS and tag != "button") or node.mem_id in unseen:
            return False
        if tag == TEXT_NODE:
            parts.append(node.text_content or "")
        elif tag == "img":
            parts.append(read_alt_text(node.attributes.get("alt") or ""))
        elif tag == "sup":
            parts.append(read_superscript(node))
            return False
        elif node.mem_id != root.mem_id:
            _set_apart(node, tag, parts)
        links.enter_element(tag, len(parts))
        return tag != TEXT_NODE

    def leave(node: Node) -> None:
        if node.tag in BLOCK_TAGS:
            parts.append(" ")
        links.leave_element(node, len(parts))

    walk_tree(root, enter, leave)
    links.note_spans(parts, note_links)
    return join_wrapped_lines("".join(parts)).replace(" ; ", "; ")


def _set_apart(node: Node, tag: str, parts: list[str]) -> None:
    """Set an element apart from the words before it: items, rows and cells by signs."""
    if tag in {"li", "tr"} and any(map(str.strip, parts)):
        parts.append("; ")
    elif tag in {"td", "th"} and _follows_cell(node):
        while parts and not parts[-1].strip():
            parts.pop()
        if parts and not parts[-1].endswith("; "):
            parts.append(", ")
    elif tag == "br" or tag in BLOCK_TAGS:
        parts.append(" ")


def _follows_cell(node: Node) -> bool:
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    return before is not None
