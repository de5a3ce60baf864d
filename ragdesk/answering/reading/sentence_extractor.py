"""Answer in the documents' own sentences: choose one to three, and quote them exactly.

A sentence is worth what it holds of the question, each word weighed by how few of the sentences
that were found hold it too: among passages about one thing, the name of that thing tells nothing
apart. Sentences lean on what stands above them, so words of the heading, of the section's first
sentence and of the sentence before count in part. The measurements behind every number here are
in tests/lab/RESULTS.md, "Extraction"; ``python -m tests.lab.quality.extraction`` makes them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from indexes.chunk import Chunk, Passage
from indexes.embedding.embedder import Embedder
from indexes.text.sentences import Span
from ragdesk.answering.reading import quote_units
from ragdesk.answering.retrieval.passage_words import (
    SentenceWords,
    analyze_sentences,
    describe_place,
    heading_words,
)
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.statement import Quote, Statement

# Sentences looked at for an answer to a follow-up, and the part of the best's worth they have.
READ_SENTENCES, ADMITTED_SHARE = 24, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOptions:
    """How sentences are chosen where an answer consists of the documents' own, without a model.

    passages: so many best passages are read for an answer.
    most: sentences in an answer, at most. One that is not understood without the sentence before
        brings that along.
    second: a further sentence must be worth this part of the best one. A sentence that holds all
        words of the question is worth 1; the other weights add to that.
    passage: worth of the passage's own score.
    above: what a word counts that stands in the heading or the first sentence of the section.
    before: what a word counts that stands in the sentence before.
    figures: worth of holding every number of the question.
    kind: worth of naming a thing of the kind asked for (a number, a date, a name, a place).
    close: so many best sentences are compared with the question by the model, where it reads both.
    margin: sentences worth less than the best by more than this are not close.
    cosine: worth of that comparison (``indexes.similarity``).
    """

    passages: int = 5
    most: int = 3
    second: float = 0.6
    passage: float = 0.8
    above: float = 0.55
    before: float = 0.2
    figures: float = 0.12
    kind: float = 0.08
    close: int = 3
    margin: float = 0.4
    cosine: float = 0.8


@dataclass(frozen=True, slots=True)
class SentenceCandidate:
    """A sentence that may be quoted. position: its place among the sentences of its passage."""

    passage: Passage
    rank: int
    position: int
    sentence: SentenceWords
    worth: float

    @property
    def text(self) -> str:
        """Return its characters."""
        return self.passage.chunk.text[self.sentence.start : self.sentence.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceExtractor:
    """Answers a question with sentences chosen from its passages.

    document_text: returns the stored text of a document by its id, for headers. context_chunks:
    returns the chunks around a passage in its document, itself included, in order.
    """

    embedder: Embedder
    document_text: Callable[[str], str | None]
    context_chunks: Callable[[Passage], Sequence[Chunk]]
    options: ExtractOptions = ExtractOptions()

    def __call__(self, retrieval: Retrieval) -> list[Statement]:
        """Return the quoted statements that answer a question; none if no sentence fits."""
        ranked = self._keep_admitted(self.rank_sentences(retrieval), retrieval)
        if not ranked or ranked[0].worth <= 0:
            return []
        return self._make_statements(retrieval.analysis, self._choose_sentences(ranked))

    def rank_sentences(self, retrieval: Retrieval) -> list[SentenceCandidate]:
        """Return all sentences of the best passages, best first."""
        passages = retrieval.passages[: self.options.passages]
        weights = _weigh_terms(retrieval)
        ranked = sorted(
            chain.from_iterable(
                self._weigh_sentences(passage, rank, weights, retrieval.analysis)
                for rank, passage in enumerate(passages)
            ),
            key=lambda candidate: (-candidate.worth, candidate.rank, candidate.position),
        )
        return self._compare_by_model(ranked, retrieval)

    def _keep_admitted(
        self, ranked: list[SentenceCandidate], retrieval: Retrieval
    ) -> list[SentenceCandidate]:
        """Keep of a follow-up's sentences those that may answer it and are about its subject."""
        if retrieval.admits is None or not ranked:
            return ranked
        floor = ADMITTED_SHARE * ranked[0].worth
        admitted: list[SentenceCandidate] = []
        for candidate in ranked[:READ_SENTENCES]:
            if candidate.worth < floor or len(admitted) >= self.options.most:
                break
            chunk = candidate.passage.chunk
            spans = self._quote_spans(candidate, whole_list=False)
            quote = "\n".join(text for _, _, text in spans)
            if retrieval.admits(quote, describe_place(chunk), chunk.language):
                admitted.append(candidate)
        return admitted

    def _weigh_sentences(
        self,
        passage: Passage,
        rank: int,
        weights: Mapping[str, float],
        analysis: QuestionAnalysis,
    ) -> Iterator[SentenceCandidate]:
        """Weigh the sentences of a passage; a question that nothing follows is none of them."""
        sentences, options = analyze_sentences(passage.chunk.text), self.options
        opening, before = self._context_words(passage)
        above = heading_words(passage.chunk) | opening
        question_span = _question_span(passage.chunk)
        for at, sentence in enumerate(sentences):
            text = passage.chunk.text[sentence.start : sentence.end]
            worth = options.passage * passage.score
            worth += options.figures * analysis.numbers_stand_in(
                text
            ) + options.kind * analysis.question_type.count_answer_types(text)
            for term, weight in weights.items():
                context_share = options.above * (term in above) + options.before * (term in before)
                worth += weight * (1.0 if term in sentence.words else min(context_share, 1.0))
            before = sentence.words
            is_dangling = sentence is sentences[-1] and quote_units.is_question_sentence(text)
            if not is_dangling and (
                sentence.end <= question_span[0] or sentence.start >= question_span[1]
            ):
                yield SentenceCandidate(passage, rank, at, sentence, worth)

    def _context_words(self, passage: Passage) -> tuple[frozenset[str], frozenset[str]]:
        """Return the words of the section's first sentence, and of the sentence before the passage.

        A long paragraph is found in pieces; what it is about is said where it begins.
        """
        chunk = passage.chunk
        section = [c for c in self.context_chunks(passage) if c.section == chunk.section] or [chunk]
        earlier = [c for c in section if c.end <= chunk.start]
        first = analyze_sentences(section[0].text)
        last = analyze_sentences(earlier[-1].text) if earlier else ()
        no_words: frozenset[str] = frozenset()
        return (first[0].words if first else no_words, last[-1].words if last else no_words)

    def _compare_by_model(
        self, ranked: list[SentenceCandidate], retrieval: Retrieval
    ) -> list[SentenceCandidate]:
        """Compare the few best sentences by the embedding model, where it reads the question."""
        options = self.options
        if retrieval.similarity is None or not options.cosine:
            return ranked
        close = [c for c in ranked[: options.close] if ranked[0].worth - c.worth <= options.margin]
        if len(close) < 2:  # noqa: PLR2004 (nothing to decide)
            return ranked
        similarities = retrieval.similarity.compare(
            self.embedder.embed_passages([c.text for c in close]),
            [c.passage.chunk.language for c in close],
        )
        close = [
            replace(c, worth=c.worth + options.cosine * similarity)
            for c, similarity in zip(close, similarities.tolist(), strict=True)
        ]
        return [*sorted(close, key=lambda candidate: -candidate.worth), *ranked[len(close) :]]

    def _choose_sentences(self, ranked: Sequence[SentenceCandidate]) -> list[SentenceCandidate]:
        """Take the best sentence, a second one nearly as good, and the ones they refer back to."""
        best, most = ranked[0], self.options.most
        if best.passage.chunk.question:
            answer = sorted(
                (c for c in ranked if c.passage is best.passage), key=lambda c: c.position
            )
            start = max(0, answer.index(best) - most + 1)
            return answer[start : start + most]
        chosen = [c for c in ranked[:2] if c.worth >= self.options.second * best.worth]
        places = {(c.rank, c.position): c for c in ranked}
        for candidate in tuple(chosen):
            earlier = places.get((candidate.rank, candidate.position - 1))
            if earlier and earlier not in chosen and quote_units.leans_on_previous(candidate.text):
                chosen.append(earlier)
        return chosen[:most]

    def _make_statements(
        self, analysis: QuestionAnalysis, chosen: Sequence[SentenceCandidate]
    ) -> list[Statement]:
        """Quote the chosen sentences with what they need, in the order of the documents."""
        order = list(dict.fromkeys(c.passage.chunk.document for c in chosen))
        quotes_by_place: list[tuple[int, list[Quote]]] = []
        covered: list[tuple[str, int, int]] = []
        for candidate in chosen:
            quotes = [
                Quote(candidate.passage, start, end, text)
                for start, end, text in self._quote_spans(candidate, whole_list=analysis.wants_list)
                if not _is_covered(covered, candidate.passage.chunk.document, start, end)
            ]
            covered += [(candidate.passage.chunk.document, q.start, q.end) for q in quotes]
            if quotes:
                quotes_by_place.append((order.index(candidate.passage.chunk.document), quotes))
        quotes_by_place.sort(key=lambda item: (item[0], item[1][-1].start))
        return [
            Statement("\n".join(q.text for q in quotes), tuple(quotes), 1.0)
            for _, quotes in quotes_by_place
        ]

    def _quote_spans(
        self, candidate: SentenceCandidate, *, whole_list: bool
    ) -> Iterator[tuple[int, int, str]]:
        """Yield the document spans to quote for a sentence: itself, its list or table header."""
        chunk = candidate.passage.chunk
        spans = [(s.start, s.end) for s in analyze_sentences(chunk.text)]
        row_span = (chunk.start + candidate.sentence.start, chunk.start + candidate.sentence.end)
        if chunk.kind == "table":
            text = self.document_text(chunk.document) or ""
            if above := quote_units.find_table_header(chunk, text, row_span):
                yield *above, text[slice(*above)]
            yield *row_span, candidate.text
            return
        for start, end in quote_units.quote_spans(
            chunk.text, spans, candidate.position, whole=whole_list
        ):
            yield chunk.start + start, chunk.start + end, chunk.text[start:end]


def _weigh_terms(retrieval: Retrieval, depth: int = 10) -> dict[str, float]:
    """Weigh the question's words by the sentences of the passages found; the sum is 1."""
    sentences = [s for p in retrieval.passages[:depth] for s in analyze_sentences(p.chunk.text)]
    sentence_counts = Counter(
        term for s in sentences for term in s.words if term in retrieval.term_weights.weights
    )
    idf = {
        term: math.log1p(
            (len(sentences) - sentence_counts[term] + 0.5) / (sentence_counts[term] + 0.5)
        )
        for term in retrieval.term_weights.weights
    }
    total = sum(idf.values()) or 1.0
    return {term: weight / total for term, weight in idf.items()}


def _question_span(chunk: Chunk) -> Span:
    """Return the span of an FAQ entry's question in the chunk's text; an empty one for others."""
    start, end = chunk.question or (chunk.start, chunk.start)
    return start - chunk.start, end - chunk.start


def _is_covered(
    covered: Sequence[tuple[str, int, int]], document: str, start: int, end: int
) -> bool:
    return any(name == document and a <= start and end <= b for name, a, b in covered)
