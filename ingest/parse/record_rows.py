"""Write rows that are too wide for a line as records: a heading, and a line for each column.

A chunk that holds a whole row has no room for the head of thirty columns, so that its cells would
not say what they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from statistics import median

from indexes.text.scripts import HAN_RUN
from ingest.parse import table_rows
from ingest.parse.document_builder import DocumentBuilder
from ingest.parse.text_cleaning import clean_text, format_row, join_wrapped_lines

WIDEST_ROW = 700  # characters of a head with its row that fit in a chunk; Han count threefold
HAN_WEIGHT = 3
MOST_RECORDS = 50_000  # of a table; what follows stays lines
LONGEST_RECORD_KEY = 80  # characters
LONGEST_FIELD_LINE = 300  # characters of a value that stands on a line of its record


def needs_records(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether most rows are, with their head, too wide for a chunk. Questions never are.

    >>> needs_records(["Name", "Text"], [["a", "word " * 200]])
    True
    >>> needs_records(["Name", "Text"], [["a", "b"]])
    False
    """
    if len(list(filter(None, header))) < table_rows.PAIR or not rows:
        return False
    if table_rows.find_faq_columns(header) is not None:
        return False
    head = _weigh(format_row(header))
    return median(_weigh(format_row(row)) for row in rows) + head > WIDEST_ROW


def write_records(
    builder: DocumentBuilder,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    level: int,
) -> None:
    """Write each row as a section: its first cell is the heading, the others follow by name."""
    names = [join_wrapped_lines(clean_text(name)) for name in header]
    source = iter(rows)
    for row in islice(source, MOST_RECORDS):
        builder.close_sections(level)
        _write_record(builder, names, row, level)
    builder.close_sections(level)
    for first in source:
        builder.add_table(header, chain([first], source))


def _write_record(
    builder: DocumentBuilder, names: Sequence[str], row: Sequence[str], level: int
) -> None:
    fields = [
        (names[n] if n < len(names) else "", cell) for n, cell in enumerate(row) if cell.strip()
    ]
    key = next(_find_keys(fields), None)
    if key:
        builder.add_heading(level, _name_value(*key), asks=False)
        fields.remove(key)
    short = [_name_value(*field) for field in fields if len(field[1]) <= LONGEST_FIELD_LINE]
    builder.add_paragraph("\n".join(short))
    for name, value in fields:
        if len(value) > LONGEST_FIELD_LINE:
            builder.add_heading(level + 1, name, asks=False)
            for part in filter(None, value.replace("\r\n", "\n").split("\n\n")):
                builder.add_paragraph(part)
            builder.close_sections(level + 1)


def _find_keys(fields: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield what may name a record, the best first: short words, then a number."""
    short = [field for field in fields[:3] if len(field[1]) <= LONGEST_RECORD_KEY]
    yield from (field for field in short if not table_rows.is_numeric_cell(field[1]))
    yield from short


def _name_value(name: str, value: str) -> str:
    words = join_wrapped_lines(clean_text(value))
    return f"{name}: {words}" if name else words


def _weigh(text: str) -> int:
    han = sum(map(len, HAN_RUN.findall(text)))
    return len(text) + (HAN_WEIGHT - 1) * han
