"""Find the terms of a sorted list that are one letter away from a word.

The first letter of a misspelt word is mostly right. An edit behind the third letter leaves three
in place, so the candidates lie in one range of the sorted list, and numpy compares them all at
once; an edit of the second or third letter has few outcomes, which are looked up. Nothing beside
the term list is kept.
"""

from bisect import bisect_left
from collections.abc import Iterator
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

LEAST_LETTERS = 5  # of a word: a shorter one is one letter away from too many
HEAD = 3  # letters of a range
MOST_COMPARED = 1 << 16  # terms of a range, from its beginning
_Letters = NDArray[np.uint8]
_Bounds = NDArray[np.int64]


def is_correctable(word: str) -> bool:
    """Tell whether a word is of ASCII letters, and of enough of them.

    >>> is_correctable("retrun"), is_correctable("e1047"), is_correctable("the")
    (True, False, False)
    """
    return len(word) >= LEAST_LETTERS and word.isascii() and word.isalpha()


def list_near_terms(terms: _Letters, ends: _Bounds, word: str) -> Iterator[str]:
    """Yield the words among the terms that one edit away from a word makes, which are not it.

    An edit replaces, inserts or takes out a letter, or exchanges two neighbours. terms: the bytes
    of all terms, sorted; ends: where each ends. What an edit of the first letters makes is
    yielded whether it is a term or not.
    """
    spelled = word.encode()
    first, last = _find_range(terms, ends, spelled[:HEAD])
    numbers = np.arange(first, min(last, first + MOST_COMPARED))
    begins = np.concatenate([[0], ends[:-1]])[numbers] if first == 0 else ends[numbers - 1]
    lengths = ends[numbers] - begins
    letters = np.frombuffer(spelled, dtype=np.uint8)
    for length in (len(word) - 1, len(word), len(word) + 1):
        starts = begins[lengths == length]
        rows = terms[starts[:, None] + np.arange(length)]
        for row in rows[_mark_one_edit(rows, letters)]:
            if (term := row.tobytes()).isalpha():
                yield term.decode()
    yield from _edit_head(word)


def _find_range(terms: _Letters, ends: _Bounds, prefix: bytes) -> tuple[int, int]:
    """Return the numbers of the first term that begins with a prefix, and of the first after."""

    def head_at(number: int) -> bytes:
        begin = int(ends[number - 1]) if number else 0
        return terms[begin : min(begin + len(prefix), int(ends[number]))].tobytes()

    following = prefix[:-1] + bytes([prefix[-1] + 1])
    numbers = range(len(ends))
    return bisect_left(numbers, prefix, key=head_at), bisect_left(numbers, following, key=head_at)


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


def _edit_head(word: str) -> Iterator[str]:
    """Yield what an edit among the first letters makes of a word whose first letter is right.

    >>> "refund" in set(_edit_head("erfund")), "xefund" in set(_edit_head("refund"))
    (True, False)
    """
    for at in range(HEAD):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    for at in range(1, HEAD):
        before, letter, after = word[:at], word[at], word[at + 1 :]
        yield before + after
        for other in ascii_lowercase:
            yield before + other + after
            yield before + other + letter + after
