"""Map rows between segments and their generation: chunk rows, entry rows, and masks over both."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexes.chunk import SearchFilter
from indexes.chunk_views import QUESTION_VIEW
from indexes.search_results import Hits, Rows, collapse_entries
from indexes.store.segments import Segment

RowFlags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SearchMask:
    """What a search may find: a flag for each chunk row, and for each entry of each segment.

    where, now: the filter and the moment that it was made for, which a vector store filters by;
    where is None for a mask that was made of flags.
    """

    chunks: RowFlags
    entries: tuple[RowFlags, ...]
    where: SearchFilter | None = None
    now: str = ""

    @property
    def count_chunks(self) -> int:
        """Count the chunks that may be found."""
        return int(np.count_nonzero(self.chunks))


class RowLayout:
    """The rows of some segments, counted in their order, removed ones included.

    starts, entry_starts (segments + 1,): the first chunk and entry row of each segment.
    most_views: entries of one chunk, at most. has_questions: whether any entry is a question of an
    FAQ.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self.starts = np.cumsum([0, *(s.chunks for s in segments)], dtype=np.int64)
        self.entry_starts = np.cumsum([0, *(s.entries for s in segments)], dtype=np.int64)
        self._questions = tuple(np.asarray(s.kinds == QUESTION_VIEW) for s in segments)
        self.most_views = max((s.most_views for s in segments), default=1)
        self.has_questions = any(flags.any() for flags in self._questions)
        self._order = {s.digest: i for i, s in enumerate(segments)}

    def find_segment(self, digest: str) -> int:
        """Return which segment has a digest, counted from 0."""
        return self._order[digest]

    def mark_rows(self, ranges: Iterable[tuple[str, int, int]]) -> RowFlags:
        """Return flags set for the chunk rows of some ranges: segment, first row, how many."""
        flags = np.zeros(self.starts[-1], dtype=np.bool_)
        for digest, first, count in ranges:
            start = int(self.starts[self._order[digest]]) + first
            flags[start : start + count] = True
        return flags

    def extend_mask(self, chunks: RowFlags) -> SearchMask:
        """Extend flags of chunks to the entries of each segment."""
        pairs = zip(self.segments, self.starts, strict=False)
        return SearchMask(chunks, tuple(chunks[at : at + s.chunks][s.owners] for s, at in pairs))

    def count_live(self, dead: Mapping[str, Sequence[tuple[int, int]]]) -> dict[str, int]:
        """Count the chunks, entries, vectors and tokens that live, given the dead rows."""
        dead_ranges = ((name, *row_range) for name, ranges in dead.items() for row_range in ranges)
        live = self.extend_mask(~self.mark_rows(dead_ranges))
        pairs = list(zip(self.segments, live.entries, strict=True))
        return {
            "chunks": live.count_chunks,
            "entries": sum(int(np.count_nonzero(flags)) for _, flags in pairs),
            "vectors": sum(int(np.count_nonzero(flags[p.dense.rows])) for p, flags in pairs),
            "tokens": sum(int(p.lexical.lengths[flags].sum()) for p, flags in pairs),
        }

    def select_questions(self, mask: SearchMask) -> list[RowFlags]:
        """Keep of a mask the entries that are FAQ questions, per segment."""
        return [a & b for a, b in zip(mask.entries, self._questions, strict=True)]

    def list_question_rows(self, mask: SearchMask, most: int) -> list[int]:
        """Return the first rows, ``most`` at most, of FAQ entries that a mask lets through."""
        rows: list[int] = []
        pairs = zip(self.segments, self.starts, strict=False)
        for flags, (segment, start) in zip(self.select_questions(mask), pairs, strict=True):
            owners = np.unique(np.asarray(segment.owners)[flags])[: most - len(rows)]
            rows += (owners + start).tolist()
        return rows

    def split_rows(self, rows: Rows) -> Iterator[tuple[int, Rows, Rows]]:
        """Return, per segment, the places of its rows in ``rows``, and the rows counted within it.

        Raises IndexError for a row that does not exist.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < self.starts[-1]:
            raise IndexError(f"A row is not in 0..{self.starts[-1] - 1}.")
        parts = np.searchsorted(self.starts, rows, side="right") - 1
        for i in np.unique(parts):
            places = np.flatnonzero(parts == i)
            yield int(i), places, rows[places] - self.starts[i]

    def find_entries(self, rows: Rows, *, questions: bool) -> Iterator[tuple[int, Rows, Rows]]:
        """Yield, per segment, the entries of some chunk rows, and each one's place in ``rows``."""
        for i, part, own in self.split_rows(rows):
            entries, places = self.segments[i].entries_of(own)
            if questions:
                is_question = self._questions[i][entries]
                entries, places = entries[is_question], places[is_question]
            yield i, entries, part[places]

    def find_chunk_row(self, chunk: str, live: RowFlags) -> int | None:
        """Return the row of a chunk by its id, of one that lives; or None."""
        for part, start in zip(self.segments, self.starts, strict=False):
            own_row = part.chunk_store.find_chunk_row(chunk)
            if own_row is not None and live[start + own_row]:
                return int(start + own_row)
        return None

    def list_neighbours(self, row: int, n: int) -> list[int]:
        """Return the rows up to n before and after a row in its document, itself included."""
        i, _, own = next(self.split_rows(np.array([row])))
        start = int(self.starts[i])
        neighbours = self.segments[i].chunk_store.neighbour_rows(int(own[0]), n)
        return [start + neighbour for neighbour in neighbours]

    def to_chunk_hits(self, i: int, hits: Hits, k: int) -> Hits:
        """Turn hits on entries of one segment into hits on chunk rows, each chunk once."""
        own = collapse_entries(hits, np.asarray(self.segments[i].owners), k)
        return Hits(own.rows + self.starts[i], own.scores)

    def split_hits(self, hits: Hits) -> Iterator[tuple[int, Hits]]:
        """Split hits on entry rows by segment, with rows counted within it."""
        parts = np.searchsorted(self.entry_starts, hits.rows, side="right") - 1
        for i in np.unique(parts):
            own = parts == i
            yield int(i), Hits(hits.rows[own] - self.entry_starts[i], hits.scores[own])
