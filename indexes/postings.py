"""The words of one segment on disk: which entries hold a term, and how often.

Plain ``.npy`` files that are mapped into memory, so opening costs nothing and processes
share the pages. Terms lie sorted in one blob and are found by binary search. An entry is a
list of tokens; which chunk it belongs to is not known here.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from indexes.mapped import mapped

Ids = NDArray[np.uint32]
Counts = NDArray[np.uint16]

# term bytes, their ends · per term: its start in the postings, highest count, shortest entry ·
# per posting: entry and count · per entry: its length in tokens
FILES = ("terms", "ends", "starts", "peaks", "shortest", "rows", "counts", "lengths")
_REMEMBERED = 4096  # terms of a segment whose place is known; a question asks for each many times
BLOCK = 1_000_000  # tokens sorted at once; about 50 MB while it lasts


@dataclass(frozen=True, slots=True)
class Lexical:
    """One segment's inverted index; reads only, safe to share between threads.

    lengths (count,): tokens of each entry. peaks, shortest (terms,): the highest count of a
    term in one entry, and the length of the shortest entry that holds it; both bound a score.
    """

    lengths: Ids
    peaks: Counts
    shortest: Ids
    _find: Callable[[str], int | None]
    _starts: NDArray[np.int64]
    _rows: Ids
    _counts: Counts

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the index in a folder. Raises IndexDamaged naming a file that cannot be read."""
        parts = {name: mapped(folder / f"{name}.npy") for name in FILES}
        public = {name: parts.pop(name) for name in ("lengths", "peaks", "shortest")}
        find = partial(_find, memoryview(parts.pop("terms").data), parts.pop("ends"))
        private = {f"_{name}": part for name, part in parts.items()}
        return cls(**public, _find=lru_cache(_REMEMBERED)(find), **private)

    @property
    def count(self) -> int:
        """Count the entries, removed ones included."""
        return len(self.lengths)

    @property
    def length(self) -> int:
        """Count the tokens of all entries."""
        return int(self.lengths.sum(dtype=np.int64))

    def term(self, text: str) -> int | None:
        """Find the number of a term; None when no entry holds it."""
        return self._find(text)

    def df(self, text: str) -> int:
        """Count the entries that hold a term, removed ones included."""
        return len(self.postings(text)[0])

    def postings(self, text: str) -> tuple[Ids, Counts]:
        """Give the entries (n,) that hold a term, ascending, and its count in each.

        A count above 65,535 is kept as that: the score has long been saturated.
        """
        return self.at(self.term(text))

    def at(self, term: int | None) -> tuple[Ids, Counts]:
        """Give the postings of a term by its number; none for no term."""
        if term is None:
            return self._rows[:0], self._counts[:0]
        span = slice(int(self._starts[term]), int(self._starts[term + 1]))
        return self._rows[span], self._counts[span]


def _find(terms: memoryview, ends: NDArray[np.int64], text: str) -> int | None:
    """Find the number of a term in the sorted blob; None when it is not there."""
    wanted = text.encode("utf-8", "surrogatepass")

    def at(term: int) -> bytes:
        return bytes(terms[int(ends[term - 1]) if term else 0 : int(ends[term])])

    found = bisect_left(range(len(ends)), wanted, key=at)
    return found if found < len(ends) and at(found) == wanted else None


class _Vocabulary(dict[str, int]):
    """Numbers terms in the order they are met."""

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number


def write(folder: Path, entries: Iterable[Sequence[str]]) -> None:
    """Write the index of the entries, numbered from 0, into a folder.

    Postings are sorted in blocks that go to an unnamed file, then put together: the memory
    is 6 bytes a posting and the vocabulary, whatever the number of tokens. Raises OSError
    when the disk is full. Nothing is synced: the segment does that for all its files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, lengths, tokens = _Vocabulary(), array("I"), array("I")
    number, sizes, first = vocabulary.__getitem__, [], 0
    with TemporaryFile(dir=folder) as spill:
        for entry in entries:
            tokens.extend(map(number, entry))
            lengths.append(len(entry))
            if len(tokens) >= BLOCK:
                sizes.append(_spill(spill, tokens, lengths, first))
                tokens, first = array("I"), len(lengths)
        sizes.append(_spill(spill, tokens, lengths, first))
        spill.seek(0)
        _join(folder, spill, sizes, vocabulary, np.array(lengths, dtype=np.uint32))


def _spill(spill: IO[bytes], tokens: "array[int]", lengths: "array[int]", first: int) -> int:
    """Sort a block by term and entry, and append its postings; return how many."""
    held = np.array(lengths[first:], dtype=np.int64)
    keys = np.array(tokens, dtype=np.uint64) << np.uint64(32)
    keys |= np.repeat(np.arange(first, first + len(held), dtype=np.uint64), held)
    keys.sort()
    starts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    counts = np.diff(starts, append=len(keys))
    keys[starts].tofile(spill)
    np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16).tofile(spill)
    return len(starts)


def _blocks(spill: IO[bytes], sizes: list[int]) -> Iterable[tuple[Ids, Ids, Counts]]:
    for size in sizes:
        keys = np.fromfile(spill, dtype=np.uint64, count=size)
        counts = np.fromfile(spill, dtype=np.uint16, count=size)
        yield (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32), counts


def _join(
    folder: Path, spill: IO[bytes], sizes: list[int], vocabulary: _Vocabulary, lengths: Ids
) -> None:
    """Lay the blocks' postings out by sorted term; within a term they come in order of entry."""
    terms = sorted(vocabulary)  # by code point, which is the order of the bytes too
    rank = np.empty(len(terms), dtype=np.int64)
    rank[np.fromiter((vocabulary[t] for t in terms), np.int64, len(terms))] = np.arange(len(terms))
    starts = np.zeros(len(terms) + 1, dtype=np.int64)
    for ids, _, _ in _blocks(spill, sizes):
        starts[1:] += np.bincount(rank[ids], minlength=len(terms))
    np.cumsum(starts, out=starts)
    spill.seek(0)
    filled, total = starts[:-1].copy(), sum(sizes)
    rows, counts = np.empty(total, dtype=np.uint32), np.empty(total, dtype=np.uint16)
    peaks = np.zeros(len(terms), dtype=np.uint16)
    shortest = np.full(len(terms), np.iinfo(np.uint32).max, dtype=np.uint32)
    for ids, entries, times in _blocks(spill, sizes):
        heads = np.flatnonzero(np.diff(ids, prepend=~ids[:1]))
        held, here = np.diff(heads, append=len(ids)), rank[ids[heads]]
        place = np.repeat(filled[here] - heads, held) + np.arange(len(ids))
        rows[place], counts[place] = entries, times
        filled[here] += held
        if len(heads):  # reduceat knows no empty input
            peaks[here] = np.maximum(peaks[here], np.maximum.reduceat(times, heads))
            least = np.minimum.reduceat(lengths[entries], heads)
            shortest[here] = np.minimum(shortest[here], least)
    parts: dict[str, NDArray[Any]] = {"rows": rows, "counts": counts, "lengths": lengths}
    _save(folder, terms, parts | {"starts": starts, "peaks": peaks, "shortest": shortest})


def _save(folder: Path, terms: list[str], parts: Mapping[str, NDArray[Any]]) -> None:
    spelled = [term.encode("utf-8", "surrogatepass") for term in terms]
    ends = np.cumsum(np.fromiter(map(len, spelled), np.int64, len(spelled)), dtype=np.int64)
    blob = np.frombuffer(b"".join(spelled), dtype=np.uint8)
    for name, part in {**parts, "terms": blob, "ends": ends}.items():
        np.save(folder / f"{name}.npy", part, allow_pickle=False)
