"""Choose the pages of a PDF that OCR reads: those whose text layer holds little, or no letters.

A scan has none; a picture with a stamp over it has a few words; a page whose letters were drawn as
outlines has no words at all; and of a font that does not tell its letters only garble comes out.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from ingest.errors import Unreadable
from ingest.ocr_pages import OcrPage, OcrState, PageReading
from ingest.parse.pdf.ocr_lines import make_ocr_lines
from ingest.parse.pdf.page_model import Sheet, is_dense

FEWEST_LAYER_LETTERS = 100  # of a page that a picture covers; a Han character counts for two
COVERED_SHARE = 0.4  # of a page, from which its words may be those of the picture
SMALLEST_SHARE = 0.01  # of a page without words: less is an ornament
FEWEST_DRAWINGS = 150  # paths of a page without words, from which they may be its letters
MOST_GARBLE = 0.3  # share of a page's characters that are no letters of any script
FEWEST_GARBLED = 20  # characters
MOST_GARBLE_LINES = 40  # of a page that are looked at for garble
MOST_SPANS = 6  # of page numbers in a note
_GARBLE = (
    "has lines in a font that does not tell its letters",
    "have lines in fonts that do not tell their letters",
)
_NO_LETTERS = frozenset(("Co", "Cn", "Cs", "Cc"))


def add_ocr_pages(
    sheets: Sequence[Sheet], read_pages: PageReading | None, state: OcrState
) -> tuple[list[Sheet], tuple[str, ...]]:
    """Return the pages with what OCR reads on them, and notes on what was read and what was not.

    read_pages: None where nobody reads them; state says why. Raises Unreadable for a document
    without any text then.
    """
    wanted = [n for n, sheet in enumerate(sheets) if _needs_ocr(sheet)]
    pages = read_pages(wanted) if wanted and read_pages else {}
    result = list(sheets)
    for n in wanted:
        result[n] = _merge_page(sheets[n], pages.get(n))
    read = [n for n in wanted if result[n].ocr and not pages[n].is_planned]
    planned = [n for n in wanted if n in pages and pages[n].is_planned]
    if not any(sheet.lines for sheet in result):
        raise Unreadable(_explain_no_text(sheets, wanted, pages, state))
    empty = [n for n in wanted if n in pages and not (pages[n].lines or pages[n].failure)]
    garbled = [n for n in wanted if not result[n].ocr and _drop_garble(sheets[n]) != sheets[n]]
    unread = [n for n in wanted if n not in pages and n not in garbled]
    notes = [
        _count_pages(read, "was read by OCR", "were read by OCR"),
        _count_pages(planned, "is to be read by OCR", "are to be read by OCR"),
        *_describe_failures(wanted, pages),
        _count_pages(empty, "holds no text that OCR found", "hold no text that OCR found"),
        *_describe_garble(garbled, pages, state),
        _count_pages(unread, "shows a picture", "show pictures", _name_remedy(state)),
        _describe_pictures(sheets, wanted),
    ]
    return result, tuple(filter(None, notes))


def _needs_ocr(sheet: Sheet) -> bool:
    pictures = sheet.pictures
    if not sheet.lines:
        return pictures.share >= SMALLEST_SHARE or pictures.drawings >= FEWEST_DRAWINGS
    if sheet.has_layer:
        return False
    if pictures.share >= COVERED_SHARE and _count_letters(sheet) < FEWEST_LAYER_LETTERS:
        return True
    return _is_garbled_page(sheet)


def _is_garbled_page(sheet: Sheet) -> bool:
    return is_garbled("".join(line.text for line in sheet.lines[:MOST_GARBLE_LINES]))


def _drop_garble(sheet: Sheet) -> Sheet:
    """Return a garbled page with those of its lines that can be read; another as it is."""
    if sheet.has_layer or not _is_garbled_page(sheet):
        return sheet
    lines = tuple(x for x in sheet.lines if _measure_garble(x.text) <= MOST_GARBLE)
    return sheet._replace(lines=lines)


def _measure_garble(text: str) -> float:
    """Return the share of a text's characters that no script has."""
    if text.isascii() and text.isprintable():
        return 0.0
    marks = sum(
        count
        for sign, count in Counter(text).items()
        if unicodedata.category(sign) in _NO_LETTERS or sign == "\ufffd"
    )
    return marks / max(len(text), 1)


def is_garbled(text: str) -> bool:
    r"""Tell whether a text is of characters that no script has, as a font without names gives.

    >>> is_garbled("\ue012\ue045\ue01a" * 9), is_garbled("• Refund within 14 days, 退款")
    (True, False)
    """
    return len(text) >= FEWEST_GARBLED and _measure_garble(text) > MOST_GARBLE


def _count_letters(sheet: Sheet) -> int:
    return sum(
        2 if is_dense(sign) else 1 for line in sheet.lines for sign in line.text if sign.isalnum()
    )


def _merge_page(sheet: Sheet, page: OcrPage | None) -> Sheet:
    """Return a page with the lines that OCR read, unless its own words say more."""
    own = _drop_garble(sheet)
    if page is None or not page.lines:
        return own
    ocr = own._replace(lines=tuple(make_ocr_lines(page.lines)), ocr=True)
    return ocr if _count_letters(ocr) > _count_letters(own) else own


def _explain_no_text(
    sheets: Sequence[Sheet], wanted: Sequence[int], pages: Mapping[int, OcrPage], state: OcrState
) -> str:
    if not wanted:
        count = f"{len(sheets):,} pages" if len(sheets) > 1 else "only page"
        return f"no text on its {count}"
    if failures := _describe_failures(wanted, pages):
        return failures[0]
    count = "1 page" if len(wanted) == 1 else f"{len(wanted):,} pages"
    if pages:
        return f"{count} of images, on which OCR found no text"
    return f"{count} of images without text; {_name_remedy(state)}"


def _name_remedy(state: OcrState) -> str:
    return {
        "ready": "not read by OCR",
        "extra": "to have them read: pip install 'ragdesk[ocr]'",
        "setting": "to have them read, set ocr = true in [guard]",
    }[state]


def _describe_failures(wanted: Sequence[int], pages: Mapping[int, OcrPage]) -> list[str]:
    failed = [n for n in wanted if n in pages and pages[n].failure]
    reasons = dict.fromkeys(pages[n].failure for n in failed)
    return [
        _count_pages(
            [n for n in failed if pages[n].failure == reason],
            "could not be read by OCR",
            "could not be read by OCR",
            reason,
        )
        for reason in list(reasons)[:2]
    ]


def _describe_garble(
    garbled: Sequence[int], pages: Mapping[int, OcrPage], state: OcrState
) -> list[str]:
    """Return notes on the lines that were left out, as their font does not tell its letters."""
    unread = [n for n in garbled if n not in pages]
    return [
        _count_pages([n for n in garbled if n in pages], *_GARBLE, "left out"),
        _count_pages(unread, *_GARBLE, f"left out; {_name_remedy(state)}"),
    ]


def _describe_pictures(sheets: Sequence[Sheet], wanted: Sequence[int]) -> str:
    """Return a note on the large pictures that stand beside words, and are not read."""
    chosen = frozenset(wanted)
    count = sum(
        sheet.pictures.large
        for n, sheet in enumerate(sheets)
        if n not in chosen and not sheet.has_layer
    )
    if not count:
        return ""
    return (
        f"{count:,} picture{'s' if count > 1 else ''} on pages with text"
        f" {'were' if count > 1 else 'was'} not read"
    )


def _count_pages(pages: Sequence[int], singular: str, plural: str, reason: str = "") -> str:
    """Write a note on some pages; nothing for none.

    >>> _count_pages([1, 2, 3, 8], "was read", "were read", "in haste")
    '4 pages were read (2-4, 9): in haste'
    """
    if not pages:
        return ""
    count = f"1 page {singular}" if len(pages) == 1 else f"{len(pages):,} pages {plural}"
    return f"{count} ({_format_pages(pages)}){': ' if reason else ''}{reason}"


def _format_pages(pages: Sequence[int]) -> str:
    spans = []
    for _, run in groupby(enumerate(pages), key=lambda pair: pair[1] - pair[0]):
        numbers = [number + 1 for _, number in run]
        spans.append(f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}")
    rest = ", …" if len(spans) > MOST_SPANS else ""
    return ", ".join(spans[:MOST_SPANS]) + rest
