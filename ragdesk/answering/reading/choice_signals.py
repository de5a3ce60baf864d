"""Measure the answer that would be given: signals of the unit that is chosen, each 0..1. Pure.

The best passage's signals say whether the documents hold an answer; a wrong sentence out of the
right section is told by its own. ``python -m tests.lab.quality.decision_fit`` weighs them.
"""

import statistics
from collections.abc import Sequence

from indexes.text.contradictions import find_unmet_names
from ragdesk.answering.reading.answer_units import AnswerUnit
from ragdesk.answering.reading.unit_choice import UnitChoice
from ragdesk.answering.reading.unit_facts import UnitFacts, content_words
from ragdesk.answering.reading.unit_scores import ScoredUnit
from ragdesk.answering.retrieval.passage_words import describe_place
from ragdesk.answering.retrieval.question_type import extract_numbers
from ragdesk.answering.retrieval.retrieval_result import Retrieval

LEAST_COMPARED = 8  # units, for their mean and spread to say what is usual
MOST_SPREADS = 5.0
UNMET_SHARE = 0.75  # of what a rule counts, where a name of the question is not met beside it
LEAST_CLOSE = 0.4  # of an English answer; of 274 that were right a tenth is below .44
LEAST_CLOSE_ROW = 0.3  # the same for a row: cells behind the names of their columns are no sentence


def measure_choice(
    choice: UnitChoice, ranked: Sequence[ScoredUnit], retrieval: Retrieval
) -> dict[str, float]:
    """Return the signals of what was chosen; none where nothing was.

    answer: closeness to the question of the closest unit of what is said first, of rows that of
    the closest of their table; the others are of that unit. answer_place: 1 for one of the best
    passage, a half of the second, a third of the third. answer_nearest: 1 where no other unit
    is closer by its vector. answer_names: 1 where its passage, with what stands above it and
    the other side of a comparison, holds every name and code of the question. answer_no_code: 1
    where the question names codes, and these hold none of them. answer_own_language: 1 where it
    is in the question's language. answer_spread: by how many spreads it is closer than the
    units that were compared, where these were many. answer_figures: 1 where the question holds
    numbers beside those of its codes, and it has them all: rows of a table and numbered lines
    are alike but for these. answer_code: of a question that names a code which the passage
    holds, the share of its other words that are held, too: a code alone says little.
    answer_match: how well the question's tokens are met, where a model that learnt compared it.
    answer_far: how much less close it is than an English answer has to be; nothing where a code
    and all words beside it are held, which settles it. answer_fits: 1 where a rule found it to
    be what is meant (``UnitChoice``), less where a name is not met.
    """
    if not choice.groups:
        return {}
    first = choice.groups[0]
    answer_units = [unit for group in choice.groups for unit in group]
    tables = _list_tables(first)
    closest, closeness, rival, match, is_learnt = first[-1], 0.0, 0.0, 0.0, False
    for scored in ranked:
        own_closeness = scored.closeness or 0.0
        holder = next((u for u in first if u is scored.unit or u.contains(scored.unit)), None)
        is_held = holder is not None or UnitFacts(scored.unit).table in tables
        if not is_held and scored.unit not in answer_units:
            rival = max(rival, own_closeness)
        elif is_held and own_closeness > closeness:
            closest, closeness, is_learnt = holder or closest, own_closeness, scored.is_learnt
            match = scored.token_match if scored.is_learnt else own_closeness
    if not closeness and (beside := _find_beside(first, ranked)) is not None:
        closeness, match, is_learnt = beside.closeness or 0.0, beside.token_match, True
    chunk = closest.passage.chunk
    sides = answer_units if choice.fits else first
    place = "\n".join((describe_place(chunk), closest.lead, *(unit.text for unit in sides)))
    unmet = find_unmet_names(retrieval.analysis.text, chunk.text, place)
    codes = retrieval.analysis.identifiers
    model_scores = [scored for scored in ranked if scored.is_learnt]
    matches = _measure_match(closeness, match, _list_rivals(first, model_scores, retrieval))
    code_share = _measure_code(retrieval, unmet, f"{place}\n{closest.reading_text}")
    weight = is_learnt * (1 - code_share)  # of closeness
    return {
        **(matches if model_scores else {}),
        "answer_fits": choice.fits * (UNMET_SHARE if unmet else 1.0),
        "answer_far": weight * _measure_distance(closest, closeness, retrieval),
        "answer": closeness,
        "answer_place": 1 / (1 + closest.rank),
        "answer_nearest": float(0 < closeness >= rival),
        "answer_names": float(not unmet),
        "answer_own_language": float(chunk.language == retrieval.analysis.language),
        "answer_figures": float(_holds_figures(retrieval, closest.text)),
        "answer_code": code_share,
        "answer_no_code": float(bool(codes) and set(codes) <= set(unmet)),
    }


def _find_beside(group: Sequence[AnswerUnit], ranked: Sequence[ScoredUnit]) -> ScoredUnit | None:
    """Find the closest unit of the passages of a group of which none was compared.

    A rule may choose one of many alike, of which only the first were compared.
    """
    chunks = {unit.passage.chunk.id for unit in group}
    beside = [s for s in ranked if s.is_learnt and s.passage.chunk.id in chunks]
    return max(beside, key=lambda scored: scored.closeness or 0.0, default=None)


def _measure_distance(unit: AnswerUnit, closeness: float, retrieval: Retrieval) -> float:
    """Return how much less close a unit is than an English answer has to be."""
    if retrieval.analysis.language != "en":
        return 0.0
    least = LEAST_CLOSE_ROW if unit.kind == "row" else LEAST_CLOSE
    return max(0.0, least - closeness)


def _holds_figures(retrieval: Retrieval, text: str) -> bool:
    """Tell whether a question holds numbers that are no part of a code, and a text has them all."""
    codes = extract_numbers("\n".join(retrieval.analysis.identifiers))
    numbers = retrieval.analysis.numbers - codes
    return bool(numbers) and numbers <= extract_numbers(text)


def _measure_code(retrieval: Retrieval, unmet: Sequence[str], text: str) -> float:
    """Return the share of the words beside a question's codes that a text holds.

    0 of a question without one, and where a name or a code of it is not met.
    """
    codes = retrieval.analysis.identifiers
    if not codes or unmet:
        return 0.0
    words = content_words(retrieval.part or retrieval.analysis.text)
    rest = words - {word for code in codes for word in content_words(code)}
    return len(rest & content_words(text)) / len(rest) if rest else 1.0


def _list_rivals(
    group: Sequence[AnswerUnit], ranked: Sequence[ScoredUnit], retrieval: Retrieval
) -> list[ScoredUnit]:
    """List the units beside a group.

    Parts of a list that is said are no rivals of it, nor is a sibling in whose place the question
    names another document, nor another row of the same table: vectors tell none of these apart,
    and labels do.
    """
    siblings = retrieval.named_instead or {}
    tables = _list_tables(group)

    def is_rival(unit: AnswerUnit) -> bool:
        if unit.passage.chunk.document in siblings or UnitFacts(unit).table in tables:
            return False
        return not any(own is unit or own.contains(unit) for own in group)

    return [scored for scored in ranked if is_rival(scored.unit)]


def _list_tables(group: Sequence[AnswerUnit]) -> set[tuple[object, ...] | None]:
    """List the tables that a group's rows are of: how close a table is says its closest row."""
    return {UnitFacts(unit).table for unit in group} - {None}


def _measure_match(
    closeness: float, match: float, rivals: Sequence[ScoredUnit]
) -> dict[str, float]:
    """Return how well the question's tokens are met, and the spread: 1 for five of them.

    No spread of a few units: these say nothing of what is usual.
    """
    known = [closeness, *(scored.closeness or 0.0 for scored in rivals)]
    if len(known) < LEAST_COMPARED:
        return {"answer_match": match}
    above = (closeness - statistics.fmean(known)) / max(statistics.pstdev(known), 1e-6)
    spread = min(max(above, 0.0), MOST_SPREADS) / MOST_SPREADS
    return {"answer_match": match, "answer_spread": spread}
