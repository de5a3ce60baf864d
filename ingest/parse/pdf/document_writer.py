"""Write a document of pages: headings from outline and fonts, and where each part stands."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.parse.document_builder import LONGEST_HEADING, DocumentBuilder
from ingest.parse.pdf.page_links import find_text_links
from ingest.parse.pdf.page_model import LayoutPart, LayoutPiece, PageLink, Sheet, bounding_box
from ingest.parse.pdf.paragraphs import make_pieces
from ingest.parse.pdf.structure import FormField, OutlineEntry, PdfStructure
from ingest.parse.pdf.text_boxes import TextBox, write_boxes

BELOW_OUTLINE = 20  # levels: a heading known by its font stands under those of the outline
TITLE_SIZE = 1.3  # times the body: how large a title is set
_SAME_SIZE = 0.06  # headings this much smaller are of one level
SHORTEST_TITLE = 4  # letters of a title that is looked for inside another
OUTLINE_DISTANCE = 8.0  # points: how exactly an outline points at a heading
SAME_EDGE = 12.0  # points: a table that goes on over pages keeps its left and right edge
_WORD_MARKS = ".,;:!?()[]{}\"'“”‘’"


def find_body_size(sheets: Sequence[Sheet]) -> float:
    """Return the font size in which most letters are set."""
    sizes: Counter[float] = Counter()
    for sheet in sheets:
        for line in sheet.lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def write_pdf_document(
    sheets: Sequence[Sheet],
    labels: Sequence[str],
    structure: PdfStructure,
    uri: str,
    contents: Sequence[OutlineEntry] = (),
) -> Document:
    """Write the document: blocks that never cross pages, and the map of their boxes.

    contents: the outline that its own table of contents is, for where it has no other.
    """
    body = find_body_size(sheets)
    has_word = _vocabulary(sheets)
    pages = [make_pieces(sheet.lines, body=body, has_word=has_word) for sheet in sheets]
    outline = structure.outline() or contents
    level_of = _rank_headings(pages, below=BELOW_OUTLINE if outline else 0)
    marks: dict[int, list[OutlineEntry]] = {}
    for mark in outline:
        marks.setdefault(mark.page, []).append(mark)
    fields: dict[int, list[FormField]] = {}
    for field in structure.form_fields():
        fields.setdefault(field.page, []).append(field)
    writer = _PieceWriter()
    for number, (page_pieces, label) in enumerate(zip(pages, labels, strict=True)):
        writer.start_page(label, ocr=sheets[number].ocr)
        form_pieces = [_make_form_table(fields[number])] if number in fields else []
        for piece in _apply_outline([*page_pieces, *form_pieces], marks.get(number, []), level_of):
            writer.add_piece(piece)
    sizes = [(sheet.width, sheet.height) for sheet in sheets]
    title = structure.title or _find_printed_title(pages[0], body) or _title_from_uri(uri)
    return writer.finish_document(title, sizes, [sheet.links for sheet in sheets])


class _PieceWriter:
    """A document builder that remembers where each part of the text stands."""

    def __init__(self) -> None:
        self.builder = DocumentBuilder()
        self._places: list[TextBox] = []
        self._headers: dict[int, str] = {}
        self._page = 0
        self._is_ocr = False
        self._table: tuple[LayoutPiece, int, str] | None = None  # the last piece, its page, header

    def start_page(self, label: str, *, ocr: bool) -> None:
        """Begin the next page. ocr: OCR read it."""
        self._page = self.builder.begin_page(label)
        self._is_ocr = ocr

    def add_piece(self, piece: LayoutPiece) -> None:
        """Write a piece; a heading without parts leads what follows, and is no text."""
        text = piece.text
        if piece.kind != "table":
            self._table = None
        match piece.kind:
            case "heading" if not piece.parts:
                start, end = self.builder.add_heading(piece.level, piece.title, visible=False)
            case "heading":
                start, end = self.builder.add_heading(piece.level, text)
            case "list":
                start, end = self.builder.add_list(text.split("\n"))
            case "table":
                rows = [row.split(" | ") for row in text.split("\n")]
                start, end = self.builder.add_table((), rows)
                self._headers[start] = "\n".join(
                    text.split("\n")[: piece.header]
                ) or self._continue_header(piece)
                self._table = (piece, self._page, self._headers[start])
            case _:
                start, end = self.builder.add_paragraph(text)
        if end - start == len(text):
            places = list(_iterate_text_boxes(piece, start, self._page))
        elif end > start:  # written otherwise than it was found: known by its outline only
            outline = bounding_box([p.box for p in piece.parts])
            places = [TextBox(start, end, self._page, outline)]
        else:
            places = []
        self._places += [place._replace(ocr=True) for place in places] if self._is_ocr else places

    def _continue_header(self, piece: LayoutPiece) -> str:
        """Return the header of the table on the page before that this one goes on with."""
        if self._table is None:
            return ""
        before, page, header = self._table
        is_same = page == self._page - 1 and _count_columns(before) == _count_columns(piece)
        shift = max(abs(before.at[0] - piece.at[0]), abs(before.at[2] - piece.at[2]))
        return header if is_same and shift < SAME_EDGE else ""

    def finish_document(
        self,
        title: str,
        sizes: Sequence[tuple[float, float]],
        page_links: Sequence[tuple[PageLink, ...]],
    ) -> Document:
        """Close the document."""
        boxes = write_boxes(sizes, self._places)
        document = self.builder.build_document(
            title=title, media_type="application/pdf", boxes=boxes
        )
        blocks = [
            replace(block, header=header) if (header := self._headers.get(block.start)) else block
            for block in document.blocks
        ]
        links, lost = find_text_links(document.text, self._places, page_links)
        return replace(document, blocks=tuple(blocks), links=links, lost_links=lost)


def _count_columns(piece: LayoutPiece) -> int:
    """Count the cells of most rows of a table."""
    rows = Counter(row.count(" | ") for row in piece.text.split("\n"))
    return rows.most_common(1)[0][0] + 1


def _iterate_text_boxes(piece: LayoutPiece, start: int, page: int) -> Iterator[TextBox]:
    """Place each part; the bar between two cells belongs to the first."""
    for n, part in enumerate(piece.parts):
        start += len(part.joint)
        end = start + len(part.text)
        bar = n + 1 < len(piece.parts) and "|" in piece.parts[n + 1].joint
        yield TextBox(start, end + 2 * bar, page, part.box, part.run)
        start = end


def _apply_outline(
    page_pieces: Sequence[LayoutPiece],
    marks: Sequence[OutlineEntry],
    level_of: Callable[[LayoutPiece], int],
) -> Iterator[LayoutPiece]:
    """Make headings of the pieces that the outline names.

    An entry whose title is printed nowhere becomes a heading at the place it points to.
    """
    named_pieces: dict[int, OutlineEntry] = {}
    unprinted: list[tuple[int, OutlineEntry]] = []
    texts = [_letters_only(piece.text) for piece in page_pieces] if marks else []
    for mark in marks:
        title = _letters_only(mark.title)
        here = next(
            (n for n, text in enumerate(texts) if n not in named_pieces and _is_title(text, title)),
            None,
        )
        if here is not None:
            named_pieces[here] = mark
        else:
            places = (
                n
                for n, piece in enumerate(page_pieces)
                if piece.parts[0].box[1] > mark.top - OUTLINE_DISTANCE
            )
            unprinted.append((next(places, len(page_pieces)), mark))
    for n, piece in enumerate([*page_pieces, None]):
        for place, mark in unprinted:
            if place == n and piece is not None:
                yield LayoutPiece(
                    "heading",
                    (),
                    (0, mark.top, 0, mark.top),
                    0,
                    level=mark.level,
                    title=mark.title[:LONGEST_HEADING],
                )
        if piece is None:
            continue
        if n in named_pieces:
            yield piece._replace(kind="heading", level=named_pieces[n].level)
        elif piece.kind == "heading":
            yield piece._replace(level=level_of(piece))
        else:
            yield piece


def _letters_only(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _is_title(text: str, title: str) -> bool:
    """Tell whether a text is a title, with or without the number before it."""
    if text == title:
        return True
    short, long = sorted((text, title), key=len)
    return len(short) >= SHORTEST_TITLE and long.endswith(short) and len(short) > 0.6 * len(long)


def _rank_headings(
    pages: Sequence[Sequence[LayoutPiece]], *, below: int
) -> Callable[[LayoutPiece], int]:
    """Rank headings by their size, largest first; in one size, capitals lead and a colon ends."""
    sizes: list[float] = []
    for size in sorted({p.size for page in pages for p in page if p.kind == "heading"})[::-1]:
        if not sizes or size < sizes[-1] * (1 - _SAME_SIZE):
            sizes.append(size)

    def level(piece: LayoutPiece) -> int:
        rank = next(n for n, size in enumerate(sizes) if piece.size >= size * (1 - _SAME_SIZE))
        text = piece.text
        style = 0 if text.isupper() else 2 if text.endswith((":", "：")) else 1
        return below + 3 * rank + style + 1

    return level


def _vocabulary(sheets: Sequence[Sheet]) -> Callable[[str], bool]:
    """Return a lookup that tells whether a word stands whole in the document.

    Read when first asked.
    """

    @cache
    def words() -> frozenset[str]:
        return frozenset(
            word.strip(_WORD_MARKS)
            for sheet in sheets
            for line in sheet.lines
            for word in line.text.casefold().split()[:-1]
        )

    return lambda word: word.casefold() in words()


def _make_form_table(fields: Sequence[FormField]) -> LayoutPiece:
    """Make a table of the form fields of a page: a name and its value on each line."""
    parts: list[LayoutPart] = []
    for field in fields:
        name, value = (
            " ".join(text.replace("|", " ").split()) for text in (field.name, field.value)
        )
        parts.append(LayoutPart("\n" if parts else "", name or "–", field.box))
        parts.append(LayoutPart(" | ", value, field.box))
    return LayoutPiece(
        "table", tuple(parts), bounding_box([part.box for part in parts]), 10.0, lines=len(fields)
    )


def _find_printed_title(page_pieces: Sequence[LayoutPiece], body: float) -> str:
    """Return the largest heading of the first page, when it is set as a title is."""
    headings = [
        piece for piece in page_pieces if piece.kind == "heading" and piece.size > TITLE_SIZE * body
    ]
    return max(headings, key=lambda piece: piece.size).text if headings else ""


def _title_from_uri(uri: str) -> str:
    return " ".join(PurePosixPath(uri).stem.replace("_", " ").split()) or uri
