"""The inverted index of one segment on disk: the entries that contain a term, with counts.

Plain ``.npy`` files that are mapped into memory, so opening costs nothing and processes
share the pages. Terms lie sorted in one blob and are found by binary search. An entry is a
list of tokens; which chunk it belongs to is not known here.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from indexes.lexical.index_writer import EntryIds, TermCounts
from indexes.lexical.near_terms import gather_range
from indexes.lexical.term_keys import KEY_BYTES, TermKeys, make_term_keys, mark_keys
from indexes.mapped_arrays import map_array

# term bytes, their ends · per term: its start in the postings, highest count, shortest entry ·
# per posting: entry and count · per entry: its length in tokens
POSTINGS_FILES = ("terms", "ends", "starts", "peaks", "shortest", "rows", "counts", "lengths")
_REMEMBERED = 4096  # terms of a segment whose place is known; a question asks for each many times


@dataclass(frozen=True, slots=True)
class LexicalIndex:
    """One segment's inverted index; reads only, safe to share between threads.

    lengths (count,): tokens of each entry. peaks, shortest (terms,): the highest count of a
    term in one entry, and the length of the shortest entry that holds it; both bound a score.
    """

    lengths: EntryIds
    peaks: TermCounts
    shortest: EntryIds
    _find: Callable[[str], int | None]
    _make_keys: Callable[[], TermKeys]
    _terms: NDArray[np.uint8]
    _ends: NDArray[np.int64]
    _starts: NDArray[np.int64]
    _rows: EntryIds
    _counts: TermCounts

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the index in a folder. Raises IndexDamaged naming a file that cannot be read."""
        parts = {name: map_array(folder / f"{name}.npy") for name in POSTINGS_FILES}
        public = {name: parts.pop(name) for name in ("lengths", "peaks", "shortest")}
        find = partial(_search_terms, memoryview(parts["terms"].data), parts["ends"])
        private = {f"_{name}": part for name, part in parts.items()}
        make_keys = cache(partial(make_term_keys, parts["terms"], parts["ends"]))
        return cls(**public, _find=lru_cache(_REMEMBERED)(find), _make_keys=make_keys, **private)

    @property
    def count(self) -> int:
        """Count the entries, removed ones included."""
        return len(self.lengths)

    @property
    def length(self) -> int:
        """Count the tokens of all entries."""
        return int(self.lengths.sum(dtype=np.int64))

    def find_term(self, text: str) -> int | None:
        """Find the number of a term; None when no entry holds it."""
        return self._find(text)

    def mark_terms(self, words: Sequence[str], keys: TermKeys) -> NDArray[np.bool_]:
        """Mark which words (n,) are terms here, looked up all at once. keys (n,): theirs."""
        flags = mark_keys(self._make_keys(), keys)
        for at in np.flatnonzero(flags).tolist():
            if len(words[at].encode()) >= KEY_BYTES:  # a longer term may begin so
                flags[at] = self.find_term(words[at]) is not None
        return flags

    def gather_range(self, word: str) -> NDArray[np.uint8]:
        """Gather the terms that share a word's first letters: see ``near_terms``."""
        return gather_range(self._terms, self._ends, self._make_keys(), word)

    def count_holders(self, text: str) -> int:
        """Count the entries that hold a term, removed ones included."""
        return len(self.find_postings(text)[0])

    def find_postings(self, text: str) -> tuple[EntryIds, TermCounts]:
        """Return the entries (n,) that contain a term, ascending, and its count in each.

        A count above 65,535 is kept as that: the score has long been saturated.
        """
        return self.postings_of(self.find_term(text))

    def postings_of(self, term: int | None) -> tuple[EntryIds, TermCounts]:
        """Return the postings of a term by its number; none for no term."""
        if term is None:
            return self._rows[:0], self._counts[:0]
        span = slice(int(self._starts[term]), int(self._starts[term + 1]))
        return self._rows[span], self._counts[span]


def _search_terms(terms: memoryview, ends: NDArray[np.int64], text: str) -> int | None:
    """Find the number of a term in the sorted blob; None when it is not there."""
    wanted = text.encode("utf-8", "surrogatepass")

    def term_at(term: int) -> bytes:
        return bytes(terms[int(ends[term - 1]) if term else 0 : int(ends[term])])

    number = bisect_left(range(len(ends)), wanted, key=term_at)
    return number if number < len(ends) and term_at(number) == wanted else None
