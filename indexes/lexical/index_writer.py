"""Write an inverted index in memory that does not grow with the number of entries.

Tokens are gathered in blocks. A block is sorted by a vocabulary of its own and put aside as a
run: its terms in order, and for each the entries that hold it. At the end all runs are read from
their beginnings, some of each at a time, and what is merged goes straight to its file.
"""

import os
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

BLOCK_TOKENS = 2_000_000  # tokens sorted at once; some 150 MB while it lasts, vocabulary included
BLOCK_TERMS = 400_000  # different ones in a block: lists of numbers are nothing else
MERGED_TERMS = 1 << 18  # terms of all runs held while they are merged, about
MERGED_POSTINGS = 1 << 22  # and their postings; 26 bytes each
INDEX_ARRAYS: dict[str, type[Any]] = {  # of the files of an index; see postings.py
    "terms": np.uint8,
    "ends": np.int64,
    "starts": np.int64,
    "peaks": np.uint16,
    "shortest": np.uint32,
    "rows": np.uint32,
    "counts": np.uint16,
    "lengths": np.uint32,
}
_MOST = np.iinfo(np.uint16).max  # a count above it is kept as that

EntryIds = NDArray[np.uint32]
TermCounts = NDArray[np.uint16]


class LexicalIndexWriter:
    """Takes entries one by one, and writes their index into a folder.

    Runs lie in an unnamed file beside it. Raises OSError when the disk is full. Nothing is
    synced: the segment does that for all its files.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._spill: IO[bytes] = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by ``close``
        self._vocabulary = _Vocabulary()
        self._tokens = array("I")
        self._lengths = array("I")
        self._runs: list[_Run] = []
        self._first = 0  # entry of the block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_entry(self, entry: Sequence[str]) -> None:
        """Add the tokens of the next entry."""
        self._tokens.extend(map(self._vocabulary.__getitem__, entry))
        self._lengths.append(len(entry))
        if len(self._tokens) >= BLOCK_TOKENS or len(self._vocabulary) >= BLOCK_TERMS:
            self._spill_block()

    def finish_index(self) -> None:
        """Merge what was put aside into the files of the index."""
        self._spill_block()
        self._vocabulary.clear()
        lengths = np.array(self._lengths, dtype=np.uint32)
        with _IndexFiles(self._folder) as files:
            files.append_arrays(lengths=lengths, starts=[0])
            _merge_runs(self._runs, lengths, files)
        self.close()

    def close(self) -> None:
        """Close the unnamed file; only for a caller who throws the index away."""
        self._spill.close()

    def _spill_block(self) -> None:
        """Sort a block by term and entry, and append it to the temporary file as a run."""
        if not self._tokens:
            return
        terms = sorted(self._vocabulary)  # by code point, which is the order of the bytes too
        rank = np.empty(len(terms), dtype=np.uint64)
        term_numbers = np.fromiter((self._vocabulary[t] for t in terms), np.int64, len(terms))
        rank[term_numbers] = np.arange(len(terms), dtype=np.uint64)
        lengths = np.array(self._lengths[self._first :], dtype=np.int64)
        keys = rank[np.frombuffer(self._tokens, dtype=np.uint32)] << np.uint64(32)
        entries = np.arange(self._first, self._first + len(lengths), dtype=np.uint64)
        keys |= np.repeat(entries, lengths)
        keys.sort()
        starts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
        counts = np.minimum(np.diff(starts, append=len(keys)), _MOST).astype(np.uint16)
        keys = keys[starts]
        numbers = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(terms))
        self._runs.append(self._append_run(terms, numbers, keys.astype(np.uint32), counts))
        self._vocabulary.clear()
        self._tokens = array("I")
        self._first = len(self._lengths)

    def _append_run(
        self, terms: list[str], numbers: NDArray[Any], rows: EntryIds, counts: TermCounts
    ) -> "_Run":
        spelled = [term.encode("utf-8", "surrogatepass") for term in terms]
        sizes = np.fromiter(map(len, spelled), np.uint32, len(spelled))
        run = _Run(
            file=self._spill.fileno(),
            left=len(terms),
            spelled=self._append_part(b"".join(spelled)),
            sizes=self._append_part(sizes.data),
            numbers=self._append_part(numbers.astype(np.uint32).data),
            rows=self._append_part(rows.data),
            counts=self._append_part(counts.data),
        )
        self._spill.flush()
        return run

    def _append_part(self, part: bytes | memoryview) -> int:
        """Append a part to the unnamed file, and return where it begins."""
        begins = self._spill.tell()
        self._spill.write(part)
        return begins


class _Vocabulary(dict[str, int]):
    """Numbers terms in the order of their first appearance."""

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number


@dataclass(slots=True)
class _Part:
    """Terms in order, with the number of their postings, the entries and the counts in them."""

    terms: list[bytes]
    numbers: NDArray[np.int64]
    rows: EntryIds
    counts: TermCounts


@dataclass(slots=True)
class _Run:
    """A sorted block in the unnamed file, read from its beginning.

    left: terms that are not read yet. spelled, sizes, numbers, rows, counts: offsets in the file of
    the next term, its size, its number of postings, and its first posting's entry and count.
    pending: terms read and not taken yet. lengths: the numbers of their postings.
    """

    file: int
    left: int
    spelled: int
    sizes: int
    numbers: int
    rows: int
    counts: int
    pending: list[bytes] = field(default_factory=list)
    lengths: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def read_ahead(self, terms: int, postings: int) -> bool:
        """Read terms ahead up to a number of terms or postings; return whether any is pending.

        At least one term is read, where one is left.
        """
        more = max(0, min(terms - len(self.pending), self.left))
        lengths = self._read_array(np.uint32, self.numbers, more).astype(np.int64)
        count = bisect_right(np.cumsum(lengths), postings - self.lengths.sum())
        if more and not self.pending:
            count = max(1, count)
        if not count:
            return bool(self.pending)
        self.lengths = np.concatenate([self.lengths, lengths[:count]])
        ends = np.cumsum(self._read_array(np.uint32, self.sizes, count), dtype=np.int64)
        blob = os.pread(self.file, int(ends[-1]), self.spelled)
        self.pending += [blob[first:end] for first, end in pairwise((0, *ends.tolist()))]
        self.left -= count
        self.sizes += 4 * count
        self.numbers += 4 * count
        self.spelled += len(blob)
        return True

    def take_terms(self, last: bytes | None) -> _Part:
        """Return the pending terms up to ``last`` (None: all), with their postings."""
        count = len(self.pending) if last is None else bisect_right(self.pending, last)
        numbers = self.lengths[:count]
        total = int(numbers.sum())
        rows = self._read_array(np.uint32, self.rows, total)
        counts = self._read_array(np.uint16, self.counts, total)
        self.rows += 4 * total
        self.counts += 2 * total
        terms = self.pending[:count]
        self.pending = self.pending[count:]
        self.lengths = self.lengths[count:]
        return _Part(terms, numbers, rows, counts)

    def _read_array(self, kind: Any, place: int, count: int) -> NDArray[Any]:
        size = count * np.dtype(kind).itemsize
        return np.frombuffer(os.pread(self.file, size, place), dtype=kind)


def _merge_runs(runs: Sequence[_Run], lengths: EntryIds, files: "_IndexFiles") -> None:
    """Merge the postings of all runs by term; within a term they are ordered by entry.

    In each round the runs give all that they hold up to the least term at which one of them has
    to read on, so that no later round brings a term of it again.
    """
    terms = MERGED_TERMS // max(1, len(runs)) + 1
    postings = MERGED_POSTINGS // max(1, len(runs)) + 1
    while live := [run for run in runs if run.read_ahead(terms, postings)]:
        last = min((run.pending[-1] for run in live if run.left), default=None)
        parts = [part for part in (run.take_terms(last) for run in live) if part.terms]
        _write_merged(parts, lengths, files)


def _write_merged(parts: Sequence[_Part], lengths: EntryIds, files: "_IndexFiles") -> None:
    terms = sorted(set().union(*(part.terms for part in parts)))
    number = {term: n for n, term in enumerate(terms)}
    ids = [np.fromiter(map(number.__getitem__, p.terms), np.int64, len(p.terms)) for p in parts]
    numbers = np.zeros(len(terms), dtype=np.int64)
    for part, own in zip(parts, ids, strict=True):
        numbers[own] += part.numbers
    ends = np.cumsum(numbers)
    starts = ends - numbers
    rows = np.empty(ends[-1], np.uint32)
    counts = np.empty(ends[-1], np.uint16)
    filled = starts.copy()
    for part, own in zip(parts, ids, strict=True):
        heads = np.cumsum(part.numbers) - part.numbers
        place = np.repeat(filled[own] - heads, part.numbers) + np.arange(len(part.rows))
        rows[place], counts[place] = part.rows, part.counts
        filled[own] += part.numbers
    sizes = np.fromiter(map(len, terms), np.int64, len(terms))
    files.append_arrays(
        starts=ends + files["rows"],
        ends=np.cumsum(sizes) + files["terms"],
        terms=np.frombuffer(b"".join(terms), dtype=np.uint8),
        rows=rows,
        counts=counts,
        peaks=np.maximum.reduceat(counts, starts),
        shortest=np.minimum.reduceat(lengths[rows], starts),
    )


class _IndexFiles:
    """The files of an index, as ``numpy.save`` would write them, but bit by bit."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as resources:
            self._files = {
                name: resources.enter_context((folder / f"{name}.npy").open("xb"))
                for name in INDEX_ARRAYS
            }
            self._counts = dict.fromkeys(INDEX_ARRAYS, 0)
            self._write_heads()
            self._resources = resources.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._resources:
            if kind is None:  # else what is there is torn, and may not look whole
                self._write_heads()

    def __getitem__(self, name: str) -> int:
        """Count what was added to a file."""
        return self._counts[name]

    def append_arrays(self, **values: Any) -> None:
        """Add values at the end of the files named."""
        for name, some in values.items():
            added = np.ascontiguousarray(some, dtype=INDEX_ARRAYS[name])
            self._files[name].write(added.data)
            self._counts[name] += len(added)

    def _write_heads(self) -> None:
        """Write at the head of each file how much it holds; a head has the same length always."""
        for name, file in self._files.items():
            kind = np.lib.format.dtype_to_descr(np.dtype(INDEX_ARRAYS[name]))
            shape = (self._counts[name],)
            file.seek(0)
            np.lib.format.write_array_header_1_0(
                file, {"descr": kind, "fortran_order": False, "shape": shape}
            )
