"""The result of a retrieval: passages with their scores, and how they were computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from indexes.chunk import Passage
from indexes.similarity import QuestionSimilarity
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis, TermWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """The passages retrieved for a question, best first.

    analysis: of the question as it was asked, with the words that were searched for. idf: weighs
    words over what the asker may see. term_weights: the question's terms weighed by it.
    similarity: compares texts with the question by their vectors; None where the model cannot read
    it. signals: numbers that tell how sure one may be. duplicates: per chunk id, the passages left
    out because they say the same.
    rerank_seconds: that a reranker took; None where none read them. admits: whether a quote, with
    what stands above it and its language, may answer a follow-up; None where there are no turns
    before.
    """

    analysis: QuestionAnalysis
    term_weights: TermWeights
    idf: Callable[[str], float]
    similarity: QuestionSimilarity | None
    passages: tuple[Passage, ...]
    signals: Mapping[str, float]
    duplicates: Mapping[str, tuple[Passage, ...]]
    rerank_seconds: float | None = None
    admits: Callable[[str, str, str], bool] | None = None
