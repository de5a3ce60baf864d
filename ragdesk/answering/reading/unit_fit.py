"""Tell which units cannot be the answer, whatever their score, and which meet a condition. Pure.

A unit that names another product, another code, another tier or another condition than the
question, while one beside it names the one asked for, is no answer, however many of the
question's words it holds. Each rule compares units with each other: where nothing fits better,
nothing is excluded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from ragdesk.answering.reading.document_versions import is_newer
from ragdesk.answering.reading.question_form import QuestionForm
from ragdesk.answering.reading.unit_facts import UnitFacts, likeness, says_more
from ragdesk.answering.reading.value_ranges import contains_any

Fit = Literal["fits", "neutral", "excluded"]

PARALLEL_SENTENCES: Final = 0.4  # of their words that two parallel sentences share, at least
SAME_SENTENCE: Final = 0.5  # the same for two versions of one sentence
_LEAST_OWN_WORDS = 2  # beside the question's, of a unit that says something of a code
IN_RANGE: Final = "its range"
_LEAST_TIERS = 2  # rows of a table whose cells are ranges, from which it is one of tiers


@dataclass(frozen=True, slots=True)
class UnitFit:
    """Whether a unit may be the answer, and why it fits or does not; no reason if neutral.

    instead: of one that is excluded, the places of those that are meant instead of it.
    """

    fit: Fit = "neutral"
    reason: str = ""
    instead: tuple[int, ...] = ()


NEUTRAL: Final = UnitFit()
_Judge = Callable[[QuestionForm, Sequence[UnitFacts]], Mapping[int, UnitFit]]


def judge_units(
    form: QuestionForm,
    facts: Sequence[UnitFacts],
    named_instead: Mapping[str, str] | None = None,
) -> list[UnitFit]:
    """Judge the units of a question, in their order.

    named_instead: by document, the sibling that the question names in its place. A unit that one
    rule excludes is not there for the rules after it.
    """
    fits = [NEUTRAL] * len(facts)
    present = {f.document for f in facts}
    for n, fact in enumerate(facts):
        if (named_instead or {}).get(fact.document) in present:
            fits[n] = UnitFit("excluded", "another product's document")
    for judge in _JUDGES:
        open_places = [n for n, fit in enumerate(fits) if fit.fit != "excluded"]
        verdicts = judge(form, [facts[n] for n in open_places])
        for at, verdict in verdicts.items():
            n = open_places[at]
            if verdict.fit == "excluded" or fits[n].fit == "neutral":
                fits[n] = replace(verdict, instead=tuple(open_places[m] for m in verdict.instead))
    return fits


def _judge_codes(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Exclude what names another code of the kind asked for, where the one asked for stands."""
    codes = {
        code
        for code in form.codes
        if any(code in fact.codes | fact.words | fact.name_codes for fact in facts)
    }
    verdicts: dict[int, UnitFit] = {}
    for n, fact in enumerate(facts) if codes else ():
        if codes & (fact.codes | fact.words):
            verdicts[n] = UnitFit("fits", "the code asked for")
        elif _names_rival(fact.codes, codes) or (
            not fact.name_codes & codes and _names_rival(fact.name_codes, codes)
        ):
            verdicts[n] = UnitFit("excluded", "another code")
    return verdicts


def _judge_sections(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Keep to the article or annex that a question names, where its text was found."""
    fitting = [n for n, fact in enumerate(facts) if fact.section_labels & form.sections]
    if not fitting:
        return {}
    # what only says its label and title stands for the text below it
    bodies = [n for n in fitting if facts[n].own_label not in form.sections] or fitting
    verdicts = {n: UnitFit("fits", "the part asked for") for n in fitting}
    for n in range(len(facts)):
        if n not in verdicts:
            verdicts[n] = UnitFit("excluded", "another part", tuple(bodies))
    return verdicts


def _judge_labels(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Exclude what only names the thing that is asked about, as "Article AB-12." does.

    What stands beside it in its passage is meant instead.
    """
    verdicts: dict[int, UnitFit] = {}
    for n, fact in enumerate(facts):
        codes = form.codes & (fact.codes | fact.words)
        own_words = fact.words - form.words - {w for w in fact.words if any(map(str.isdecimal, w))}
        if not codes or len(own_words) >= _LEAST_OWN_WORDS:
            continue
        instead = tuple(
            m
            for m, other in enumerate(facts)
            if m != n
            and other.unit.passage.chunk.id == fact.unit.passage.chunk.id
            and other.table is None
        )
        if instead and fact.table is None:
            verdicts[n] = UnitFit("excluded", "no more than a name", instead)
    return verdicts


def _names_rival(codes: Iterable[str], wanted: Iterable[str]) -> bool:
    """Tell whether codes are of the same make as one that is wanted: e205 beside e204.

    >>> _names_rival({"e205"}, {"e204"}), _names_rival({"usb3"}, {"e204"})
    (True, False)
    """
    makes = {_code_make(code) for code in wanted}
    return any(_code_make(code) in makes for code in codes)


def _code_make(code: str) -> tuple[str, bool]:
    letters = code[: len(code) - len(code.lstrip("abcdefghijklmnopqrstuvwxyz"))]
    return letters, any(map(str.isdecimal, code))


def _judge_years(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Keep to the year that a question names, where sheets or documents are named by years."""
    years = _years_named(form) & {year for fact in facts for year in fact.version.years}
    verdicts: dict[int, UnitFit] = {}
    for n, fact in enumerate(facts) if years else ():
        if fact.version.years & years:
            verdicts[n] = UnitFit("fits", "the year asked for")
        elif fact.version.years:
            verdicts[n] = UnitFit("excluded", "another year")
    return verdicts


def _judge_versions(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Exclude what a newer version of the same document says again, and copies of a sentence."""
    verdicts: dict[int, UnitFit] = {}
    first_by_text: dict[str, int] = {}
    for n, fact in enumerate(facts):
        if first_by_text.setdefault(fact.plain, n) != n:
            verdicts[n] = UnitFit("excluded", "a copy")
    if any(fact.version.years & _years_named(form) for fact in facts):
        return verdicts
    places_by_name: dict[object, list[int]] = {}
    for n, fact in enumerate(facts):
        places_by_name.setdefault(fact.version.base, []).append(n)
    for n, fact in enumerate(facts):
        newer = tuple(
            m
            for m in places_by_name[fact.version.base]
            if is_newer(facts[m].version, fact.version)
            and likeness(facts[m].words, fact.words) >= SAME_SENTENCE
        )
        if newer:
            verdicts[n] = UnitFit("excluded", "an older version", newer)
    return verdicts


def _years_named(form: QuestionForm) -> set[int]:
    return {int(word) for word in form.words if len(word) == 4 and word.isdecimal()}  # noqa: PLR2004 (digits of a year)


def _judge_ranges(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Exclude tiers that do not hold the number or date asked for.

    Where no row of a table of tiers does, none of them is the answer.
    """
    if not form.points:
        return {}
    holds = [contains_any(fact.ranges, form.points) for fact in facts]
    verdicts = {n: UnitFit("fits", IN_RANGE) for n, inside in enumerate(holds) if inside}
    tiers_by_table: dict[object, list[int]] = {}
    for n, fact in enumerate(facts):
        if holds[n] is not None and fact.table is not None:
            tiers_by_table.setdefault(fact.table, []).append(n)
    for n, fact in enumerate(facts):
        if holds[n] is not False:
            continue
        tiers = tiers_by_table.get(fact.table, []) if fact.table is not None else []
        instead = tuple(m for m in verdicts if holds[m] and stand_together(fact, facts[m]))
        if instead or len(tiers) >= _LEAST_TIERS:
            verdicts[n] = UnitFit("excluded", "another range", instead)
    return verdicts


def _judge_polarity(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Exclude what is allowed where a question asks for what is not, and the other way round."""
    if form.denies == form.permits:
        return {}
    verdicts: dict[int, UnitFit] = {}
    hits = [len(fact.words & form.words) for fact in facts]
    alike = [m for m, fact in enumerate(facts) if hits[m] and fact.denies == form.denies]
    for n, fact in enumerate(facts):
        if fact.denies == form.denies:
            continue
        least = (hits[n] or 1) * form.permits
        instead = tuple(m for m in alike if hits[m] >= least and stand_together(fact, facts[m]))
        if instead:
            verdicts[n] = UnitFit("excluded", "the opposite of what is asked", instead)
    return verdicts


def _judge_conditions(form: QuestionForm, facts: Sequence[UnitFacts]) -> dict[int, UnitFit]:
    """Exclude what names a rival of the row or condition that a question names.

    Of two rows of a table, or of two parallel sentences, the one that holds all that the other
    holds of the question and more besides is meant.
    """
    if form.kind in {"comparison", "selection"}:
        return {}
    verdicts: dict[int, UnitFit] = {}
    hits = [fact.nearby_words & form.words for fact in facts]
    for n, fact in enumerate(facts):
        for m, other in enumerate(facts):
            if hits[n] < hits[m] and says_more(hits[m] - hits[n]) and _are_parallel(fact, other):
                verdicts[n] = UnitFit("excluded", "another condition", (m,))
                break
    return verdicts


def _are_parallel(fact: UnitFacts, other: UnitFacts) -> bool:
    """Tell whether two units fill the same place: rows of a table, sentences of one mould."""
    if fact.table is not None or other.table is not None:
        return fact.table == other.table
    return (
        fact.document == other.document
        and fact.unit.kind == other.unit.kind
        and likeness(fact.words, other.words) >= PARALLEL_SENTENCES
    )


def stand_together(fact: UnitFacts, other: UnitFacts) -> bool:
    """Tell whether two units stand in one table, or in one section of a document."""
    if fact is other or fact.document != other.document:
        return False
    if fact.table is not None and fact.table == other.table:
        return True
    chunk, others = fact.unit.passage.chunk, other.unit.passage.chunk
    return chunk.path == others.path


_JUDGES: Final[tuple[_Judge, ...]] = (
    _judge_codes,
    _judge_sections,
    _judge_labels,
    _judge_years,
    _judge_versions,
    _judge_ranges,
    _judge_polarity,
    _judge_conditions,
)
