"""Find the parts of a web page that are not its content: menus, banners, forms."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ingest.parse.markup.html_tree import Node, Tree, iterate_descendants, walk_tree

_BOILERPLATE = (
    "nav,[role=navigation],[role=banner],[role=contentinfo],[role=search],[role=menu],[role=dialog],"
    "a.headerlink,a.header-anchor,a.anchor,"
    "#breadcrumb-section,.page-metadata,.toc-macro"  # of Confluence, whose pages are saved whole
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


def find_main_content(tree: Tree, unseen: Iterable[int]) -> Node | None:
    """Find what holds the page's content: its main part, its one article, or its body."""
    body = tree.body
    if body is None:
        return None
    whole = None
    for selector in ("main,[role=main]", "article", "#content,#main-content,#main,.main-content"):
        candidates = [node for node in tree.css(selector) if node.mem_id not in unseen]
        if len(candidates) != 1:
            continue
        whole = _count_visible(body) if whole is None else whole
        length = _count_visible(candidates[0])
        if length >= SHORTEST_MAIN * whole:
            inner = [
                node for node in candidates[0].css("article") if node.mem_id != candidates[0].mem_id
            ]
            if len(inner) == 1 and _count_visible(inner[0]) > 0.6 * length:
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
    boilerplate_ids |= {
        node.parent.parent.mem_id  # Confluence's list of attached files
        for node in root.css("h2#attachments.pageSectionTitle")
        if node.parent is not None and node.parent.parent is not None
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
    """Return the ids of all ancestors of the elements a selector matches."""
    ancestors: set[int] = set()
    for node in root.css(selector):
        above = node.parent
        while above is not None and above.mem_id not in ancestors:
            ancestors.add(above.mem_id)
            above = above.parent
    return ancestors


def _is_page_frame(node: Node, root: Node, heading_ancestors: Collection[int]) -> bool:
    """Tell whether a header, footer or side bar is the page's own, not the content's."""
    if node.tag == "header":
        return root.tag == "body" and node.mem_id not in heading_ancestors
    if node.tag == "aside":
        label = f"{node.attributes.get('class') or ''} {node.attributes.get('role') or ''}"
        return not _NOTE.search(label)
    return True


def _wraps_content(form: Node) -> bool:
    """Tell whether a form only wraps a page's content, and asks for no input."""
    return form.css_first("h1,h2,h3,p + p + p") is not None and _count_visible(form) > 500  # noqa: PLR2004


@dataclass(slots=True)
class _ElementSize:
    """The size of an element: its visible characters, and its links.

    link_length: characters within links. page_links: links to places of the same page.
    """

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
    """Tell whether an element is a menu, by its name and by consisting of links."""
    label = f"{node.attributes.get('class') or ''} {node.id or ''}"
    if not _MENU_NAME.search(label) or node.tag in {"body", "html", "main", "article"}:
        return False
    words = sizes[node.mem_id].length
    if "cookie" in label.lower() or "consent" in label.lower():
        return words < 1500 and node.mem_id not in heading_ancestors  # noqa: PLR2004
    return sizes[node.mem_id].link_length >= MOST_LINKED * words


def _is_contents(size: _ElementSize) -> bool:
    """Tell whether an element is a table of contents: only links to its own page's sections."""
    return 3 <= size.links == size.page_links and size.link_length >= 0.9 * size.length  # noqa: PLR2004


def _find_contents_caption(node: Node) -> Iterator[int]:
    """Yield the line before a table of contents that only announces it."""
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
