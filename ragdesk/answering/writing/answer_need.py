"""Tell whether a true sentence answers the question at all, or something else. Pure.

A small model says what a passage says, whatever was asked. A sentence meets the question's need if
it and what it rests on speak of the question's codes, and if it names a number or a time where one
is asked for. Customers use other words than documents: a share of words would refuse right answers.
"""

from collections.abc import Sequence

from indexes.text.coverage import Idf
from indexes.text.tokens import tokenize_text
from ragdesk.answering.retrieval.passage_words import chunk_words
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis, weigh_terms
from ragdesk.answering.statement import Statement

LEAST_TOPIC = 0.2  # of the question's subject, by weight, that a sentence and its passages speak of


def meets_need(analysis: QuestionAnalysis, statements: Sequence[Statement], idf: Idf) -> bool:
    """Tell whether statements, which may all be true, answer anything of the question."""
    return any(_answers(analysis, statement, idf) for statement in statements)


def _answers(analysis: QuestionAnalysis, statement: Statement, idf: Idf) -> bool:
    words = frozenset(tokenize_text(statement.text)).union(
        *(chunk_words(quote.passage.chunk) for quote in statement.quotes)
    )
    if not words.issuperset(analysis.identifiers):
        return False
    if analysis.question_type.lacks_amount(statement.text):
        return False
    topic = weigh_terms(sorted(analysis.topic_words), idf)
    return not topic.total or topic.coverage(words) >= LEAST_TOPIC
