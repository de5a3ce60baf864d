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
from indexes.embedding.background import NO_BACKGROUND, Background
from indexes.embedding.embedder import Embedder
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.search_results import Hits, Rows, Scores
from indexes.similarity import QuestionSimilarity, measure_similarity
from indexes.store.row_layout import RowFlags, SearchMask
from indexes.text.scripts import reads_without_cjk
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.near_duplicates import collapse_duplicates
from ragdesk.answering.retrieval.passage_order import (
    PriorityLanes,
    iter_best_first,
    order_with_lanes,
)
from ragdesk.answering.retrieval.passage_words import (
    best_sentence_share,
    bound_sentence_share,
    cover_question,
    document_name_words,
)
from ragdesk.answering.retrieval.question_analysis import (
    QuestionAnalysis,
    TermWeights,
    analyze_question,
    correct_terms,
    question_likeness,
    weigh_terms,
)
from ragdesk.answering.retrieval.reranker import Reranker, RerankStep
from ragdesk.answering.retrieval.retrieval_options import RetrieveOptions
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.retrieval.score_fusion import union_rows, weigh_scores
from ragdesk.answering.retrieval.sibling_documents import SiblingOrder
from ragdesk.request_context import trace_step

CONTEXT_CHUNKS = 3  # of its section, on either side
WIDEST_GAP, ONLY_GAP = 0.25, 0.08  # to the next passage; where there is none: of right answers


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Rows (n,) with their scores (n,) by each finder; dense is NaN where there is no vector."""

    rows: Rows
    lexical: Scores
    dense: Scores
    rows_by_finder: Mapping[Finder, frozenset[int]]

    def make_passage(self, i: int, chunk: Chunk, score: float) -> Passage:
        row, dense = int(self.rows[i]), float(self.dense[i])
        return Passage(
            chunk=chunk,
            score=float(score),
            dense=None if np.isnan(dense) else dense,
            lexical=float(self.lexical[i]),
            found_by=frozenset(
                finder for finder, rows in self.rows_by_finder.items() if row in rows
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retriever:
    """Finds passages in one generation. Any thread may call.

    Where the index's words are outdated there is no lane of names, FAQ entries are looked for by
    vectors, and words weigh nothing in the ranking but where the stored text itself is read.
    rerank: reads the best candidates once more before repeats are taken out and the ranking is cut.
    background: of the embedder; without one, cosines are taken as they are.
    """

    index: Index
    embedder: Embedder
    background: Background = NO_BACKGROUND
    options: RetrieveOptions = RetrieveOptions()
    rerank: Reranker | None = None

    def __call__(
        self,
        question: Question,
        analysis: QuestionAnalysis | None = None,
        *,
        top_k: int | None = None,
        may_rerank: bool = True,
    ) -> Retrieval:
        """Find the passages for a question, best first, within what ``question.where`` permits.

        analysis: of the text to search for; None analyses the question's own. may_rerank: False
        leaves the reranker out, where only the signals count.
        Raises IndexDamaged where files that are mapped have changed under it.
        """
        try:
            analysis = analysis or analyze_question(question.text)
            reranker = self.rerank if may_rerank else None
            rerank = RerankStep(reranker, analysis.text) if reranker else None
            return self._retrieve(question, analysis, top_k, rerank)
        except (ArithmeticError, LookupError, ValueError) as error:
            if damage := self.index.find_damage():
                raise IndexDamaged(damage) from error
            raise

    def _retrieve(
        self,
        question: Question,
        analysis: QuestionAnalysis,
        top_k: int | None,
        rerank: RerankStep | None,
    ) -> Retrieval:
        limit = top_k or self.options.top_k
        mask = self.index.make_mask(question.where)
        idf = partial(self.index.idf, mask=mask)
        correction = self.index.correct_text(analysis.text, mask)
        compared = analysis.text  # word pieces bear with a wrong letter, not with another word
        if correction:
            analysis = correct_terms(analysis, correction.text)
            compared = compared if reads_without_cjk(compared) else correction.text
        guesses = correction.words if correction else frozenset()
        term_weights = weigh_terms(analysis.terms, idf, guesses)
        similarity = self.compare_question(compared, analysis.language, mask)
        named_rows = self.find_named_rows(analysis, mask)
        lanes = PriorityLanes(named_rows, self._find_faq_rows(term_weights, similarity, mask))
        candidates = self._rank_candidates(
            term_weights, similarity, mask, lanes, self._count_contenders(limit, rerank)
        )
        ranked = order_with_lanes(candidates, lanes, self.options.near, rerank)
        siblings = SiblingOrder(analysis, 2 * limit)
        groups = collapse_duplicates(
            siblings(ranked),
            min_share=self.options.same,
            limit=limit,
            question_words=term_weights.weights,
        )
        passages = tuple(passage for passage, _ in groups)
        return Retrieval(
            analysis=analysis,
            term_weights=term_weights,
            idf=idf,
            similarity=similarity,
            passages=passages,
            signals={
                **_measure_signals(
                    analysis,
                    term_weights,
                    passages,
                    lanes,
                    siblings.lower_scores(rerank.passages) if rerank else {},
                ),
                "dense": self._measure_closeness(similarity, passages),
                "vectors_alone": float(self._found_by_vectors_alone(analysis, passages)),
            },
            duplicates={p.chunk.id: tuple(same) for p, same in groups if same},
            rerank_seconds=rerank.seconds if rerank else None,
            named_instead=siblings.named_instead,
        )

    def _count_contenders(self, limit: int, rerank: RerankStep | None) -> int:
        """Return how many candidates are ranked: enough to cut, and what a reranker reads."""
        depth = min(rerank.depth, self.options.pool) if rerank else 0
        return max(self.options.look, 2 * limit, depth)

    def context_chunks(self, passage: Passage, n: int = CONTEXT_CHUNKS) -> list[Chunk]:
        """Return the chunks up to n before and after a passage in its document, itself included."""
        row = self.index.find_row(passage.chunk.id)
        return [] if row is None else self.index.read_chunks(self.index.list_neighbours(row, n))

    def compare_question(
        self, text: str, language: str, mask: SearchMask
    ) -> QuestionSimilarity | None:
        """Embed a question, if the model reads it, and measure what is unrelated to it."""
        if not text.strip() or not (self.embedder.card.reads_cjk or reads_without_cjk(text)):
            return None
        vector = self.embedder.embed_query(text)
        if vector is None:
            return None
        samples = self.index.sample_vectors(mask)
        return measure_similarity(vector, language, self.background, samples)

    def find_named_rows(self, analysis: QuestionAnalysis, mask: SearchMask) -> dict[int, float]:
        """Find the rows that hold the question's names, and the share of them each holds."""
        name_shares: dict[int, float] = {}
        for name in analysis.identifiers:
            hits = self.index.search_lexical([name], k=self.options.spread + 1, mask=mask)
            if len(hits) <= self.options.spread:
                for row in hits.rows.tolist():
                    name_shares[row] = name_shares.get(row, 0.0) + 1 / len(analysis.identifiers)
        return name_shares

    def _find_faq_rows(
        self, term_weights: TermWeights, similarity: QuestionSimilarity | None, mask: SearchMask
    ) -> dict[int, float]:
        """Find FAQ entries whose question is nearly the given one, with their likeness."""
        hits = [self.index.search_lexical(term_weights.query, k=3, mask=mask, questions=True)]
        if similarity is not None:
            hits += self._search_languages(similarity, 3, mask, questions=True)
        rows, idf = union_rows(hits), partial(self.index.idf, mask=mask)
        scores = np.nan_to_num(self._score_similarity(similarity, rows, questions=True))
        similarities: dict[int, float] = {}
        for row, chunk, score in zip(
            rows.tolist(), self.index.read_chunks(rows), scores, strict=True
        ):
            likeness = max(
                question_likeness(term_weights, _question_text(chunk), idf), float(score)
            )
            if likeness >= self.options.faq:
                similarities[row] = likeness
        return similarities

    def _search_languages(
        self, similarity: QuestionSimilarity, k: int, mask: SearchMask, *, questions: bool = False
    ) -> list[Hits]:
        """Search the passages of each language by its own query: the k nearest of each."""
        queries = similarity.queries
        return [
            self.index.search_dense(
                query.vector,
                k=k,
                mask=mask,
                questions=questions,
                languages=query.languages if len(queries) > 1 else frozenset(),
            )
            for query in queries
        ]

    def _score_similarity(
        self, similarity: QuestionSimilarity | None, rows: Rows, *, questions: bool = False
    ) -> Scores:
        """Return the similarities of some rows (n,) to the question; NaN without a vector."""
        scores = np.full(len(rows), np.nan, dtype=np.float32)
        if similarity is None:
            return scores
        queries = [similarity.find_query(name) for name in self.index.samples.name_languages(rows)]
        for query in similarity.queries:
            places = np.flatnonzero([other is query for other in queries])
            cosines = self.index.score_dense(query.vector, rows[places], questions=questions)
            scores[places] = query.scale.normalise(cosines)
        return scores

    def _found_by_vectors_alone(
        self, analysis: QuestionAnalysis, passages: Sequence[Passage]
    ) -> bool:
        """Tell whether words could not have found the best passage."""
        language = passages[0].chunk.language if passages else analysis.language
        return self.index.words_outdated or language != analysis.language

    def _measure_closeness(
        self, similarity: QuestionSimilarity | None, passages: Sequence[Passage]
    ) -> float:
        """Measure (0..1) how far the nearest passage stands above neutral texts.

        By a sample of the collection, all passages of a small shop are as near to any question
        about it, answered or not: AUROC of its unanswerable questions .37, by neutral texts .70.
        """
        closeness = 0.0
        for passage in passages if similarity else ():
            row = self.index.find_row(passage.chunk.id)
            if similarity is None or row is None:
                continue
            query = similarity.find_query(passage.chunk.language)
            cosines = self.index.score_dense(query.vector, np.array([row]))
            nearness = query.neutral_scale.normalise(np.nan_to_num(cosines, nan=-1.0))
            closeness = max(closeness, float(nearness[0]))
        return closeness

    def _gather_candidates(
        self,
        term_weights: TermWeights,
        similarity: QuestionSimilarity | None,
        mask: SearchMask,
        lanes: PriorityLanes,
        pool: int,
    ) -> _Candidates:
        """Take the best of each finder and the rows of the lanes, scored by words and vectors."""
        hits = [self.index.search_lexical(term_weights.query, k=pool, mask=mask)]
        rows_by_finder: dict[Finder, Collection[int]] = {
            "lexical": hits[0].rows.tolist(),
            "identifier": lanes.name_shares,
            "question": lanes.faq_likeness,
        }
        if similarity is not None:
            dense_hits = self._search_languages(similarity, pool, mask)
            hits += dense_hits
            rows_by_finder["dense"] = union_rows(dense_hits).tolist()
        rows = np.union1d(
            union_rows(hits), np.array([*lanes.name_shares, *lanes.faq_likeness], dtype=np.int64)
        )
        return _Candidates(
            rows,
            self.index.score_lexical(term_weights.query, rows, mask=mask),
            self._score_similarity(similarity, rows),
            {finder: frozenset(finder_rows) for finder, finder_rows in rows_by_finder.items()},
        )

    def _similarity_weight(self, lexical: Scores) -> float:
        """Return the weight of the similarity of vectors: more where words match little."""
        if self.index.words_outdated:  # the words say nothing, not even that they meet little
            return self.options.dense
        missing = max(0.0, self.options.worded - float(lexical.max(initial=0.0)))
        return self.options.dense * (1 + self.options.rise * missing)

    def _context_shares(self, term_weights: TermWeights, rows: Rows) -> Scores:
        """Return the share of the question in each row (n,) and in its section about it (n,)."""
        if not len(rows):
            return np.empty(0, dtype=np.float32)
        neighbours = [
            np.array(self.index.list_neighbours(row, CONTEXT_CHUNKS)) for row in rows.tolist()
        ]
        all_rows = np.unique(np.concatenate(neighbours))
        sections = [chunk.section for chunk in self.index.read_chunks(all_rows)]
        section_ids = np.array([sections.index(span) for span in sections])
        beside = [np.searchsorted(all_rows, neighbour_rows) for neighbour_rows in neighbours]
        own_sections = section_ids[np.searchsorted(all_rows, rows)]
        places = [
            b[section_ids[b] == own_section]
            for b, own_section in zip(beside, own_sections, strict=True)
        ]
        term_presence = self.index.find_terms([*term_weights.weights], all_rows)
        covered = np.array([term_presence[place].any(axis=0) for place in places])
        shares = covered @ np.array([*term_weights.weights.values()])
        return np.asarray(shares / (term_weights.total or 1.0), dtype=np.float32)

    @trace_step("candidates")
    def _rank_candidates(
        self,
        term_weights: TermWeights,
        similarity: QuestionSimilarity | None,
        mask: SearchMask,
        lanes: PriorityLanes,
        look: int,
    ) -> Iterator[tuple[int, Passage]]:
        """Yield the best candidates with their rows, those of the lanes among them, best first.

        All are scored by words, vectors and names, the best by their sentences too.
        """
        options = self.options
        candidates = self._gather_candidates(
            term_weights, similarity, mask, lanes, max(options.pool, look)
        )
        trust = self._similarity_weight(candidates.lexical) if similarity else 0.0
        words_weight = 0.0 if self.index.words_outdated else options.lexical
        scores = weigh_scores([(words_weight, candidates.lexical), (trust, candidates.dense)])
        in_lanes = np.array([row in lanes for row in candidates.rows.tolist()], dtype=np.bool_)
        contenders = np.flatnonzero(_can_reach_top(scores, options.name, look) | in_lanes)
        chunks = dict(
            zip(
                contenders.tolist(),
                self.index.read_chunks(candidates.rows[contenders]),
                strict=True,
            )
        )
        scores[contenders] += [
            options.name * term_weights.coverage(document_name_words(chunk))
            for chunk in chunks.values()
        ]
        best = contenders[np.argsort(-scores[contenders], kind="stable")[:look]]
        positions = np.union1d(best, np.flatnonzero(in_lanes)).tolist()
        rows, total = (
            candidates.rows[positions],
            words_weight + trust + options.name + options.focus,
        )
        if similarity is None:
            scores[positions] += options.context * self._context_shares(term_weights, rows)
            total += options.context
        ranked = self._rank_by_sentences(
            term_weights, rows, [chunks[i] for i in positions], scores[positions].tolist()
        )
        return (
            (
                int(rows[i]),
                candidates.make_passage(positions[i], chunks[positions[i]], score / (total or 1.0)),
            )
            for i, score in ranked
        )

    def _rank_by_sentences(
        self,
        term_weights: TermWeights,
        rows: Rows,
        chunks: Sequence[Chunk],
        scores: Sequence[float],
    ) -> Iterator[tuple[int, float]]:
        """Yield places in ``rows`` (n,) best first, by what is known and their best sentence."""
        options = self.options
        term_presence = self.index.find_terms([*term_weights.weights], rows)
        shares = [
            bound_sentence_share(term_weights, c, h, options.title)
            for c, h in zip(chunks, term_presence, strict=True)
        ]
        return iter_best_first(
            rows.tolist(),
            [base + options.focus * above for base, above in zip(scores, shares, strict=True)],
            lambda i: (
                scores[i]
                + options.focus * best_sentence_share(term_weights, chunks[i], options.title)
            ),
        )


def _can_reach_top(scores: NDArray[np.float64], weight: float, look: int) -> RowFlags:
    """Return a mask of the candidates (n,) that may still rank among the first ``look``."""
    if len(scores) <= look:
        return np.ones(len(scores), dtype=np.bool_)
    return np.asarray(scores + weight >= np.partition(scores, -look)[-look])


def _question_text(chunk: Chunk) -> str:
    """Return the question of an FAQ entry."""
    start, end = chunk.question or (chunk.start, chunk.start)
    return chunk.text[start - chunk.start : end - chunk.start]


def _measure_signals(
    analysis: QuestionAnalysis,
    term_weights: TermWeights,
    passages: Sequence[Passage],
    lanes: PriorityLanes,
    fused_scores: Mapping[str, float],
) -> dict[str, float]:
    """Measure how well the best passages fit; all in 0..1 but ``words``, a count.

    words: content words; a question without one asks for nothing. fused_scores: by chunk id, the
    scores before a reranker's, where one gave its own, siblings put back as without it: ``top`` and
    ``gap`` are of the same scale under every reranker and none.
    """
    scores = sorted((fused_scores.get(p.chunk.id, p.score) for p in passages), reverse=True)
    top, after, *_ = (*scores, 0.0, 0.0)
    chunk = passages[0].chunk if passages else None
    return {
        "top": top,
        "gap": min(top - after, WIDEST_GAP) if len(scores) > 1 else ONLY_GAP * len(scores),
        "lexical": max((p.lexical or 0.0 for p in passages), default=0.0),
        "focus": max(
            (best_sentence_share(term_weights, p.chunk, 0.0) for p in passages), default=0.0
        ),
        "coverage": cover_question(term_weights, analysis.identifiers, chunk) if chunk else 0.0,
        "named": max(lanes.name_shares.values(), default=0.0),
        "names": float(bool(analysis.identifiers)),
        "faq": max(lanes.faq_likeness.values(), default=0.0),
        "same_language": float(chunk is not None and chunk.language == analysis.language),
        "words": float(len(analysis.content_words)),
        "chinese": float(analysis.language == "zh"),
    }
