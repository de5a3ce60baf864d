"""Read the structure of a PDF with pypdf, the reader of record.

It opens and decrypts, counts the pages, and knows what they are called, how the outline
divides them and what was filled in. Its text, 15 times slower than pdfium's, is only asked for
where pdfium's cannot be had or is doubted.
"""

import io
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import pypdf
from pypdf.errors import DependencyError, PyPdfError
from pypdf.generic import Destination, DictionaryObject

from ingest.errors import Unreadable
from ingest.parse.pdf.page_model import Box

# What pypdf raises over a damaged file, besides its own errors.
PYPDF_ERRORS = (
    PyPdfError,
    DependencyError,
    zlib.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
MOST_OUTLINE_ENTRIES = 20_000  # of an outline
DEEPEST_OUTLINE = 12
MOST_FORM_FIELDS = 5_000
LONGEST_REPEATED_VALUE = 100  # characters of a value that each place of a field shows again

_NO_TITLE = re.compile(
    r"(?i)untitled.*|microsoft (?:word|excel|powerpoint)\b.*|[\w.-]*\d{5,}[\w.-]*|\S+\.\w{2,5}"
    r"|(?:document|title|slide|presentation|layout|print)\s?\d*|\W*"
)
# Names of glyphs whose letters the file does not tell: /g18/g152, /C0003.
_GLYPHS = re.compile(r"(?:/[A-Za-z.]{0,8}\d{1,5}){2,}")
NO_LETTER = "\ufffd"
# Its warnings quote the file; what is wrong with it is told by Unreadable.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class OutlineEntry(NamedTuple):
    """An entry of the outline. level: 1 is outermost. top: points from the top of its page."""

    level: int
    title: str
    page: int
    top: float


class FormField(NamedTuple):
    """A form field that was filled in: the page it stands on (0-based), and where."""

    page: int
    name: str
    value: str
    box: Box


class PdfStructure:
    """The structure of a PDF, by pypdf. Raises Unreadable when it is damaged or encrypted."""

    def __init__(self, body: bytes) -> None:
        try:
            self._reader = pypdf.PdfReader(io.BytesIO(body), strict=False)
            if self._reader.is_encrypted and not self._reader.decrypt(""):
                raise Unreadable("encrypted; needs a password")
            self.pages = len(self._reader.pages)
        except DependencyError as error:
            raise Unreadable(f"encrypted; reading it needs the package: {error}") from error
        except PYPDF_ERRORS as error:
            raise Unreadable("a damaged PDF: its pages cannot be found") from error

    @property
    def title(self) -> str:
        """The title of the metadata, or nothing when it only names a file or a program."""
        try:
            known = self._reader.metadata
            title = known.get("/Title", "") if known else ""
        except PYPDF_ERRORS:
            return ""
        title = " ".join(str(title).replace("\0", "").split())
        return "" if _NO_TITLE.fullmatch(title) else title

    def page_labels(self) -> list[str]:
        """Return the labels printed on the pages; numbers where there are none, or bad ones."""
        numbers = [str(number + 1) for number in range(self.pages)]
        try:
            labels = self._reader.page_labels
        except PYPDF_ERRORS:
            return numbers
        return [label or number for label, number in zip(labels, numbers, strict=True)]

    def outline(self) -> list[OutlineEntry]:
        """Return the outline in page order; empty when there is none, or a broken one."""
        try:
            marks = list(
                islice(self._iterate_outline(self._reader.outline, 1), MOST_OUTLINE_ENTRIES)
            )
        except PYPDF_ERRORS:
            return []
        return sorted(marks, key=lambda mark: (mark.page, mark.top))

    def _iterate_outline(self, entries: list[Any], level: int) -> Iterator[OutlineEntry]:
        for entry in entries:
            if isinstance(entry, list):
                if level < DEEPEST_OUTLINE:
                    yield from self._iterate_outline(entry, level + 1)
            elif isinstance(entry, Destination):
                page = self._reader.get_destination_page_number(entry)
                title = " ".join(str(entry.title or "").replace("\0", "").split())
                if page is not None and page >= 0 and title:
                    yield OutlineEntry(level, title, page, self._top_below_edge(page, entry.top))

    def _top_below_edge(self, page: int, top: object) -> float:
        """Turn a height above the page's foot into one below its top; 0 where none is given."""
        sheet = self._reader.pages[page]
        if sheet.rotation or not isinstance(top, int | float):
            return 0.0
        return max(float(sheet.cropbox.top) - float(top), 0.0)

    def form_fields(self) -> list[FormField]:
        """Return the form fields that hold text."""
        try:
            form: Any = self._reader.root_object.get("/AcroForm")
            form = form.get_object() if form is not None else None
            if not isinstance(form, DictionaryObject) or not form.get("/Fields"):
                return []
            filled = (field for page in range(self.pages) for field in self._iterate_filled(page))
            return list(_drop_repeated_values(islice(filled, MOST_FORM_FIELDS)))
        except PYPDF_ERRORS:
            return []

    def _iterate_filled(self, number: int) -> Iterator[FormField]:
        page = self._reader.pages[number]
        edge, high = float(page.cropbox.left), float(page.cropbox.top)
        widgets: Any = page.get("/Annots") or ()
        for reference in widgets:
            widget = reference.get_object()
            if not isinstance(widget, DictionaryObject) or widget.get("/Subtype") != "/Widget":
                continue
            owner: Any = widget if "/T" in widget else widget.get("/Parent", widget)
            owner = owner.get_object()
            value = owner.get("/V", "")
            name = owner.get("/TU") or owner.get("/T") or ""
            if isinstance(value, str) and value.strip("/ ") and owner.get("/FT") != "/Btn":
                sides: Any = widget.get("/Rect", (0, 0, 0, 0))
                x, y, end, foot = (float(side) for side in sides)
                across = sorted((x - edge, end - edge))
                down = sorted((high - y, high - foot))
                box = (across[0], down[0], across[1], down[1])
                yield FormField(number, str(name), value, box)

    def page_size(self, page: int) -> tuple[float, float]:
        """Return width and height of a page, 0-based, as it is shown; of A4 when it is not said."""
        try:
            box = self._reader.pages[page].cropbox
            width, height = float(box.width), float(box.height)
            return (height, width) if self._reader.pages[page].rotation % 180 else (width, height)
        except PYPDF_ERRORS:
            return 595.0, 842.0

    def page_text(self, page: int) -> str:
        """Return the text of a page, 0-based, as pypdf reads it; empty when it cannot.

        A glyph whose letter the file does not tell is ``NO_LETTER``.
        """
        try:
            return _GLYPHS.sub(_mark_glyphs, self._reader.pages[page].extract_text())
        except PYPDF_ERRORS:
            return ""


def _mark_glyphs(names: re.Match[str]) -> str:
    return NO_LETTER * names.group().count("/")


def _drop_repeated_values(fields: Iterable[FormField]) -> Iterator[FormField]:
    """Drop repetitions of a long value that many form fields show."""
    known_values: set[tuple[str, str]] = set()
    for field in fields:
        if len(field.value) > LONGEST_REPEATED_VALUE:
            if (field.name, field.value) in known_values:
                continue
            known_values.add((field.name, field.value))
        yield field
