"""Look for what the documents say to do in an accident: among what a turn brought up, then anew."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.statement import Statement
from ragdesk.answering.turns.safety_quotes import find_hazards, quote_instructions
from ragdesk.answering.writing.writer import WriterPart


@dataclass(frozen=True, slots=True)
class QuoteWriter:
    """Writes statements that were quoted already. model: the embedder that helped to find them."""

    statements: Sequence[Statement]
    model: str
    generator: str = "extractive"

    def follow_up(self, question: Question) -> None:
        """Rewrite no follow-up question."""

    def admit(self) -> None:
        """Accept every question."""

    async def __call__(
        self, question: Question, retrieval: Retrieval
    ) -> AsyncGenerator[WriterPart, None]:
        """Hand the statements on."""
        del question, retrieval
        for statement in self.statements:
            yield statement


def search_instructions(
    retrieve: Retriever, question: Question, retrieval: Retrieval
) -> tuple[Retrieval, list[Statement]]:
    """Return what passages say to do about the hazards of a turn, quoted; nothing if they do not.

    The retrieval comes back with the passages that hold it. Blocks.
    """
    hazards = find_hazards(question.text)
    if statements := quote_instructions(retrieval.passages, hazards):
        return retrieval, statements
    language = "zh" if retrieval.analysis.language == "zh" else "en"
    for hazard in hazards:
        by_hazard = retrieve(question, analyze_question(hazard.queries[language]))
        if statements := quote_instructions(by_hazard.passages, (hazard,)):
            return _add_passages(retrieval, by_hazard, statements), statements
    return retrieval, []


def _add_passages(
    retrieval: Retrieval, other: Retrieval, statements: Sequence[Statement]
) -> Retrieval:
    """Return a retrieval with the quoted passages of another one, by score."""
    cited = {quote.passage.chunk.id for statement in statements for quote in statement.quotes}
    known = {passage.chunk.id for passage in retrieval.passages}
    added = [p for p in other.passages if p.chunk.id in cited - known]
    others = retrieval.passages[: max(0, len(retrieval.passages) - len(added))]
    passages = sorted((*others, *added), key=lambda passage: -passage.score)
    return replace(retrieval, passages=tuple(passages))
