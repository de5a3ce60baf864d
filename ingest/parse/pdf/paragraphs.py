"""Join the lines of a page into paragraphs, list items and headings.

Lines belong to one paragraph while they go down one column at one pace, in one size and weight.
A line that ends although the next word would have fitted ended on purpose.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from ingest.parse.pdf.page_model import (
    LayoutPart,
    LayoutPiece,
    TextLine,
    begins_wide,
    bounding_box,
    is_dense,
    overlap_length,
)
from ingest.parse.pdf.page_tables import (
    find_tables,
    gather_column_heads,
    is_contents_line,
    is_list_line,
    make_table,
)

_STOP_SIGNS = tuple(".!?:;。！？：；…")
_WIDE_COMMAS = ("，", "、")  # a line of Chinese that ends so goes on, however short it is
_WORD_HYPHEN = re.compile(r"[-\u2010\u00ad]$")  # the hyphen of a word that goes on
_CAPTION = re.compile(
    r"(?:Figure|Fig\.|Table|Chart|Exhibit) ?[0-9]{1,3}(?:[.-][0-9]{1,3})? ?[.:|–—]"
    r"|[图圖表] ?[0-9]{1,3}(?:[.-][0-9]{1,3}){0,2} ?[ :：、.]"
)
_FIRST_PARTS = frozenset(
    ("all", "cross", "full", "half", "high", "long", "low", "mid", "self", "short", "two", "well")
)

HEADING_SIZE = 1.13  # times the body: a heading's size
MARGIN_REACH = 200  # points above and below in which lines of one edge share a margin
CLOSEST_STEP = 0.7  # from line to line, in sizes: below it a line is overprinted
WIDEST_STEP = 2.8  # above it a line stands apart
SMALLEST_STEP = 0.5  # a step that does not lead down: the next column
MOST_HEADING_LINES = 4  # lines
MOST_HEADING_LETTERS = 180
MARGIN_LINES = 5  # lines above and below that share a margin
FEWEST_CHAIN_LINES = 3  # lines of a column of text; fewer may be entries of a table
NARROWEST_CHAIN = 24  # letters of such a line, on average

WordLookup = Callable[[str], bool]


def make_pieces(
    lines: Sequence[TextLine], *, body: float, has_word: WordLookup
) -> list[LayoutPiece]:
    """Split a page into pieces, in order.

    body: the size of the document's ordinary text. has_word: tells whether the document has a word.
    """
    lines = gather_column_heads(lines)
    margin = _find_margins(lines) if lines else []
    page_pieces: list[LayoutPiece] = []
    start = 0
    for first, end in [*find_tables(lines), (len(lines), len(lines))]:
        groups = _group_lines(lines[start:first], margin[start:first], body)
        page_pieces += _merge_list_items(
            [_make_paragraph(group, body, has_word) for group in groups]
        )
        if first < end:
            page_pieces.append(make_table(lines[first:end]))
        start = end
    return page_pieces


def _group_lines(
    lines: Sequence[TextLine], margin: Sequence[float], body: float
) -> list[list[TextLine]]:
    pace = _find_pace(lines)
    groups: list[list[TextLine]] = []
    for n, line in enumerate(lines):
        if n and _continues_paragraph(groups[-1], line, margin=margin[n - 1], pace=pace, body=body):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _find_margins(lines: Sequence[TextLine]) -> list[float]:
    """Return for each line how far right the lines of its column go."""
    left, top, right, _ = np.array([line.box for line in lines]).T
    size = np.array([line.size for line in lines])
    is_close = (np.abs(left[:, None] - left) < 6 * size[:, None]) & (
        np.abs(top[:, None] - top) < MARGIN_REACH
    )
    is_same_size = np.abs(size[:, None] - size) < 0.15 * size[:, None]
    margins: list[float] = np.where(is_close & is_same_size, right, 0).max(axis=1).tolist()
    first = 0
    for n in range(1, len(lines) + 1):  # what stands together makes its own margin
        if n < len(lines) and _is_right_below(lines[n - 1], lines[n]):
            continue
        chain = lines[first:n]
        letters = sum(len(line.text) * (2 if is_dense(line.text) else 1) for line in chain)
        if len(chain) >= FEWEST_CHAIN_LINES and letters > NARROWEST_CHAIN * len(chain):
            edges = [line.box[2] for line in chain]
            margins[first:n] = [
                max(edges[max(m - MARGIN_LINES, 0) : m + MARGIN_LINES + 1])
                for m in range(len(edges))
            ]
        first = n
    return margins


def _is_right_below(line: TextLine, after: TextLine) -> bool:
    """Tell whether a line stands right below another, in its size."""
    return (
        0 < after.box[1] - line.box[1] < 2.6 * line.size
        and abs(after.size - line.size) < 0.15 * line.size
        and overlap_length(line.box[0], line.box[2], after.box[0], after.box[2]) > 0
    )


def _find_pace(lines: Sequence[TextLine]) -> float:
    """Return the usual step from line to line, in sizes."""
    steps = [
        (after.box[1] - line.box[1]) / line.size
        for line, after in pairwise(lines)
        if abs(after.size - line.size) < 0.1 * line.size
    ]
    steps = [step for step in steps if CLOSEST_STEP < step < WIDEST_STEP]
    return sorted(steps)[len(steps) * 3 // 10] if steps else 1.4


def _continues_paragraph(
    group: list[TextLine], line: TextLine, *, margin: float, pace: float, body: float
) -> bool:
    """Tell whether a line goes on with the paragraph before it."""
    last = group[-1]
    if line.run != last.run or abs(line.size - last.size) > 0.15 * max(line.size, last.size):
        return False
    if (
        is_list_line(line)
        or _CAPTION.match(line.text)
        or is_contents_line(last)
        or (len(last.cells) > 1 and is_contents_line(line))
    ):
        return False
    step = (line.box[1] - last.box[1]) / last.size
    if step < SMALLEST_STEP:
        return last.hyphen or (line.text[:1].islower() and not last.text.endswith(_STOP_SIGNS))
    if step > max(1.25 * pace, pace + 0.25) or line.bold != last.bold:
        return False
    if _stands_out(line, body) and not last.text.endswith(_STOP_SIGNS):
        return len(group) < MOST_HEADING_LINES
    return last.hyphen or not (
        _ended_early(last, line, margin) or _begins_indented(group, line, margin)
    )


def _stands_out(line: TextLine | LayoutPiece, body: float) -> bool:
    return line.bold or line.size > HEADING_SIZE * body


def _ended_early(last: TextLine, line: TextLine, margin: float) -> bool:
    """Tell whether a line ended early although the next word would have fitted."""
    if line.run == "left":
        return last.text.endswith(_STOP_SIGNS) and len(last.text) < 0.7 * len(line.text)
    first = line.text.split(" ", 1)[0]
    text = last.text
    if text.endswith(_WIDE_COMMAS) and begins_wide(line.text):
        return False
    letter = (last.box[2] - last.box[0]) / max(len(text), 1)
    word = 2 if begins_wide(first) else len(first) + 1
    if last.box[2] + (word + 1) * letter > margin:
        return False
    return text.endswith(_STOP_SIGNS) or not line.text[:1].islower()


def _begins_indented(group: list[TextLine], line: TextLine, margin: float) -> bool:
    """Tell whether a line's indentation begins a paragraph."""
    last = group[-1]
    if line.run == "left":
        return line.box[2] < last.box[2] - line.size and len(group) > 1
    shift = line.box[0] - last.box[0]
    if abs(shift) <= 0.7 * line.size or _is_centred(last, line):
        return False
    full = last.box[2] > margin - 3 * last.size
    if len(group) == 1:  # its first line is indented, or hangs out
        return not full and not is_list_line(last)
    return True


def _is_centred(line: TextLine, other: TextLine) -> bool:
    middle = (line.box[0] + line.box[2] - other.box[0] - other.box[2]) / 2
    return abs(middle) < 0.5 * line.size


def _make_paragraph(group: list[TextLine], body: float, has_word: WordLookup) -> LayoutPiece:
    parts: list[LayoutPart] = []
    for n, line in enumerate(group):
        joint = ""
        if n:
            joint, end = _choose_joint(
                parts[-1].text, line.text, hyphen=group[n - 1].hyphen, has_word=has_word
            )
            parts[-1] = parts[-1]._replace(text=end)
        for place, cell in enumerate(line.cells):
            parts.append(LayoutPart(" " if place else joint, cell.text, cell.box, line.run))
    if group[-1].hyphen:  # what it goes on with is elsewhere
        parts[-1] = parts[-1]._replace(text=f"{parts[-1].text}-")
    piece = LayoutPiece(
        kind="list" if is_list_line(group[0]) or is_contents_line(group[0]) else "paragraph",
        parts=tuple(parts),
        at=bounding_box([line.box for line in group]),
        size=median([line.size for line in group]),
        bold=all(line.bold for line in group),
        lines=len(group),
    )
    return piece._replace(kind="heading") if _is_heading(piece, body) else piece


def _is_heading(piece: LayoutPiece, body: float) -> bool:
    text = piece.text
    if (
        not _stands_out(piece, body)
        or len(text) > MOST_HEADING_LETTERS
        or piece.lines > MOST_HEADING_LINES
    ):
        return False
    if text.rstrip("0123456789 ").endswith((",", ";", "，", "；", "、", "…")):
        return False
    if text.endswith((".", "。")) and (piece.lines > 1 or not piece.bold):
        return False
    if next(filter(str.isalpha, text), "A").islower():
        return False
    return sum(map(str.isalpha, text)) > len(text) // 4


def _choose_joint(end: str, start: str, *, hyphen: bool, has_word: WordLookup) -> tuple[str, str]:
    """Return the joint of two lines, and how the first then ends: a hyphen may go or stay."""
    if not hyphen and not _WORD_HYPHEN.search(end):
        return "" if begins_wide(end[-1:]) and begins_wide(start) else " ", end
    stem = _WORD_HYPHEN.sub("", end)
    first = re.search(r"(?<![^\W\d_])[^\W\d_]*+$", stem)
    second = re.match(r"[^\W\d_]*", start)
    if (
        first
        and second
        and first[0]
        and second[0]
        and is_broken_word(first[0], second[0], has_word)
    ):
        return "", stem
    return "", stem + "-"


def is_broken_word(first: str, second: str, has_word: WordLookup) -> bool:
    """Tell whether a hyphen at a line's end only broke one word.

    The document's own words decide: the whole word, or both halves as words of their own.

    >>> nothing = lambda word: False
    >>> is_broken_word("inter", "national", nothing), is_broken_word("long", "term", nothing)
    (True, False)
    """
    if not second.islower():
        return False
    if has_word(f"{first}-{second}"):
        return False
    if has_word(first + second):
        return True
    return first.lower() not in _FIRST_PARTS and not (has_word(first) and has_word(second))


def _merge_list_items(page_pieces: list[LayoutPiece]) -> list[LayoutPiece]:
    """Merge the items of a list into one piece, a line each."""
    merged_pieces: list[LayoutPiece] = []
    for piece in page_pieces:
        last = merged_pieces[-1] if merged_pieces else None
        if last and piece.kind == last.kind == "list" and abs(piece.size - last.size) < 1:
            first = piece.parts[0]._replace(joint="\n")
            merged_pieces[-1] = last._replace(
                parts=(*last.parts, first, *piece.parts[1:]),
                at=bounding_box([last.at, piece.at]),
                bold=last.bold and piece.bold,
                lines=last.lines + piece.lines,
            )
        else:
            merged_pieces.append(piece)
    return merged_pieces
