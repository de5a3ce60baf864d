"""State what was chosen: quotes, group by group, and notes of ours that claim nothing. Pure."""

from collections.abc import Callable, Sequence
from itertools import chain

from ragdesk.answering.answer import ClaimVerdict
from ragdesk.answering.messages import (
    DIFFERING_TEXT,
    format_item_count,
    format_missing_part,
    format_version,
    localise_text,
)
from ragdesk.answering.reading.answer_units import AnswerUnit
from ragdesk.answering.reading.unit_choice import UnitChoice
from ragdesk.answering.reading.unit_facts import content_words
from ragdesk.answering.statement import Statement

StateUnit = Callable[[AnswerUnit, Sequence[Statement]], Sequence[Statement]]


def state_choice(choice: UnitChoice, language: str, state: StateUnit) -> list[Statement]:
    """Return the statements of a choice, each group as one, after a note where there is need of it.

    state: makes the statements of one unit, the quote first, after those that stand before it. Two
    units that are widened to the same FAQ entry or list are said once.
    """
    if not choice.groups:
        return []
    statements = [_note(words) for words in _list_notes(choice, language)]
    for group in choice.groups:
        quotes: list[Statement] = []
        notes: list[Statement] = []
        for unit in group:
            earlier = [*statements, *quotes]
            first, *others = state(unit, earlier)
            if not _is_stated(first, earlier):
                quotes.append(first)
                notes += others
        if quotes:
            statements.append(_join_statements(quotes) if len(quotes) > 1 else quotes[0])
        statements += notes
    return statements


def join_parts(
    answers: Sequence[tuple[str, Sequence[Statement]]], language: str
) -> list[Statement]:
    """Join the answers to the parts of a question: each quote once, then what was not answered.

    answers: each part as it was asked, with its statements. Nothing where no part is answered.
    """
    statements: list[Statement] = []
    for _, of_part in answers:
        statements += [s for s in of_part if not s.quotes or not _is_stated(s, statements)]
    if not any(statement.quotes for statement in statements):
        return []
    missing = [part for part, of_part in answers if not any(s.quotes for s in of_part)]
    return [*statements, *(_note(format_missing_part(part, language)) for part in missing)]


def covers_part(part: str, statements: Sequence[Statement]) -> bool:
    """Tell whether what is said already holds all that a further part of a question speaks of.

    >>> covers_part("and on which plan?", [Statement("15 % off the Team plan.", (), 1.0)])
    True
    >>> covers_part("how long?", [Statement("15 % off the Team plan.", (), 1.0)])
    False
    """
    words = content_words(part)
    spoken = {word for statement in statements for word in content_words(statement.text)}
    return bool(words) and words <= spoken


def _list_notes(choice: UnitChoice, language: str) -> list[str]:
    notes = []
    if choice.version:
        document = choice.groups[0][-1].passage.chunk.title
        notes.append(format_version(choice.version, document, language))
    if choice.items:
        notes.append(format_item_count(choice.items, language))
    if choice.differ:
        notes.append(localise_text(DIFFERING_TEXT, language))
    return notes


def _note(words: str) -> Statement:
    return Statement(words, (), 0.0, ClaimVerdict.NO_CLAIM)


def _join_statements(statements: Sequence[Statement]) -> Statement:
    """Make one statement of several, whose quotes belong together."""
    quotes = tuple(chain.from_iterable(statement.quotes for statement in statements))
    text = " ".join(statement.text for statement in statements)
    return Statement(text, quotes, min(statement.support for statement in statements))


def _is_stated(statement: Statement, earlier: Sequence[Statement]) -> bool:
    """Tell whether all that a statement quotes was quoted before."""
    known = [
        (quote.passage.chunk.document, quote.start, quote.end)
        for other in earlier
        for quote in other.quotes
    ]
    return all(
        any(
            document == quote.passage.chunk.document and start <= quote.start and quote.end <= end
            for document, start, end in known
        )
        for quote in statement.quotes
    )
