"""Count what an office document holds beside its text and what was not kept of it, as notes."""

from collections import Counter

from ingest.parse.office.package import Package
from ingest.parse.text_cleaning import read_alt_text
from ingest.parse.xml_tree import Element, find_child, local_name, read_attribute

# By kind: a note on one of it, and on several. They come out in this order.
_NOTES = {
    "picture": ("1 picture was not read", "{:,} pictures were not read"),
    "diagram": ("1 SmartArt drawing was not read", "{:,} SmartArt drawings were not read"),
    "chart": ("1 chart was not read", "{:,} charts were not read"),
    "object": ("1 embedded object was not read", "{:,} embedded objects were not read"),
    "media": ("1 film or sound was not read", "{:,} films or sounds were not read"),
    "import": ("1 inserted file was not read", "{:,} inserted files were not read"),
    "footnote": ("1 footnote was not read", "{:,} footnotes were not read"),
    "margin": ("1 header or footer was not read", "{:,} headers and footers were not read"),
    "box": ("1 text box was not read", "{:,} text boxes were not read"),
    "comment": ("1 comment was left out", "{:,} comments were left out"),
    "struck": ("1 struck-out word was left out", "{:,} struck-out words were left out"),
    "shape": ("1 hidden shape was left out", "{:,} hidden shapes were left out"),
    "contents": (
        "1 line of its table of contents was left out",
        "{:,} lines of its table of contents were left out",
    ),
    "change": (
        "1 tracked change was read as accepted",
        "{:,} tracked changes were read as accepted",
    ),
}
_CHANGES = ("ins", "del", "moveTo", "moveFrom")
_OBJECTS = ("oleObj", "object")
_MEDIA = ("videoFile", "audioFile", "wavAudioFile", "quickTimeFile")
_MEDIA_TAGS = tuple(f"{{*}}{name}" for name in _MEDIA)
_OWNERS = tuple(f"{{*}}{name}" for name in ("Fallback", "del", "moveFrom", *_OBJECTS))
_COUNTED_TAGS = tuple(
    f"{{*}}{name}" for name in ("pic", "imagedata", "altChunk", *_CHANGES, *_OBJECTS, *_MEDIA)
)


class UnreadParts:
    """Counts, by kind, of what was seen in a document and not kept."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._described = 0  # pictures whose description was kept

    def add(self, kind: str, count: int = 1) -> None:
        """Count parts of a kind, of those that a note is written for."""
        if kind not in _NOTES:
            raise ValueError(f"no note is written for {kind}")
        self._counts[kind] += count

    def count_content(self, node: Element) -> None:
        """Count what an element holds beside words: pictures, objects, films, tracked changes."""
        for inner in node.iter(*_COUNTED_TAGS):
            name = local_name(inner)
            if name in _CHANGES:
                self._counts["change"] += "wordprocessingml" in str(inner.tag)
            elif _stands_for_another(inner):
                continue
            elif name in _OBJECTS:
                self._counts["object"] += 1
            elif name in _MEDIA:
                self._counts["media"] += 1
            elif name == "altChunk":
                self._counts["import"] += 1
            elif not _is_decoration(inner):
                self._counts["picture"] += 1
                self._described += _is_described(inner)

    def count_comments(self, package: Package, part: str) -> None:
        """Count the comments on a part."""
        for name in dict.fromkeys(package.find_related(part, "comments")):
            if package.has_part(name):
                root = package.archive.parse_entry(name)
                self._counts["comment"] += sum(1 for _ in root.iter("{*}comment", "{*}cm"))

    def list_notes(self) -> tuple[str, ...]:
        """Return a note on each kind that was seen.

        >>> parts = UnreadParts()
        >>> parts.add("comment"), parts.add("chart", 1200)
        (None, None)
        >>> parts.list_notes()
        ('1,200 charts were not read', '1 comment was left out')
        """
        notes = []
        for kind, (single, several) in _NOTES.items():
            count = self._counts[kind]
            if not count:
                continue
            note = single if count == 1 else several.format(count)
            if kind == "picture" and self._described:
                note += f"; descriptions of {self._described:,} were kept"
            notes.append(note)
        return tuple(notes)


def _stands_for_another(node: Element) -> bool:
    """Tell whether an element is deleted, or the picture of an object or of a newer drawing."""
    if local_name(node) == "pic" and next(node.iter(*_MEDIA_TAGS), None) is not None:
        return True  # the first picture of a film
    return next(node.iterancestors(*_OWNERS), None) is not None


def _find_properties(picture: Element) -> Element | None:
    """Return what names and describes a picture: in Word, the properties of its frame."""
    frame = next(picture.iterancestors("{*}anchor", "{*}inline"), None)
    if frame is not None:
        return find_child(frame, "docPr")
    return next(picture.iter("{*}cNvPr"), None)


def _is_described(picture: Element) -> bool:
    return bool(read_alt_text(read_attribute(_find_properties(picture), "descr")))


def _is_decoration(picture: Element) -> bool:
    """Tell whether the writer says that a picture is there to please the eye only."""
    properties = _find_properties(picture)
    marks = properties.iter("{*}decorative") if properties is not None else ()
    return any(read_attribute(mark) in {"1", "true"} for mark in marks)
