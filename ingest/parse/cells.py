"""Reads a table of markup: its cells, what they span, and its header."""

from collections.abc import Collection, Iterator

from ingest.parse import grid
from ingest.parse.compose import Composer
from ingest.parse.dom import Node, line

MOST_COLUMNS = 500
WIDEST, TALLEST = 100, 1000  # what one cell may span
LONGEST_REPEATED = 100  # characters of a cell that is said again in each row it spans


def write(table: Node, composer: Composer, unseen: Collection[int]) -> bool:
    """Write a table of data. False, and nothing written, for one that only lays out a page."""
    if table.attributes.get("role") in {"presentation", "none"} or _holds_more(table):
        return False
    heads, rows = _read(table, unseen)
    if max(map(len, heads + rows), default=0) < 2:  # noqa: PLR2004 (one column is no table)
        return False
    caption = table.css_first("caption")
    if caption is not None:
        composer.paragraph(line(caption, unseen))
    grid.write(composer, rows or heads, header=_merged(heads) if heads and rows else None)
    return True


def _holds_more(table: Node) -> bool:
    return any(node.mem_id != table.mem_id for node in table.css("table,h1,h2,h3,h4,h5,h6,pre"))


def _read(table: Node, unseen: Collection[int]) -> tuple[list[list[str]], list[list[str]]]:
    """Give the header rows and the others. A tall cell is said again in the rows it spans."""
    heads: list[list[str]] = []
    rows: list[list[str]] = []
    tall: dict[int, tuple[int, str]] = {}  # column: rows left, text
    for tr in table.css("tr"):
        if tr.mem_id in unseen:
            continue
        named = [cell for cell in _children(tr) if cell.mem_id not in unseen]
        above = tr.parent is not None and tr.parent.tag == "thead"
        head = not rows and (above or (bool(named) and all(cell.tag == "th" for cell in named)))
        (heads if head else rows).append(_row(named, tall, unseen, repeat=head))
    return heads, rows


def _children(tr: Node) -> Iterator[Node]:
    child = tr.first_child
    while child is not None:
        if child.tag in {"td", "th"}:
            yield child
        child = child.next


def _row(
    named: list[Node], tall: dict[int, tuple[int, str]], unseen: Collection[int], *, repeat: bool
) -> list[str]:
    row: list[str] = []

    def fill() -> None:
        while len(row) in tall:
            left, text = tall.pop(len(row))
            if left > 1:
                tall[len(row)] = (left - 1, text)
            row.append(text)

    for cell in named:
        fill()
        if len(row) >= MOST_COLUMNS:
            break
        text = line(cell, unseen)
        wide, high = _span(cell, "colspan", WIDEST), _span(cell, "rowspan", TALLEST)
        for n in range(wide):
            said = text if n == 0 or repeat else ""
            if high > 1:
                tall[len(row)] = (high - 1, said if len(said) <= LONGEST_REPEATED else "")
            row.append(said)
    fill()
    return row


def _span(cell: Node, name: str, most: int) -> int:
    value = (cell.attributes.get(name) or "1").strip()
    return min(max(int(value), 1), most) if value.isdecimal() and len(value) <= 9 else 1  # noqa: PLR2004


def _merged(heads: list[list[str]]) -> list[str]:
    """Join the header rows column by column: ``Revenue`` over ``2024`` is ``Revenue 2024``."""
    width = max(map(len, heads))
    columns = ([row[n] for row in heads if n < len(row) and row[n]] for n in range(width))
    return [" ".join(dict.fromkeys(column)) for column in columns]
