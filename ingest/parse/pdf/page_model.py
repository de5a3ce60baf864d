"""Lines of a PDF page with their positions: the values that the PDF parser steps share.

Coordinates are points from the top left of the page as it is shown (crop box, rotation).
"""

import re
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.document import BlockKind

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.uint32]
BoolArray = npt.NDArray[np.bool_]
PixelArray = npt.NDArray[np.uint8]  # (height, width, 3), blue first

Box = tuple[float, float, float, float]  # left, top, right, bottom
RunDirection = Literal[
    "right", "left", "down", "up"
]  # where a line runs to: English, Arabic, vertical Chinese


# Named tuples: a report of 500 pages has 100,000 of these, and they are made five times faster.
class LineCell(NamedTuple):
    """Words of one line without a wide gap between them."""

    text: str
    box: Box


class TextLine(NamedTuple):
    """A line of a page: one cell in prose, several in a table row.

    box: where the layout sees it; differs from its cells' boxes when the page was turned.
    size: height of its letters in points. hyphen: its last word goes on in the next line.
    """

    cells: tuple[LineCell, ...]
    box: Box
    size: float
    bold: bool = False
    hyphen: bool = False
    run: RunDirection = "right"

    @property
    def text(self) -> str:
        """The words of the line; cells stand apart by one space."""
        cells = self.cells
        return cells[0].text if len(cells) == 1 else " ".join([cell.text for cell in cells])


class PageWords(NamedTuple):
    """The n words of a page, in the order they are drawn.

    codes: (m,) the m characters of the page as numbers.
    starts, ends: their spans in the page's characters. boxes: (n, 4), as ``Box``.
    ways: (n, 2) the way from the middle of the first letter to that of the last.
    newline, hyphen: (n - 1,) what the reader saw between a word and the next.
    is_layer: they lie unseen over a scan, whose text they are.
    """

    text: str
    codes: CodeArray
    starts: IntArray
    ends: IntArray
    boxes: FloatArray
    ways: FloatArray
    newline: BoolArray
    hyphen: BoolArray
    is_layer: bool = False


class PagePictures(NamedTuple):
    """The pictures of a page. share: of it that they cover, at most 1. large: how many are large.

    drawings: paths, which may be letters drawn as outlines.
    """

    share: float = 0.0
    large: int = 0
    drawings: int = 0


class PageLink(NamedTuple):
    """A link on a page: where it lies, where it leads, and the characters under it."""

    box: Box
    address: str
    words: str


class Sheet(NamedTuple):
    """One page: its size in points, its lines in reading order, and the pictures it shows.

    hidden: words on it that no reader sees, and that were left out. links: that lead elsewhere.
    ocr: OCR read its lines. has_layer: another program's OCR did, and laid them under its picture.
    slanted: its words that run aslant, which are in no line yet.
    """

    width: float
    height: float
    lines: tuple[TextLine, ...]
    pictures: PagePictures = PagePictures()
    hidden: int = 0
    links: tuple[PageLink, ...] = ()
    ocr: bool = False
    has_layer: bool = False
    slanted: tuple[TextLine, ...] = ()


class LayoutPart(NamedTuple):
    """A run of a piece's text and its box. joint: what stands between it and the part before."""

    joint: str
    text: str
    box: Box
    run: RunDirection = "right"


class LayoutPiece(NamedTuple):
    """A paragraph, list or table as the layout found it, still on its page.

    at: where the layout sees it. header: how many of a table's first lines are its header.
    level: of a heading, 1 is outermost. title: of one that is printed nowhere, and has no parts.
    """

    kind: BlockKind
    parts: tuple[LayoutPart, ...]
    at: Box
    size: float
    bold: bool = False
    lines: int = 1
    header: int = 0
    level: int = 0
    title: str = ""

    @property
    def text(self) -> str:
        """The text of the piece: its parts with what joins them."""
        return "".join([part.joint + part.text for part in self.parts])


def bounding_box(boxes: list[Box]) -> Box:
    """Return the smallest box around some boxes.

    >>> bounding_box([(1, 5, 2, 6), (0, 5.5, 1, 7)])
    (0, 5, 2, 7)
    """
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def overlap_length(start: float, end: float, other_start: float, other_end: float) -> float:
    """Return the length that two intervals share; negative is the gap between them.

    >>> overlap_length(0, 2, 1, 5), overlap_length(0, 2, 5, 6)
    (1, -3)
    """
    return min(end, other_end) - max(start, other_start)


_WIDE_START = re.compile("[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60]")
_DENSE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def is_dense(text: str) -> bool:
    """Tell whether a text is of Han, kana or Hangul: each says as much as two Latin letters.

    >>> is_dense("Redis 集群"), is_dense("cluster")
    (True, False)
    """
    return _DENSE.search(text) is not None


def begins_wide(text: str) -> bool:
    """Tell whether a text begins with a character that is written without spaces around it.

    >>> begins_wide("退款"), begins_wide("refund"), begins_wide("")
    (True, False, False)
    """
    return _WIDE_START.match(text) is not None
