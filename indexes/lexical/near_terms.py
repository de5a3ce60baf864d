"""Find the terms of sorted lists that are one letter away from a word.

The first letter of a misspelt word is mostly right. An edit behind the third letter leaves three
in place, so the candidates lie in one range of each sorted list, and numpy compares those of all
lists at once; an edit of the second or third letter has few outcomes, which are looked up.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from indexes.lexical.term_keys import TermBounds, TermBytes, TermKeys, find_range

LEAST_LETTERS = 5  # of a word: a shorter one is one letter away from too many
HEAD = 3  # letters of a range
MOST_COMPARED = 1 << 16  # terms of a range, from its beginning
_CACHED_EDITS = 32  # words; those of a question are edited once, not once a list
_Letters = NDArray[np.uint8]


def is_correctable(word: str) -> bool:
    """Tell whether a word is of ASCII letters, and of enough of them.

    >>> is_correctable("retrun"), is_correctable("e1047"), is_correctable("the")
    (True, False, False)
    """
    return len(word) >= LEAST_LETTERS and word.isascii() and word.isalpha()


def gather_range(terms: TermBytes, ends: TermBounds, keys: TermKeys, word: str) -> _Letters:
    """Gather the terms (n, letters + 1) that share a word's first letters and nearly its length.

    terms: the bytes of all terms, sorted; ends: where each ends; keys: see ``term_keys``. Behind
    the end of a term stands 0.
    """
    first, last = find_range(keys, word[:HEAD].encode())
    last = min(last, first + MOST_COMPARED)
    before = ends[first - 1 : first] if first else np.zeros(1, np.int64)
    bounds = np.concatenate([before, ends[first:last]])
    lengths = np.diff(bounds)
    is_close = np.abs(lengths - len(word)) <= 1
    begins, lengths, places = bounds[:-1][is_close], lengths[is_close], np.arange(len(word) + 1)
    at = np.minimum(begins[:, None] + places, max(len(terms) - 1, 0))
    return np.where(places < lengths[:, None], terms[at] if len(terms) else 0, 0).astype(np.uint8)


def pick_near(rows: _Letters, word: str) -> Iterator[str]:
    """Yield those of some terms (n, letters + 1) that are one edit away from a word.

    An edit replaces, inserts or takes out a letter, or exchanges two neighbours.
    """
    letters = np.frombuffer(word.encode(), dtype=np.uint8)
    lengths = np.count_nonzero(rows, axis=1)
    for length in (len(word) - 1, len(word), len(word) + 1):
        alike = rows[lengths == length, :length]
        for row in alike[_mark_one_edit(alike, letters)]:
            if (term := row.tobytes()).isalpha():
                yield term.decode()


def _mark_one_edit(rows: NDArray[np.uint8], word: _Letters) -> NDArray[np.bool_]:
    """Mark the rows (n, letters) one edit away from a word; their length is one off at most."""
    length, size = rows.shape[1], len(word)
    if length == size:
        differs = rows != word
        counts = differs.sum(axis=1)
        swapped = (rows[:, :-1] == word[1:]) & (rows[:, 1:] == word[:-1])
        exchanged = (swapped & differs[:, :-1] & differs[:, 1:]).any(axis=1)
        return np.asarray((counts == 1) | ((counts == 2) & exchanged))  # noqa: PLR2004 (a pair)
    shared = min(length, size)
    head = np.cumprod(rows[:, :shared] == word[:shared], axis=1).sum(axis=1)
    tail = np.cumprod((rows[:, length - shared :] == word[size - shared :])[:, ::-1], axis=1)
    return np.asarray(head + tail.sum(axis=1) >= shared)


@lru_cache(maxsize=_CACHED_EDITS)
def edit_head(word: str) -> Sequence[str]:
    """Return what an edit among the first letters makes of a word whose first letter is right.

    >>> "refund" in edit_head("erfund"), "xefund" in edit_head("refund")
    (True, False)
    """
    return tuple(dict.fromkeys(_iter_head_edits(word)))


def _iter_head_edits(word: str) -> Iterator[str]:
    for at in range(HEAD):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    for at in range(1, HEAD):
        before, letter, after = word[:at], word[at], word[at + 1 :]
        yield before + after
        for other in ascii_lowercase:
            yield before + other + after
            yield before + other + letter + after
