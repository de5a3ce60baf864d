"""Find the tables of a sheet: their titles, their head rows, and where one ends and another begins.

A sheet is a plane on which people set tables below and beside one another, with lines of words
above them. Rows come as the texts of their cells; what a merged cell says beyond its first cell is
a ``SpannedText``. Blank rows cut a sheet into bands, blank columns cut a band into tables.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile

from ingest.parse import record_rows, table_rows
from ingest.parse.document_builder import DocumentBuilder

SheetCells = list[str]

WHOLE_BAND = 5_000  # rows of a band that are looked at as a whole; a longer one is one table
MOST_JOINED_HEADS = 3
MOST_TITLE_LINES = 4  # lines above a table that are its title and what goes with it
LONGEST_TABLE_TITLE = 80  # characters
MOST_CUTS = 4  # of bands within tables within bands
MOST_PIECES = 50  # side by side
BODY_SAMPLE = 30  # rows below a head that are looked at


class SpannedText(str):
    """What a merged cell says in the cells that it covers beside its first."""

    __slots__ = ()


def write_sheet_rows(builder: DocumentBuilder, rows: Iterable[SheetCells], *, level: int) -> None:
    """Write all tables and lines of one sheet. level: of the headings that titles of tables are."""
    writer = _SheetWriter(builder, level)
    source = iter(rows)
    for first in source:
        if not any(first):
            continue
        band = chain([first], takewhile(any, source))
        start = list(islice(band, WHOLE_BAND))
        after = next(band, None)
        if after is not None:
            writer.add_long_table(start, chain([after], band))
            continue
        for piece in _cut_pieces(start, MOST_CUTS):
            writer.add_band(piece)
    writer.finish_sheet()


class _SheetWriter:
    """Writes bands in order; holds lines back until it is known whether a table follows."""

    def __init__(self, builder: DocumentBuilder, level: int) -> None:
        self._builder = builder
        self._level = level
        self._lines: list[str] = []
        self._table: list[SheetCells] = []
        self._columns: tuple[int, int] = (0, 0)

    def add_band(self, rows: list[SheetCells]) -> None:
        """Add rows without a blank one between them."""
        for piece in _cut_stacked(rows):
            lines, table = _split_title_lines(piece)
            if self._table and not lines and self._goes_on(table):
                self._table += table
                continue
            self._flush_table()
            self._lines += lines
            if table:
                self._open_table(table)

    def add_long_table(self, start: list[SheetCells], rest: Iterator[SheetCells]) -> None:
        """Add a band that is too long to be looked at as a whole."""
        lines, table = _split_title_lines(start)
        self._flush_table()
        self._lines += lines
        self._write_titles()
        sheet_rows = _use_columns(table, chain(table, rest), keep_right=True)
        write_headed_rows(self._builder, sheet_rows, level=self._level + 1)

    def finish_sheet(self) -> None:
        """Write what was held back."""
        self._flush_table()
        for line in self._lines:
            self._builder.add_paragraph(line)
        self._lines.clear()

    def _open_table(self, table: list[SheetCells]) -> None:
        self._write_titles()
        self._table = table
        self._columns = _used_range(table)

    def _flush_table(self) -> None:
        if self._table:
            write_headed_rows(
                self._builder, _use_columns(self._table, self._table), level=self._level + 1
            )
        self._table = []

    def _goes_on(self, rows: Sequence[SheetCells]) -> bool:
        """Tell whether rows go on with the table above the blank row before them."""
        first, last = _used_range(rows)
        inside = self._columns[0] <= first and last <= self._columns[1]
        wide = last > first and (first, last) == self._columns
        return (wide and not _has_head(rows)) or (inside and len(rows) == 1 and last > first)

    def _write_titles(self) -> None:
        """Write the lines above a table: the first is its title, if it reads like one."""
        lines, self._lines = self._lines, []
        self._builder.close_sections(self._level)
        title = lines[0] if lines else ""
        if 0 < len(lines) <= MOST_TITLE_LINES and _is_title(title):
            self._builder.add_heading(self._level, title, asks=False)
            lines = lines[1:]
        for line in lines:
            self._builder.add_paragraph(line)


def write_headed_rows(
    builder: DocumentBuilder, rows: Iterable[SheetCells], *, level: int, title_level: int = 0
) -> None:
    """Write the rows of one table, whose first up to three may be its head.

    level: of the headings of rows that are too wide for a line. title_level: of the first line
    above the head; 0 where it is no heading.
    """
    source = iter(rows)
    sample = list(islice(source, table_rows.HEADER_SAMPLE))
    titles = _count_title_rows(sample)
    for n, row in enumerate(sample[:titles]):
        words = _join_line(row)
        if title_level and words and not any(map(any, sample[:n])):
            builder.add_heading(title_level, words)  # it leads the rows: they are found by it
        else:
            builder.add_paragraph(words)
    body = list(filter(any, sample[titles:]))
    depth = _count_head_rows(body)
    if depth > 1:
        header: Sequence[str] = _merge_heads(body[:depth])
        body = body[depth:]
    else:
        header = _drop_spans(table_rows.find_header(body))
        body = body[1:] if header else body
    heading = list(header)
    body_rows = (_write_cells(row) for row in chain(body, source) if row != heading)
    if record_rows.needs_records(header, body):
        record_rows.write_records(builder, header, body_rows, level=level)
    else:
        table_rows.write_table(builder, body_rows, header=header)


def _write_cells(row: SheetCells) -> SheetCells:
    """Return a row as it is written: what one cell says across all others is said once."""
    if SpannedText not in map(type, row):
        return row
    line = _read_line(row)
    return [line] if line else row


def _drop_spans(header: Sequence[str]) -> list[str]:
    """Name a column once where its name spans several."""
    return [
        "" if n and isinstance(cell, SpannedText) and cell == header[n - 1] else str(cell)
        for n, cell in enumerate(header)
    ]


def _is_title(line: str) -> bool:
    return len(line) <= LONGEST_TABLE_TITLE and not line.rstrip().endswith((".", "。", ";", "；"))


def _join_line(row: Sequence[str]) -> str:
    """Join the cells of a row above a table; of two, the first names the second."""
    words = list(dict.fromkeys(cell.strip() for cell in row if cell.strip()))
    return ": ".join(words) if len(words) == table_rows.PAIR else ", ".join(words)


def _read_line(row: Sequence[str]) -> str:
    """Return what a row says if only one cell of it says anything; "" otherwise."""
    words = {str(cell) for cell in row if cell}
    return words.pop() if len(words) == 1 and _has_own_words(row) == 1 else ""


def _has_own_words(row: Sequence[str]) -> int:
    """Count the cells that say something of their own."""
    return sum(1 for cell in row if cell and not isinstance(cell, SpannedText))


def _split_title_lines(rows: list[SheetCells]) -> tuple[list[str], list[SheetCells]]:
    """Split the lines of one cell above a table from it."""
    for n, row in enumerate(rows):
        if not _read_line(row) and _has_own_words(row):
            first = n - (n > 0 and _is_upper_head(rows[n - 1], row, rows[n + 1 :]))
            return [line for above in rows[:first] if (line := _read_line(above))], rows[first:]
    return [line for row in rows if (line := _read_line(row))], []


def _cut_pieces(rows: list[SheetCells], cuts: int) -> Iterator[list[SheetCells]]:
    """Cut a band at blank columns into the tables that stand side by side, and these at rows."""
    strips = _cut_strips(rows) if cuts else [rows]
    if len(strips) < 2:  # noqa: PLR2004
        yield rows
        return
    for strip in strips:
        band: list[SheetCells] = []
        for row in [*strip, []]:
            if any(row):
                band.append(row)
            elif band:
                yield from _cut_pieces(band, cuts - 1)
                band = []


def _cut_strips(rows: list[SheetCells]) -> list[list[SheetCells]]:
    """Cut rows at blank columns, where what stands on both sides are tables of their own."""
    used = _find_used_columns(rows)
    strips: list[list[int]] = []
    for n in used:
        if strips and n == strips[-1][-1] + 1:
            strips[-1].append(n)
        else:
            strips.append([n])
    if not 1 < len(strips) <= MOST_PIECES or any(len(strip) < 2 for strip in strips):  # noqa: PLR2004
        return [rows]
    cut = [[row[strip[0] : strip[-1] + 1] for row in rows] for strip in strips]
    tables = [_split_title_lines(list(filter(any, part)))[1] for part in cut]
    if not all(_is_own_table(table) for table in tables):
        return [rows]
    # Columns only for spacing stand in one table: its rows are as many on both sides, and only
    # the leftmost cells name them.
    same_rows = len({len(table) for table in tables}) == 1
    if same_rows and not all(map(_has_keys, tables)):
        return [rows]
    return [  # at its own columns, so that a table beside another is not taken to go on with it
        [[*[""] * strip[0], *row] if any(row) else [] for row in part]
        for strip, part in zip(strips, cut, strict=True)
    ]


def _is_own_table(rows: Sequence[SheetCells]) -> bool:
    if len(rows) < 2:  # noqa: PLR2004
        return False
    return _count_head_rows(rows) > 1 or bool(
        table_rows.guess_header([_drop_spans(rows[0]), *rows[1:]])
    )


def _has_keys(rows: Sequence[SheetCells]) -> bool:
    """Tell whether the first cells of the rows below the head are words, each another."""
    keys = [row[0].strip() for row in rows[_count_head_rows(rows) :]]
    words = [key for key in keys if key and not table_rows.is_numeric_cell(key)]
    return len(words) == len(keys) and len(set(words)) == len(words)


def _cut_stacked(rows: list[SheetCells]) -> Iterator[list[SheetCells]]:
    """Cut rows where, below a line of one cell, another table begins with its own head."""
    start = 0
    for n in range(2, len(rows) - 2):
        if _read_line(rows[n]) and not _read_line(rows[n + 1]) and _begins_table(rows, n):
            yield rows[start:n]
            start = n
    yield rows[start:]


def _begins_table(rows: Sequence[SheetCells], at: int) -> bool:
    """Tell whether the rows below a line begin with a head: it names what above is a number."""
    head = rows[at + 1]
    if len(table_rows.find_header(rows[at + 1 : at + 1 + BODY_SAMPLE])) == 0:
        return False
    above = next((row for row in reversed(rows[:at]) if not _read_line(row)), [])
    numbers = [n for n, cell in enumerate(above) if table_rows.is_numeric_cell(cell)]
    named = any(n < len(head) and head[n].strip() for n in numbers)
    return named and _has_head(rows[at + 1 : at + 1 + BODY_SAMPLE])


def _has_head(rows: Sequence[SheetCells]) -> bool:
    """Tell whether the first row names what is a number in most rows below it."""
    if len(rows) < 2 or any(map(table_rows.is_numeric_cell, rows[0])):  # noqa: PLR2004
        return False
    below = rows[1 : 1 + BODY_SAMPLE]
    return any(cell.strip() and _is_number_column(below, n) for n, cell in enumerate(rows[0]))


def _is_number_column(rows: Sequence[SheetCells], n: int) -> bool:
    cells = [row[n] for row in rows if n < len(row) and row[n].strip()]
    return 2 * sum(map(table_rows.is_numeric_cell, cells)) > len(cells)


def _count_title_rows(sample: Sequence[SheetCells]) -> int:
    """Count the rows above a head that say what a table is, those of a second head left out."""
    titles = table_rows.count_title_rows(sample)
    if titles and titles < len(sample):
        last, head, below = sample[titles - 1], sample[titles], sample[titles + 1 :]
        wide = _has_own_words(last) > 1 and _is_further_head(last, head, below)
        titles -= wide or _is_upper_head(last, head, below)
    return titles


def _is_upper_head(line: SheetCells, head: SheetCells, below: Sequence[SheetCells]) -> bool:
    """Tell whether a line stands over some columns of a head, not over all of them."""
    first, _ = _used_range([head])
    return _used_range([line])[0] > first and _is_further_head(line, head, below)


def _count_head_rows(rows: Sequence[SheetCells]) -> int:
    """Count the rows that make one head: two or three where a cell of one spans those below."""
    depth = 1
    while depth < min(MOST_JOINED_HEADS, len(rows) - 1) and _is_further_head(
        rows[depth - 1], rows[depth], rows[depth + 1 :]
    ):
        depth += 1
    return depth


def _is_further_head(above: SheetCells, row: SheetCells, below: Sequence[SheetCells]) -> bool:
    """Tell whether a row goes on with the head above it."""
    if any(map(table_rows.is_numeric_cell, above)) and not all(
        map(table_rows.is_label, filter(None, above))
    ):
        return False
    own = {n: cell for n, cell in enumerate(row) if cell and not isinstance(cell, SpannedText)}
    if not own or not all(map(table_rows.is_label, own.values())):
        return False
    spanned = [n for n, cell in enumerate(above) if isinstance(cell, SpannedText)]
    tall = any(
        isinstance(cell, SpannedText) and n < len(above) and cell == above[n]
        for n, cell in enumerate(row)
    )
    if tall or any(n in own and n and above[n] == above[n - 1] for n in spanned):
        return True
    gaps = {n for n in own if n >= len(above) or not above[n]}
    lead = min(own) > next((n for n, cell in enumerate(above) if cell), 0)
    if not gaps or not any(above):
        return False
    named = [n for n in own if lead or n > min(own)]  # the first names the rows
    numbers = all(_is_number_column(below[:BODY_SAMPLE], n) for n in named)
    return numbers and (lead or len(own) > len(gaps))


def _merge_heads(heads: Sequence[SheetCells]) -> list[str]:
    """Make one head of several rows; a name goes for the columns right of it that have none."""
    width = max(map(len, heads))
    spread: list[list[str]] = []
    for depth, row in enumerate(heads):
        cells = [*map(str, row), *[""] * (width - len(row))]
        for n in range(1, width if depth + 1 < len(heads) else 0):
            below = any(n < len(other) and other[n] for other in heads[depth + 1 :])
            tall = any(spread_row[n] for spread_row in spread)
            if not cells[n] and below and not tall:
                cells[n] = cells[n - 1]
        spread.append(cells)
    return table_rows.merge_header_rows(spread)


def _find_used_columns(rows: Iterable[SheetCells]) -> list[int]:
    """Find the columns in which a cell says something of its own."""
    used = {
        n
        for row in rows
        for n, cell in enumerate(row)
        if cell and not isinstance(cell, SpannedText)
    }
    return sorted(used)


def _used_range(rows: Sequence[SheetCells]) -> tuple[int, int]:
    used = _find_used_columns(rows)
    return (used[0], used[-1]) if used else (0, 0)


def _use_columns(
    sample: Sequence[SheetCells], rows: Iterable[SheetCells], *, keep_right: bool = False
) -> Iterator[SheetCells]:
    """Yield rows without the empty columns of a sample: they are spacing."""
    used = _find_used_columns(sample)
    if keep_right and used:  # what comes later may use the others
        first = used[0]
        return (row[first:] for row in rows)
    return ([row[n] for n in used if n < len(row)] for row in rows)
