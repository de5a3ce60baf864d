"""Find the elements of an HTML page that a reader does not see."""

import re
from collections.abc import Iterator

from ingest.parse.markup.html_tree import Node, Tree, walk_tree
from ingest.parse.markup.template_code import remove_between

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


def _is_hidden_element(node: Node) -> bool:
    names = node.attributes
    if "hidden" in names and names["hidden"] != "until-found":
        return True
    if names.get("aria-hidden") == "true" or _READERS.search(names.get("class") or ""):
        return True
    return bool(_INVISIBLE_STYLE.search(_compact_style(node)))


def _hidden_selectors(tree: Tree) -> Iterator[str]:
    """Yield the selectors that the page's own style sheets hide."""
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
    """Yield a sheet's simple rules: the selectors before a pair of braces, and its content."""
    for rule in _CSS_RULE.finditer(sheet):
        before = sheet[max(0, rule.start() - _SELECTORS) : rule.start()]
        selectors = before[max(map(before.rfind, "{}@")) + 1 :]
        if selectors:
            yield selectors, rule[1]
