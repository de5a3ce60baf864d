"""Find the passages that may answer a question.

Every candidate that the words or the vectors bring up is scored by both, exactly, and by its
best sentence: an answer stands in one sentence, and a passage that holds the question's words
in one place beats one that holds them scattered. Two lanes go ahead of the ranking: names that
must be met exactly, and FAQ entries whose question is the one that was asked.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from indexes.chunk import Chunk, Finder, Passage
from indexes.dense import Vectors
from indexes.embed import Embedder
from indexes.errors import IndexDamaged
from indexes.fuse import union, weigh
from indexes.hits import Rows, Scores
from indexes.index import Index
from indexes.layout import Flags, Mask
from indexes.text import content, readable, strip_invisible
from ragdesk.answering.alike import collapse
from ragdesk.answering.answer import Question
from ragdesk.answering.evidence import (
    Retrieval,
    Wanted,
    ceiling,
    focus,
    likeness,
    named,
    want,
    words,
)
from ragdesk.answering.rank import Lanes, best_first, order

BESIDE = 3
"""Chunks of its section on either side that count as the context of a chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveOptions:
    """How passages are found and ranked.

    top_k: passages kept. Eight of 180 tokens fill some 1,500 tokens of a prompt.
    pool: candidates taken from each finder before both score them all.
    look: of these, so many best are read sentence by sentence.
    lexical: weight of the words (BM25 over the idf of the question, 0..1).
    dense: weight of the cosine; none where the model cannot read the question's language.
    worded: where no passage's words score this much, the question is asked in other words than
    the documents use, and the cosine gains weight: ``rise`` times what is missing.
    rise: see ``worded``.
    name: weight of the share of the question's words that the document is named by.
    focus: weight of the best sentence's share of the question's words.
    title: what a word counts there that stands in the headings, not in the sentence.
    context: weight of the share that a passage holds together with its section about it; only
    where there is no vector, which sees by itself what a passage is about.
    spread: an identifier in more passages than this is a topic, and gets no lane of its own.
    near: an identifier's lane is for passages whose score is this part of the best, or more.
    faq: from this likeness on, an FAQ entry's question is the question that was asked.
    same: passages that share so many of their words, and all figures, are shown once.
    """

    top_k: int = 8
    pool: int = 60
    look: int = 24
    lexical: float = 0.5
    dense: float = 0.6
    worded: float = 0.3
    rise: float = 3.0
    name: float = 0.15
    focus: float = 0.2
    title: float = 0.5
    context: float = 0.3
    spread: int = 20
    near: float = 0.5
    faq: float = 0.8
    same: float = 0.9


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Rows (n,) with their scores (n,) by each finder; dense is NaN where there is no vector."""

    rows: Rows
    lexical: Scores
    dense: Scores
    found: Mapping[Finder, frozenset[int]]

    def passage(self, i: int, chunk: Chunk, score: float) -> Passage:
        row, dense = int(self.rows[i]), float(self.dense[i])
        return Passage(
            chunk=chunk,
            score=float(score),
            dense=None if np.isnan(dense) else dense,
            lexical=float(self.lexical[i]),
            found_by=frozenset(finder for finder, rows in self.found.items() if row in rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieve:
    """Finds passages in one generation. Any thread may call."""

    index: Index
    embedder: Embedder
    options: RetrieveOptions = RetrieveOptions()

    def __call__(self, question: Question, *, top_k: int | None = None) -> Retrieval:
        """Find the passages for a question, best first, within what ``question.where`` permits.

        Raises IndexDamaged where files that are mapped have changed under it.
        """
        try:
            return self._find(question, top_k)
        except (ArithmeticError, LookupError, ValueError) as error:
            if damage := self.index.find_damage():
                raise IndexDamaged(damage) from error
            raise

    def _find(self, question: Question, top_k: int | None) -> Retrieval:
        most = top_k or self.options.top_k
        text = strip_invisible(question.text)
        mask = self.index.mask(question.where)
        idf = partial(self.index.idf, mask=mask)
        asked = want(text, idf)
        vector = self._vector(text)
        lanes = Lanes(self._named(asked, mask), self._faq(asked, vector, mask))
        ranked = self._rank(asked, vector, mask, lanes, max(self.options.look, 2 * most))
        kept = collapse(ranked, share=self.options.same, most=most, asked=asked.weights)
        passages = tuple(passage for passage, _ in kept)
        return Retrieval(
            asked=asked,
            idf=idf,
            vector=vector,
            passages=passages,
            signals=_signals(asked, passages, lanes),
            repeated={p.chunk.id: tuple(same) for p, same in kept if same},
        )

    def around(self, passage: Passage, n: int = BESIDE) -> list[Chunk]:
        """Give the chunks up to n before and after a passage in its document, itself included."""
        row = self.index.row(passage.chunk.id)
        return [] if row is None else self.index.chunks(self.index.neighbours(row, n))

    def _vector(self, text: str) -> Vectors | None:
        """Embed a question that says something in a language the model reads."""
        if not text.strip() or not (self.embedder.card.reads_cjk or readable(text)):
            return None
        return self.embedder.query(text)

    def _named(self, asked: Wanted, mask: Mask) -> dict[int, float]:
        """Find the rows that hold the question's names, and the share of them each holds."""
        met: dict[int, float] = {}
        for name in asked.identifiers:
            hits = self.index.lexical([name], k=self.options.spread + 1, mask=mask)
            if len(hits) <= self.options.spread:
                for row in hits.rows.tolist():
                    met[row] = met.get(row, 0.0) + 1 / len(asked.identifiers)
        return met

    def _faq(self, asked: Wanted, vector: Vectors | None, mask: Mask) -> dict[int, float]:
        """Find FAQ entries whose question is nearly the one asked, and how near each is."""
        hits = [self.index.lexical(asked.terms, k=3, mask=mask, questions=True)]
        if vector is not None:
            hits.append(self.index.dense(vector, k=3, mask=mask, questions=True))
        rows, idf = union(hits), partial(self.index.idf, mask=mask)
        cosines = np.nan_to_num(self._cosines(vector, rows, questions=True))
        near: dict[int, float] = {}
        for row, chunk, cosine in zip(rows.tolist(), self.index.chunks(rows), cosines, strict=True):
            nearness = max(likeness(asked, _question(chunk), idf), float(cosine))
            if nearness >= self.options.faq:
                near[row] = nearness
        return near

    def _cosines(self, vector: Vectors | None, rows: Rows, *, questions: bool = False) -> Scores:
        if vector is None:
            return np.full(len(rows), np.nan, dtype=np.float32)
        return self.index.dense_scores(vector, rows, questions=questions)

    def _gather(
        self, asked: Wanted, vector: Vectors | None, mask: Mask, lanes: Lanes, pool: int
    ) -> _Candidates:
        """Take the best of each finder and the rows of the lanes, scored by words and vectors."""
        hits = [self.index.lexical(asked.terms, k=pool, mask=mask)]
        found: dict[Finder, Collection[int]] = {
            "lexical": hits[0].rows.tolist(),
            "identifier": lanes.named,
            "question": lanes.faq,
        }
        if vector is not None:
            hits.append(self.index.dense(vector, k=pool, mask=mask))
            found["dense"] = hits[1].rows.tolist()
        rows = np.union1d(union(hits), np.array([*lanes.named, *lanes.faq], dtype=np.int64))
        return _Candidates(
            rows,
            self.index.lexical_scores(asked.terms, rows, mask=mask),
            self._cosines(vector, rows),
            {finder: frozenset(held) for finder, held in found.items()},
        )

    def _trust(self, vector: Vectors | None, lexical: Scores) -> float:
        """Weigh the cosine: none without a vector, more where the words meet little."""
        if vector is None:
            return 0.0
        missing = max(0.0, self.options.worded - float(lexical.max(initial=0.0)))
        return self.options.dense * (1 + self.options.rise * missing)

    def _context(self, asked: Wanted, rows: Rows) -> Scores:
        """Give the share of the question that each row (n,) and its section about it hold (n,)."""
        if not len(rows):
            return np.empty(0, dtype=np.float32)
        near = [np.array(self.index.neighbours(row, BESIDE)) for row in rows.tolist()]
        every = np.unique(np.concatenate(near))
        sections = [chunk.section for chunk in self.index.chunks(every)]
        section = np.array([sections.index(one) for one in sections])
        beside = [np.searchsorted(every, some) for some in near]
        own = section[np.searchsorted(every, rows)]
        places = [b[section[b] == mine] for b, mine in zip(beside, own, strict=True)]
        held = self.index.held([*asked.weights], every)
        met = np.array([held[place].any(axis=0) for place in places])
        shares = met @ np.array([*asked.weights.values()])
        return np.asarray(shares / (asked.total or 1.0), dtype=np.float32)

    def _rank(
        self, asked: Wanted, vector: Vectors | None, mask: Mask, lanes: Lanes, look: int
    ) -> Iterator[Passage]:
        """Order the candidates: all by words, vectors and names, the best by sentences too."""
        given = self.options
        every = self._gather(asked, vector, mask, lanes, max(given.pool, look))
        trust = self._trust(vector, every.lexical)
        known = weigh([(given.lexical, every.lexical), (trust, every.dense)])
        ahead = np.array([row in lanes for row in every.rows.tolist()], dtype=np.bool_)
        some = np.flatnonzero(_reach(known, given.name, look) | ahead)
        chunks = dict(zip(some.tolist(), self.index.chunks(every.rows[some]), strict=True))
        known[some] += [given.name * asked.held(named(chunk)) for chunk in chunks.values()]
        best = some[np.argsort(-known[some], kind="stable")[:look]]
        at = np.union1d(best, np.flatnonzero(ahead)).tolist()
        rows, total = every.rows[at], given.lexical + trust + given.name + given.focus
        if vector is None:
            known[at] += given.context * self._context(asked, rows)
            total += given.context
        ranked = self._close(asked, rows, [chunks[i] for i in at], known[at].tolist())
        found = (
            (int(rows[i]), every.passage(at[i], chunks[at[i]], score / (total or 1.0)))
            for i, score in ranked
        )
        return order(found, lanes, given.near)

    def _close(
        self, asked: Wanted, rows: Rows, chunks: Sequence[Chunk], known: Sequence[float]
    ) -> Iterator[tuple[int, float]]:
        """Give places in ``rows`` (n,) best first, by what is known and their best sentence."""
        given = self.options
        held = self.index.held([*asked.weights], rows)
        most = [ceiling(asked, c, h, given.title) for c, h in zip(chunks, held, strict=True)]
        return best_first(
            rows.tolist(),
            [one + given.focus * above for one, above in zip(known, most, strict=True)],
            lambda i: known[i] + given.focus * focus(asked, chunks[i], given.title),
        )


def _reach(known: NDArray[np.float64], weight: float, look: int) -> Flags:
    """Tell which candidates (n,) may be among the ``look`` best with up to ``weight`` to come."""
    if len(known) <= look:
        return np.ones(len(known), dtype=np.bool_)
    return np.asarray(known + weight >= np.partition(known, -look)[-look])


def _question(chunk: Chunk) -> str:
    """Give the question of an FAQ entry."""
    start, end = chunk.question or (chunk.start, chunk.start)
    return chunk.text[start - chunk.start : end - chunk.start]


def _signals(asked: Wanted, passages: Sequence[Passage], lanes: Lanes) -> dict[str, float]:
    """Say in numbers how well the best passages fit; all in 0..1 but ``words``, a count.

    words: content words; a question without one asks for nothing.
    """
    best = passages[0] if passages else None
    after = passages[1].score if len(passages) > 1 else 0.0
    chunk = best.chunk if best else None
    return {
        "top": best.score if best else 0.0,
        "gap": best.score - after if best else 0.0,
        "lexical": max((p.lexical or 0.0 for p in passages), default=0.0),
        "dense": max((p.dense or 0.0 for p in passages), default=0.0),
        "focus": max((focus(asked, p.chunk, 0.0) for p in passages), default=0.0),
        "coverage": asked.held(words(chunk)) if chunk else 0.0,
        "named": max(lanes.named.values(), default=0.0),
        "names": float(bool(asked.identifiers)),
        "faq": max(lanes.faq.values(), default=0.0),
        "same_language": float(chunk is not None and chunk.language == asked.language),
        "words": float(len(set(content(asked.terms)))),
    }
