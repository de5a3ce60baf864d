"""Score units that may answer by the words they hold of the question, and by the embedding model.

A unit is worth what it holds of the question, each word weighed by how few of the sentences that
were found hold it too: among passages about one thing, the name of that thing tells nothing
apart. Units lean on what stands above them, so words of the heading, of the section's first
sentence, of what is quoted with them and of the sentence before count in part. The measurements
behind every number here are in tests/lab/RESULTS.md, "Extraction"; ``python -m
tests.lab.quality.extraction`` makes them.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from indexes.chunk import Chunk, Passage
from indexes.embedding.embedder import Embedder
from indexes.text.tokens import tokenize_text
from ingest.chunk_context import LEAD_SEPARATOR
from ragdesk.answering.reading.answer_units import AnswerUnit
from ragdesk.answering.reading.faq_reader import strip_question_mark
from ragdesk.answering.reading.reading_options import ExtractOptions
from ragdesk.answering.reading.sentence_comparer import SentenceComparer, SentenceMatches
from ragdesk.answering.retrieval.passage_words import analyze_sentences, heading_words
from ragdesk.answering.retrieval.retrieval_result import Retrieval

BROAD_PASSAGES = 8
"""Of so many passages the best unit is looked at closely whatever it is worth: the words of a
question that is asked in other words find its passage at times, and its sentence never."""
_CACHED_UNITS = 4096
_NO_WORDS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ScoredUnit:
    """A unit and what it is worth. position: its place among the units of its passage.

    closeness: to the question by a model's vectors (0..1); None where it was not compared.
    is_learnt: by a model that has learnt which sentence answers. token_match: how well that model
    finds the question's tokens met (0..1).
    """

    unit: AnswerUnit
    worth: float
    position: int
    closeness: float | None = None
    is_learnt: bool = False
    token_match: float = 0.0

    @property
    def passage(self) -> Passage:
        """Return the passage it stands in."""
        return self.unit.passage

    @property
    def text(self) -> str:
        """Return the characters that answer."""
        return self.unit.core


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitScorer:
    """Scores units. context_chunks: returns the chunks around a passage, itself included.

    comparers: what compares units with a question of a language; none where another model was
    chosen for the collection. The English one reads English alone.
    """

    embedder: Embedder
    context_chunks: Callable[[Passage], Sequence[Chunk]]
    options: ExtractOptions = field(default_factory=ExtractOptions)
    comparers: Mapping[str, SentenceComparer] = field(default_factory=dict)

    def rank_units(self, units: Sequence[AnswerUnit], retrieval: Retrieval) -> list[ScoredUnit]:
        """Return units with their worth, best first.

        A list or a whole FAQ entry is worth as much as the best of its parts.
        """
        weights = weigh_terms_by_sentences(retrieval)
        parts: list[ScoredUnit] = []
        last_passage: Passage | None = None
        for unit in units:
            if unit.is_whole:
                continue
            if unit.passage is not last_passage:
                opening, before = self._read_context(unit.passage)
                last_passage = unit.passage
            worth = self._weigh_unit(unit, weights, retrieval, opening, before)
            before = _read_words(unit.core) if unit.kind != "row" else _NO_WORDS
            parts.append(ScoredUnit(unit, worth, len(parts)))
        ranked = sorted(parts, key=_ranking_key)
        compare = self.comparers.get(retrieval.analysis.language)
        if compare is not None:
            ranked = self._compare_broadly(compare, ranked, retrieval)
        else:
            ranked = self._compare_by_model(ranked, retrieval)
        return _insert_wholes(units, ranked)

    def _weigh_unit(
        self,
        unit: AnswerUnit,
        weights: Mapping[str, float],
        retrieval: Retrieval,
        opening: frozenset[str],
        before: frozenset[str],
    ) -> float:
        options, analysis, chunk = self.options, retrieval.analysis, unit.passage.chunk
        above = heading_words(chunk) | opening | _words_above(unit)
        worth = options.passage * unit.passage.score
        worth += options.figures * analysis.numbers_stand_in(unit.core)
        worth += options.kind * analysis.question_type.count_answer_types(unit.core)
        shares = {
            term: min(options.above * (term in above) + options.before * (term in before), 1.0)
            for term in weights
        }
        return worth + max(
            sum(weight * (1.0 if t in words else shares[t]) for t, weight in weights.items())
            for words in _word_sets(unit)
        )

    def _read_context(self, passage: Passage) -> tuple[frozenset[str], frozenset[str]]:
        """Return the words of the section's first sentence, and of the sentence before the passage.

        A long paragraph is found in pieces; what it is about is said where it begins.
        """
        chunk = passage.chunk
        section = [c for c in self.context_chunks(passage) if c.section == chunk.section] or [chunk]
        earlier = [c for c in section if c.end <= chunk.start]
        first = analyze_sentences(section[0].text)
        last = analyze_sentences(earlier[-1].text) if earlier else ()
        return (first[0].words if first else _NO_WORDS, last[-1].words if last else _NO_WORDS)

    def _compare_broadly(
        self, compare: SentenceComparer, ranked: list[ScoredUnit], retrieval: Retrieval
    ) -> list[ScoredUnit]:
        """Compare many units by the model for questions of this language."""
        is_english = retrieval.analysis.language == "en"
        weight = self.options.english if is_english else self.options.chinese
        readable = [s for s in ranked if not is_english or s.passage.chunk.language == "en"]
        chosen = choose_broadly(readable, self.options.compared)
        question = retrieval.part or retrieval.analysis.text
        matches = compare(question, [_write_below_headings(scored.unit) for scored in chosen])
        places = {scored.position: n for n, scored in enumerate(chosen)}
        foreign = self._compare_foreign(ranked, retrieval) if is_english else {}
        compared = [
            _add_matches(scored, matches, places[scored.position], weight)
            if scored.position in places
            else _add_closeness(scored, foreign[scored.position], weight)
            if scored.position in foreign
            else scored
            for scored in ranked
        ]
        return sorted(compared, key=_ranking_key)

    def _compare_foreign(
        self, ranked: Sequence[ScoredUnit], retrieval: Retrieval
    ) -> dict[int, float]:
        """Compare a few units of other languages, where a passage of these is among the best."""
        best = retrieval.passages[: self.options.close]
        foreign = [s for s in ranked if s.passage in best and s.passage.chunk.language != "en"]
        if retrieval.similarity is None or not foreign:
            return {}
        chosen = choose_broadly(foreign, self.options.close)
        similarities = retrieval.similarity.compare(
            self.embedder.embed_passages([_write_below_headings(scored.unit) for scored in chosen]),
            [scored.passage.chunk.language for scored in chosen],
        )
        return dict(zip((s.position for s in chosen), similarities.tolist(), strict=True))

    def _compare_by_model(self, ranked: list[ScoredUnit], retrieval: Retrieval) -> list[ScoredUnit]:
        """Compare the few best units by the embedding model, where it reads the question."""
        options = self.options
        if retrieval.similarity is None or not options.cosine:
            return ranked
        close = [s for s in ranked[: options.close] if ranked[0].worth - s.worth <= options.margin]
        if not close:
            return ranked
        similarities = retrieval.similarity.compare(
            self.embedder.embed_passages([scored.unit.reading_text for scored in close]),
            [scored.passage.chunk.language for scored in close],
        )
        close = [
            _add_closeness(scored, similarity, options.cosine)
            for scored, similarity in zip(close, similarities.tolist(), strict=True)
        ]
        return [*sorted(close, key=lambda scored: -scored.worth), *ranked[len(close) :]]


def choose_broadly(ranked: Sequence[ScoredUnit], most: int) -> list[ScoredUnit]:
    """Choose units to look at closely: the best of each passage, then the best of all.

    ranked: best first. Lists and whole FAQ entries are left out; they go by their parts.
    """
    parts = [scored for scored in ranked if not scored.unit.is_whole]
    heads: dict[int, ScoredUnit] = {}
    for scored in parts:
        if scored.unit.rank < BROAD_PASSAGES:
            heads.setdefault(scored.unit.rank, scored)
    first = sorted(heads.values(), key=lambda scored: scored.unit.rank)[:most]
    places = {scored.position for scored in first}
    rest = [scored for scored in parts if scored.position not in places]
    return [*first, *rest[: most - len(first)]]


def weigh_terms_by_sentences(retrieval: Retrieval, depth: int = 10) -> dict[str, float]:
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


def _insert_wholes(units: Sequence[AnswerUnit], ranked: Sequence[ScoredUnit]) -> list[ScoredUnit]:
    """Insert lists and FAQ entries behind the best of their parts, and worth the same."""
    wholes_behind: dict[int, list[ScoredUnit]] = {}
    for unit in units:
        best = next((s for s in ranked if unit.contains(s.unit)), None)
        if best is not None:
            whole = ScoredUnit(unit, best.worth, best.position)
            wholes_behind.setdefault(best.position, []).append(whole)
    return [scored for part in ranked for scored in (part, *wholes_behind.get(part.position, ()))]


def _add_closeness(scored: ScoredUnit, closeness: float, weight: float) -> ScoredUnit:
    return replace(scored, worth=scored.worth + weight * closeness, closeness=closeness)


def _add_matches(
    scored: ScoredUnit, matches: SentenceMatches, place: int, weight: float
) -> ScoredUnit:
    """Add what a comparison says of a unit; how its tokens match ranks it no better."""
    closer = _add_closeness(scored, float(matches.cosines[place]), weight)
    return replace(closer, is_learnt=True, token_match=float(matches.token_matches[place]))


def _write_below_headings(unit: AnswerUnit) -> str:
    """Write a unit below its headings and an FAQ's question: what it is about stands there."""
    headings = unit.lead.partition("\n")[0].strip()
    nearest = headings.rpartition(LEAD_SEPARATOR)[2]
    text = unit.reading_text.removeprefix(f"{nearest}\n")  # of a list that its heading leads in
    text = f"{strip_question_mark(unit.question)} {text}" if unit.question else text
    return f"{headings}. {text}" if headings else text


def _ranking_key(scored: ScoredUnit) -> tuple[float, int, int]:
    return -scored.worth, scored.unit.rank, scored.position


def _word_sets(unit: AnswerUnit) -> list[frozenset[str]]:
    """Return the words of what answers: of code, of each line with what introduces it.

    All lines together hold words of many questions.
    """
    if unit.kind != "code":
        return [_read_words(unit.core)]
    lead_in = _read_words(_text_above(unit))
    return [lead_in | _read_words(line) for line in unit.core.split("\n")]


def _words_above(unit: AnswerUnit) -> frozenset[str]:
    """Return the words of what is read above a unit: a head, a lead-in, a question, a heading."""
    above = "\n".join(filter(None, (_text_above(unit), unit.question, unit.heading)))
    return _read_words(above) if above else _NO_WORDS


def _text_above(unit: AnswerUnit) -> str:
    """Return what is quoted only to understand a unit."""
    return unit.text.removesuffix(unit.core) if unit.above else ""


@lru_cache(maxsize=_CACHED_UNITS)
def _read_words(text: str) -> frozenset[str]:
    return frozenset(tokenize_text(text))
