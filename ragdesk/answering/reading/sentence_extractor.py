"""Answer in the documents' own words: read units, score them, choose, and quote them exactly.

Read this file first. A question's passages are split into units that answer (``answer_units``),
these are scored (``unit_scores``), the best are chosen, widened to the list or the FAQ entry that
they are a part of, narrowed where they are long (``unit_width``), and said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexes.chunk import Chunk, Passage
from indexes.embedding.embedder import Embedder
from ragdesk.answering.reading.answer_units import AnswerUnit, leans_on_previous, split_units
from ragdesk.answering.reading.repeated_units import drop_repeats
from ragdesk.answering.reading.unit_scores import (
    ExtractOptions,
    ScoredUnit,
    UnitScorer,
    weigh_terms_by_sentences,
)
from ragdesk.answering.reading.unit_statements import state_unit
from ragdesk.answering.reading.unit_width import narrow_unit, widen_unit
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.statement import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceExtractor:
    """Answers a question with units chosen from its passages.

    document_text: returns the stored text of a document by its id. context_chunks: returns the
    chunks around a passage in its document, itself included, in order.
    """

    embedder: Embedder
    document_text: Callable[[str], str | None]
    context_chunks: Callable[[Passage], Sequence[Chunk]]
    options: ExtractOptions = ExtractOptions()

    def __call__(self, retrieval: Retrieval) -> list[Statement]:
        """Return the quoted statements that answer a question; none if no unit fits."""
        texts = self._read_texts(retrieval)
        ranked = self._rank_units(retrieval, texts)
        if not ranked or ranked[0].worth <= 0:
            return []
        units = self._choose_units(ranked, retrieval)
        weights = weigh_terms_by_sentences(retrieval)
        statements = []
        for unit in self._order_units(units):
            text = texts[unit.passage.chunk.document]
            statements += state_unit(narrow_unit(unit, text, weights), text, retrieval)
        return statements

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
            embedder=self.embedder, context_chunks=self.context_chunks, options=self.options
        )
        return scorer.rank_units(self.read_units(retrieval, texts), retrieval)

    def _read_texts(self, retrieval: Retrieval) -> dict[str, str]:
        """Read the text of each document once."""
        passages = retrieval.passages[: self.options.passages]
        documents = dict.fromkeys(passage.chunk.document for passage in passages)
        return {document: self.document_text(document) or "" for document in documents}

    def _choose_units(self, ranked: Sequence[ScoredUnit], retrieval: Retrieval) -> list[AnswerUnit]:
        """Take the best unit, a second one nearly as good, and the ones they refer back to.

        A unit that is a part of a chosen list or FAQ entry is not said again.
        """
        parts = [scored for scored in ranked if not scored.unit.is_whole]
        wholes = [scored.unit for scored in ranked if scored.unit.is_whole]
        best, most = parts[0], self.options.most
        distinct = drop_repeats(parts, retrieval)
        chosen = [s for s in distinct[:2] if s.worth >= self.options.second * best.worth]
        places = {s.position: s for s in parts}
        for scored in tuple(chosen):
            earlier = places.get(scored.position - 1)
            if (
                earlier
                and earlier.passage is scored.passage
                and earlier not in chosen
                and not scored.unit.above
                and leans_on_previous(scored.text)
            ):
                chosen.append(earlier)
        units: list[AnswerUnit] = []
        for scored in chosen[:most]:
            unit = widen_unit(scored.unit, wholes, retrieval)
            if unit not in units and not any(other.contains(unit) for other in units):
                units = [other for other in units if not unit.contains(other)] + [unit]
        return units

    def _order_units(self, units: Sequence[AnswerUnit]) -> list[AnswerUnit]:
        """Return units in the order of the documents, these by their best unit."""
        order = list(dict.fromkeys(unit.passage.chunk.document for unit in units))
        return sorted(
            units, key=lambda unit: (order.index(unit.passage.chunk.document), unit.core_span)
        )
