"""Count what of a page is not read, as notes: pictures without words, films, sounds, frames."""

from collections import Counter
from collections.abc import Collection

from ingest.parse.markup.html_tree import INVISIBLE_TAGS, Node, walk_tree
from ingest.parse.text_cleaning import read_alt_text

# By kind: a note on one of it, and on several. They come out in this order.
_MEDIA_NOTES = {
    "picture": (
        "1 picture without words was not read",
        "{:,} pictures without words were not read",
    ),
    "film": ("1 film or sound was not read", "{:,} films or sounds were not read"),
    "frame": ("1 embedded frame was not read", "{:,} embedded frames were not read"),
}
_KINDS = {
    "img": "picture",
    "video": "film",
    "audio": "film",
    "iframe": "frame",
    "object": "frame",
    "embed": "frame",
}
_WIDEST_ICON = 32  # pixels; what is smaller is a sign or counts visits


class UnreadMedia:
    """Counts, by kind, what a reader of pages sees that is no text."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count_tree(self, root: Node, unseen: Collection[int] = ()) -> None:
        """Count what is in a tree. unseen: memory ids of elements to pass over."""

        def enter(node: Node) -> bool:
            tag = node.tag or ""
            if unseen and node.mem_id in unseen:
                return False
            kind = _KINDS.get(tag)
            if kind is not None and not _is_sign(node) and not _has_words(node):
                self._counts[kind] += 1
            return tag not in INVISIBLE_TAGS or tag == "button"

        if root.css_first(",".join(_KINDS)) is not None:
            walk_tree(root, enter, lambda _: None)

    def list_media_notes(self) -> tuple[str, ...]:
        """Return a note on each kind that was seen."""
        return tuple(
            single if self._counts[kind] == 1 else several.format(self._counts[kind])
            for kind, (single, several) in _MEDIA_NOTES.items()
            if self._counts[kind]
        )


def _has_words(node: Node) -> bool:
    return node.tag == "img" and bool(read_alt_text(node.attributes.get("alt") or ""))


def _is_sign(node: Node) -> bool:
    """Tell whether a picture or frame is there for the eye only, or too small to show anything."""
    values = node.attributes
    if values.get("role") in {"presentation", "none"} or values.get("aria-hidden") == "true":
        return True
    sizes = [(values.get(name) or "").removesuffix("px") for name in ("width", "height")]
    return any(
        size.isdecimal() and len(size) <= len("0000") and int(size) <= _WIDEST_ICON
        for size in sizes
    )
