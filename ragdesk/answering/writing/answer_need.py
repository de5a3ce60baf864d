"""Tell whether a true sentence answers the question at all, or something else. Pure.

A small model says what a passage says, whatever was asked. A sentence meets the question's need if
it and what it rests on speak of the question's codes, and if it names a number or a time where one
is asked for. Customers use other words than documents: to ask for a share of the question's words
would refuse half of the right answers (sample company: 38 of 73 reach a fifth).
"""

from indexes.text.tokens import tokenize_text
from ragdesk.answering.retrieval.passage_words import chunk_words
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis
from ragdesk.answering.statement import Statement


def meets_need(analysis: QuestionAnalysis, statement: Statement) -> bool:
    """Tell whether a statement, which may be true, can answer anything of the question.

    >>> from ragdesk.answering.retrieval.question_analysis import analyze_question
    >>> analysis = analyze_question("How long is it valid?")
    >>> meets_need(analysis, Statement("It is valid for 30 days.", (), 1.0))
    True
    >>> meets_need(analysis, Statement("It comes by mail.", (), 1.0))
    False
    """
    words = frozenset(tokenize_text(statement.text)).union(
        *(chunk_words(quote.passage.chunk) for quote in statement.quotes)
    )
    speaks_of_codes = words.issuperset(analysis.identifiers)
    return speaks_of_codes and not analysis.question_type.lacks_amount(statement.text)
