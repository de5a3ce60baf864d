"""Retrieve for each part of a question on its own, and bring what was found into one result.

"What is the deposit, and how many guests may I bring?" finds the passages of one of the two, or
those that speak a little of both. Each part is searched for by itself, answered by itself, and
where the documents do not answer it, that is said. A long mail is searched for by what it asks.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain, zip_longest

from indexes.chunk import Passage
from ragdesk.answering.answer import Question
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis, analyze_question
from ragdesk.answering.retrieval.question_parts import split_question
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.retrieval.retriever import Retriever

PASSAGES_OF_PART = 4  # that are shown, and read, of each of several parts at least


def retrieve_parts(
    retrieve: Retriever,
    question: Question,
    analysis: QuestionAnalysis,
    likelihood: Callable[[Mapping[str, float]], float],
) -> Retrieval:
    """Return the passages of a question, best first; of several parts those of each, in turns.

    The signals are those of the part that is answered best by ``likelihood``. A question that was
    rewritten for its conversation is one part.
    """
    parts = split_question(question.text) if analysis.text.strip() == question.text.strip() else ()
    if len(parts) == 1 and parts[0].search_text != question.text.strip():
        analysis = analyze_question(parts[0].search_text)
    if len(parts) < 2:  # noqa: PLR2004 (one question)
        return retrieve(question, analysis)
    retrievals = [
        replace(retrieve(question, analyze_question(part.search_text)), part=part.text)
        for part in parts
    ]
    best = max(retrievals, key=lambda retrieval: likelihood(retrieval.signals))
    most = max(len(best.passages), PASSAGES_OF_PART * len(parts))
    passages = tuple(take_turns(r.passages for r in retrievals))[:most]
    seconds = [r.rerank_seconds for r in retrievals if r.rerank_seconds is not None]
    return replace(
        best,
        analysis=replace(best.analysis, text=analysis.text, language=analysis.language),
        passages=passages,
        duplicates={name: same for r in retrievals for name, same in r.duplicates.items()},
        rerank_seconds=sum(seconds) if seconds else None,
        part="",
        parts=tuple(_keep_passages(retrieval, passages) for retrieval in retrievals),
    )


def _keep_passages(part: Retrieval, passages: Iterable[Passage]) -> Retrieval:
    """Keep of a part's passages those that are shown: what is cited must be among them."""
    ids = {passage.chunk.id for passage in passages}
    return replace(part, passages=tuple(p for p in part.passages if p.chunk.id in ids))


def take_turns(rankings: Iterable[tuple[Passage, ...]]) -> list[Passage]:
    """Return the first passages of all rankings, then the second ones, each passage once."""
    turns: dict[str, Passage] = {}
    for passage in chain.from_iterable(zip_longest(*rankings)):
        if passage is not None:
            turns.setdefault(passage.chunk.id, passage)
    return list(turns.values())
