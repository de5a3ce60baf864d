"""Answer in the documents' own words: read units, score them, choose, and quote them exactly.

Read this file first. A question's passages are split into units that answer (``answer_units``),
these are scored (``unit_scores``), the best are chosen, widened to the list or the FAQ entry that
they are a part of, narrowed where they are long (``unit_width``), and said.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from indexes.chunk import Chunk, Passage
from indexes.embedding.embedder import Embedder
from ragdesk.answering.decision import answer_likelihood
from ragdesk.answering.reading.answer_units import AnswerUnit, split_units
from ragdesk.answering.reading.choice_signals import measure_choice
from ragdesk.answering.reading.choice_statements import covers_part, join_parts, state_choice
from ragdesk.answering.reading.question_form import read_form
from ragdesk.answering.reading.reader_scores import read_ranked_units
from ragdesk.answering.reading.reading_options import ExtractOptions, ReaderOptions
from ragdesk.answering.reading.repeated_units import drop_repeats
from ragdesk.answering.reading.section_labels import find_section_labels
from ragdesk.answering.reading.sentence_comparer import SentenceComparer
from ragdesk.answering.reading.unit_choice import UnitChoice, choose_units
from ragdesk.answering.reading.unit_facts import UnitFacts
from ragdesk.answering.reading.unit_reader import UnitReader
from ragdesk.answering.reading.unit_scores import ScoredUnit, UnitScorer, weigh_terms_by_sentences
from ragdesk.answering.reading.unit_statements import state_unit
from ragdesk.answering.reading.unit_width import narrow_unit, widen_unit
from ragdesk.answering.retrieval.passage_words import describe_place
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.statement import Statement

# Units looked at for an answer to a follow-up, and the part of the best's worth they have.
READ_UNITS, ADMITTED_SHARE = 24, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceExtractor:
    """Answers a question with units chosen from its passages.

    document_text: returns the stored text of a document by its id. context_chunks: returns the
    chunks around a passage in its document, itself included, in order. is_answerable: tells
    whether a part of a question is to be answered from what was found for it. reader: reads the
    best units once more; None where there is none. comparers: what compares units with a
    question, by its language.
    """

    embedder: Embedder
    document_text: Callable[[str], str | None]
    context_chunks: Callable[[Passage], Sequence[Chunk]]
    is_answerable: Callable[[Retrieval], bool]
    options: ExtractOptions = field(default_factory=ExtractOptions)
    reader: UnitReader | None = None
    reading: ReaderOptions = field(default_factory=ReaderOptions)
    comparers: Mapping[str, SentenceComparer] = field(default_factory=dict)

    def read_passages(self, retrieval: Retrieval) -> Retrieval:
        """Rank the units of a retrieval's passages, and add signals of what they hold.

        ``unit``: closeness of the nearest unit to the question. ``reader``: how likely one of the
        units answers, by the trained reader; ``reader_best``: how likely the best one does (0..1).
        ``answer``: what would be said, see ``measure_choice``. Of a question with several parts
        each is read, and the signals are those of the one that is answered best.
        """
        if retrieval.parts:
            admits = retrieval.admits
            parts = tuple(self.read_passages(replace(p, admits=admits)) for p in retrieval.parts)
            likeliest = max(parts, key=lambda part: answer_likelihood(part.signals))
            signals = {**retrieval.signals, **likeliest.signals}
            return replace(retrieval, parts=parts, signals=signals)
        ranked = self._rank_units(retrieval, self._read_texts(retrieval))
        if not ranked:
            return retrieval
        closest = max(0.0, *(scored.closeness or 0.0 for scored in ranked))
        question_labels = find_section_labels(retrieval.part or retrieval.analysis.text)
        is_section = any(
            UnitFacts(s.unit).section_labels & question_labels for s in ranked if question_labels
        )
        if is_section:
            closest = 1.0  # a part that is asked for by its number is found, or is not
        signals = {**retrieval.signals, "unit": closest, "answer_section": float(is_section)}
        if self.reader is not None:
            question = retrieval.part or retrieval.analysis.text
            ranked, reading = read_ranked_units(self.reader, question, ranked, self.reading)
            best = float(reading.scores.max())
            signals |= {"reader": reading.answerable, "reader_best": 1 / (1 + math.exp(-best))}
        admitted = self._keep_admitted(ranked, retrieval)
        choice = _choose_units(admitted or ranked, retrieval)
        signals |= measure_choice(choice, ranked, retrieval)
        return replace(
            retrieval,
            ranked_units=tuple(ranked),
            choice=choice if admitted else None,
            signals=signals,
        )

    def __call__(self, retrieval: Retrieval) -> list[Statement]:
        """Return the quoted statements that answer a question; none if no unit fits.

        Each part of a question is answered by itself, and one that is not answered is named.
        """
        language = retrieval.analysis.language
        if not retrieval.parts:
            return self._answer_part(retrieval, language)
        parts = [replace(part, admits=retrieval.admits) for part in retrieval.parts]
        answers: list[tuple[str, list[Statement]]] = []
        for part in parts:
            statements = [statement for _, of_part in answers for statement in of_part]
            if not covers_part(part.part, statements):
                is_known = self.is_answerable(part)
                answers.append((part.part, self._answer_part(part, language) if is_known else []))
        return join_parts(answers, language)

    def _answer_part(self, retrieval: Retrieval, language: str) -> list[Statement]:
        texts = self._read_texts(retrieval)
        ranked = self._keep_admitted(
            retrieval.ranked_units or self._rank_units(retrieval, texts), retrieval
        )
        if not ranked or ranked[0].worth <= 0:
            return []
        weights = weigh_terms_by_sentences(retrieval)
        wholes = [scored for scored in ranked if scored.unit.is_whole]
        choice = retrieval.choice or _choose_units(ranked, retrieval)

        def state(unit: AnswerUnit, earlier: Sequence[Statement]) -> list[Statement]:
            text = texts[unit.passage.chunk.document]
            whole = widen_unit(unit, [scored.unit for scored in wholes], retrieval)
            return state_unit(narrow_unit(whole, text, weights), text, retrieval, earlier[-1:])

        return state_choice(choice, language, state)

    def _keep_admitted(
        self, ranked: Sequence[ScoredUnit], retrieval: Retrieval
    ) -> Sequence[ScoredUnit]:
        """Keep of a follow-up's units those that may answer it and are about its subject."""
        if retrieval.admits is None or not ranked:
            return ranked
        floor = ADMITTED_SHARE * ranked[0].worth
        return [
            scored
            for scored in ranked[:READ_UNITS]
            if scored.worth >= floor
            and retrieval.admits(
                scored.unit.text,
                f"{describe_place(scored.passage.chunk)}\n{scored.unit.lead}",
                scored.passage.chunk.language,
            )
        ]

    def rank_units(self, retrieval: Retrieval) -> list[ScoredUnit]:
        """Return all units of the best passages, best first."""
        return self._rank_units(retrieval, self._read_texts(retrieval))

    def read_units(self, retrieval: Retrieval, texts: dict[str, str]) -> list[AnswerUnit]:
        """Split the best passages into units. texts: of their documents, by id."""
        passages = retrieval.passages[: self.options.passages]
        return [
            unit
            for rank, passage in enumerate(passages)
            for unit in split_units(passage, rank, texts[passage.chunk.document])
        ]

    def _rank_units(self, retrieval: Retrieval, texts: dict[str, str]) -> list[ScoredUnit]:
        scorer = UnitScorer(
            embedder=self.embedder,
            context_chunks=self.context_chunks,
            options=self.options,
            comparers=self.comparers,
        )
        return scorer.rank_units(self.read_units(retrieval, texts), retrieval)

    def _read_texts(self, retrieval: Retrieval) -> dict[str, str]:
        """Read the text of each document once."""
        passages = retrieval.passages[: self.options.passages]
        documents = dict.fromkeys(passage.chunk.document for passage in passages)
        return {document: self.document_text(document) or "" for document in documents}


def _choose_units(ranked: Sequence[ScoredUnit], retrieval: Retrieval) -> UnitChoice:
    """Choose of ranked units, each sentence once, what answers the question or its part."""
    parts = [scored for scored in ranked if not scored.unit.is_whole]
    wholes = [scored for scored in ranked if scored.unit.is_whole]
    return choose_units(
        read_form(retrieval.analysis, retrieval.part),
        [*drop_repeats(parts, retrieval), *wholes],
        weigh_terms_by_sentences(retrieval),
        named_instead=retrieval.named_instead,
    )
