"""Write raised digits as such: the mark of a note behind 8,935 is no further digit of it.

A word is one run of characters in a PDF, whatever their size. Digits at its end or beginning that
are much smaller than its other characters, and stand higher, become ¹²³; so does a number that
stands so close behind a word.
"""

from collections.abc import Callable

import numpy as np

from ingest.parse.pdf.page_model import BoolArray, CodeArray, FloatArray, IntArray

SMALL_SHARE = 0.8  # of the height of the characters beside it; the programs take 0.58 to 0.7
RAISED_SHARE = 0.15  # of their height, by which its foot stands above theirs
CLOSE_SHARE = 0.3  # of their height, from which two words stand apart
_FIRST_DIGIT, _LAST_DIGIT = ord("0"), ord("9")
_CLOSING = (
    ".,;:!?)]}’”\"'。，；：！？）」』"  # a note's mark may stand behind them, not behind a dash
)
_RAISED = np.array([ord(sign) for sign in "⁰¹²³⁴⁵⁶⁷⁸⁹"], dtype=np.uint32)


def raise_digits(
    codes: CodeArray,
    spans: tuple[IntArray, IntArray],
    edges: tuple[FloatArray, FloatArray],
    measure: Callable[[IntArray], FloatArray],
) -> CodeArray:
    """Return the characters of a page with its raised digits as such.

    spans: the words' starts and ends. edges: (n, 4) each, the boxes of their first and last
    characters. measure: gives the boxes of characters, as the page is shown.
    """
    starts, ends = spans
    first, last = edges
    is_digit = (codes >= _FIRST_DIGIT) & (codes <= _LAST_DIGIT)
    at_end = is_digit[ends - 1] & _mark_raised(last, first)
    at_start = is_digit[starts] & _mark_raised(first, last)
    behind = is_digit[starts[1:]] & _mark_raised(first[1:], last[:-1])
    gap = np.abs(first[1:, 0] - last[:-1, 2])
    behind &= gap < CLOSE_SHARE * (last[:-1, 3] - last[:-1, 1])
    chosen = np.flatnonzero(at_end | at_start)
    alone = np.flatnonzero(behind) + 1
    if not len(chosen) + len(alone):
        return codes
    raised = codes.copy()
    for n in chosen.tolist():
        places = np.arange(starts[n], ends[n])
        tall = first[n] if at_end[n] else last[n]
        small = _mark_raised(measure(places), np.broadcast_to(tall, (len(places), 4)))
        _write_run(raised, places, small & is_digit[places], from_end=bool(at_end[n]))
    for n in alone.tolist():
        places = np.arange(starts[n], ends[n])
        before = chr(codes[ends[n - 1] - 1])
        if is_digit[places].all() and (before.isalnum() or before in _CLOSING):
            _write_run(raised, places, is_digit[places], from_end=True)
    return raised


def _mark_raised(boxes: FloatArray, others: FloatArray) -> BoolArray:
    """Mark the boxes that are much lower than the others beside them, and stand higher."""
    height = others[:, 3] - others[:, 1]
    small = boxes[:, 3] - boxes[:, 1] < SMALL_SHARE * height
    return np.asarray(small & (others[:, 3] - boxes[:, 3] > RAISED_SHARE * height))


def _write_run(codes: CodeArray, places: IntArray, marked: BoolArray, *, from_end: bool) -> None:
    """Write the marked digits at one end of a word as raised."""
    run = marked[::-1] if from_end else marked
    length = len(run) if run.all() else int(np.argmin(run))
    chosen = places[len(places) - length :] if from_end else places[:length]
    codes[chosen] = _RAISED[codes[chosen] - _FIRST_DIGIT]
