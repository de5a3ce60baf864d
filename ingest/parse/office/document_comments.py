"""Read the comments on a Word document or a slide, each with who wrote it, as a line of text."""

from collections.abc import Iterator

from ingest.parse.office import paragraph_text
from ingest.parse.office.package import Package
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines
from ingest.parse.xml_tree import Element, local_name, read_attribute

_LONGEST_PLACE = 100  # characters of the words that a comment is on
_MOST_OPEN = 20  # comments on the same words whose place is told


def describe_comment(author: str, place: str, words: str) -> str:
    """Write a comment so that no reader takes it for a word of the document.

    >>> describe_comment("Ann Lee", "within 30 days", "Is it 14 now?")
    'Comment by Ann Lee on “within 30 days”: Is it 14 now?'
    >>> describe_comment("", "", "Is it 14 now?")
    'Comment: Is it 14 now?'
    """
    name = join_wrapped_lines(clean_text(author))
    on = join_wrapped_lines(clean_text(place))
    if len(on) > _LONGEST_PLACE:
        on = f"{on[:_LONGEST_PLACE].rstrip()}…"
    lead = "Comment" + (f" by {name}" if name else "") + (f" on “{on}”" if on else "")
    return f"{lead}: {words}" if words else ""


class WordComments:
    """The comments of a Word document, by the numbers that its text refers to them with.

    count: how many there are.
    """

    def __init__(self, package: Package) -> None:
        root = package.parse_part("comments")
        notes = [] if root is None else [n for n in root if local_name(n) == "comment"]
        self.count = len(notes)
        self._notes = {read_attribute(note, "id"): note for note in notes}

    def take_lines(self, block: Element) -> list[str]:
        """Return the comments on a block that were not taken before, in their order."""
        numbers = [
            number
            for node in block.iter("{*}commentReference")
            if (number := read_attribute(node, "id")) in self._notes
        ]
        places = _read_places(block) if numbers else {}
        lines = []
        for number in dict.fromkeys(numbers):
            note = self._notes.pop(number)
            words = "\n".join(map(paragraph_text.read_paragraph, note.iter("{*}p"))).strip()
            place = places.get(number, "")
            lines.append(describe_comment(read_attribute(note, "author"), place, words))
        return lines

    @property
    def left(self) -> int:
        """The number of comments that no part of the text refers to."""
        return len(self._notes)


def _read_places(block: Element) -> dict[str, str]:
    """Return the words that comments are on, by the comments' numbers."""
    places: dict[str, str] = {}
    opened: dict[str, None] = {}

    def enter(node: Element) -> None:
        name = local_name(node)
        if name == "commentRangeStart" and len(opened) < _MOST_OPEN:
            opened[read_attribute(node, "id")] = None
        elif name == "commentRangeEnd":
            opened.pop(read_attribute(node, "id"), None)

    for words in paragraph_text.iterate_words(block, enter):
        for number in opened:
            before = places.get(number, "")
            if len(before) <= _LONGEST_PLACE:
                places[number] = before + words[: 2 * _LONGEST_PLACE]
    return places


class SlideComments:
    """The comments on the slides of a presentation, those of old programs and threads of today."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._authors = dict(self._list_authors())

    def list_lines(self, slide: str) -> list[str]:
        """Return the comments on a slide and the answers to them."""
        lines = []
        for name in dict.fromkeys(self._package.find_related(slide, "comments")):
            if self._package.has_part(name):
                root = self._package.archive.parse_entry(name)
                for node in root.iter("{*}cm", "{*}reply"):
                    author = self._authors.get(read_attribute(node, "authorId"), "")
                    lines.append(describe_comment(author, "", _read_slide_words(node)))
        return lines

    def _list_authors(self) -> Iterator[tuple[str, str]]:
        for kind in ("commentAuthors", "authors"):
            root = self._package.parse_part(kind)
            for node in root if root is not None else ():
                yield read_attribute(node, "id"), read_attribute(node, "name")


def _read_slide_words(comment: Element) -> str:
    """Return a comment's own words; its answers are comments of their own."""
    for part in comment:
        if local_name(part) == "text":
            return (part.text or "").strip()
        if local_name(part) == "txBody":
            return "\n".join(map(paragraph_text.read_paragraph, part.iter("{*}p"))).strip()
    return ""
