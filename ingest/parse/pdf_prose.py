"""Make paragraphs, list items and headings of lines.

Lines belong to one paragraph while they go down one column at one pace, in one size and weight.
A line that ends although the next word would have fitted ended on purpose.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from ingest.parse.pdf_line import Line, Part, Piece, around, is_dense, is_wide, overlap
from ingest.parse.pdf_table import find_tables, gather, is_entry, is_item, table

_STOPS = tuple(".!?:;。！？：；…")
_HALF = re.compile(r"[-\u2010\u00ad]$")  # the hyphen of a word that goes on
_FIRST_PARTS = frozenset(
    ("all", "cross", "full", "half", "high", "long", "low", "mid", "self", "short", "two", "well")
)

LARGER = 1.13  # times the body: a heading's size
REACH = 200  # points above and below in which lines of one edge share a margin
CLOSEST, WIDEST = 0.7, 2.8  # steps from line to line, in sizes: not overprinted, not apart
UP = 0.5  # a step that does not lead down: the next column
LONGEST_HEADING = 4  # lines
MOST_LETTERS = 180
NEAR = 5  # lines above and below that share a margin
FEWEST, NARROW = 3, 24  # lines, letters on average: a column of text, not of entries

Known = Callable[[str], bool]


def pieces(lines: Sequence[Line], *, body: float, known: Known) -> list[Piece]:
    """Cut a page into pieces, in order.

    body: the size of the document's ordinary text. known: tells whether it has a word.
    """
    lines = gather(lines)
    margin = _margins(lines) if lines else []
    found: list[Piece] = []
    start = 0
    for first, end in [*find_tables(lines), (len(lines), len(lines))]:
        groups = _groups(lines[start:first], margin[start:first], body)
        found += _lists([_paragraph(group, body, known) for group in groups])
        if first < end:
            found.append(table(lines[first:end]))
        start = end
    return found


def _groups(lines: Sequence[Line], margin: Sequence[float], body: float) -> list[list[Line]]:
    pace = _pace(lines)
    groups: list[list[Line]] = []
    for n, line in enumerate(lines):
        if n and _goes_on(groups[-1], line, margin=margin[n - 1], pace=pace, body=body):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _margins(lines: Sequence[Line]) -> list[float]:
    """Give for each line how far right the lines of its column go."""
    left, top, right, _ = np.array([line.box for line in lines]).T
    size = np.array([line.size for line in lines])
    near = (np.abs(left[:, None] - left) < 6 * size[:, None]) & (np.abs(top[:, None] - top) < REACH)
    alike = np.abs(size[:, None] - size) < 0.15 * size[:, None]
    margins: list[float] = np.where(near & alike, right, 0).max(axis=1).tolist()
    first = 0
    for n in range(1, len(lines) + 1):  # what stands together makes its own margin
        if n < len(lines) and _in_step(lines[n - 1], lines[n]):
            continue
        chain = lines[first:n]
        letters = sum(len(line.text) * (2 if is_dense(line.text) else 1) for line in chain)
        if len(chain) >= FEWEST and letters > NARROW * len(chain):
            edges = [line.box[2] for line in chain]
            margins[first:n] = [
                max(edges[max(m - NEAR, 0) : m + NEAR + 1]) for m in range(len(edges))
            ]
        first = n
    return margins


def _in_step(line: Line, after: Line) -> bool:
    """Tell whether a line stands right below another, in its size."""
    return (
        0 < after.box[1] - line.box[1] < 2.6 * line.size
        and abs(after.size - line.size) < 0.15 * line.size
        and overlap(line.box[0], line.box[2], after.box[0], after.box[2]) > 0
    )


def _pace(lines: Sequence[Line]) -> float:
    """Give the usual step from line to line, in sizes."""
    steps = [
        (after.box[1] - line.box[1]) / line.size
        for line, after in pairwise(lines)
        if abs(after.size - line.size) < 0.1 * line.size
    ]
    steps = [step for step in steps if CLOSEST < step < WIDEST]
    return sorted(steps)[len(steps) * 3 // 10] if steps else 1.4


def _goes_on(group: list[Line], line: Line, *, margin: float, pace: float, body: float) -> bool:
    """Tell whether a line goes on with the paragraph before it."""
    last = group[-1]
    if line.run != last.run or abs(line.size - last.size) > 0.15 * max(line.size, last.size):
        return False
    if is_item(line) or is_entry(last) or (len(last.cells) > 1 and is_entry(line)):
        return False
    step = (line.box[1] - last.box[1]) / last.size
    if step < UP:
        return last.hyphen or (line.text[:1].islower() and not last.text.endswith(_STOPS))
    if step > max(1.25 * pace, pace + 0.25) or line.bold != last.bold:
        return False
    if _stands_out(line, body) and not last.text.endswith(_STOPS):
        return len(group) < LONGEST_HEADING
    return last.hyphen or not (_stopped(last, line, margin) or _indented(group, line, margin))


def _stands_out(line: Line | Piece, body: float) -> bool:
    return line.bold or line.size > LARGER * body


def _stopped(last: Line, line: Line, margin: float) -> bool:
    """Tell whether a line ended although the next word would have fitted."""
    if line.run == "left":
        return last.text.endswith(_STOPS) and len(last.text) < 0.7 * len(line.text)
    first, text = line.text.split(" ", 1)[0], last.text
    letter = (last.box[2] - last.box[0]) / max(len(text), 1)
    word = 2 if is_wide(first) else len(first) + 1
    if last.box[2] + (word + 1) * letter > margin:
        return False
    return text.endswith(_STOPS) or not line.text[:1].islower()


def _indented(group: list[Line], line: Line, margin: float) -> bool:
    """Tell whether a line's indentation begins a paragraph."""
    last = group[-1]
    if line.run == "left":
        return line.box[2] < last.box[2] - line.size and len(group) > 1
    shift = line.box[0] - last.box[0]
    if abs(shift) <= 0.7 * line.size or _centred(last, line):
        return False
    full = last.box[2] > margin - 3 * last.size
    if len(group) == 1:  # its first line is indented, or hangs out
        return not full and not is_item(last)
    return True


def _centred(line: Line, other: Line) -> bool:
    middle = (line.box[0] + line.box[2] - other.box[0] - other.box[2]) / 2
    return abs(middle) < 0.5 * line.size


def _paragraph(group: list[Line], body: float, known: Known) -> Piece:
    parts: list[Part] = []
    for n, line in enumerate(group):
        joint = ""
        if n:
            joint, end = _joint(parts[-1].text, line.text, hyphen=group[n - 1].hyphen, known=known)
            parts[-1] = parts[-1]._replace(text=end)
        for place, cell in enumerate(line.cells):
            parts.append(Part(" " if place else joint, cell.text, cell.box, line.run))
    if group[-1].hyphen:  # what it goes on with is elsewhere
        parts[-1] = parts[-1]._replace(text=f"{parts[-1].text}-")
    piece = Piece(
        kind="list" if is_item(group[0]) or is_entry(group[0]) else "paragraph",
        parts=tuple(parts),
        at=around([line.box for line in group]),
        size=median([line.size for line in group]),
        bold=all(line.bold for line in group),
        lines=len(group),
    )
    return piece._replace(kind="heading") if _is_heading(piece, body) else piece


def _is_heading(piece: Piece, body: float) -> bool:
    text = piece.text
    if not _stands_out(piece, body) or len(text) > MOST_LETTERS or piece.lines > LONGEST_HEADING:
        return False
    if text.rstrip("0123456789 ").endswith((",", ";", "，", "；", "、", "…")):
        return False
    if text.endswith((".", "。")) and (piece.lines > 1 or not piece.bold):
        return False
    if next(filter(str.isalpha, text), "A").islower():
        return False
    return sum(map(str.isalpha, text)) > len(text) // 4


def _joint(end: str, start: str, *, hyphen: bool, known: Known) -> tuple[str, str]:
    """Tell what joins two lines, and how the first then ends: a hyphen may go or stay."""
    if not hyphen and not _HALF.search(end):
        return "" if is_wide(end[-1:]) and is_wide(start) else " ", end
    stem = _HALF.sub("", end)
    first, second = re.search(r"(?<![^\W\d_])[^\W\d_]*+$", stem), re.match(r"[^\W\d_]*", start)
    if first and second and first[0] and second[0] and is_one_word(first[0], second[0], known):
        return "", stem
    return "", stem + "-"


def is_one_word(first: str, second: str, known: Known) -> bool:
    """Tell whether the hyphen between two halves only broke a word at the end of a line.

    The document's own words decide: the whole word, or both halves as words of their own.

    >>> nothing = lambda word: False
    >>> is_one_word("inter", "national", nothing), is_one_word("long", "term", nothing)
    (True, False)
    """
    if not second.islower():
        return False
    if known(f"{first}-{second}"):
        return False
    if known(first + second):
        return True
    return first.lower() not in _FIRST_PARTS and not (known(first) and known(second))


def _lists(found: list[Piece]) -> list[Piece]:
    """Put the items of a list into one piece, a line each."""
    joined: list[Piece] = []
    for piece in found:
        last = joined[-1] if joined else None
        if last and piece.kind == last.kind == "list" and abs(piece.size - last.size) < 1:
            first = piece.parts[0]._replace(joint="\n")
            joined[-1] = last._replace(
                parts=(*last.parts, first, *piece.parts[1:]),
                at=around([last.at, piece.at]),
                bold=last.bold and piece.bold,
                lines=last.lines + piece.lines,
            )
        else:
            joined.append(piece)
    return joined
