"""The result of a retrieval: passages with their scores, and how they were computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexes.chunk import Passage
from indexes.similarity import QuestionSimilarity
from ragdesk.answering.retrieval.question_analysis import (
    QuestionAnalysis,
    TermWeights,
    weigh_terms,
)

if TYPE_CHECKING:
    from ragdesk.answering.reading.unit_choice import UnitChoice
    from ragdesk.answering.reading.unit_scores import ScoredUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """The passages retrieved for a question, best first.

    analysis: of the question as it was asked, with the words that were searched for. idf: weighs
    words over what the asker may see. term_weights: the question's terms weighed by it.
    similarity: compares texts with the question by their vectors; None where the model cannot read
    it. signals: numbers that tell how sure one may be. duplicates: per chunk id, the passages left
    out because they say the same.
    rerank_seconds: that a reranker took; None where none read them. named_instead: by document,
    the sibling that the question names in its place. part: as it was asked, where it is a part of
    a question. parts: of a question that asks several things, the retrieval of each. ranked_units:
    what the passages consist of, best first, once they were read. choice: what of it would be said;
    None where nothing may be. admits:
    whether a quote, with what stands above it and its language, may answer a follow-up; None where
    there are no turns before.
    """

    analysis: QuestionAnalysis
    term_weights: TermWeights
    idf: Callable[[str], float]
    similarity: QuestionSimilarity | None
    passages: tuple[Passage, ...]
    signals: Mapping[str, float]
    duplicates: Mapping[str, tuple[Passage, ...]]
    rerank_seconds: float | None = None
    named_instead: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    parts: tuple["Retrieval", ...] = ()
    ranked_units: tuple["ScoredUnit", ...] = ()
    choice: "UnitChoice | None" = None
    admits: Callable[[str, str, str], bool] | None = None


def skip_retrieval(analysis: QuestionAnalysis) -> Retrieval:
    """Return the retrieval of a turn that nothing is looked for: no passages, no signals."""
    return Retrieval(
        analysis=analysis,
        term_weights=weigh_terms((), _weigh_nothing),
        idf=_weigh_nothing,
        similarity=None,
        passages=(),
        signals={},
        duplicates={},
    )


def _weigh_nothing(term: str) -> float:
    del term
    return 0.0
