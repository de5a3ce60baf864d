"""What on a web page is not its content: menus, banners, forms, what is hidden from readers."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ingest.parse.dom import Node, Tree, remove_between, walk_tree, iterate_descendants

# Text that no reader sees is where orders to a model hide. A panel that some control of the
# page opens (aria-controls) is content all the same: accordions keep their answers there.
_HIDDEN = "[hidden],[aria-hidden=true],[style],.sr-only,.visually-hidden,.screen-reader-text"
_INVISIBLE_STYLE = re.compile(
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
_CSS_RULE = re.compile(r"\{([^{}]{1,2000}+)\}")
_SELECTORS = 500  # characters before a rule
_SIMPLE = re.compile(r"[.#][\w-]+")
# Classes that scripts open and close: hidden by a style sheet until a reader clicks.
_OPENED_CLASS = re.compile(
    r"tab|pane|panel|accordion|collaps|toggle|faq|answer|content|body|expand"
)

_BOILERPLATE = (
    "nav,[role=navigation],[role=banner],[role=contentinfo],[role=search],[role=menu],[role=dialog],"
    "a.headerlink,a.header-anchor,a.anchor"
)
_FRAME_TAGS = "header,footer,aside,[role=complementary]"
_MENU_NAME = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|cookies?|consent|gdpr|share|social|pagination"
    r"|pager|skip-?link|related|sidebar)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NOTE = re.compile(r"note|tip|warn|caution|info|callout|admonition|important|hint", re.IGNORECASE)
_CONTENTS = re.compile(
    r"(?:table of )?contents|(?:in|on) this (?:page|article)|目录|本页内容|本文内容", re.IGNORECASE
)
_LIST_TAGS = frozenset({"ul", "ol", "dl", "table"})
LONGEST_CAPTION = 40  # characters of a line that announces a table of contents
MOST_LINKED = 0.6  # share of an element's text that links may be before it is a menu
SHORTEST_MAIN = 0.15  # share of the page's text below which a marked main part is an empty shell


def find_hidden_elements(tree: Tree) -> set[int]:
    """Find elements that a reader does not see, as memory ids."""
    opened = {
        name
        for node in tree.css("[aria-controls]")
        for name in (node.attributes.get("aria-controls") or "").split()
    }
    hidden_ids = {
        node.mem_id
        for node in tree.css(_HIDDEN)
        if _is_hidden_element(node) and node.id not in opened
    }
    hidden_ids |= {node.mem_id for node in find_veiled_elements(tree)}
    hidden_selectors = set(_hidden_selectors(tree))
    if hidden_selectors:
        hidden_ids |= {
            node.mem_id
            for node in tree.css("[class],[id]")
            if node.id not in opened and not hidden_selectors.isdisjoint(_selector_names(node))
        }
    return hidden_ids


def find_veiled_elements(tree: Tree) -> list[Node]:
    """Find the elements whose own style makes their words unseen: their colour is their ground's.

    The ground is known where an element around says it, or where nothing on the page could:
    no class, no name, no style sheet. Elsewhere white may lie on dark.
    """
    coloured_ids = {node.mem_id for node in tree.css("[style*=color],font[color]")}
    if not coloured_ids or tree.root is None:
        return []
    plain = tree.css_first("style,link[rel~=stylesheet]") is None
    nodes: list[Node] = []
    grounds = [_PAPER if plain else _UNKNOWN]

    def enter(node: Node) -> bool:
        grounds.append(_background_colour(node) or grounds[-1])
        if node.mem_id in coloured_ids:
            style = _parse_style(node)
            colour = _normalise_colour(style.get("color") or node.attributes.get("color") or "")
            if colour and (colour in _CLEAR or colour == grounds[-1]):
                nodes.append(node)
        return True

    def leave(_: Node) -> None:
        grounds.pop()

    walk_tree(tree.root, enter, leave)
    return nodes


def count_veiled_words(tree: Tree) -> int:
    """Count the words that a page hides by colour, by size or by transparency, each once."""
    veiled_ids = {n.mem_id for n in tree.css("[style]") if _FAINT.search(_compact_style(n))}
    veiled_ids |= {n.mem_id for n in find_veiled_elements(tree)}
    count = 0

    def enter(node: Node) -> bool:
        nonlocal count
        if node.mem_id not in veiled_ids:
            return True
        count += len(node.text().split())
        return False

    if veiled_ids and tree.root is not None:
        walk_tree(tree.root, enter, lambda _: None)
    return count


def _compact_style(node: Node) -> str:
    return re.sub(r"\s+", "", node.attributes.get("style") or "").lower()


def _background_colour(node: Node) -> str:
    """Give the colour that an element lays under its words; "" where what is around it shows."""
    if not node.is_element_node:
        return ""
    names = node.attributes
    style = _parse_style(node)
    ground = style.get("background-color") or style.get("background") or names.get("bgcolor")
    if ground:
        return _normalise_colour(ground)
    unknown = names.get("class") or names.get("id") or "background" in names
    return _UNKNOWN if unknown else ""


def _parse_style(node: Node) -> dict[str, str]:
    parts = (
        declaration.partition(":")
        for declaration in (node.attributes.get("style") or "").lower().split(";")
    )
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in parts}


def _normalise_colour(value: str) -> str:
    """Spell a colour one way, as far as pages hide words with it.

    >>> _normalise_colour("#FFF"), _normalise_colour("rgb(255, 255, 255)"), _normalise_colour("White"), _normalise_colour("red")
    ('#ffffff', '#ffffff', '#ffffff', 'red')
    """
    text = re.sub(r"\s+", "", value.lower())
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        return "#" + "".join(2 * digit for digit in text[1:])
    if numbers := re.fullmatch(
        r"rgba?\((\d{1,3}),(\d{1,3}),(\d{1,3})(?:,(\d?\.?\d{1,3}))?\)", text
    ):
        if numbers[4] and not float(numbers[4]):
            return "transparent"
        return "#" + "".join(f"{int(part):02x}" for part in numbers.groups()[:3])
    return _NAMED_COLOURS.get(text, text)


def _selector_names(node: Node) -> Iterator[str]:
    yield from (f".{name}" for name in (node.attributes.get("class") or "").split())
    yield f"#{node.id}"


def _is_hidden_element(node: Node) -> bool:
    names = node.attributes
    if "hidden" in names and names["hidden"] != "until-found":
        return True
    if names.get("aria-hidden") == "true" or _READERS.search(names.get("class") or ""):
        return True
    return bool(_INVISIBLE_STYLE.search(_compact_style(node)))


def _hidden_selectors(tree: Tree) -> Iterator[str]:
    """Give the simple selectors that the page's own style sheets hide."""
    for style in tree.css("style"):
        sheet = remove_between(style.text(), _COMMENT)
        for selectors, rule in _iterate_css_rules(
            _MEDIA.sub(lambda m: "" if "{" in m[0] else m[0], sheet)
        ):
            if _INVISIBLE_STYLE.search(re.sub(r"\s+", "", rule).lower()):
                for selector in map(str.strip, selectors.split(",")):
                    if _SIMPLE.fullmatch(selector) and not _OPENED_CLASS.search(selector.lower()):
                        yield selector


def _iterate_css_rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Give a sheet's simple rules: the selectors before a pair of braces, and what stands in it."""
    for rule in _CSS_RULE.finditer(sheet):
        before = sheet[max(0, rule.start() - _SELECTORS) : rule.start()]
        selectors = before[max(map(before.rfind, "{}@")) + 1 :]
        if selectors:
            yield selectors, rule[1]


def find_main_content(tree: Tree, unseen: Iterable[int]) -> Node | None:
    """Find what holds the page's content: its main part, its one article, or its body."""
    body = tree.body
    if body is None:
        return None
    whole = _count_visible(body)
    for selector in ("main,[role=main]", "article", "#content,#main-content,#main,.main-content"):
        candidates = [node for node in tree.css(selector) if node.mem_id not in unseen]
        if len(candidates) == 1 and _count_visible(candidates[0]) >= SHORTEST_MAIN * whole:
            inner = [
                node for node in candidates[0].css("article") if node.mem_id != candidates[0].mem_id
            ]
            if len(inner) == 1 and _count_visible(inner[0]) > 0.6 * _count_visible(candidates[0]):
                return inner[0]
            return candidates[0]
    return body


def find_boilerplate(root: Node) -> set[int]:
    """Find menus, banners, forms and the like in a page's content, as memory ids."""
    boilerplate_ids = {node.mem_id for node in root.css(_BOILERPLATE)}
    heading_ancestors = _find_ancestors(root, "h1")
    boilerplate_ids |= {
        node.mem_id
        for node in root.css(_FRAME_TAGS)
        if _is_page_frame(node, root, heading_ancestors)
    }
    boilerplate_ids |= {node.mem_id for node in root.css("form") if not _wraps_content(node)}
    sizes = _measure_elements(root)
    boilerplate_ids |= {
        node.mem_id for node in root.css("[class],[id]") if _is_menu(node, sizes, heading_ancestors)
    }
    for node in root.css("ul,ol"):
        if node.mem_id not in boilerplate_ids and _is_contents(sizes[node.mem_id]):
            boilerplate_ids |= {node.mem_id, *_find_contents_caption(node)}
    boilerplate_ids.discard(root.mem_id)
    return boilerplate_ids


def _find_ancestors(root: Node, selector: str) -> set[int]:
    """Find what stands around some elements, each once however deep they are nested."""
    ancestors: set[int] = set()
    for node in root.css(selector):
        above = node.parent
        while above is not None and above.mem_id not in ancestors:
            ancestors.add(above.mem_id)
            above = above.parent
    return ancestors


def _is_page_frame(node: Node, root: Node, heading_ancestors: Collection[int]) -> bool:
    """Tell a page's own header, footer or side bar from one that belongs to the content."""
    if node.tag == "header":
        return root.tag == "body" and node.mem_id not in heading_ancestors
    if node.tag == "aside":
        label = f"{node.attributes.get('class') or ''} {node.attributes.get('role') or ''}"
        return not _NOTE.search(label)
    return True


def _wraps_content(form: Node) -> bool:
    """Tell a form that only wraps a page's content from one that asks for input."""
    return form.css_first("h1,h2,h3,p + p + p") is not None and _count_visible(form) > 500  # noqa: PLR2004


@dataclass(slots=True)
class _ElementSize:
    """What an element holds: visible characters, those of links, links, and those to the page."""

    length: int = 0
    link_length: int = 0
    links: int = 0
    page_links: int = 0


def _measure_elements(root: Node) -> dict[int, _ElementSize]:
    """Measure all elements in one walk: menus in menus would be read once for each above them."""
    sizes: defaultdict[int, _ElementSize] = defaultdict(_ElementSize)
    above = [_ElementSize()]

    def enter(node: Node) -> bool:
        text = node.text_content
        if text and (node.parent is None or node.parent.tag not in {"script", "style"}):
            above[-1].length += len(text) - text.count(" ")
        above.append(_ElementSize())
        return True

    def leave(node: Node) -> None:
        own = sizes[node.mem_id] = above.pop()
        if node.tag == "a":
            own.link_length += own.length
            own.links += 1
            own.page_links += (node.attributes.get("href") or "").startswith("#")
        over = above[-1]
        over.length += own.length
        over.link_length += own.link_length
        over.links += own.links
        over.page_links += own.page_links

    walk_tree(root, enter, leave)
    return sizes


def _is_menu(
    node: Node, sizes: Mapping[int, _ElementSize], heading_ancestors: Collection[int]
) -> bool:
    """Tell a menu by its name, and by consisting of links."""
    label = f"{node.attributes.get('class') or ''} {node.id or ''}"
    if not _MENU_NAME.search(label) or node.tag in {"body", "html", "main", "article"}:
        return False
    words = sizes[node.mem_id].length
    if "cookie" in label.lower() or "consent" in label.lower():
        return words < 1500 and node.mem_id not in heading_ancestors  # noqa: PLR2004
    return sizes[node.mem_id].link_length >= MOST_LINKED * words


def _is_contents(size: _ElementSize) -> bool:
    """Tell a page's table of contents: a list of links to its own sections, and nothing else."""
    return 3 <= size.links == size.page_links and size.link_length >= 0.9 * size.length  # noqa: PLR2004


def _find_contents_caption(node: Node) -> Iterator[int]:
    """Give the line before a table of contents that only announces it."""
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    if before is not None and before.tag not in _LIST_TAGS:
        text = before.text(strip=True)
        if len(text) <= LONGEST_CAPTION and (
            text.endswith((":", "：")) or _CONTENTS.fullmatch(text)
        ):
            yield before.mem_id


def _count_visible(node: Node) -> int:
    """Count the visible characters of an element, roughly."""
    return sum(
        len(text) - text.count(" ")
        for n in iterate_descendants(node)
        if (text := n.text_content)
        and (n.parent is None or n.parent.tag not in {"script", "style"})
    )
