"""The door to the HTML parser: markup in, a tree that is safe to walk out."""

import re
from collections.abc import Callable, Collection, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.errors import Unreadable
from ingest.parse.compose import flow, spoken

Tree = LexborHTMLParser
Node = LexborNode

TEXT = "-text"
# Chromium stops nesting at 512. The parser takes time quadratic in depth: 200,000 nested divs
# were measured at 461 s.
MOST_NESTED = 1000
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
UNSEEN = frozenset(_UNSEEN_NAMES.split())
BLOCKS = frozenset(_BLOCK_NAMES.split())
_KNOWN = frozenset({*_INLINE_NAMES.split(), *BLOCKS}) - {"div"}
# Elements that end by themselves or are put right by the parser: they open without nesting.
_FREE_NAMES = (
    "a area b base big body br code col dd dt em embed font frame head hr html i img input li"
    " link meta nobr option optgroup p param s small source strike strong tbody td tfoot th"
    " thead tr tt track u wbr"
)
_FREE = frozenset(_FREE_NAMES.split())
_LONG = 2 * MOST_ATTRIBUTES  # characters of a tag from which its attributes are counted
_OPENED = re.compile(r"<[a-zA-Z]")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_EMPTY = re.compile(r"<([a-zA-Z][\w:-]*)((?:\s[^<>]*?)?)/>")
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
_VOID = frozenset(_VOID_NAMES.split())
_RAISED = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_RAISES = frozenset(map(chr, _RAISED))
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")


def grow(markup: str) -> Tree:
    """Parse markup as browsers do. Raises Unreadable when elements are nested absurdly deep.

    Also for an element with thousands of attributes: both cost the parser quadratic time.
    """
    if _depth(markup) > MOST_NESTED:
        raise Unreadable(f"its elements are nested more than {MOST_NESTED} deep")
    if any(_attributes(tag) > MOST_ATTRIBUTES for tag in _long_tags(markup)):
        raise Unreadable(f"an element with more than {MOST_ATTRIBUTES:,} attributes")
    return LexborHTMLParser(markup)


def _long_tags(markup: str) -> Iterator[str]:
    """Give what stands between a tag's beginning and the next ``>``, where it is long."""
    for part in markup.split(">"):
        if len(part) > _LONG and (begun := _OPENED.search(part)):
            tag = part[begun.start() :]
            if len(tag) - len(begun[0]) >= _LONG:
                yield tag


def cut_between(text: str, pairs: Collection[tuple[str, str]]) -> str:
    """Take out what stands between marks, and the marks; an opening one that is not closed stays.

    Each mark is looked for once from where the last one ended: a page of marks that are opened and
    never closed takes an expression the square of its length.

    >>> cut_between("a<% b %>c<?= d <% e", [("<%", "%>"), ("<?=", "?>")])
    'ac<?= d <% e'
    """
    kept: list[str] = []
    at, ahead = 0, {pair: text.find(pair[0]) for pair in pairs}
    while ahead := {
        pair: found if found >= at else text.find(pair[0], at)
        for pair, found in ahead.items()
        if found >= 0
    }:
        pair, begun = min(ahead.items(), key=lambda item: (item[1] < 0, item[1]))
        if begun < 0:
            break
        end = text.find(pair[1], begun + len(pair[0]))
        if end < 0:
            del ahead[pair]  # what is not closed here is closed nowhere
            continue
        kept.append(text[at:begun])
        at = end + len(pair[1])
    return "".join([*kept, text[at:]])


def closed(source: str) -> str:
    """Spell out empty elements of XHTML: in HTML, ``<title/>`` would swallow the whole page.

    >>> closed('<title/><br/><a id="x"/>text')
    '<title></title><br/><a id="x"></a>text'
    """
    return _EMPTY.sub(_spelled, source) if "/>" in source else source


def _spelled(found: re.Match[str]) -> str:
    name, rest = found.groups()
    return found[0] if name.lower() in _VOID else f"<{name}{rest}></{name}>"


def _attributes(tag: str) -> int:
    return len(_QUOTED.sub("", tag).split()) - 1


def _depth(markup: str) -> int:
    """Estimate how deep elements are nested at most, without building them."""
    if markup.count("<") - markup.count("</") <= MOST_NESTED:
        return 0
    depth = deepest = 0
    for closing, name in _TAG.findall(markup):
        if name.lower() in _FREE:
            continue
        depth = max(0, depth - 1) if closing else depth + 1
        deepest = max(deepest, depth)
    return deepest


def walk(root: Node, enter: Callable[[Node], bool], leave: Callable[[Node], None]) -> None:
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


def labelled(node: Node) -> str:
    """Give the name that a component shows above its content: a tab's label, a card's title."""
    tag = node.tag
    if tag in _KNOWN:
        return ""
    names = node.attributes
    return flow(names.get("label") or (tag != "div" and names.get("title")) or "")


def within(root: Node) -> Iterator[Node]:
    """Give all nodes below a node, in document order."""
    nodes = root.traverse(include_text=True)
    next(nodes, None)
    return nodes


def raised(node: Node) -> str:
    """Give raised text; ten to the sixth stays 10⁶, since 106 would be another number."""
    text = node.text(strip=True)
    return text.translate(_RAISED) if set(text) <= _RAISES else text


def line(root: Node, unseen: Collection[int] = ()) -> str:
    """Give all that is seen in an element as one line; list items are set apart by semicolons."""
    parts: list[str] = []

    def enter(node: Node) -> bool:
        tag = node.tag or ""
        if tag == TEXT:
            parts.append(node.text_content or "")
        elif (tag in UNSEEN and tag != "button") or node.mem_id in unseen:
            return False
        elif tag == "img":
            parts.append(spoken(node.attributes.get("alt") or ""))
        elif tag in {"li", "tr"} and any(map(str.strip, parts)):
            parts.append("; ")
        elif tag == "sup":
            parts.append(raised(node))
            return False
        elif tag == "br" or tag in BLOCKS:
            parts.append(" ")
        return tag != TEXT

    def leave(node: Node) -> None:
        if node.tag in BLOCKS:
            parts.append(" ")

    walk(root, enter, leave)
    return flow("".join(parts)).replace(" ; ", "; ")
