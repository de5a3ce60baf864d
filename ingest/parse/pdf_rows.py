"""Put the words of a page together into cells and lines.

A new line begins where the reader saw one, or where the next word stands at another height;
words on one height with a wide gap between them are cells of one line.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ingest.parse.compose import clean
from ingest.parse.pdf_line import Box, Cell, Floats, Ints, Line, Marks, Run, Words, around

# Words further apart than this share of their height are cells of a table.
CELL_GAP = 1.05
ALIKE = 0.85
CLOSE_GAP = 0.6  # in a line that has cells, if it is also twice as wide as those between words
# Two words stand on one line when they share this part of the lower one's height.
SAME_LINE = 0.4
TURNED = 3.0  # a word this many times as tall as its neighbour runs down the page beside it
LEAST = 0.5  # points
TOUCH = 0.1  # and closer than this they are one word, whatever stands between them
FIRST_CJK, MOST = 0x2E80, 0.5  # of the words of a page
# How even the gaps of a stretched line are, least to widest, by their number; of four: 0.85.
EVEN = (2, 2, 0.97, 0.93)


def _marked(signs: str, *ranges: tuple[str, str]) -> Marks:
    """Make a table that tells of each character whether it is one of some signs."""
    marked = np.zeros(0x10000, dtype=np.bool_)
    marked[[ord(sign) for sign in signs]] = True
    for first, last in ranges:
        marked[ord(first) : ord(last) + 1] = True
    return marked


_CURRENCY, _UNIT = _marked("$€£¥￥"), _marked("%)")
_AMOUNT_END = _marked("%)—–-", ("0", "9"))
_LETTER = _marked("“‘\"'(", ("A", "Z"), ("a", "z"), ("À", "ɏ"))
# Characters that are read as they are drawn; a page of only these needs no tidying.
_PLAIN = re.compile("[^\\t\\n\\r -~¡-§©-¬®-³µ-ÿŒœŠšŽž‐-―‘-„†-•…™€\ufffe\0]")

_RTL, _LTR = re.compile("[\u0590-\u08ff]"), re.compile("[A-Za-z]")
# Ligatures and the shaped forms of Arabic letters: what was drawn, not what was written.
_SHAPED = re.compile("[\ufb00-\ufb4f\ufb50-\ufdfb\ufe70-\ufefc]+")
# TeX draws an accent, then its letter.
_COMBINING = {"\u00a8": "\u0308", "\u00b4": "\u0301", "\u02c6": "\u0302", "\u02dc": "\u0303"}
_ACCENT = re.compile("([\u00a8\u00b4\u02c6\u02dc]) ?([A-Za-z\u0131])")
_LEADER = re.compile(r"(?:\s?[.·…․‥]){5,}\s?|_{4,}")
_WIDE = "[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60]"
_MARK = "[\u3001-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff20]"  # has its own white space
_APART = re.compile(f"(?<={_MARK}) (?={_WIDE})|(?<={_WIDE}) (?={_MARK})")
_SPREAD, _PAIR = re.compile(f"(?<={_WIDE}) (?={_WIDE})"), re.compile(f"{_WIDE}(?= ?{_WIDE})")
# The bullets of Symbol and Wingdings, and pdfium's mark for a hyphen at the end of a line.
_SYMBOLS = str.maketrans(
    {"\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓", "\uf02d": "-", "\ufffe": "-"}
)


def rows(
    sheet: tuple[float, float],
    words: Words,
    bold: Callable[[int], bool],
    size: Callable[[int], float],
) -> list[Line]:
    """Make lines of the words of a page.

    sheet: its width and height. bold, size: tell of a character, by its position, whether it is
    bold, and the size of its font (0: unknown).
    """
    run = _direction(words)
    seen = _turned(words.boxes, sheet, run)
    row, cell, glued = _breaks(words, seen)
    text = _without(words, glued)
    firsts = np.flatnonzero(np.concatenate([[True], row | cell]))  # first word of each cell
    lasts = np.append(firsts[1:], len(words.starts)) - 1
    spans = zip(words.starts[firsts].tolist(), words.ends[lasts].tolist(), strict=True)
    places = _hulls(words.boxes, firsts)
    views = places if run == "right" else _hulls(seen, firsts)
    read = tidy if _PLAIN.search(text) else plain
    cells = [Cell(read(text[a:b]), box) for (a, b), box in zip(spans, places, strict=True)]
    begins = [0, *(np.flatnonzero(row[firsts[1:] - 1]) + 1).tolist(), len(firsts)]
    heights = (seen[:, 3] - seen[:, 1]).tolist()
    lines = []
    for first, end in pairwise(begins):
        a, b = int(firsts[first]), int(lasts[end - 1])
        if any(cells[n].text for n in range(first, end)):
            kept, box, way = _ordered(cells[first:end], views[first:end], run)
            height = _size(heights[a : b + 1], size(int(words.starts[(a + b) // 2])))
            heavy = bold(int(words.starts[a])) and bold(int(words.ends[b]) - 1)
            hyphen = b < len(words.hyphen) and bool(words.hyphen[b])
            lines.append(Line(kept, box, height, heavy, hyphen, way))
    return lines


def _ordered(cells: list[Cell], views: list[Box], run: Run) -> tuple[tuple[Cell, ...], Box, Run]:
    """Bring the cells of a line into the order they are read in."""
    if run == "right" and _runs_left(cells):
        run = "left"
    if len(cells) == 1:
        return (cells[0],), views[0], run
    key = (lambda n: -views[n][2]) if run == "left" else (lambda n: views[n][0])
    order = sorted(range(len(cells)), key=key)
    return tuple(cells[n] for n in order if cells[n].text), around(views), run


def _size(heights: list[float], told: float) -> float:
    """Trust the font's size where it fits the letters' height, which differs from font to font."""
    height = sorted(heights)[len(heights) // 2]
    return max(told if 0.5 * height < told < 2 * height else height / 1.15, LEAST)


def _runs_left(cells: list[Cell]) -> bool:
    if all(cell.text.isascii() for cell in cells):
        return False
    text = "".join([cell.text for cell in cells])
    return len(_RTL.findall(text)) > len(_LTR.findall(text))


def _direction(words: Words) -> Run:
    """Tell where the lines of a page run to, by the way from the first to the last letter.

    Vertical Chinese and Japanese often comes one character at a time, each below the last.
    """
    across, down = words.ways.T
    aside, along = np.abs(across).sum(), np.abs(down).sum()
    first = words.codes[words.starts[:200]]
    if (first >= FIRST_CJK).mean() > MOST:
        step = np.diff((words.boxes[:, :2] + words.boxes[:, 2:]) / 2, axis=0)
        height = (words.boxes[:, 3] - words.boxes[:, 1]).mean()
        near = np.abs(step).max(axis=1) < 2 * height
        aside += np.abs(step[near, 0]).sum()
        along += np.abs(step[near, 1]).sum()
        down = np.abs(down)
    if along <= 2 * aside:
        return "right"
    return "down" if down.sum() >= 0 else "up"


def _turned(boxes: Floats, sheet: tuple[float, float], run: Run) -> Floats:
    """Turn a page whose lines run up or down, so that the layout sees them run right."""
    left, top, right, bottom = boxes.T
    if run == "down":
        return np.column_stack([top, sheet[0] - right, bottom, sheet[0] - left])
    if run == "up":
        return np.column_stack([sheet[1] - bottom, left, sheet[1] - top, right])
    return boxes


def _without(words: Words, glued: Marks) -> str:
    """Drop the line ends that pdfium saw inside words; positions stay what they are."""
    text = words.text
    if not glued.any():
        return text
    parts, at = [], 0
    for n in np.flatnonzero(glued).tolist():
        end, start = int(words.ends[n]), int(words.starts[n + 1])
        parts += [text[at:end], "\0" * (start - end)]
        at = start
    return "".join(parts) + text[at:]


def _breaks(words: Words, seen: Floats) -> tuple[Marks, Marks, Marks]:
    """Tell for each pair of neighbours whether a line ends between them, a cell, or nothing."""
    left, top, right, bottom = seen.T
    height = np.maximum(bottom - top, 0.1)
    low, high = np.minimum(height[1:], height[:-1]), np.maximum(height[1:], height[:-1])
    shared = np.minimum(bottom[1:], bottom[:-1]) - np.maximum(top[1:], top[:-1])
    same = (shared > SAME_LINE * low) & (high < TURNED * low)
    gap = np.maximum(left[1:] - right[:-1], left[:-1] - right[1:])
    # pdfium breaks the line at a raised sign or a change of font; the words stand close.
    close = (left[1:] > right[:-1] - 0.3 * low) & (gap < CELL_GAP * high)
    row = ~same | (words.newline & ~close)
    opens, joined = _amounts(words)
    cell = ~row & ((opens & (gap > TOUCH * high)) | (gap > CELL_GAP * high)) & ~joined
    if cell.any():
        inside = np.where(row, np.nan, gap)
        cell &= ~_stretched(words, inside)
        alike = low > ALIKE * high  # the room after a raised sign is no gap
        cell |= _close_cells(inside, cell) & (gap > CLOSE_GAP * high) & alike & ~joined
    return row, cell, ~row & words.newline & (gap < TOUCH * high)


def _rows_of(gap: Floats) -> tuple[Ints, Ints]:
    """Give each line's first gap and how many it has, the one at its end (nan) included."""
    firsts = np.append(0, np.flatnonzero(np.isnan(gap)) + 1)
    firsts = firsts[firsts < len(gap)]
    return firsts, np.diff(np.append(firsts, len(gap)))


def _stretched(words: Words, gap: Floats) -> Marks:
    """Tell of each gap whether its line was stretched to the margin: words at even distances.

    gap: to the next word of the line, nan at its end.
    """
    firsts, lengths = _rows_of(gap)
    ends = np.isnan(gap)
    lowest = np.minimum.reduceat(np.where(ends, np.inf, gap), firsts)
    widest = np.maximum.reduceat(np.where(ends, 0, gap), firsts)
    count = np.add.reduceat(~ends, firsts, dtype=np.int64)
    letters = np.add.reduceat(
        _LETTER[np.minimum(words.codes[words.starts[:-1]], 0xFFFF)], firsts, dtype=np.int64
    )
    even = lowest > np.array(EVEN)[np.minimum(count, len(EVEN) - 1)] * widest
    even |= (count >= len(EVEN)) & (lowest > 0.85 * widest)
    return np.asarray(np.repeat(even & (letters * 3 > count * 2), lengths))


def _close_cells(gap: Floats, cell: Marks) -> Marks:
    """Tell of each gap in a line with cells whether it is much wider than those between words."""
    firsts, lengths = _rows_of(gap)
    space = np.where(np.isnan(gap) | cell, np.inf, gap)
    least = np.minimum.reduceat(space, firsts)
    count = np.add.reduceat(space < np.inf, firsts, dtype=np.int64)
    has_cells = np.add.reduceat(cell, firsts, dtype=np.int64) > 0
    limit = np.where(has_cells, np.where(count == 1, 0.0, 2.2 * least), np.inf)
    return np.asarray((space < np.inf) & (space > np.repeat(limit, lengths)))


def _amounts(words: Words) -> tuple[Marks, Marks]:
    """Tell of each gap whether a currency sign opens a cell behind it, and whether it joins.

    A currency sign stays with its amount, and so do a percent sign and a closing bracket.
    """
    single = words.ends - words.starts == 1
    first = np.minimum(words.codes[words.starts], 0xFFFF)
    last = np.minimum(words.codes[words.ends - 1], 0xFFFF)
    sign = single & _CURRENCY[first]
    return sign[1:] & _AMOUNT_END[last][:-1], sign[:-1] | (single & _UNIT[first])[1:]


def _hulls(boxes: Floats, firsts: np.ndarray) -> list[Box]:
    low = np.minimum.reduceat(boxes[:, :2], firsts, axis=0)
    high = np.maximum.reduceat(boxes[:, 2:], firsts, axis=0)
    return [(a, b, c, d) for a, b, c, d in np.hstack([low, high]).tolist()]


def tidy(text: str) -> str:
    r"""Write drawn text as it is read: ligatures and leaders undone, one space between words.

    >>> tidy("e\ufb03cient  na\u00a8\u0131ve"), tidy("关 于 红 军"), tidy("Refunds ........ 4")
    ('efficient naïve', '关于红军', 'Refunds … 4')
    """
    text = plain(text)
    if text.isascii() and text.isprintable():
        return text
    text = _SHAPED.sub(_plain, clean(text.translate(_SYMBOLS)))
    text = _APART.sub("", _ACCENT.sub(_compose, text))
    if len(_SPREAD.findall(text)) * 2 > len(_PAIR.findall(text)):
        text = _SPREAD.sub("", text)
    return text


def plain(text: str) -> str:
    """Write text of ordinary letters as it is read: leaders undone, one space between words.

    >>> plain("Refunds ........ 4")
    'Refunds … 4'
    """
    text = " ".join(text.replace("\0", "").replace("\ufffe", "-").split())
    if "..." in text or ". ." in text or "__" in text or "……" in text or "··" in text:
        return _LEADER.sub(_lead, text).strip()
    return text


def _plain(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


def _compose(match: re.Match[str]) -> str:
    letter = "i" if match[2] == "\u0131" else match[2]
    return unicodedata.normalize("NFC", letter + _COMBINING[match[1]])


def _lead(match: re.Match[str]) -> str:
    return "____" if match[0][0] == "_" else " … "
