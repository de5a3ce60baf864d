"""Compare pdfium's text with pypdf's on a few pages, and choose when they differ.

Both read the same file by different code: where they agree, page numbers and letters are right.
A page costs pypdf 70 ms, so one page is read for every 150, at least one and at most three.
"""

import logging
import unicodedata
from collections import Counter
from collections.abc import Sequence

from ingest.parse.pdf.ocr_choice import FEWEST_GARBLED, is_garbled
from ingest.parse.pdf.page_model import LineCell, Sheet, TextLine
from ingest.parse.pdf.structure import NO_LETTER, PdfStructure

PAGES_PER_SAMPLE = 150
MOST_SAMPLES = 3
SAME_LETTERS = 0.75  # of the letters of a page: 0.97 to 1.0 on ordinary files
FAR_MORE_LETTERS = 4  # times the letters: text in a wrong encoding has twice as many
_log = logging.getLogger(__name__)


def check_sheets(sheets: Sequence[Sheet | None], structure: PdfStructure) -> list[Sheet]:
    """Return the pages, read by pypdf where pdfium failed or its text is doubtful."""
    if len(sheets) != structure.pages or _is_doubted(sheets, structure):
        sheets = [None] * structure.pages
    return [
        sheet or make_text_sheet(structure.page_text(number), structure.page_size(number))
        for number, sheet in enumerate(sheets)
    ]


def _is_doubted(sheets: Sequence[Sheet | None], structure: PdfStructure) -> bool:
    """Tell whether pypdf reads most sampled pages otherwise, and better."""
    samples = _choose_samples(sheets)
    worse = 0
    for number in samples:
        sheet = sheets[number]
        text = structure.page_text(number).replace(NO_LETTER, " ")
        pdfium_text = "".join(line.text for line in sheet.lines) if sheet else ""
        if _likeness(pdfium_text, text) >= SAME_LETTERS:
            continue
        better = (
            _count_letters(text) > FAR_MORE_LETTERS * _count_letters(pdfium_text)
            or _clarity(text) > _clarity(pdfium_text) + 0.1
        )
        worse += better
        _log.info("page %d differs between pypdf and pdfium; pypdf better: %s", number + 1, better)
    return worse * 2 > len(samples)


def _choose_samples(sheets: Sequence[Sheet | None]) -> list[int]:
    """Choose pages evenly over the document, each the shortest of its neighbours with text."""
    wanted = min(MOST_SAMPLES, 1 + len(sheets) // PAGES_PER_SAMPLE)
    length = {
        n: len(sheet.lines)
        for n, sheet in enumerate(sheets)
        if sheet and sheet.lines and not sheet.hidden and not sheet.slanted
    }
    if not length:
        plain = [
            n for n, sheet in enumerate(sheets) if not (sheet and (sheet.hidden or sheet.slanted))
        ]
        return plain[:MOST_SAMPLES]
    numbers = sorted(length)
    parts = [
        numbers[len(numbers) * n // wanted : len(numbers) * (n + 1) // wanted]
        for n in range(wanted)
    ]
    return [min(part, key=lambda n: abs(length[n] - 15)) for part in parts if part]


def _likeness(text: str, other: str) -> float:
    r"""Return the share of letters and digits that two texts have in common, order aside.

    >>> _likeness("Net sales 34,229", "34,229 Net\nsales"), _likeness("abc", "xyz")
    (1.0, 0.0)
    """
    first_counts, second_counts = (
        Counter(filter(str.isalnum, unicodedata.normalize("NFKC", part))) for part in (text, other)
    )
    total = first_counts.total() + second_counts.total()
    return 2 * (first_counts & second_counts).total() / total if total else 1.0


def _count_letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _clarity(text: str) -> float:
    """Return the share of characters that are letters, digits or blanks: garbled text has few."""
    return sum(c.isalnum() or c.isspace() for c in text) / len(text) if text else 0.0


def make_text_sheet(text: str, size: tuple[float, float]) -> Sheet:
    """Make a page of text whose place is not known: every line's box is the whole page.

    Of a page whose glyphs mostly have no letters one line stays, by which OCR is asked to read it.
    """
    width, height = size
    garbled = is_garbled(" ".join(text.split()))
    text = NO_LETTER * FEWEST_GARBLED if garbled else text.replace(NO_LETTER, " ")
    rows = [" ".join(row.split()) for row in text.splitlines()]
    lines = [
        TextLine(
            (LineCell(row, (0.0, 0.0, width, height)),),
            (0.0, 12.0 * n, 5.0 * len(row), 12.0 * n + 10),
            10,
        )
        for n, row in enumerate(rows)
        if row
    ]
    return Sheet(width, height, tuple(lines))
