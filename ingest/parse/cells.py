"""Reads a table of markup: its cells, what they span, and its header."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from ingest.parse import grid
from ingest.parse.compose import Composer
from ingest.parse.dom import Node, line, within

MOST_COLUMNS = 500
WIDEST, TALLEST = 100, 1000  # what one cell may span
_PARTS, _ROWS = frozenset({"thead", "tbody", "tfoot", "tr"}), frozenset({"tr"})
_CELLS = frozenset({"td", "th"})
_SECTIONS = frozenset({"table", "h1", "h2", "h3", "h4", "h5", "h6"})
# Characters that spans may say again: 100 columns over 1,000 rows of "<tr>" would be 32 million.
SAID_AGAIN, TIMES_OWN = 2_000, 20
_BETWEEN = 3  # characters between two cells


@dataclass(slots=True)
class _Spans:
    """What a table's spans add to it, held to a multiple of what its cells say themselves.

    tall: of each column, the rows that are left and the text. own, again: characters.
    """

    tall: dict[int, tuple[int, str]] = field(default_factory=dict)
    own: int = 0
    again: int = 0

    def admit(self, text: str) -> bool:
        """Tell whether a span may say a text once more."""
        self.again += len(text) + _BETWEEN
        return self.again <= SAID_AGAIN + TIMES_OWN * self.own


def write(table: Node, composer: Composer, unseen: Collection[int]) -> bool:
    """Write a table of data. False, and nothing written, for one that only lays out a page."""
    rows = list(_rows(table))
    if table.attributes.get("role") in {"presentation", "none"} or _lays_out(table, rows):
        return False
    heads, body = _read(rows, unseen, say=lambda _: "")
    if max(map(len, heads + body), default=0) < 2:  # noqa: PLR2004 (one column is no table)
        return False  # before its words are read: tables in tables would read them again
    heads, body = _read(rows, unseen, say=lambda cell: line(cell, unseen))
    caption = table.css_first("caption")
    if caption is not None:
        composer.paragraph(line(caption, unseen))
    grid.write(composer, body or heads, header=_merged(heads) if heads and body else None)
    return True


def _rows(table: Node) -> Iterator[tuple[bool, list[Node]]]:
    """Give the table's own rows, not those of tables in it, and whether each is in its head."""
    for part in _children(table, _PARTS):
        if part.tag == "tr":
            yield False, list(_children(part, _CELLS))
        else:
            for tr in _children(part, _ROWS):
                yield part.tag == "thead", list(_children(tr, _CELLS))


def _children(node: Node, tags: frozenset[str]) -> Iterator[Node]:
    child = node.first_child
    while child is not None:
        if child.tag in tags:
            yield child
        child = child.next


def _lays_out(table: Node, rows: list[tuple[bool, list[Node]]]) -> bool:
    """Tell a table that arranges parts of a page: it names no columns, and holds whole sections."""
    if any(head or any(cell.tag == "th" for cell in cells) for head, cells in rows):
        return False
    return any(node.tag in _SECTIONS for node in within(table))  # to the first: they may nest


def _read(
    found: list[tuple[bool, list[Node]]], unseen: Collection[int], *, say: Callable[[Node], str]
) -> tuple[list[list[str]], list[list[str]]]:
    """Give the header rows and the others. A tall cell is said again in the rows it spans."""
    heads: list[list[str]] = []
    rows: list[list[str]] = []
    spans = _Spans()
    for above, named in found:
        seen = [cell for cell in named if cell.mem_id not in unseen]
        head = not rows and (above or (bool(seen) and all(cell.tag == "th" for cell in seen)))
        (heads if head else rows).append(_row(seen, spans, say, repeat=head))
    return heads, rows


def _row(
    named: list[Node], spans: _Spans, say: Callable[[Node], str], *, repeat: bool
) -> list[str]:
    row: list[str] = []
    tall = spans.tall

    def fill() -> None:
        while len(row) in tall:
            left, text = tall.pop(len(row))
            if not spans.admit(text):
                tall.clear()
                return
            if left > 1:
                tall[len(row)] = (left - 1, text)
            row.append(text)

    for cell in named:
        fill()
        if len(row) >= MOST_COLUMNS:
            break
        text = say(cell)
        spans.own += len(text) + _BETWEEN
        wide, high = _span(cell, "colspan", WIDEST), _span(cell, "rowspan", TALLEST)
        for n in range(wide):
            said = text if n == 0 or repeat else ""
            if n and not spans.admit(said):
                break
            if high > 1:
                tall[len(row)] = (high - 1, said if len(said) <= grid.LONGEST_REPEATED else "")
            row.append(said)
    fill()
    return row


def _span(cell: Node, name: str, most: int) -> int:
    value = (cell.attributes.get(name) or "1").strip()
    return min(max(int(value), 1), most) if value.isdecimal() and len(value) <= 9 else 1  # noqa: PLR2004


def _merged(heads: list[list[str]]) -> list[str]:
    """Join the header rows column by column: ``Revenue`` over ``2024`` is ``Revenue 2024``."""
    if len(heads) == 1:
        return ["" if n and text == heads[0][n - 1] else text for n, text in enumerate(heads[0])]
    width = max(map(len, heads))
    columns = ([row[n] for row in heads if n < len(row) and row[n]] for n in range(width))
    return [" ".join(dict.fromkeys(column)) for column in columns]
