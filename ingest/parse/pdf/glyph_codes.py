"""Read the letters of fonts that name glyph numbers in place of characters.

Some programs write a subset font whose map to Unicode says that glyph 36 is character 36. The
glyphs of ordinary TrueType fonts stand in Macintosh order, so 36 is A: the text can be read.
Such a font gives itself away by control characters, which no text has: its blanks and digits.
"""

import numpy as np
import numpy.typing as npt

from ingest.parse.pdf.page_model import BoolArray, CodeArray

SUSPECT_SHARE = 0.04  # the part of control characters; blanks alone are every sixth letter
LAST_ASCII_GLYPH = 97  # after it the order leaves ASCII
NO_BREAK_SPACE = 172  # a glyph that the order misses
FIRST_GLYPH = 3
LAST_GLYPH = 222
_ORDINARY_CONTROLS = (0x09, 0x0A, 0x0D)


def _make_glyph_table() -> npt.NDArray[np.uint32]:
    """Make the table from glyph number to letter; other numbers stay what they are."""
    table = np.arange(LAST_GLYPH + 1, dtype=np.uint32)
    for glyph in range(FIRST_GLYPH, LAST_GLYPH + 1):
        if glyph <= LAST_ASCII_GLYPH:
            table[glyph] = glyph + 29
        else:
            place = glyph + (30 if glyph < NO_BREAK_SPACE else 31)
            table[glyph] = ord(bytes([place]).decode("mac_roman"))
    return table


_GLYPH_LETTERS = _make_glyph_table()


def mark_controls(codes: CodeArray) -> BoolArray:
    """Mark control characters other than line ends and tabs."""
    return (codes > 0) & (codes < 0x20) & ~np.isin(codes, _ORDINARY_CONTROLS)  # noqa: PLR2004 - the blank


def has_suspect_font(codes: CodeArray) -> bool:
    """Tell whether some font of a page may give glyph numbers in place of letters."""
    return bool(mark_controls(codes).sum() > SUSPECT_SHARE * len(codes) / 2)


def read_glyph_codes(codes: CodeArray, fonts: npt.NDArray[np.int64]) -> CodeArray:
    """Turn the glyph numbers of suspect fonts into letters. fonts: (m,) which font each is of.

    >>> codes = np.array([36, 21, 17, 3, 36, 65], dtype=np.uint32)
    >>> "".join(map(chr, read_glyph_codes(codes, np.array([0, 0, 0, 0, 1, 1]))))
    'A2. $A'
    """
    read = codes.copy()
    marked = mark_controls(codes)
    for font in np.unique(fonts):
        own = fonts == font
        if marked[own].mean() > SUSPECT_SHARE:
            own &= codes <= LAST_GLYPH
            read[own] = _GLYPH_LETTERS[codes[own]]
    return read
