"""Read what an OpenDocument sheet shows beside its cells, and count what is not read of it."""

from collections.abc import Iterator

from ingest.parse.office.unread_parts import UnreadParts
from ingest.parse.office.word_margins import strip_page_words
from ingest.parse.office.word_styles import iterate_children
from ingest.parse.xml_tree import Element, find_ancestor, find_child, local_name, read_attribute

_SHAPES = (
    *("frame", "custom-shape", "rect", "ellipse", "circle", "line", "polyline", "polygon"),
    *("path", "connector", "caption", "measure"),
)
_SHAPE_TAGS = tuple(f"{{*}}{name}" for name in _SHAPES)
_MARGINS = ("header", "footer", "header-left", "footer-left", "header-first", "footer-first")
_MARGIN_TAGS = tuple(f"{{*}}{name}" for name in _MARGINS)
_FIELDS = frozenset(
    {"page-number", "page-count", "sheet-name", "date", "time", "title", "file-name"}
)
_DRAWING = "urn:oasis:names:tc:opendocument:xmlns:drawing:"
_MEDIA = frozenset({"plugin", "applet", "floating-frame"})


def read_open_drawings(table: Element, unread: UnreadParts) -> list[str]:
    """Return the lines of the text boxes of a sheet; count its charts, pictures and objects."""
    lines: list[str] = []
    for node in table.iter(*_SHAPE_TAGS):
        if _DRAWING not in str(node.tag) or find_ancestor(node, "p") is not None:
            continue  # in a paragraph it is read with its cell
        box: Element | None = node
        if local_name(node) == "frame":
            unread.add(*_judge_frame(node))
            box = find_child(node, "text-box")
        lines += _list_lines(box)
    return lines


def _list_lines(box: Element | None) -> list[str]:
    paragraphs = iterate_children(box, "p", "h")
    return [words for part in paragraphs if (words := "".join(map(str, part.itertext()))).strip()]


def _judge_frame(frame: Element) -> tuple[str, int]:
    """Return the kind of what a frame shows, and 1; 0 where it is text, which is read."""
    inner = {local_name(part): part for part in reversed(frame)}
    if "object" in inner:
        chart = read_attribute(inner["object"], "notify-on-update-of-ranges")
        return ("chart" if chart else "object"), 1
    if "object-ole" in inner:
        return "object", 1
    if _MEDIA & inner.keys():
        return "media", 1
    return "picture", int("image" in inner)


def count_open_margins(styles: Element, unread: UnreadParts) -> None:
    """Count the headers and footers of printed pages that say more than names and numbers."""
    margins: set[str] = set()
    for node in styles.iter(*_MARGIN_TAGS):
        is_visible = read_attribute(node, "display") != "false"
        words = strip_page_words(" ".join(_list_own_words(node))) if is_visible else ""
        if any(map(str.isalnum, words)):
            margins.add(words)
    unread.add("margin", len(margins))


def _list_own_words(node: Element) -> Iterator[str]:
    """Yield the words below a node that are not filled in by the program."""
    yield node.text or ""
    for part in node:
        if local_name(part) not in _FIELDS:
            yield from _list_own_words(part)
        yield part.tail or ""
