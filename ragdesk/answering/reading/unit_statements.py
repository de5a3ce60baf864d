"""State a unit: its exact quotes, and a sentence of ours where a list is longer than that. Pure."""

from collections.abc import Sequence

from ragdesk.answering.answer import ClaimVerdict
from ragdesk.answering.messages import format_more_items
from ragdesk.answering.reading.answer_units import MOST_ITEMS, AnswerUnit, join_spans
from ragdesk.answering.retrieval.question_analysis import question_likeness
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.statement import Quote, Statement

SAME_QUESTION_SHARE = 0.7  # of two questions' words in common: then the entry's need not be shown
SHORTEST_ANSWER = 20  # characters; "Yes." is not understood without its question


def state_unit(
    unit: AnswerUnit, text: str, retrieval: Retrieval, before: Sequence[Statement] = ()
) -> list[Statement]:
    """Return what is said of a unit: an exact quote, and how many items of a list are left out.

    An answer out of an FAQ is said with its question, unless that is the one that was asked.
    before: the statement above it; what that quotes to be understood (the head of the same table,
    the question of the same entry) is not said again.
    """
    document = unit.passage.chunk.document
    quoted = {
        (q.start, q.end) for s in before for q in s.quotes if q.passage.chunk.document == document
    }
    above = [span for span in unit.spans[: unit.above] if span not in quoted]
    answering = unit.spans[unit.above :]
    if unit.question_span and unit.question_span not in quoted and _shows_question(unit, retrieval):
        above.insert(0, unit.question_span)
    spans = [*above, *answering]
    quotes = tuple(
        Quote(
            unit.passage,
            start,
            end,
            text[start:end],
            question=unit.question,
            columns=_quoted_columns(unit, n - len(above)),
        )
        for n, (start, end) in enumerate(spans)
    )
    statements = [Statement(join_spans(text, spans), quotes, 1.0)]
    if unit.size > MOST_ITEMS:
        chunk = unit.passage.chunk
        words = format_more_items(
            unit.size - MOST_ITEMS, (chunk.path or (chunk.title,))[-1], retrieval.analysis.language
        )
        statements.append(Statement(words, (), 0.0, ClaimVerdict.NO_CLAIM))
    return statements


def _quoted_columns(unit: AnswerUnit, part: int) -> tuple[str, ...]:
    """Return the columns of what is quoted: of a whole row all, of one of its cells its own.

    part: which of the spans that answer; those above them are no row.
    """
    if part < 0:
        return ()
    is_cell = len(unit.spans) - unit.above > 1
    return unit.columns[part : part + 1] if is_cell else unit.columns


def _shows_question(unit: AnswerUnit, retrieval: Retrieval) -> bool:
    if len(unit.core) < SHORTEST_ANSWER:
        return True
    likeness = question_likeness(retrieval.term_weights, unit.question, retrieval.idf)
    return likeness < SAME_QUESTION_SHARE
