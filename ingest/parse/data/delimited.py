"""Parse CSV and similar files: as a table, or as questions with their answers."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from ingest.document import Document
from ingest.errors import Unreadable
from ingest.parse import sheet_layout, text_encoding
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.link_spans import LinkSpan
from ingest.parse.markup.markup_values import NotePiece, strip_cell_markup

CSV_TYPE = "text/csv"

DELIMITERS = ",\t;|"
DELIMITER_SAMPLE = 40  # rows looked at to find the delimiter
LONGEST_CELL = 2_000_000  # characters; exports hold whole articles with their pictures
_STATED_DELIMITER = re.compile(r"\ufeff?sep=([,;|\t])\r?\n", re.IGNORECASE)  # as Excel writes it


def parse(body: bytes, uri: str) -> Document:
    """Read a table. Raises Unreadable without text, with a giant cell or an open quote."""
    text = text_encoding.decode_text(body)
    stated = _STATED_DELIMITER.match(text)
    delimiter = stated[1] if stated else find_delimiter(text) or ","
    rows = _read_strictly(text[stated.end() :] if stated else text, delimiter)
    builder = DocumentBuilder()
    if "<" in text:
        rows = (_strip_row(row, builder) for row in rows)
    sheet_layout.write_headed_rows(
        builder, ([*map(str.strip, row)] for row in rows), level=2, title_level=1
    )
    return builder.build_document(title=PurePosixPath(uri).stem, media_type=CSV_TYPE)


def _strip_row(row: list[str], builder: DocumentBuilder) -> list[str]:
    """Return the words of a row's cells, and note the links in those that are markup."""
    cells: list[str] = []
    for cell in row:
        cells.append(strip_cell_markup(cell, _make_noter(builder, cells[-1] if cells else "")))
    return cells


def _make_noter(builder: DocumentBuilder, before: str) -> NotePiece:
    def note_piece(text: str, links: list[LinkSpan], *, after: str = "") -> None:
        builder.note_links(text, links, after=after or before)

    return note_piece


def find_delimiter(text: str) -> str:
    r"""Find the delimiter that cuts the first rows into the same number of cells; "" if none.

    >>> find_delimiter("a;b\n1,5;2\n"), find_delimiter("just words\nand more\n")
    (';', '')
    """
    best = ""
    most = 0.0
    for delimiter in DELIMITERS:
        if delimiter not in text[:100_000]:
            continue
        try:
            rows = list(
                islice(_open_reader(text[:200_000], delimiter, strict=False), DELIMITER_SAMPLE)
            )
        except csv.Error:
            continue
        widths = Counter(len(row) for row in rows if row)
        width, often = max(widths.items(), key=lambda item: item[1], default=(1, 0))
        share = often / max(sum(widths.values()), 1)
        if width > 1 and share * (1 + min(width, 20) / 100) > most:
            best = delimiter
            most = share * (1 + min(width, 20) / 100)
    return best


def is_regular_table(text: str, delimiter: str) -> bool:
    """Tell a table from prose with commas: three rows or more, nearly all of one width."""
    rows = [
        row
        for row in islice(_open_reader(text[:200_000], delimiter, strict=False), DELIMITER_SAMPLE)
        if row
    ]
    widths = Counter(map(len, rows))
    width, often = max(widths.items(), key=lambda item: item[1], default=(1, 0))
    return len(rows) > 2 and width > 1 and often >= 0.9 * len(rows)  # noqa: PLR2004


def _read_strictly(text: str, delimiter: str) -> Iterator[list[str]]:
    """Read the rows strictly first: only so is a quote that never closes noticed."""
    strict = not _has_loose_quotes(text, delimiter)
    try:
        yield from _open_reader(text, delimiter, strict=strict)
    except csv.Error as error:
        if "field larger" in str(error):
            raise Unreadable(
                f"a cell longer than {LONGEST_CELL:,} characters; a quote may be open"
            ) from error
        raise Unreadable(f"no readable table: {error}") from error


def _has_loose_quotes(text: str, delimiter: str) -> bool:
    """Tell whether quotes break the CSV rules, yet are all closed.

    Raises Unreadable for an open one.
    """
    try:
        for _ in _open_reader(text, delimiter, strict=True):
            pass
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise Unreadable("a quote is opened and never closed") from error
        return "expected after" in str(error)
    return False


def _open_reader(text: str, delimiter: str, *, strict: bool) -> Iterator[list[str]]:
    lines = io.StringIO(re.sub("\x00", "\ufffd", text), newline="")
    csv.field_size_limit(LONGEST_CELL)  # of the whole process: another module may have moved it
    return csv.reader(lines, delimiter=delimiter, strict=strict)
