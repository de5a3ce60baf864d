"""Write a document of pages: headings from outline and fonts, and where each part stands."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse.compose import LONGEST_HEADING, Composer
from ingest.parse.pdf_boxes import Place, write_boxes
from ingest.parse.pdf_line import Part, Piece, Sheet, around
from ingest.parse.pdf_prose import pieces
from ingest.parse.pdf_structure import Field, Mark, Structure

BELOW_OUTLINE = 20  # levels: a heading known by its font stands under those of the outline
TITLE = 1.3  # times the body: how large a title is set
_SAME_SIZE = 0.06  # headings this much smaller are of one level
SHORTEST = 4  # letters of a title that is looked for inside another
NEAR = 8.0  # points: how exactly an outline points at a heading
_MARKS = ".,;:!?()[]{}\"'“”‘’"


def body_size(sheets: Sequence[Sheet]) -> float:
    """Give the size in which most letters are set."""
    sizes: Counter[float] = Counter()
    for sheet in sheets:
        for line in sheet.lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def write(
    sheets: Sequence[Sheet], labels: Sequence[str], structure: Structure, uri: str
) -> Document:
    """Compose the document: blocks that never cross pages, and the map of their boxes."""
    body = body_size(sheets)
    known = _vocabulary(sheets)
    pages = [pieces(sheet.lines, body=body, known=known) for sheet in sheets]
    outline = structure.outline()
    level = _levels(pages, below=BELOW_OUTLINE if outline else 0)
    marks: dict[int, list[Mark]] = {}
    for mark in outline:
        marks.setdefault(mark.page, []).append(mark)
    fields: dict[int, list[Field]] = {}
    for field in structure.fields():
        fields.setdefault(field.page, []).append(field)
    writer = _Writer()
    for number, (found, label) in enumerate(zip(pages, labels, strict=True)):
        writer.page(label)
        filled = [_form(fields[number])] if number in fields else []
        for piece in _marked([*found, *filled], marks.get(number, []), level):
            writer.add(piece)
    sizes = [(sheet.width, sheet.height) for sheet in sheets]
    title = structure.title or _printed_title(pages[0], body) or _name(uri)
    return writer.document(title, sizes)


class _Writer:
    """A composer that remembers where each part of the text stands."""

    def __init__(self) -> None:
        self.composer = Composer()
        self._places: list[Place] = []
        self._headers: dict[int, str] = {}
        self._page = 0

    def page(self, label: str) -> None:
        """Begin the next page."""
        self._page = self.composer.page(label)

    def add(self, piece: Piece) -> None:
        """Write a piece; a heading without parts leads what follows, and is no text."""
        text = piece.text
        match piece.kind:
            case "heading" if not piece.parts:
                start, end = self.composer.heading(piece.level, piece.title, shown=False)
            case "heading":
                start, end = self.composer.heading(piece.level, text)
            case "list":
                start, end = self.composer.items(text.split("\n"))
            case "table":
                rows = [row.split(" | ") for row in text.split("\n")]
                start, end = self.composer.table((), rows)
                self._headers[start] = "\n".join(text.split("\n")[: piece.header])
            case _:
                start, end = self.composer.paragraph(text)
        if end - start == len(text):
            self._places += _places(piece, start, self._page)
        elif end > start:  # written otherwise than it was found: known by its outline only
            self._places.append(Place(start, end, self._page, around([p.box for p in piece.parts])))

    def document(self, title: str, sizes: Sequence[tuple[float, float]]) -> Document:
        """Close the document."""
        boxes = write_boxes(sizes, self._places)
        document = self.composer.document(title=title, media_type="application/pdf", boxes=boxes)
        blocks = [
            replace(block, header=header) if (header := self._headers.get(block.start)) else block
            for block in document.blocks
        ]
        return replace(document, blocks=tuple(blocks))


def _places(piece: Piece, start: int, page: int) -> Iterator[Place]:
    """Place each part; the bar between two cells belongs to the first."""
    for n, part in enumerate(piece.parts):
        start += len(part.joint)
        end = start + len(part.text)
        bar = n + 1 < len(piece.parts) and "|" in piece.parts[n + 1].joint
        yield Place(start, end + 2 * bar, page, part.box, part.run)
        start = end


def _marked(
    found: Sequence[Piece], marks: Sequence[Mark], level: Callable[[Piece], int]
) -> Iterator[Piece]:
    """Make headings of what the outline names; what it names elsewise leads from its place on."""
    named: dict[int, Mark] = {}
    apart: list[tuple[int, Mark]] = []
    texts = [_bare(piece.text) for piece in found] if marks else []
    for mark in marks:
        title = _bare(mark.title)
        here = next(
            (n for n, text in enumerate(texts) if n not in named and _is_title(text, title)), None
        )
        if here is not None:
            named[here] = mark
        else:
            places = (n for n, piece in enumerate(found) if piece.parts[0].box[1] > mark.top - NEAR)
            apart.append((next(places, len(found)), mark))
    for n, piece in enumerate([*found, None]):
        for place, mark in apart:
            if place == n and piece is not None:
                yield Piece(
                    "heading",
                    (),
                    (0, mark.top, 0, mark.top),
                    0,
                    level=mark.level,
                    title=mark.title[:LONGEST_HEADING],
                )
        if piece is None:
            continue
        if n in named:
            yield piece._replace(kind="heading", level=named[n].level)
        elif piece.kind == "heading":
            yield piece._replace(level=level(piece))
        else:
            yield piece


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _is_title(text: str, title: str) -> bool:
    """Tell whether a text is a title, with or without the number before it."""
    if text == title:
        return True
    short, long = sorted((text, title), key=len)
    return len(short) >= SHORTEST and long.endswith(short) and len(short) > 0.6 * len(long)


def _levels(pages: Sequence[Sequence[Piece]], *, below: int) -> Callable[[Piece], int]:
    """Rank headings by their size, largest first; in one size, capitals lead and a colon ends."""
    sizes: list[float] = []
    for size in sorted({p.size for page in pages for p in page if p.kind == "heading"})[::-1]:
        if not sizes or size < sizes[-1] * (1 - _SAME_SIZE):
            sizes.append(size)

    def level(piece: Piece) -> int:
        rank = next(n for n, size in enumerate(sizes) if piece.size >= size * (1 - _SAME_SIZE))
        text = piece.text
        style = 0 if text.isupper() else 2 if text.endswith((":", "：")) else 1
        return below + 3 * rank + style + 1

    return level


def _vocabulary(sheets: Sequence[Sheet]) -> Callable[[str], bool]:
    """Tell of a word whether it stands in the document, whole. Read when first asked."""

    @cache
    def words() -> frozenset[str]:
        return frozenset(
            word.strip(_MARKS)
            for sheet in sheets
            for line in sheet.lines
            for word in line.text.casefold().split()[:-1]
        )

    return lambda word: word.casefold() in words()


def _form(fields: Sequence[Field]) -> Piece:
    """Make a table of the form fields of a page: a name and its value on each line."""
    parts: list[Part] = []
    for field in fields:
        name, value = (
            " ".join(text.replace("|", " ").split()) for text in (field.name, field.value)
        )
        parts.append(Part("\n" if parts else "", name or "–", field.box))
        parts.append(Part(" | ", value, field.box))
    return Piece(
        "table", tuple(parts), around([part.box for part in parts]), 10.0, lines=len(fields)
    )


def _printed_title(found: Sequence[Piece], body: float) -> str:
    """Give the largest heading of the first page, when it is set as a title is."""
    headings = [piece for piece in found if piece.kind == "heading" and piece.size > TITLE * body]
    return max(headings, key=lambda piece: piece.size).text if headings else ""


def _name(uri: str) -> str:
    return " ".join(PurePosixPath(uri).stem.replace("_", " ").split()) or uri
