"""Find by words: BM25 over any number of segments, ranked exactly as one index would rank.

Document frequencies and the average length are summed over the live entries of all segments,
so an ingest that adds a segment changes no ranking that one big index would not change. A few
entries say little of their language, so they are blended with how common words are in general
(``background.py``), the less the more entries there are. It is ours
for that: tantivy counts removed documents until it merges and takes no mask as a filter, and bm25s
cannot change without building again.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from indexes.lexical.background import TYPICAL_LENGTH, background_share
from indexes.lexical.index_writer import EntryIds
from indexes.lexical.near_terms import edit_head, pick_near
from indexes.lexical.postings import LexicalIndex
from indexes.lexical.term_keys import encode_keys
from indexes.search_results import Hits, RowMask, Rows, Scores, select_best
from indexes.text.tokens import is_han_pair

EntryMasks = Sequence[RowMask | None]
_ScoreSums = NDArray[np.float64]

FLOAT32_SLACK = 1 - 1e-6  # scores are handed back as float32: what differs less may still be a tie
# At 100 k and 1 M chunks a posting is added 8 to 16 times as fast as a candidate is looked up,
# and starting from the permitted entries pays once a filter leaves fewer than one in 256.
LOOK_UP_COST = 16
NARROW_SHARE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalOptions:
    """How BM25 weighs.

    k1: how soon repeating a term stops helping. b: how far a long entry is held back.
    repeats: how often a term said several times in the question counts. terms: so many of a
    question, the rarest; a page pasted as a question must not cost a page's time.

    k1 and b are Robertson's: from (0.9, 0.4) to (2.0, 0.75) nDCG@10 on SciFact's training claims
    stays within .698 and .702, R@1 on XQuAD and CMRC within .005, so nothing was fitted.

    prior: so many entries of general text count beside a collection that is empty; beside n of
    its own, prior² / (prior + n). length_prior: the same of the average length.
    """

    k1: float = 1.2
    b: float = 0.75
    repeats: int = 2
    terms: int = 256
    prior: float = 100.0
    length_prior: float = 5.0


@dataclass(frozen=True, slots=True)
class _Term:
    """A query term: multiplicity × idf, its number in each segment, the most it can add."""

    weight: float
    numbers: tuple[int | None, ...]
    df: int
    bound: float


class Ranking:
    """Several segments as one index; safe to share between threads.

    live: per segment, the entries that are not removed (None: all). Statistics count these only.
    Rows number the entries through all segments in order, removed ones included.
    """

    def __init__(
        self,
        segments: Sequence[LexicalIndex],
        *,
        live: EntryMasks | None = None,
        options: LexicalOptions | None = None,
    ) -> None:
        self.segments = tuple(segments)
        self.options = options or LexicalOptions()
        masks = live if live is not None else [None] * len(self.segments)
        self.live = tuple(None if m is None or m.all() else m for m in masks)
        self.starts = np.cumsum([0, *(s.count for s in self.segments)], dtype=np.int64)
        live_lengths = [s.lengths if m is None else s.lengths[m] for s, m in self._iter_live()]
        self.count = sum(map(len, live_lengths))
        length = sum(int(part.sum(dtype=np.int64)) for part in live_lengths)
        self.average = _blend_length(length, self.count, self.options.length_prior)
        self._prior = _fade(self.options.prior, self.count)
        self._df: dict[str, int] = {}

    def df(self, term: str) -> int:
        """Count the live entries that hold a term."""
        if (known := self._df.get(term)) is None:
            known = sum(
                s.count_holders(term) if m is None else _count_live_postings(s, term, m)
                for s, m in self._iter_live()
            )
            if known:  # terms that are nowhere come from outside, without end
                self._df[term] = known
        return known

    def keep_terms(self, words: Sequence[str]) -> list[str]:
        """Keep of some words those that are terms of a segment, of removed entries too."""
        keys = encode_keys([word.encode() for word in words])
        flags = np.zeros(len(words), dtype=np.bool_)
        for segment in self.segments:
            flags |= segment.mark_terms(words, keys)
        return [words[at] for at in np.flatnonzero(flags).tolist()]

    def list_near_terms(self, word: str) -> set[str]:
        """List the terms of all segments that are one letter away from a word."""
        ranges = [segment.gather_range(word) for segment in self.segments]
        neighbours = set(pick_near(np.concatenate(ranges), word)) if ranges else set()
        return neighbours.union(self.keep_terms(edit_head(word))) - {word}

    def idf(self, term: str) -> float:
        """Return the idf of a term: ln(1 + (N - df + 1/2) / (df + 1/2)).

        N and df count general text too, as ``LexicalOptions`` says. A pair of known Han
        characters that stands nowhere weighs 0: mostly it is the seam of two words of a question.
        With an unknown character it is a word that nobody wrote. Characters that only general
        text knows are unknown: in collections of one paragraph it parts its own questions from
        those of its neighbours better so (XQuAD in Chinese, AUROC of coverage .945 to .930).
        """
        df = self.df(term)
        if not df and is_han_pair(term) and all(map(self.df, term)):
            return 0.0
        holders = self._count_holders(term)
        return math.log1p((self.count + self._prior - holders + 0.5) / (holders + 0.5))

    def expect_share(self, term: str) -> float:
        """Return the share (0..1) of entries that a term is expected in, general text included."""
        return self._count_holders(term) / ((self.count + self._prior) or 1.0)

    def _count_holders(self, term: str) -> float:
        """Count the entries that hold a term, those of general text included."""
        return self.df(term) + (self._prior * background_share(term) if self._prior else 0.0)

    def search(self, terms: Iterable[str], *, k: int, allowed: EntryMasks | None = None) -> Hits:
        """Find the k entries that match the terms best, among the live and allowed ones.

        terms: as ``text.tokens`` spells them; a mapping says how often each counts, in parts of
        one too. allowed: per segment, the entries that may be
        found (None: all); it changes no statistics. A score is BM25 over the weight of all
        terms, absent ones included: in 0..1, and low where no entry is about the question.
        """
        query, total = self._weigh_terms(terms)
        rows, sums = _Search(self, allowed, k).find_candidates(query)
        return select_best(rows, (sums / (total or 1.0)).astype(np.float32), k)

    def score(self, terms: Iterable[str], rows: Rows) -> Scores:
        """Score the given entries (n,) as ``search`` does; 0 where no term stands."""
        query, total = self._weigh_terms(terms)
        scores = np.zeros(len(rows))
        for i, (first, end) in enumerate(pairwise(self.starts)):
            here = np.flatnonzero((rows >= first) & (rows < end))
            wanted = (rows[here] - first).astype(np.uint32)
            for term in query:
                at, gains = self.look_up_gains(i, term, wanted)
                scores[here[at]] += gains
        return (scores / (total or 1.0)).astype(np.float32)

    def mark_terms(self, terms: Sequence[str], rows: Rows) -> RowMask:
        """Mark which of the terms stand in the given entries (n,): (n, terms)."""
        flags = np.zeros((len(rows), len(terms)), dtype=np.bool_)
        for segment, (first, end) in zip(self.segments, pairwise(self.starts), strict=True):
            here = np.flatnonzero((rows >= first) & (rows < end))
            wanted = (rows[here] - first).astype(np.uint32)
            for n, term in enumerate(terms if len(here) else ()):
                entries = segment.find_postings(term)[0]
                places = np.minimum(np.searchsorted(entries, wanted), len(entries) - 1)
                flags[here, n] = entries[places] == wanted if len(entries) else False
        return flags

    def compute_gains(self, i: int, term: _Term) -> tuple[EntryIds, _ScoreSums]:
        """Return the entries of a segment that contain a term, and what it adds to their scores."""
        rows, counts = self.segments[i].postings_of(term.numbers[i])
        return rows, self._compute_gain(i, term, rows, counts)

    def look_up_gains(self, i: int, term: _Term, wanted: EntryIds) -> tuple[Rows, _ScoreSums]:
        """Return the places in ``wanted`` whose entry contains a term, and what it adds there."""
        rows, counts = self.segments[i].postings_of(term.numbers[i])
        if not len(rows):
            return np.empty(0, dtype=np.int64), np.empty(0)
        places = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
        at = np.flatnonzero(rows[places] == wanted)
        return at, self._compute_gain(i, term, wanted[at], counts[places[at]])

    def _compute_gain(
        self, i: int, term: _Term, rows: EntryIds, counts: NDArray[np.uint16]
    ) -> _ScoreSums:
        return np.asarray(term.weight * (counts / (counts + self._norms[i][rows])))

    def _iter_live(self) -> Iterator[tuple[LexicalIndex, RowMask | None]]:
        return zip(self.segments, self.live, strict=True)

    def _weigh_terms(self, terms: Iterable[str]) -> tuple[list[_Term], float]:
        """Weigh the terms, rarest first, without those that occur nowhere, and sum all weights.

        The order depends on nothing but df and spelling: sums are the same to the last bit
        however the entries are spread over segments.
        """
        counted = Counter(terms)
        query = []
        total = 0.0
        for df, term in sorted((self.df(term), term) for term in counted)[: self.options.terms]:
            weight = min(counted[term], self.options.repeats) * self.idf(term)
            total += weight
            if df:
                numbers = tuple(segment.find_term(term) for segment in self.segments)
                query.append(_Term(weight, numbers, df, weight * self._bound_share(numbers)))
        return query, total

    def _bound_share(self, numbers: Sequence[int | None]) -> float:
        """Bound the part of its weight that a term adds: its peak, in its shortest entry."""
        numbered = [(s, n) for s, n in zip(self.segments, numbers, strict=True) if n is not None]
        peaks = np.array([s.peaks[n] for s, n in numbered])
        return float(
            (peaks / (peaks + self._norm(np.array([s.shortest[n] for s, n in numbered])))).max()
        )

    @cached_property
    def _norms(self) -> tuple[_ScoreSums, ...]:
        return tuple(self._norm(segment.lengths) for segment in self.segments)

    def _norm(self, lengths: EntryIds) -> _ScoreSums:
        """Return BM25's length normalisation for entries of these lengths."""
        k1, b = self.options.k1, self.options.b
        return np.asarray(k1 * (1 - b) + (k1 * b / (self.average or 1.0)) * lengths)


def _fade(prior: float, count: int) -> float:
    """Return how many entries of general text count beside a collection's own.

    >>> [round(_fade(100, count), 1) for count in (0, 10, 100, 1000, 100_000)]
    [100.0, 90.9, 50.0, 9.1, 0.1]
    """
    return prior * prior / (prior + count) if prior else 0.0


def _blend_length(length: int, count: int, prior: float) -> float:
    """Return the average length of a collection's entries and of some of general text."""
    added = _fade(prior, count)
    return (length + added * TYPICAL_LENGTH) / ((count + added) or 1.0)


def _count_live_postings(segment: LexicalIndex, term: str, live: RowMask) -> int:
    return int(np.count_nonzero(live[segment.find_postings(term)[0]]))


class _Search:
    """One search: sums per entry, and the candidates once no other entry can win.

    MaxScore (Turtle and Flood, 1995) term by term: rare terms are added for every entry that
    holds them. As soon as the k-th best sum exceeds all that the remaining terms can add, the
    frequent terms are only looked up for the candidates that can still reach the k best.
    """

    def __init__(self, ranking: Ranking, allowed: EntryMasks | None, k: int) -> None:
        self.ranking = ranking
        self.k = k
        masks = allowed if allowed is not None else [None] * len(ranking.segments)
        self.masks = [_intersect_masks(a, b) for a, b in zip(ranking.live, masks, strict=True)]
        self.sums = [np.zeros(s.count) for s in ranking.segments]
        self.candidates: list[EntryIds] | None = None

    def find_candidates(self, query: Sequence[_Term]) -> tuple[Rows, _ScoreSums]:
        """Add up the terms, and give the entries (n,) that may be among the k best."""
        if self.k <= 0 or not query:
            return np.empty(0, dtype=np.int64), np.empty(0)
        self._narrow()
        rest_bounds = [*accumulate((t.bound for t in reversed(query)), initial=0.0)][::-1][1:]
        dear = [*(t.df for t in query[1:]), 0]
        for term, rest, next_df in zip(query, rest_bounds, dear, strict=True):
            self._add_term(term)
            if next_df * LOOK_UP_COST > self._count_candidates():
                self._prune(rest)
        return self._collect_rows()

    def _narrow(self) -> None:
        """Start from the permitted entries where a filter leaves few."""
        filters = [m for m in self.masks if m is not None]
        few = sum(map(np.count_nonzero, filters)) * NARROW_SHARE < self.ranking.starts[-1]
        if few and len(filters) == len(self.masks):
            self.candidates = [np.flatnonzero(m).astype(np.uint32) for m in filters]

    def _count_candidates(self) -> int:
        if self.candidates is None:
            return int(self.ranking.starts[-1])
        return sum(map(len, self.candidates))

    def _add_term(self, term: _Term) -> None:
        for i, number in enumerate(term.numbers):
            if number is None:
                continue
            wanted = None if self.candidates is None else self.candidates[i]
            if wanted is not None and len(wanted) * LOOK_UP_COST < term.df:
                at, gains = self.ranking.look_up_gains(i, term, wanted)
                self.sums[i][wanted[at]] += gains
            else:
                rows, gains = self.ranking.compute_gains(i, term)
                self.sums[i][rows] += gains

    def _list_reachable(self) -> list[EntryIds]:
        """List, per segment, the permitted entries that can be found so far."""
        if self.candidates is not None:
            return self.candidates
        hit = [
            s > 0 if m is None else (s > 0) & m for s, m in zip(self.sums, self.masks, strict=True)
        ]
        return [np.flatnonzero(h).astype(np.uint32) for h in hit]

    def _prune(self, rest: float) -> None:
        """Keep the entries that can still be among the k best with ``rest`` to come."""
        touched = self._list_reachable()
        values = [s[t] for s, t in zip(self.sums, touched, strict=True)]
        joined = np.concatenate(values)
        if len(joined) < self.k:
            return
        floor = np.partition(joined, len(joined) - self.k)[len(joined) - self.k] * FLOAT32_SLACK
        if self.candidates is not None or floor > rest:
            self.candidates = [t[v + rest >= floor] for t, v in zip(touched, values, strict=True)]

    def _collect_rows(self) -> tuple[Rows, _ScoreSums]:
        touched = self._list_reachable()
        starts = self.ranking.starts
        rows = np.concatenate([t + start for t, start in zip(touched, starts, strict=False)])
        sums = np.concatenate([s[t] for s, t in zip(self.sums, touched, strict=True)])
        return rows[sums > 0], sums[sums > 0]


def _intersect_masks(mask: RowMask | None, other: RowMask | None) -> RowMask | None:
    if mask is None or other is None:
        return other if mask is None else mask
    return mask & other
