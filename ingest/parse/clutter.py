"""What on a web page is not its content: menus, banners, forms, what is hidden from readers."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ingest.parse.dom import Node, Tree, cut_between, walk, within

# Text that no reader sees is where orders to a model hide. A panel that some control of the
# page opens (aria-controls) is content all the same: accordions keep their answers there.
_HIDDEN = "[hidden],[aria-hidden=true],[style],.sr-only,.visually-hidden,.screen-reader-text"
_INVISIBLE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0\d*)?(?:;|$|!)"
    r"|font-size:(?:[01](?:\.\d+)?(?:px|pt)?|0?\.[0-4]\d*r?em|0%?)(?:;|$|!)"
    r"|text-indent:-\d{3,}|(?:left|top|right):-\d{4,}|clip:rect\(0|clip-path:inset\((?:50|100)%"
    r"|(?:max-)?height:0(?:px)?(?:;|$|!)"
)
_FAINT = re.compile(
    r"opacity:0(?:\.0\d*)?(?:;|$|!)"
    r"|font-size:(?:[01](?:\.\d+)?(?:px|pt)?|0?\.[0-4]\d*r?em|0%?)(?:;|$|!)"
)
_READERS = re.compile(r"\b(?:sr-only|visually-hidden|screen-reader-text)\b")  # for screen readers
_PAPER = "#ffffff"
_UNKNOWN = "?"  # a ground that a style sheet may give
_CLEAR = {"transparent", "#ffffff00", "#00000000", "#fff0", "#0000"}
_NAMED_COLOURS = {"white": _PAPER, "black": "#000000", "snow": "#fffafa", "whitesmoke": "#f5f5f5"}
_COMMENT = (("/*", "*/"),)
_MEDIA = re.compile(r"@media[^{]*+(?:\{(?:[^{}]*\{[^{}]*\})*|\Z)")
_RULE = re.compile(r"\{([^{}]{1,2000}+)\}")
_SELECTORS = 500  # characters before a rule
_SIMPLE = re.compile(r"[.#][\w-]+")
# Classes that scripts open and close: hidden by a style sheet until a reader clicks.
_OPENED = re.compile(r"tab|pane|panel|accordion|collaps|toggle|faq|answer|content|body|expand")

_FURNITURE = (
    "nav,[role=navigation],[role=banner],[role=contentinfo],[role=search],[role=menu],[role=dialog],"
    "a.headerlink,a.header-anchor,a.anchor"
)
_OUTSIDE = "header,footer,aside,[role=complementary]"
_NAMED = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|cookies?|consent|gdpr|share|social|pagination"
    r"|pager|skip-?link|related|sidebar)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NOTE = re.compile(r"note|tip|warn|caution|info|callout|admonition|important|hint", re.IGNORECASE)
_CONTENTS = re.compile(
    r"(?:table of )?contents|(?:in|on) this (?:page|article)|目录|本页内容|本文内容", re.IGNORECASE
)
_LISTS = frozenset({"ul", "ol", "dl", "table"})
LONGEST_CAPTION = 40  # characters of a line that announces a table of contents
MOST_LINKED = 0.6  # share of an element's text that links may be before it is a menu
SHORTEST_MAIN = 0.15  # share of the page's text below which a marked main part is an empty shell


def hidden(tree: Tree) -> set[int]:
    """Find elements that a reader does not see, as memory ids."""
    opened = {
        name
        for node in tree.css("[aria-controls]")
        for name in (node.attributes.get("aria-controls") or "").split()
    }
    found = {node.mem_id for node in tree.css(_HIDDEN) if _unseen(node) and node.id not in opened}
    found |= {node.mem_id for node in veiled(tree)}
    away = set(_styled_away(tree))
    if away:
        found |= {
            node.mem_id
            for node in tree.css("[class],[id]")
            if node.id not in opened and not away.isdisjoint(_names(node))
        }
    return found


def veiled(tree: Tree) -> list[Node]:
    """Find the elements whose own style makes their words unseen: their colour is their ground's.

    The ground is known where an element around says it, or where nothing on the page could:
    no class, no name, no style sheet. Elsewhere white may lie on dark.
    """
    wanted = {node.mem_id for node in tree.css("[style*=color],font[color]")}
    if not wanted or tree.root is None:
        return []
    plain = tree.css_first("style,link[rel~=stylesheet]") is None
    found: list[Node] = []
    grounds = [_PAPER if plain else _UNKNOWN]

    def enter(node: Node) -> bool:
        grounds.append(_ground(node) or grounds[-1])
        if node.mem_id in wanted:
            given = _styles(node)
            colour = _colour(given.get("color") or node.attributes.get("color") or "")
            if colour and (colour in _CLEAR or colour == grounds[-1]):
                found.append(node)
        return True

    def leave(_: Node) -> None:
        grounds.pop()

    walk(tree.root, enter, leave)
    return found


def veiled_words(tree: Tree) -> int:
    """Count the words that a page hides by colour, by size or by transparency, each once."""
    named = {n.mem_id for n in tree.css("[style]") if _FAINT.search(_packed(n))}
    named |= {n.mem_id for n in veiled(tree)}
    count = 0

    def enter(node: Node) -> bool:
        nonlocal count
        if node.mem_id not in named:
            return True
        count += len(node.text().split())
        return False

    if named and tree.root is not None:
        walk(tree.root, enter, lambda _: None)
    return count


def _packed(node: Node) -> str:
    return re.sub(r"\s+", "", node.attributes.get("style") or "").lower()


def _ground(node: Node) -> str:
    """Give the colour that an element lays under its words; "" where what is around it shows."""
    if not node.is_element_node:
        return ""
    names = node.attributes
    given = _styles(node)
    ground = given.get("background-color") or given.get("background") or names.get("bgcolor")
    if ground:
        return _colour(ground)
    unknown = names.get("class") or names.get("id") or "background" in names
    return _UNKNOWN if unknown else ""


def _styles(node: Node) -> dict[str, str]:
    parts = (one.partition(":") for one in (node.attributes.get("style") or "").lower().split(";"))
    return {name.strip(): said.replace("!important", "").strip() for name, _, said in parts}


def _colour(said: str) -> str:
    """Spell a colour one way, as far as pages hide words with it.

    >>> _colour("#FFF"), _colour("rgb(255, 255, 255)"), _colour("White"), _colour("red")
    ('#ffffff', '#ffffff', '#ffffff', 'red')
    """
    text = re.sub(r"\s+", "", said.lower())
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        return "#" + "".join(2 * digit for digit in text[1:])
    if numbers := re.fullmatch(
        r"rgba?\((\d{1,3}),(\d{1,3}),(\d{1,3})(?:,(\d?\.?\d{1,3}))?\)", text
    ):
        if numbers[4] and not float(numbers[4]):
            return "transparent"
        return "#" + "".join(f"{int(part):02x}" for part in numbers.groups()[:3])
    return _NAMED_COLOURS.get(text, text)


def _names(node: Node) -> Iterator[str]:
    yield from (f".{name}" for name in (node.attributes.get("class") or "").split())
    yield f"#{node.id}"


def _unseen(node: Node) -> bool:
    names = node.attributes
    if "hidden" in names and names["hidden"] != "until-found":
        return True
    if names.get("aria-hidden") == "true" or _READERS.search(names.get("class") or ""):
        return True
    return bool(_INVISIBLE.search(_packed(node)))


def _styled_away(tree: Tree) -> Iterator[str]:
    """Give the simple selectors that the page's own style sheets hide."""
    for style in tree.css("style"):
        sheet = cut_between(style.text(), _COMMENT)
        for selectors, rule in _rules(_MEDIA.sub(lambda m: "" if "{" in m[0] else m[0], sheet)):
            if _INVISIBLE.search(re.sub(r"\s+", "", rule).lower()):
                for selector in map(str.strip, selectors.split(",")):
                    if _SIMPLE.fullmatch(selector) and not _OPENED.search(selector.lower()):
                        yield selector


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Give a sheet's simple rules: the selectors before a pair of braces, and what stands in it."""
    for rule in _RULE.finditer(sheet):
        before = sheet[max(0, rule.start() - _SELECTORS) : rule.start()]
        selectors = before[max(map(before.rfind, "{}@")) + 1 :]
        if selectors:
            yield selectors, rule[1]


def main(tree: Tree, unseen: Iterable[int]) -> Node | None:
    """Find what holds the page's content: its main part, its one article, or its body."""
    body = tree.body
    if body is None:
        return None
    whole = _length(body)
    for selector in ("main,[role=main]", "article", "#content,#main-content,#main,.main-content"):
        found = [node for node in tree.css(selector) if node.mem_id not in unseen]
        if len(found) == 1 and _length(found[0]) >= SHORTEST_MAIN * whole:
            inner = [node for node in found[0].css("article") if node.mem_id != found[0].mem_id]
            if len(inner) == 1 and _length(inner[0]) > 0.6 * _length(found[0]):
                return inner[0]
            return found[0]
    return body


def furniture(root: Node) -> set[int]:
    """Find menus, banners, forms and the like in a page's content, as memory ids."""
    found = {node.mem_id for node in root.css(_FURNITURE)}
    headed = _around(root, "h1")
    found |= {node.mem_id for node in root.css(_OUTSIDE) if _is_frame(node, root, headed)}
    found |= {node.mem_id for node in root.css("form") if not _says_much(node)}
    sizes = _sizes(root)
    found |= {node.mem_id for node in root.css("[class],[id]") if _is_menu(node, sizes, headed)}
    for node in root.css("ul,ol"):
        if node.mem_id not in found and _is_contents(sizes[node.mem_id]):
            found |= {node.mem_id, *_caption(node)}
    found.discard(root.mem_id)
    return found


def _around(root: Node, selector: str) -> set[int]:
    """Find what stands around some elements, each once however deep they are nested."""
    found: set[int] = set()
    for node in root.css(selector):
        above = node.parent
        while above is not None and above.mem_id not in found:
            found.add(above.mem_id)
            above = above.parent
    return found


def _is_frame(node: Node, root: Node, headed: Collection[int]) -> bool:
    """Tell a page's own header, footer or side bar from one that belongs to the content."""
    if node.tag == "header":
        return root.tag == "body" and node.mem_id not in headed
    if node.tag == "aside":
        label = f"{node.attributes.get('class') or ''} {node.attributes.get('role') or ''}"
        return not _NOTE.search(label)
    return True


def _says_much(form: Node) -> bool:
    """Tell a form that only wraps a page's content from one that asks for input."""
    return form.css_first("h1,h2,h3,p + p + p") is not None and _length(form) > 500  # noqa: PLR2004


@dataclass(slots=True)
class _Size:
    """What an element holds: visible characters, those of links, links, and those to the page."""

    length: int = 0
    linked: int = 0
    links: int = 0
    local: int = 0


def _sizes(root: Node) -> dict[int, _Size]:
    """Measure all elements in one walk: menus in menus would be read once for each above them."""
    sizes: defaultdict[int, _Size] = defaultdict(_Size)
    above = [_Size()]

    def enter(node: Node) -> bool:
        text = node.text_content
        if text and (node.parent is None or node.parent.tag not in {"script", "style"}):
            above[-1].length += len(text) - text.count(" ")
        above.append(_Size())
        return True

    def leave(node: Node) -> None:
        own = sizes[node.mem_id] = above.pop()
        if node.tag == "a":
            own.linked += own.length
            own.links += 1
            own.local += (node.attributes.get("href") or "").startswith("#")
        over = above[-1]
        over.length += own.length
        over.linked += own.linked
        over.links += own.links
        over.local += own.local

    walk(root, enter, leave)
    return sizes


def _is_menu(node: Node, sizes: Mapping[int, _Size], headed: Collection[int]) -> bool:
    """Tell a menu by its name, and by consisting of links."""
    label = f"{node.attributes.get('class') or ''} {node.id or ''}"
    if not _NAMED.search(label) or node.tag in {"body", "html", "main", "article"}:
        return False
    words = sizes[node.mem_id].length
    if "cookie" in label.lower() or "consent" in label.lower():
        return words < 1500 and node.mem_id not in headed  # noqa: PLR2004
    return sizes[node.mem_id].linked >= MOST_LINKED * words


def _is_contents(size: _Size) -> bool:
    """Tell a page's table of contents: a list of links to its own sections, and nothing else."""
    return 3 <= size.links == size.local and size.linked >= 0.9 * size.length  # noqa: PLR2004


def _caption(node: Node) -> Iterator[int]:
    """Give the line before a table of contents that only announces it."""
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    if before is not None and before.tag not in _LISTS:
        text = before.text(strip=True)
        if len(text) <= LONGEST_CAPTION and (
            text.endswith((":", "：")) or _CONTENTS.fullmatch(text)
        ):
            yield before.mem_id


def _length(node: Node) -> int:
    """Count the visible characters of an element, roughly."""
    return sum(
        len(text) - text.count(" ")
        for n in within(node)
        if (text := n.text_content)
        and (n.parent is None or n.parent.tag not in {"script", "style"})
    )
