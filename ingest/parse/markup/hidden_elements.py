"""Find the elements of an HTML page that a reader does not see."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ingest.parse.markup.collapsed_answers import (
    CollapsedAnswers,
    HiddenElements,
    find_collapsed_answers,
)
from ingest.parse.markup.html_tree import INVISIBLE_TAGS, Node, Tree, read_line, walk_tree
from ingest.parse.markup.template_code import remove_between

# Text that no reader sees is where orders to a model hide. What a reader opens is content all the
# same (``collapsed_answers.py``), if it is closed and no more than that: neither off the screen,
# nor without size, nor without colour.
_HIDDEN = "[hidden],[aria-hidden=true],[style],.sr-only,.visually-hidden,.screen-reader-text"
_CLOSED = re.compile(r"display:none|visibility:(?:hidden|collapse)")
_NO_SIZE = re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:px)?(?:;|$|!)")
_TRANSPARENT = re.compile(r"opacity:0(?:\.0\d*)?(?:;|$|!)")
_ASTRAY = re.compile(
    r"font-size:(?:[01](?:\.\d+)?(?:px|pt)?|0?\.[0-4]\d*r?em|0%?)(?:;|$|!)"
    r"|text-indent:-\d{3,}|(?:left|top|right|bottom):-\d{4,}|clip:rect\(0"
    r"|clip-path:inset\((?:50|100)%|transform:(?:scale\(0[,)]|translate[xy]?\(-\d{4,})"
)
_READERS = re.compile(r"\b(?:sr-only|visually-hidden|screen-reader-text)\b")  # for screen readers
MOST_SIGN_WORDS = 3  # of an icon's name, or a sign such as "×"
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


@dataclass(frozen=True, slots=True)
class HiddenParts:
    """What of a page no reader sees nor can open (by memory id), and what a reader opens."""

    unseen: Mapping[int, Node]
    answers: CollapsedAnswers


def find_hidden_elements(tree: Tree) -> set[int]:
    """Find elements that a reader does not see and cannot open, as memory ids."""
    return set(find_unseen_elements(tree))


def find_unseen_elements(tree: Tree) -> Mapping[int, Node]:
    """Find elements that a reader does not see and cannot open, by memory id."""
    hidden = _list_hidden(tree)
    return _divide_hidden(tree, hidden).unseen if hidden.closed else hidden.never


def find_hidden_parts(tree: Tree) -> HiddenParts:
    """Find what a reader does not see, and what a reader opens."""
    return _divide_hidden(tree, _list_hidden(tree))


def _divide_hidden(tree: Tree, hidden: HiddenElements) -> HiddenParts:
    answers = find_collapsed_answers(tree, hidden)
    closed = {key: node for key, node in hidden.closed.items() if key not in answers.panels}
    return HiddenParts({**closed, **hidden.never}, answers)


def _list_hidden(tree: Tree) -> HiddenElements:
    closed: dict[int, Node] = {}
    never = {node.mem_id: node for node in find_veiled_elements(tree)}
    opened: set[int] = set()
    for node in tree.css(_HIDDEN):
        hiding = _tell_hiding(node)
        if hiding:
            (closed if hiding == "closed" else never)[node.mem_id] = node
    selectors = dict(_hidden_selectors(tree))
    for node in tree.css("[class],[id]") if selectors else ():
        for name in _selector_names(node):
            hiding = selectors.get(name, "")
            if hiding:
                (closed if hiding == "closed" else never)[node.mem_id] = node
            if hiding == "closed" and _OPENED_CLASS.search(name.lower()):
                opened.add(node.mem_id)
    return HiddenElements(closed, never, opened, frozenset({*closed, *never}))


def find_veiled_elements(tree: Tree) -> list[Node]:
    """Find elements whose text has the colour of its background.

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


def count_unseen_words(unseen: Mapping[int, Node], passed: Collection[int] = ()) -> int:
    """Count the words of a page that no reader sees nor can open, each once.

    passed: memory ids of the page's frame, of which nothing is read. Labels for screen readers
    and what is closed and short, as signs are, is no text that is missed.
    """
    count = 0
    inside = {*unseen, *passed}
    outside: set[int] = set()
    for key, node in unseen.items():
        if key in passed or node.tag in INVISIBLE_TAGS or _lies_within(node, inside, outside):
            continue
        words = len(read_line(node).split())
        sign = words <= MOST_SIGN_WORDS and _tell_hiding(node) == "closed"
        count += 0 if sign or _READERS.search(node.attributes.get("class") or "") else words
    return count


def _lies_within(node: Node, inside: Collection[int], outside: set[int]) -> bool:
    """Tell whether an element lies in a hidden one, in the page's frame or in its head.

    outside: elements known not to, so that no way up is gone twice.
    """
    way: list[int] = []
    above = node.parent
    while above is not None and above.mem_id not in outside:
        if above.mem_id in inside or above.tag in INVISIBLE_TAGS:
            return True
        way.append(above.mem_id)
        above = above.parent
    outside.update(way)
    return False


def _compact_style(node: Node) -> str:
    return re.sub(r"\s+", "", node.attributes.get("style") or "").lower()


def _background_colour(node: Node) -> str:
    """Return the background colour an element sets; "" if it sets none."""
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
    """Return a colour in one spelling, for the colours that pages hide words with.

    >>> [_normalise_colour(value) for value in ("#FFF", "rgb(255, 255, 255)", "White", "red")]
    ['#ffffff', '#ffffff', '#ffffff', 'red']
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


def _tell_hiding(node: Node) -> str:
    """Tell how an element itself is hidden: "closed" until a click, "never" seen; "" if not."""
    names = node.attributes
    if _READERS.search(names.get("class") or ""):
        return "never"
    style = _compact_style(node)
    is_visible = "hidden" not in names or names["hidden"] == "until-found"
    if is_visible and names.get("aria-hidden") != "true":
        return _tell_style(style)
    return "never" if _ASTRAY.search(style) or _TRANSPARENT.search(style) else "closed"


def _tell_style(style: str) -> str:
    if _ASTRAY.search(style) or _TRANSPARENT.search(style):
        return "never"
    if _CLOSED.search(style):
        return "closed"
    return "never" if _NO_SIZE.search(style) else ""


def _hidden_selectors(tree: Tree) -> Iterator[tuple[str, str]]:
    """Yield the selectors that the page's own style sheets hide, and how.

    Classes that scripts open have no height until then, and are no less content for it.
    """
    for style in tree.css("style"):
        sheet = remove_between(style.text(), _COMMENT)
        for selectors, rule in _iterate_css_rules(
            _MEDIA.sub(lambda m: "" if "{" in m[0] else m[0], sheet)
        ):
            compact = re.sub(r"\s+", "", rule).lower()
            hiding = _tell_style(compact)
            for selector in map(str.strip, selectors.split(",")) if hiding else ():
                if _SIMPLE.fullmatch(selector):
                    opens = _OPENED_CLASS.search(selector.lower()) and not _ASTRAY.search(compact)
                    flat = _NO_SIZE.search(compact) or _CLOSED.search(compact)
                    yield selector, "closed" if opens and flat else hiding


def _iterate_css_rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Yield a sheet's simple rules: the selectors before a pair of braces, and its content."""
    for rule in _CSS_RULE.finditer(sheet):
        before = sheet[max(0, rule.start() - _SELECTORS) : rule.start()]
        selectors = before[max(map(before.rfind, "{}@")) + 1 :]
        if selectors:
            yield selectors, rule[1]
