"""What was looked up, as a part of an answer: passages, statements, and what it does to the turn.

A fact is said by the desk in the operator's own sentence, before anything is written of the
documents, and a model reads it as one more passage. It is never a part of an index. Pure.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from indexes.chunk import Chunk, Passage
from indexes.text.folding import strip_invisible
from ragdesk.answering.answer import AnswerReason, ClaimVerdict, Outcome, Question
from ragdesk.answering.lookup_result import LookupResult, LookupStatus, is_lookup
from ragdesk.answering.messages import LOOKUP_STEP_TEXTS, LOOKUP_TEXTS, localise_text
from ragdesk.answering.retrieval.question_parts import split_question
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.statement import Quote, Statement
from ragdesk.answering.turns.turn_kind import TurnKind

# Whoever is in danger, or wants a person, is not answered with the way of a parcel. All else that
# names such a number is a question: "It is 12345, thanks" answers what was asked back.
_OTHER_KINDS: Final = frozenset({TurnKind.SAFETY, TurnKind.WANTS_PERSON})
_SPACED_MARK = re.compile(r"(?<!\s)\s++(?=[?,.;:!？，。；：！])")


def choose_lookup_kind(kind: TurnKind, lookups: Sequence[LookupResult]) -> TurnKind:
    """Return what a turn is, given what was looked up for it.

    >>> found = LookupResult(lookup="orders", value="12345", status=LookupStatus.FOUND)
    >>> choose_lookup_kind(TurnKind.NEEDS_ACCOUNT, [found])
    <TurnKind.QUESTION: 'question'>
    """
    if kind not in _OTHER_KINDS and any(lookup.value for lookup in lookups):
        return TurnKind.QUESTION
    return kind


def list_fact_passages(lookups: Iterable[LookupResult], language: str) -> tuple[Passage, ...]:
    """Return the facts that were found as passages, of documents that no index has."""
    return tuple(
        Passage(
            chunk=Chunk(
                document=result.uri,
                uri=result.uri,
                title=result.title,
                text=result.text,
                start=0,
                end=len(result.text),
                language=language,
            ),
            score=1.0,
        )
        for result in lookups
        if result.status is LookupStatus.FOUND
    )


def drop_lookup_values(question: Question) -> Question:
    """Return a question as the documents are searched for it: without what was looked up.

    Of a question with several parts, those stay that name no such number; no document knows the
    number of somebody's order, and none need speak of it to answer the rest.

    >>> result = LookupResult(lookup="orders", value="12345", status=LookupStatus.FOUND)
    >>> text = "Where is order 12345, and how do I return a kettle?"
    >>> drop_lookup_values(Question(text=text, lookups=(result,))).text
    'how do I return a kettle?'
    >>> drop_lookup_values(Question(text="Where is order 12345?", lookups=(result,))).text
    'Where is order?'
    """
    values = {lookup.value for lookup in question.lookups if lookup.value}
    if not values:
        return question
    known = re.compile("|".join(map(re.escape, sorted(values))), re.IGNORECASE)
    text = _write_plainly(question.text, known)
    parts = split_question(text) if known.search(text) else ()
    others = [part for part in parts if not known.search(part.text)]
    if 0 < len(others) < len(parts):
        text = " ".join(part.text for part in others)
    history = tuple(
        replace(turn, text=_drop_values(_write_plainly(turn.text, known), known))
        for turn in question.history
    )
    return replace(question, text=_drop_values(text, known), history=history)


def _write_plainly(text: str, known: re.Pattern[str]) -> str:
    """Write a number in ASCII where it was typed in full width."""
    return text if known.search(text) else unicodedata.normalize("NFKC", text)


def _drop_values(text: str, known: re.Pattern[str]) -> str:
    """Drop numbers from a text that says something beside them."""
    rest = _SPACED_MARK.sub("", " ".join(known.sub(" ", text).split()))
    return rest if any(map(str.isalpha, rest)) else text


def add_facts(retrieval: Retrieval, question: Question) -> Retrieval:
    """Return a retrieval as a model reads it: facts first, and the question with its numbers."""
    facts = list_fact_passages(question.lookups, retrieval.analysis.language)
    if not facts:
        return retrieval
    analysis = retrieval.analysis
    if analysis.text == strip_invisible(drop_lookup_values(question).text):  # it leans on no turn
        analysis = replace(analysis, text=strip_invisible(question.text))
    return replace(retrieval, analysis=analysis, passages=(*facts, *retrieval.passages))


def state_lookups(
    lookups: Sequence[LookupResult], facts: Sequence[Passage], language: str
) -> list[Statement]:
    """Return what is said of lookups: each fact with its citation, and why there is none."""
    quoted = {fact.chunk.uri: fact for fact in facts}
    statements = []
    for result in lookups:
        if (fact := quoted.get(result.uri)) is not None:
            quote = Quote(fact, 0, len(result.text), result.text)
            statements.append(Statement(result.text, (quote,), 1.0, ClaimVerdict.SUPPORTED))
        elif result.value:
            words = localise_text(LOOKUP_TEXTS[result.status], language)
            text = words.format(value=result.value)
            statements.append(Statement(text, (), 0.0, ClaimVerdict.NO_CLAIM))
    return statements


def repeats_facts(statement: Statement) -> bool:
    """Tell whether a model's statement rests on facts alone, which the desk has said already."""
    quotes = statement.quotes
    return bool(quotes) and all(is_lookup(quote.passage.chunk.uri) for quote in quotes)


def find_missing(lookups: Sequence[LookupResult]) -> LookupStatus | None:
    """Return why a fact is missing, of the first that is; None where none is."""
    return next(
        (lookup.status for lookup in lookups if lookup.status is not LookupStatus.FOUND), None
    )


def advise_on_lookups(lookups: Sequence[LookupResult], outcome: Outcome, language: str) -> str:
    """Say what to do about a fact that is missing; nothing where the answer needs no such advice.

    A question that names no number may be answered by the documents alone.
    """
    missing = find_missing(lookups)
    is_asked = any(lookup.value for lookup in lookups) or outcome is not Outcome.ANSWERED
    return localise_text(LOOKUP_STEP_TEXTS[missing], language) if missing and is_asked else ""


def choose_lookup_reason(lookups: Sequence[LookupResult], outcome: Outcome) -> AnswerReason | None:
    """Return why an answer that lacks a fact is no plain one; None where that is not the reason.

    Whoever has to sign in is told so beside an answer of the documents, too.
    """
    missing = find_missing(lookups) if any(lookup.value for lookup in lookups) else None
    if missing is LookupStatus.NEEDS_ACCOUNT:
        return AnswerReason.NEEDS_ACCOUNT
    if outcome is Outcome.ANSWERED or missing in {None, LookupStatus.LIMITED}:
        return None
    return AnswerReason.NEEDS_ACCOUNT
