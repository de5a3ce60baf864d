"""Widen a unit to the list or FAQ entry it is a part of; narrow it to what was asked. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from indexes.text.sentences import Span
from indexes.text.tokens import tokenize_text
from ragdesk.answering.reading.answer_units import AnswerUnit, join_spans
from ragdesk.answering.reading.document_lines import list_lines
from ragdesk.answering.reading.list_reader import leads_in
from ragdesk.answering.reading.long_sentences import LONGEST_WHOLE, find_stretch
from ragdesk.answering.reading.table_reader import find_cells
from ragdesk.answering.retrieval.question_analysis import question_likeness
from ragdesk.answering.retrieval.retrieval_result import Retrieval

LONGEST_ENTRY = 700  # of an FAQ entry's answer
SAME_QUESTION = 0.5  # of two questions' words in common: then its whole answer is said
LONGEST_CODE = 700  # characters of code that is quoted whole
LINES_AROUND = 4  # of the line of longer code that fits best
WIDE_ROW = 240  # characters of a row from which only the asked columns are quoted
MOST_COLUMNS = 3


def widen_unit(unit: AnswerUnit, wholes: Sequence[AnswerUnit], retrieval: Retrieval) -> AnswerUnit:
    """Return the list or the FAQ entry that should be said in place of a part of it.

    A lead-in brings its list along, and an item its whole list where several things or steps are
    asked for. An FAQ entry is said whole where its question is nearly the one that was asked.
    """
    for whole in wholes:
        if not whole.contains(unit):
            continue
        if whole.kind == "faq":
            if len(whole.text) <= LONGEST_ENTRY and is_same_question(whole, retrieval):
                return whole
        elif retrieval.analysis.wants_list or leads_in(unit.core):
            return whole
    return unit


def is_same_question(unit: AnswerUnit, retrieval: Retrieval) -> bool:
    """Tell whether a unit answers nearly the question that was asked, in an FAQ."""
    if not unit.question:
        return False
    return question_likeness(retrieval.term_weights, unit.question, retrieval.idf) >= SAME_QUESTION


def narrow_unit(unit: AnswerUnit, text: str, weights: Mapping[str, float]) -> AnswerUnit:
    """Return a unit with what was asked of it alone, where it is long: the asked columns of a row.

    weights: the question's words and what each is worth.
    """
    if unit.kind == "row" and len(unit.core) > WIDE_ROW:
        return _narrow_row(unit, text, weights)
    if unit.kind in {"sentence", "definition"} and len(unit.core) > LONGEST_WHOLE:
        spans = (*unit.spans[: unit.above], find_stretch(text, unit.spans[-1], weights))
        return _requote(unit, text, spans, unit.above)
    if unit.kind == "code" and len(unit.core) > LONGEST_CODE:
        spans = (*unit.spans[: unit.above], _best_lines(text, unit.spans[-1], weights))
        return _requote(unit, text, spans, unit.above)
    return unit


def _best_lines(text: str, code: Span, weights: Mapping[str, float]) -> Span:
    """Return the line of long code that holds most of the question, and those around it."""
    lines = list_lines(text, *code)
    words = [set(tokenize_text(text[slice(*line)])).intersection(weights) for line in lines]
    best = max(range(len(lines)), key=lambda n: _sum_weights(words[n], weights))
    first, last = max(0, best - LINES_AROUND), min(len(lines) - 1, best + LINES_AROUND)
    return lines[first][0], lines[last][1]


def _narrow_row(unit: AnswerUnit, text: str, weights: Mapping[str, float]) -> AnswerUnit:
    """Quote of a wide row its label, and the columns whose name or value was asked for."""
    row = find_cells(text, unit.spans[-1])
    matches = _match_columns(unit, weights)
    if not matches:
        return unit
    label = next((n for n, (start, end) in enumerate(row) if end > start), 0)
    columns = sorted({label, *matches})
    lines = [find_cells(text, span) for span in unit.spans[: unit.above]]
    above: list[Span] = []
    for cells in lines:
        picked = [cells[n] for n in columns if n < len(cells)] if len(cells) > 1 else cells
        above += [span for span in picked if span[0] < span[1]]
    columns = [n for n in columns if n < len(row) and row[n][0] < row[n][1]]
    narrow = _requote(unit, text, (*above, *(row[n] for n in columns)), len(above))
    names = (*unit.columns, *[""] * len(row))
    return replace(
        narrow,
        columns=tuple(names[n] for n in columns),
        cells=tuple(unit.cells[n] for n in columns),
    )


def _match_columns(unit: AnswerUnit, weights: Mapping[str, float]) -> list[int]:
    """Return the columns that hold most of the question in their names or cells."""
    row_words = [set(tokenize_text(cell)).intersection(weights) for cell in unit.cells]
    name_words = [set(tokenize_text(name)).intersection(weights) for name in unit.columns]
    in_cells: set[str] = set().union(*row_words)
    named = {n: _sum_weights(words - in_cells, weights) for n, words in enumerate(name_words)}
    best = max(named.values(), default=0.0)
    columns = [n for n, worth in named.items() if best and worth > 0.99 * best][:MOST_COLUMNS]
    covered: set[str] = set()
    for n in sorted(range(len(row_words)), key=lambda n: -_sum_weights(row_words[n], weights)):
        if not row_words[n] <= covered:
            columns.append(n)
            covered |= row_words[n]
    return columns


def _sum_weights(words: Collection[str], weights: Mapping[str, float]) -> float:
    return sum(weights[word] for word in words)


def _requote(unit: AnswerUnit, text: str, spans: tuple[Span, ...], above: int) -> AnswerUnit:
    return replace(
        unit,
        spans=spans,
        above=above,
        text=join_spans(text, spans),
        core=join_spans(text, spans[above:]),
    )
