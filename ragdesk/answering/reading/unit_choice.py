"""Choose which of the scored units are said: what answers the question, and nothing beside it.

One unit answers one question. A second one is said only where the form of the question wants it
(the other side of a comparison), where it answers what the first leaves open, where a document
contradicts it, or where the first one leans on it. Pure; whatever scored the units, only the order
and the spread of the scores count.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from indexes.text.contradictions import find_contradictions
from indexes.text.folding import normalise_text
from indexes.text.quantities import find_numbers
from ragdesk.answering.reading.answer_units import MOST_ITEMS, AnswerUnit, leans_on_previous
from ragdesk.answering.reading.question_form import QuestionForm
from ragdesk.answering.reading.unit_facts import UnitFacts, content_words, likeness
from ragdesk.answering.reading.unit_fit import IN_RANGE, UnitFit, judge_units, stand_together
from ragdesk.answering.reading.unit_scores import ScoredUnit

LISTS: Final = frozenset({"list", "steps"})
_SENTENCES: Final = frozenset({"sentence", "definition"})
_CONDITIONAL = re.compile(
    r"\W*(?:if|when|unless|in case|(?:for|after|before) (?!this|that|it))\b"
    r"|[^，,。]{1,14}的(?:[，,]|[需应必可请不]|[^，,。]{0,4}的[，,])|[如若]|当[^，,。]{1,12}时",
    re.IGNORECASE,
)
_MOST_NEIGHBOURS = 3  # sentences that are said together
_LONGEST_COUNTED = 60  # characters of an item, on average: a list of sentences is no count
_GAP = 4  # characters between a sentence and the one that it leans on
_DIFFERING = frozenset({"number", "unit", "currency", "date", "negation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOptions:
    """How units are chosen once they are scored.

    candidates: so many best units are compared. fit: what meeting a condition is worth, as a share
        of the spread of the scores.
    list_margin: a whole list is preferred to a sentence that is better by this share at most.
    open_share: part of the question, by weight, that a further unit must hold and the first must
        not.
    contradiction, contradiction_copy: likeness from which a sentence of another document says the
        same thing, where both documents bear one name, and where they do not.
    neighbour: where steps or several things are asked for, the sentences beside the best are said
        with it that have this part of its score.
    near_neighbour: the same where one thing is asked for: two sentences that stand together and
        are about as good are one answer.
    table_rows: of a comparison that names no feature, at most.
    """

    candidates: int = 40
    fit: float = 0.25
    list_margin: float = 0.3
    open_share: float = 0.3
    contradiction: float = 0.6
    contradiction_copy: float = 0.8
    neighbour: float = 0.7
    near_neighbour: float = 0.8
    table_rows: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChoice:
    """The units that are said: each group is one statement, in order.

    items: of the list that was counted, 0 if none was. version: label of the newest version, where
    an older one was passed over. differ: the groups contradict each other. fits: a rule found what
    is said to be meant: the range that holds a number, both sides of a comparison, all rows of the
    group that is asked for.
    """

    groups: tuple[tuple[AnswerUnit, ...], ...] = ()
    items: int = 0
    version: str = ""
    differ: bool = False
    fits: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    facts: UnitFacts
    score: float
    fit: UnitFit

    @property
    def unit(self) -> AnswerUnit:
        return self.facts.unit


def choose_units(
    form: QuestionForm,
    scored: Sequence[ScoredUnit],
    weights: Mapping[str, float],
    *,
    named_instead: Mapping[str, str] | None = None,
    options: ChoiceOptions | None = None,
) -> UnitChoice:
    """Choose the units to say for one question; none where all are excluded.

    weights: what each word of the question is worth, with a sum of 1. named_instead: by document,
    the sibling that the question names in its place.
    """
    options = options or ChoiceOptions()
    is_usable = _is_list_or_part if form.wants_list or form.kind == "count" else _is_part_alone
    usable = [item for item in scored if is_usable(item.unit)]
    best_first = sorted(usable, key=lambda item: -item.worth)[: options.candidates]
    facts = [UnitFacts(item.unit) for item in best_first]
    fits = judge_units(form, facts, named_instead)
    spread = best_first[0].worth - best_first[-1].worth if best_first else 0.0
    scores = _inherit_scores([item.worth for item in best_first], fits)
    candidates = [
        _Candidate(f, score + options.fit * spread * (fit.fit == "fits"), fit)
        for score, f, fit in zip(scores, facts, fits, strict=True)
    ]
    contenders = sorted(
        (c for c in candidates if c.fit.fit != "excluded"), key=lambda candidate: -candidate.score
    )
    if not contenders:
        return UnitChoice()
    chosen, items = _choose_by_form(form, contenders, weights, spread, options)
    choice = UnitChoice(
        items=items,
        version=_passed_version(chosen[0], candidates),
        fits=chosen[0].fit.reason == IN_RANGE
        or (len(chosen) > 1 and form.kind != "selection"),  # which may find both, or neither
    )
    if len(chosen) == 1 and form.kind not in {"comparison", "selection", "count"}:
        if rival := _find_contradictory(chosen[0], contenders, form, options):
            chosen, choice = [*chosen, rival], replace(choice, differ=True)
        elif further := _find_further(chosen[0], contenders, weights, options):
            chosen = [*chosen, further]
    groups = tuple(_with_antecedent(c, facts) for c in chosen)
    if len(chosen) == 1 and not _gives_amount(chosen[0], form):
        least = options.neighbour if form.wants_list else options.near_neighbour
        if form.sections:
            least = 0.0  # all that a short part says
        peers = [
            c
            for c in contenders
            if form.kind != "yes_no" or c.facts.denies == contenders[0].facts.denies
        ]
        groups = (_with_neighbours(groups[0], peers, least),)  # yes beside no answers neither
    return replace(choice, groups=groups)


def _gives_amount(candidate: _Candidate, form: QuestionForm) -> bool:
    """Tell whether a unit names the number that is asked for: what stands beside it is another."""
    return form.wants_amount and bool(find_numbers(normalise_text(candidate.unit.core)))


def _inherit_scores(scores: Sequence[float], fits: Sequence[UnitFit]) -> list[float]:
    """Give what is meant instead of an excluded unit its score, where that is higher.

    The table or the section is about what is asked; which of its rows is meant does not hang on
    how many words of the question a row happens to hold.
    """
    inherited = list(scores)
    for score, fit in zip(scores, fits, strict=True):
        for n in fit.instead:
            inherited[n] = max(inherited[n], score)
    return inherited


def _is_part_alone(unit: AnswerUnit) -> bool:
    return not unit.is_whole


def _is_list_or_part(unit: AnswerUnit) -> bool:
    return not unit.is_whole or unit.kind in LISTS


def _choose_by_form(
    form: QuestionForm,
    contenders: Sequence[_Candidate],
    weights: Mapping[str, float],
    spread: float,
    options: ChoiceOptions,
) -> tuple[list[_Candidate], int]:
    """Return what the form of a question wants, and the number of a list's items to be said."""
    match form.kind:
        case "comparison":
            return _choose_sides(form, contenders, spread, options), 0
        case "selection":
            return _choose_side(form, contenders, weights), 0
        case "count":
            return _choose_counted(form, contenders, spread, options)
        case "list" | "steps":
            return _list_rows(
                _prefer_list(contenders, options.list_margin * spread), form, contenders
            ), 0
        case _:
            return [contenders[0]], 0


def _choose_sides(
    form: QuestionForm, contenders: Sequence[_Candidate], spread: float, options: ChoiceOptions
) -> list[_Candidate]:
    """Take the best unit of each side of a comparison, or the one that holds both."""
    named = [(c, _sides_named(c, form)) for c in contenders]
    first = next(((c, sides) for c, sides in named if sides), None)
    if first is None:
        return [contenders[0]]
    best, sides = first
    if len(sides) > 1:
        return _table_of(best, form, contenders, options)
    others = [c for c, named_sides in named if named_sides and not named_sides & sides]
    if not others:
        return [best]
    other = max(others, key=lambda c: c.score + spread * likeness(c.facts.words, best.facts.words))
    return [best, other] if min(sides) == 0 else [other, best]


def _sides_named(candidate: _Candidate, form: QuestionForm) -> frozenset[int]:
    """Return which sides a unit names: in its words, its columns, the heading right above it."""
    facts = candidate.facts
    columns = " | ".join(facts.unit.columns)
    words = facts.nearby_words | (facts.lead_words if columns else frozenset())
    return frozenset(n for n, side in enumerate(form.sides) if side <= words)


def _table_of(
    best: _Candidate, form: QuestionForm, contenders: Sequence[_Candidate], options: ChoiceOptions
) -> list[_Candidate]:
    """Return a row that holds both sides; all rows of its table where no feature is named."""
    rest = form.words.difference(*form.sides)
    table = best.facts.table
    if table is None or best.facts.words & rest:
        return [best]
    rows = [c for c in contenders if c.facts.table == table]
    rows.sort(key=lambda c: (c.unit.rank, c.unit.spans[-1]))
    return rows[: options.table_rows]


def _list_rows(
    best: _Candidate, form: QuestionForm, contenders: Sequence[_Candidate]
) -> list[_Candidate]:
    """Return a list, or with a row all rows of its group: those of which a cell says what is asked.

    "Which towns are in zone 2?" wants each row that has zone 2 in that column.
    """
    table = best.facts.table
    named = [
        n
        for n, cell in enumerate(best.unit.cells)
        if (words := content_words(cell)) and words <= form.words
    ]
    if table is None or not named:
        return [best]
    rows = [
        c
        for c in contenders
        if c.facts.table == table
        and all(c.unit.cells[n : n + 1] == best.unit.cells[n : n + 1] for n in named)
    ]
    rows.sort(key=lambda c: (c.unit.rank, c.unit.spans[-1]))
    return rows[:MOST_ITEMS]


def _choose_side(
    form: QuestionForm, contenders: Sequence[_Candidate], weights: Mapping[str, float]
) -> list[_Candidate]:
    """Take the side that has what is asked for; both where the words do not tell."""
    rest = form.words.difference(*form.sides)
    best_by_side: dict[frozenset[int], tuple[float, _Candidate]] = {}
    for candidate in contenders:
        sides = _sides_named(candidate, form)
        share = sum(weights.get(word, 0.0) for word in candidate.facts.words & rest)
        if sides and share > best_by_side.get(sides, (-1.0, candidate))[0]:
            best_by_side[sides] = (share, candidate)
    if not best_by_side:
        return [contenders[0]]
    top = max(share for share, _ in best_by_side.values())
    winners = [(sides, c) for sides, (share, c) in best_by_side.items() if share >= top]
    if both := [c for sides, c in winners if len(sides) > 1]:
        return both[:1]
    return [c for _, c in sorted(winners, key=lambda item: min(item[0]))]


def _choose_counted(
    form: QuestionForm, contenders: Sequence[_Candidate], spread: float, options: ChoiceOptions
) -> tuple[list[_Candidate], int]:
    """Take the sentence that gives the number, else the list whose items are to be counted."""
    best = contenders[0]
    whole = _prefer_list(contenders, options.list_margin * spread)
    is_counted = whole.unit.kind in LISTS and _lists_things(whole.facts, form)
    gives_number = bool(find_numbers(normalise_text(best.unit.core)))
    if not is_counted or (gives_number and not whole.unit.contains(best.unit)):
        return [best], 0
    return [whole], whole.unit.size


def _lists_things(facts: UnitFacts, form: QuestionForm) -> bool:
    """Tell whether a list's lead-in or heading names what is counted, and its items are short."""
    unit = facts.unit
    above = unit.text.removesuffix(unit.core) if unit.above else ""
    place = " | ".join(unit.passage.chunk.path[-1:]) or unit.passage.chunk.title
    is_short = len(unit.core) <= _LONGEST_COUNTED * max(1, min(unit.size, MOST_ITEMS))
    return is_short and bool(content_words(f"{above} | {place}") & form.counted)


def _prefer_list(contenders: Sequence[_Candidate], margin: float) -> _Candidate:
    """Return the whole list that the best unit is a part of, or one nearly as good."""
    best = contenders[0]
    lists = [c for c in contenders if c.unit.kind in LISTS]
    if best.unit.kind in LISTS or not lists:
        return best
    whole = next((c for c in lists if _belongs_to(best.unit, c.unit)), None)
    if whole is not None:
        return whole
    return lists[0] if lists[0].score >= best.score - margin else best


def _belongs_to(unit: AnswerUnit, whole: AnswerUnit) -> bool:
    """Tell whether a unit is an item of a list, or the line that leads into it."""
    if unit.passage.chunk.document != whole.passage.chunk.document:
        return False
    return whole.contains(unit) or 0 <= whole.core_span[0] - unit.core_span[1] <= _GAP


def _find_contradictory(
    best: _Candidate, contenders: Sequence[_Candidate], form: QuestionForm, options: ChoiceOptions
) -> _Candidate | None:
    """Find a unit of another document that says the same of what is asked, and otherwise."""
    if best.unit.kind in LISTS:
        return None
    words = _without_numbers(best.facts.words)
    for candidate in contenders[1:]:
        facts = candidate.facts
        if facts.document == best.facts.document or facts.unit.kind in LISTS:
            continue
        if facts.name_codes != best.facts.name_codes:  # two products, each with its own value
            continue
        same_name = facts.version.base == best.facts.version.base
        least = options.contradiction if same_name else options.contradiction_copy
        if (
            likeness(words, _without_numbers(facts.words)) >= least
            and facts.words & form.words >= best.facts.words & form.words
            and any(
                contradiction.kind in _DIFFERING
                for contradiction in find_contradictions(facts.unit.core, best.unit.core)
            )
        ):
            return candidate
    return None


def _without_numbers(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word for word in words if not any(map(str.isdecimal, word)))


def _find_further(
    best: _Candidate,
    contenders: Sequence[_Candidate],
    weights: Mapping[str, float],
    options: ChoiceOptions,
) -> _Candidate | None:
    """Find the unit that holds what the first one leaves open of a question."""
    known = best.facts.words | best.facts.lead_words
    open_words = {word: weight for word, weight in weights.items() if word not in known}
    for candidate in contenders[1:4]:
        share = sum(open_words.get(word, 0.0) for word in candidate.facts.words)
        if share >= options.open_share and stand_together(best.facts, candidate.facts):
            return candidate
    return None


def _with_antecedent(candidate: _Candidate, facts: Sequence[UnitFacts]) -> tuple[AnswerUnit, ...]:
    """Return a unit, after the sentence that it is not understood without."""
    unit = candidate.unit
    if unit.kind != "sentence" or unit.above or not leans_on_previous(unit.core):
        return (unit,)
    start = unit.core_span[0]
    for other in (f.unit for f in facts):
        same = other.passage.chunk.document == unit.passage.chunk.document
        is_sentence = other.kind in {"sentence", "definition"} and not other.above
        if same and is_sentence and 0 <= start - other.core_span[1] <= _GAP:
            return (other, unit)
    return (unit,)


def _with_neighbours(
    group: tuple[AnswerUnit, ...], contenders: Sequence[_Candidate], least: float
) -> tuple[AnswerUnit, ...]:
    """Add to a sentence those right before and after it that are nearly as good.

    What is to be done, or to be brought, is told in several sentences where it is no list. A
    sentence for one condition is not joined to that for another. least: the part of the score.
    """
    best = contenders[0]
    if best.unit not in group or not _can_be_joined(best.unit):
        return group
    units = list(group)
    for candidate in contenders[1:]:
        unit = candidate.unit
        is_close = candidate.score >= least * best.score and _can_be_joined(unit)
        if is_close and unit not in units and len(units) < _MOST_NEIGHBOURS:
            first, last = units[0].core_span[0], units[-1].core_span[1]
            start, end = unit.core_span
            if unit.passage.chunk.id != best.unit.passage.chunk.id:
                continue
            if 0 <= first - end <= _GAP:
                units.insert(0, unit)
            elif 0 <= start - last <= _GAP:
                units.append(unit)
    return tuple(units)


def _can_be_joined(unit: AnswerUnit) -> bool:
    return unit.kind in _SENTENCES and not unit.above and not _CONDITIONAL.match(unit.core)


def _passed_version(best: _Candidate, candidates: Sequence[_Candidate]) -> str:
    """Return the label of a version, where an older one of the same document was passed over."""
    name = best.facts.version
    passed = any(
        c.fit.reason == "an older version" and c.facts.version.base == name.base for c in candidates
    )
    return name.label if passed else ""
