"""Measure the answer that would be given: signals of the unit that is chosen, each 0..1. Pure.

The best passage's signals say whether the documents hold an answer; a wrong sentence out of the
right section is told by its own. ``python -m tests.lab.quality.decision_fit`` weighs them.
"""

import statistics
from collections.abc import Sequence

from indexes.text.contradictions import find_unmet_names
from ragdesk.answering.reading.answer_units import AnswerUnit
from ragdesk.answering.reading.unit_choice import UnitChoice
from ragdesk.answering.reading.unit_facts import content_words, likeness
from ragdesk.answering.reading.unit_scores import ScoredUnit
from ragdesk.answering.retrieval.passage_words import describe_place
from ragdesk.answering.retrieval.retrieval_result import Retrieval

LEAST_COMPARED = 8  # units, for their mean and spread to say what is usual
MOST_SPREADS = 5.0
ALIKE = 0.5  # share of words from which two units say the same of other things


def measure_choice(
    choice: UnitChoice, ranked: Sequence[ScoredUnit], retrieval: Retrieval
) -> dict[str, float]:
    """Return the signals of what was chosen; none where nothing was.

    answer: closeness to the question of the closest unit of what is said first; the others are of
    that unit. answer_place: 1 for one of the best passage, a half of the second, a third of the
    third. answer_nearest: 1 where no other unit is closer by its vector. answer_names: 1 where its
    passage, with what stands above it, holds every name and code of the question. answer_no_code: 1
    where the question names codes, and the passage holds none of them. answer_own_language: 1
    where it is in the question's language. answer_spread: by how many spreads it is closer than
    the units that were compared, where these were many. answer_figures: 1 where the question holds
    numbers, and it has them all: rows of a table and numbered lines are alike but for these.
    """
    if not choice.groups:
        return {}
    first = choice.groups[0]
    said = [unit for group in choice.groups for unit in group]
    closest, closeness, rival = first[-1], 0.0, 0.0
    for scored in ranked:
        near = scored.closeness or 0.0
        holder = next((u for u in first if u is scored.unit or u.contains(scored.unit)), None)
        if holder is None and scored.unit not in said:
            rival = max(rival, near)
        elif holder is not None and near > closeness:
            closest, closeness = holder, near
    chunk = closest.passage.chunk
    asked = retrieval.analysis.text  # of a part, with what it leans on
    place = "\n".join((describe_place(chunk), closest.lead, *(unit.text for unit in first)))
    unmet = find_unmet_names(asked, chunk.text, place)
    codes = retrieval.analysis.identifiers
    return {
        **_measure_spread(closeness, _list_rivals(first, ranked, retrieval)),
        "answer": closeness,
        "answer_place": 1 / (1 + closest.rank),
        "answer_nearest": float(0 < closeness >= rival),
        "answer_names": float(not unmet),
        "answer_own_language": float(chunk.language == retrieval.analysis.language),
        "answer_figures": float(retrieval.analysis.numbers_stand_in(closest.text)),
        "answer_no_code": float(bool(codes) and set(codes) <= set(unmet)),
    }


def _list_rivals(
    group: Sequence[AnswerUnit], ranked: Sequence[ScoredUnit], retrieval: Retrieval
) -> list[float]:
    """List how close other units are by the model that learnt.

    Parts of a list that is said are no rivals of it, nor is a sibling in whose place the question
    names another document, nor what says the same but for numbers, as rows of a table do: vectors
    tell none of these apart, and labels do.
    """
    siblings = retrieval.named_instead or {}
    words = [_content_but_numbers(unit) for unit in group]

    def is_rival(unit: AnswerUnit) -> bool:
        if unit.passage.chunk.document in siblings:
            return False
        if any(own is unit or own.contains(unit) for own in group):
            return False
        return all(likeness(_content_but_numbers(unit), own) < ALIKE for own in words)

    return [
        scored.closeness
        for scored in ranked
        if scored.is_learnt and scored.closeness is not None and is_rival(scored.unit)
    ]


def _content_but_numbers(unit: AnswerUnit) -> frozenset[str]:
    """Return the words of a unit and of its columns' names, without those that hold digits."""
    words = content_words(unit.reading_text)
    return frozenset(word for word in words if not any(map(str.isdecimal, word)))


def _measure_spread(closeness: float, rivals: Sequence[float]) -> dict[str, float]:
    """Return by how many spreads a unit is closer than all that were compared; 1 for five of them.

    Nothing of a few units, and of those that were compared by an embedder of an index: these say
    nothing of what is usual.
    """
    known = [closeness, *rivals]
    if len(known) < LEAST_COMPARED:
        return {}
    above = (closeness - statistics.fmean(known)) / max(statistics.pstdev(known), 1e-6)
    return {"answer_spread": min(max(above, 0.0), MOST_SPREADS) / MOST_SPREADS}
