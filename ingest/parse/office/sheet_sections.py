"""Write the sheets of a workbook: each a section, its rows within limits, its comments below."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingest.errors import Unreadable
from ingest.parse.document_builder import MOST_CHARACTERS, DocumentBuilder
from ingest.parse.sheet_layout import write_sheet_rows
from ingest.parse.text_cleaning import clean_text, join_wrapped_lines

MOST_CELLS = 5_000_000
_UNNAMED = re.compile(r"(?:sheet|工作表|tabelle|feuille|hoja)\s*\d*", re.IGNORECASE)

SheetComment = tuple[int, int, str]
"""Row and column, 1-based, and its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRemarks:
    """What stands on a sheet beside the words of its cells: comments, and lines of text boxes.

    left_out: numbers of rows whose comments are not read, known once the rows were read. closed:
    numbers of columns that the rows come without; their comments are not read either.
    """

    comments: Sequence[SheetComment] = ()
    lines: Sequence[str] = ()
    left_out: Collection[int] = ()
    closed: Collection[int] = ()


_NO_REMARKS = SheetRemarks()


class SheetSections:
    """Writes sheets into a document. count: how many; a single unnamed one has no heading."""

    def __init__(self, builder: DocumentBuilder, *, count: int) -> None:
        self._builder = builder
        self._count = count

    def write_sheet(
        self,
        name: str,
        rows: Iterable[tuple[int, list[str]]],
        remarks: SheetRemarks = _NO_REMARKS,
    ) -> None:
        """Write one sheet. Raises Unreadable for one that is too large."""
        comments = remarks.comments
        commented = {row for row, _, _ in comments}
        commented_rows: dict[int, list[str]] = {}
        source = _limit_rows(rows, commented, commented_rows)
        first = next(filter(any, source), None)
        if first is None and not comments and not remarks.lines:
            return
        self._builder.close_sections(1)
        if self._count > 1 or not _UNNAMED.fullmatch(name):
            self._builder.add_heading(1, name, asks=False)
        if first is not None:
            write_sheet_rows(self._builder, _chain_first(first, source), level=2)
        self._builder.close_sections(2)
        before = sorted(remarks.closed)
        for row, column, words in comments:
            if row in remarks.left_out or column in remarks.closed:
                continue
            open_column = column - bisect_left(before, column)
            self._builder.add_paragraph(
                _describe_comment(commented_rows.get(row, []), open_column, words)
            )
        for line in remarks.lines:
            self._builder.add_paragraph(line)


def _describe_comment(cells: Sequence[str], column: int, words: str) -> str:
    """Write a comment with the cell that it is on, and the first of its row.

    >>> _describe_comment(["WB-22", "899 EUR"], 2, "While stocks last.")
    'WB-22 | 899 EUR: While stocks last.'
    """
    own = cells[column - 1] if column <= len(cells) else ""
    first = next(filter(None, cells), "")
    place = " | ".join(filter(None, dict.fromkeys((first, own))))
    text = join_wrapped_lines(clean_text(words))
    return f"{join_wrapped_lines(place)}: {text}" if place else text


def _limit_rows(
    rows: Iterable[tuple[int, list[str]]], commented: set[int], commented_rows: dict[int, list[str]]
) -> Iterator[list[str]]:
    """Yield rows while a sheet is not too large; keep those that have a comment."""
    cells = characters = 0
    for number, row in rows:
        cells += len(row)
        characters += sum(map(len, row))  # a string is stored once, however many cells show it
        if cells > MOST_CELLS or characters > MOST_CHARACTERS:
            raise Unreadable(
                f"a sheet of more than {MOST_CELLS:,} cells or {MOST_CHARACTERS:,} characters;"
                " split it"
            )
        if number in commented:
            commented_rows[number] = row
        yield row


def _chain_first(first: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rows
