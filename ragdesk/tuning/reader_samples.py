"""Make the samples of a reader: a question, a few units, and which of them answer it.

A reader has to tell the unit that answers from its neighbours, and to see that none does where the
right one is missing: so the other units of a sample are those that share most words with the
question, of the same section, of sibling sections and of elsewhere; and of a share of the
questions the right section is left out, its siblings stay.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from indexes.text.sentences import Span
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.reading.unit_reader import ReaderInput

SHORT_ANSWER = 2  # characters up to which an answer may stand anywhere by chance
RARE_WORDS = 6  # of a question, by which units of other articles are sought
MOST_POSTINGS = 400  # units that a word of the question may bring in from elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSample:
    """What a reader learns from: answers: the places of the units that answer, none for no one.

    spans: of each of them, the characters that answer, where that is known. origin: the source.
    """

    question: str
    units: tuple[ReaderInput, ...]
    answers: tuple[int, ...]
    spans: tuple[Span | None, ...]
    origin: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUnit:
    """A unit of a training text. section, article: what it stands in, named."""

    text: str
    lead: str
    section: str
    article: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuestion:
    """A question of a source. section: where its answer stands, or was looked for.

    answers: places of units among those of the source, with the characters that answer.
    answer_texts: as they are written: another unit that holds one is no wrong answer.
    """

    text: str
    section: str
    article: str
    answers: tuple[tuple[int, Span | None], ...] = ()
    answer_texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSource:
    """The units of a source and the questions about them."""

    name: str
    units: Sequence[SourceUnit]
    questions: Sequence[SourceQuestion]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """How samples are made.

    units: of a sample, whether one of them answers or not: their number must tell nothing. same,
    siblings, elsewhere: wrong units of each kind. most_right: units that answer, at most. removed:
    the share of answerable questions of which the right section is left out. bare: the share of
    samples whose units have no lead; untitled: without its first line, the title; titled: with
    that alone, as a unit that leans on no other is read.
    """

    units: int = 5
    same: int = 2
    siblings: int = 2
    elsewhere: int = 1
    most_right: int = 3
    removed: float = 0.3
    bare: float = 0.1
    untitled: float = 0.2
    titled: float = 0.3
    seed: int = 13


class UnitLookup:
    """Finds the units of a source that share most with a question, by the idf of their words."""

    def __init__(self, units: Sequence[SourceUnit]) -> None:
        self._units = units
        self._words = [frozenset(tokenize_text(unit.text)) for unit in units]
        counts = Counter(word for words in self._words for word in words)
        self._idf = {w: math.log1p(len(units) / n) for w, n in counts.items()}
        self._sections: dict[str, list[int]] = defaultdict(list)
        self._articles: dict[str, list[int]] = defaultdict(list)
        self._postings: dict[str, list[int]] = defaultdict(list)
        for place, unit in enumerate(units):
            self._sections[unit.section].append(place)
            self._articles[unit.article].append(place)
            for word in self._words[place]:
                if len(self._postings[word]) < MOST_POSTINGS:
                    self._postings[word].append(place)

    def rank_units(self, question: str, places: Iterable[int]) -> list[int]:
        """Order units by how much of the question they share, best first."""
        wanted = self._content(question)  # in order: a sum of floats depends on it
        worth = {
            place: sum(self._idf.get(w, 0.0) for w in wanted if w in self._words[place])
            for place in places
        }
        return sorted(worth, key=lambda place: (-worth[place], place))

    def section_places(self, section: str) -> list[int]:
        """Return the units of a section, in order."""
        return self._sections[section]

    def sibling_places(self, question: SourceQuestion) -> list[int]:
        """Return the units of the same article that stand in other sections."""
        return [
            place
            for place in self._articles[question.article]
            if self._units[place].section != question.section
        ]

    def distant_places(self, question: SourceQuestion) -> set[int]:
        """Return units of other articles that share a rare word with a question."""
        words = sorted(self._content(question.text), key=lambda w: -self._idf.get(w, 0.0))
        places = {p for word in words[:RARE_WORDS] for p in self._postings.get(word, ())}
        return {p for p in places if self._units[p].article != question.article}

    @staticmethod
    def _content(question: str) -> list[str]:
        words = frozenset(tokenize_text(question))
        return sorted(frozenset(drop_stopwords(words)) or words)


@dataclass(slots=True)
class SampleMaker:
    """Makes the samples of one source."""

    source: SampleSource
    options: SampleOptions = field(default_factory=SampleOptions)

    def iter_samples(self) -> Iterator[ReaderSample]:
        """Yield a sample for each question, in their order."""
        lookup = UnitLookup(self.source.units)
        chance = random.Random(self.options.seed)  # noqa: S311 - no secret
        for question in self.source.questions:
            sample = self._make_sample(question, lookup, chance)
            if sample is not None:
                yield sample

    def _make_sample(
        self, question: SourceQuestion, lookup: UnitLookup, chance: random.Random
    ) -> ReaderSample | None:
        options = self.options
        is_removed = bool(question.answers) and chance.random() < options.removed
        siblings = self._drop_answers(question, lookup.sibling_places(question))
        siblings = lookup.rank_units(question.text, siblings)
        if is_removed and not siblings:
            is_removed = False
        right = {} if is_removed else dict(question.answers)
        same: list[int] = []
        if not is_removed:
            places = [p for p in lookup.section_places(question.section) if p not in right]
            same = lookup.rank_units(question.text, self._drop_answers(question, places))
        distant = self._drop_answers(question, sorted(lookup.distant_places(question)))
        distant = lookup.rank_units(question.text, distant)
        right_places = chance.sample(sorted(right), min(len(right), options.most_right))
        same_most, siblings_most = options.same, options.siblings
        if not right:
            same_most, siblings_most = same_most + 1, siblings_most + 1
        wrong = [*same[:same_most], *siblings[:siblings_most]]
        wrong += distant[: max(options.elsewhere, options.units - len(right_places) - len(wrong))]
        chosen = [*right_places, *wrong[: options.units - len(right_places)]]
        if len(chosen) < 2:  # noqa: PLR2004 - nothing to choose from
            return None
        chance.shuffle(chosen)
        shorten_lead = _choose_lead(chance.random(), options)
        units = [self.source.units[place] for place in chosen]
        answers = tuple(i for i, place in enumerate(chosen) if place in right)
        return ReaderSample(
            question=question.text,
            units=tuple(ReaderInput(u.text, shorten_lead(u.lead)) for u in units),
            answers=answers,
            spans=tuple(right[chosen[i]] for i in answers),
            origin=self.source.name,
            group=question.article,
        )

    def _drop_answers(self, question: SourceQuestion, places: Iterable[int]) -> list[int]:
        """Leave out units that hold the answer as well: they may be no wrong ones."""
        texts = [t for t in question.answer_texts if len(t) > SHORT_ANSWER]
        return [p for p in places if not any(t in self.source.units[p].text for t in texts)]


def _choose_lead(chance: float, options: SampleOptions) -> Callable[[str], str]:
    """Choose what is left of the leads of a sample: nothing, what is below the title, or all."""
    if chance < options.bare:
        return lambda _: ""
    if chance < options.bare + options.untitled:
        return lambda lead: lead.partition("\n")[2]
    if chance < options.bare + options.untitled + options.titled:
        return lambda lead: lead.partition("\n")[0]
    return str
