"""Answer in the documents' own sentences: choose one to three, and quote them exactly.

A sentence is worth what it holds of the question, each word weighed by how few of the sentences
that were found hold it too: among passages about one thing, the name of that thing tells nothing
apart. Sentences lean on what stands above them, so words of the heading, of the section's first
sentence and of the sentence before count in part. The measurements behind every number here are
in eval/bench/RESULTS.md, "Extraction"; ``python -m eval.bench.extraction`` makes them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from indexes.chunk import Chunk, Passage, Span
from indexes.embed import Embedder
from ragdesk.answering import shape
from ragdesk.answering.asks import Asks
from ragdesk.answering.evidence import Quote, Retrieval, Sentence, Statement, headings, read


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOptions:
    """How the sentences of an answer are chosen; one that holds all words of a question is worth 1.

    passages: so many best passages are read for an answer.
    most: sentences in an answer; one that leans on the sentence before brings it along.
    second: a further sentence must be worth this part of the best one.
    passage: worth of the passage's own score.
    above: what a word counts that stands in the heading or the first sentence of the section.
    before: what a word counts that stands in the sentence before.
    figures: worth of holding every number of the question.
    kind: worth of naming a thing of the kind asked for (a number, a date, a name, a place).
    close: so many best sentences are compared with the question by the model, where it reads both.
    margin: sentences worth less than the best by more than this are not close.
    cosine: worth of that comparison.
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
class Candidate:
    """A sentence that may be said. at: its place among the sentences of its passage."""

    passage: Passage
    rank: int
    at: int
    sentence: Sentence
    worth: float

    @property
    def text(self) -> str:
        """Give its characters."""
        return self.passage.chunk.text[self.sentence.start : self.sentence.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """Chooses sentences.

    text: gives the stored text of a document by its id, for headers. around: gives the chunks
    about a passage in its document, itself included, in order.
    """

    embedder: Embedder
    text: Callable[[str], str | None]
    around: Callable[[Passage], Sequence[Chunk]]
    options: ExtractOptions = ExtractOptions()

    def __call__(self, found: Retrieval) -> list[Statement]:
        """Say what the passages say about the question; nothing if they have no sentence for it."""
        ranked = self.rank(found)
        if not ranked or ranked[0].worth <= 0:
            return []
        return self._state(found.asked.text, self._choose(ranked))

    def rank(self, found: Retrieval) -> list[Candidate]:
        """Order all sentences of the best passages, best first."""
        passages = found.passages[: self.options.passages]
        weights = _weights(found)
        asks = Asks(found.asked.text)
        ranked = sorted(
            chain.from_iterable(
                self._candidates(passage, rank, weights, asks)
                for rank, passage in enumerate(passages)
            ),
            key=lambda one: (-one.worth, one.rank, one.at),
        )
        return self._compare(ranked, found)

    def _candidates(
        self, passage: Passage, rank: int, weights: Mapping[str, float], asks: Asks
    ) -> Iterator[Candidate]:
        """Weigh the sentences of a passage; a question that nothing follows is none of them."""
        sentences, given = read(passage.chunk.text), self.options
        opening, before = self._leads(passage)
        above = headings(passage.chunk) | opening
        asked = _question(passage.chunk)
        for at, sentence in enumerate(sentences):
            text = passage.chunk.text[sentence.start : sentence.end]
            worth = given.passage * passage.score
            worth += given.figures * asks.same_figures(text) + given.kind * asks.met(text)
            for term, weight in weights.items():
                leans = given.above * (term in above) + given.before * (term in before)
                worth += weight * (1.0 if term in sentence.words else min(leans, 1.0))
            before = sentence.words
            left = sentence is sentences[-1] and shape.asks(text)
            if not left and (sentence.end <= asked[0] or sentence.start >= asked[1]):
                yield Candidate(passage, rank, at, sentence, worth)

    def _leads(self, passage: Passage) -> tuple[frozenset[str], frozenset[str]]:
        """Give the words of the sentence that opens a passage's section, and of the one before it.

        A long paragraph is found in pieces; what it is about is said where it begins.
        """
        chunk = passage.chunk
        section = [c for c in self.around(passage) if c.section == chunk.section] or [chunk]
        earlier = [c for c in section if c.end <= chunk.start]
        first = read(section[0].text)
        last = read(earlier[-1].text) if earlier else ()
        nothing: frozenset[str] = frozenset()
        return (first[0].words if first else nothing, last[-1].words if last else nothing)

    def _compare(self, ranked: list[Candidate], found: Retrieval) -> list[Candidate]:
        """Let the model decide between the few best sentences, where it reads the question."""
        options = self.options
        if found.vector is None or not options.cosine:
            return ranked
        near = [c for c in ranked[: options.close] if ranked[0].worth - c.worth <= options.margin]
        if len(near) < 2:  # noqa: PLR2004 (nothing to decide)
            return ranked
        cosines = self.embedder.passages([c.text for c in near]) @ found.vector
        near = [
            replace(c, worth=c.worth + options.cosine * cosine)
            for c, cosine in zip(near, np.clip(cosines, 0.0, 1.0).tolist(), strict=True)
        ]
        return [*sorted(near, key=lambda one: -one.worth), *ranked[len(near) :]]

    def _choose(self, ranked: Sequence[Candidate]) -> list[Candidate]:
        """Take the best sentence, a second one if it is nearly as good, and what they lean on."""
        best, most = ranked[0], self.options.most
        if best.passage.chunk.question:
            answer = sorted((c for c in ranked if c.passage is best.passage), key=lambda c: c.at)
            start = max(0, answer.index(best) - most + 1)
            return answer[start : start + most]
        chosen = [c for c in ranked[:2] if c.worth >= self.options.second * best.worth]
        places = {(c.rank, c.at): c for c in ranked}
        for one in tuple(chosen):
            earlier = places.get((one.rank, one.at - 1))
            if earlier and earlier not in chosen and shape.points_back(one.text):
                chosen.append(earlier)
        return chosen[:most]

    def _state(self, question: str, chosen: Sequence[Candidate]) -> list[Statement]:
        """Quote the chosen sentences with what they need, in the order of the documents."""
        order = list(dict.fromkeys(c.passage.chunk.document for c in chosen))
        quoted: list[tuple[int, list[Quote]]] = []
        covered: list[tuple[str, int, int]] = []
        for one in chosen:
            quotes = [
                Quote(one.passage, start, end, text)
                for start, end, text in self._unit(question, one)
                if not _inside(covered, one.passage.chunk.document, start, end)
            ]
            covered += [(one.passage.chunk.document, q.start, q.end) for q in quotes]
            if quotes:
                quoted.append((order.index(one.passage.chunk.document), quotes))
        quoted.sort(key=lambda item: (item[0], item[1][-1].start))
        return [
            Statement("\n".join(q.text for q in quotes), tuple(quotes), 1.0) for _, quotes in quoted
        ]

    def _unit(self, question: str, one: Candidate) -> Iterator[tuple[int, int, str]]:
        """Give the spans, in the document, that a sentence is said with, and their characters."""
        chunk = one.passage.chunk
        spans = [(s.start, s.end) for s in read(chunk.text)]
        own = (chunk.start + one.sentence.start, chunk.start + one.sentence.end)
        if chunk.kind == "table":
            text = self.text(chunk.document) or ""
            if above := shape.header(chunk, text, own):
                yield *above, text[slice(*above)]
            yield *own, one.text
            return
        for start, end in shape.unit(chunk.text, spans, one.at, whole=shape.wants_series(question)):
            yield chunk.start + start, chunk.start + end, chunk.text[start:end]


def _weights(found: Retrieval, depth: int = 10) -> dict[str, float]:
    """Weigh the question's words by the sentences of the passages found; the sum is 1."""
    sentences = [s for p in found.passages[:depth] for s in read(p.chunk.text)]
    held = Counter(term for s in sentences for term in s.words if term in found.asked.weights)
    idf = {
        term: math.log1p((len(sentences) - held[term] + 0.5) / (held[term] + 0.5))
        for term in found.asked.weights
    }
    total = sum(idf.values()) or 1.0
    return {term: weight / total for term, weight in idf.items()}


def _question(chunk: Chunk) -> Span:
    """Give the span of an FAQ entry's question in the chunk's text; an empty one for others."""
    start, end = chunk.question or (chunk.start, chunk.start)
    return start - chunk.start, end - chunk.start


def _inside(covered: Sequence[tuple[str, int, int]], document: str, start: int, end: int) -> bool:
    return any(name == document and a <= start and end <= b for name, a, b in covered)
