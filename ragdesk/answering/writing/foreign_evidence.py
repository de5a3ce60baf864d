"""Hold a sentence against passages of the other language, where no word of one stands in the other.

Two measures that are not mixed, as for passages of its own language: how far the nearest sentences
stand out from unrelated texts by meaning (the collection's embedder), and hard flags for what needs
no translation: numbers, times, dates, codes, Latin names in Chinese, and whether it denies.
"""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from indexes.embedding.background import Background
from indexes.embedding.embedder import Embedder
from indexes.search_results import Vectors
from indexes.text.canonical_forms import find_canonical_forms
from indexes.text.contradictions import Contradiction, find_contradictions
from indexes.text.folding import normalise_text
from indexes.text.polarity import denies_question
from indexes.text.quantities import blank_dates, find_numbers, find_quantities
from indexes.text.scripts import detect_language

# Spreads above unrelated texts that make a support of .5, and how fast it rises there: right
# sentences of a help centre lie at 5.6 to 10, the nearest of other subjects at 3 to 5.6
# (tests/lab/quality/foreign.py has XQuAD's).
HALF_SPREADS, STEEPNESS = 5.6, 1.2
MOST_SENTENCES = 3  # of the passages that one claim may rest on
_OTHER_LANGUAGE = {"en": "zh", "zh": "en"}
_NEAR = 1.0  # spreads below HALF_SPREADS down to which a further sentence may state a number
_CLAUSE = re.compile(r"[,;:.!?]\s|[，；：。！？]")
_MOMENT = re.compile(r"(\d\d):(\d\d)")  # a time of the day, as a term
_LEAST_COUNT = 2  # "one" and 一 are mostly no numbers


@dataclass(frozen=True, slots=True)
class ForeignEvidence:
    """What some sentences of the other language say to a claim.

    sentences: those that it rests on, by their place among those that were given. support: how
    well they bear it (0..1). conflicts: what it states otherwise.
    """

    sentences: tuple[int, ...]
    support: float
    conflicts: tuple[Contradiction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEvidenceReader:
    """Reads evidence in the other language, with an embedder that reads both."""

    embedder: Embedder
    background: Background

    def __call__(
        self, claim: str, sentences: Sequence[str], context: Sequence[str], question: str = ""
    ) -> ForeignEvidence | None:
        """Read what sentences say to a claim in the question's language.

        context: where its names may stand as well (headings). None where a sentence is of the
        claim's language, so that words can be compared, or where the embedder does not read both.
        """
        language = detect_language(claim)
        other = _OTHER_LANGUAGE.get(language, "")
        if detect_language(question) not in {language, "und"} or not self._reads(language, other):
            return None
        languages = [detect_language(sentence) for sentence in sentences]
        foreign = [i for i, name in enumerate(languages) if name == other]
        if not foreign or language in languages:
            return None
        spreads = self._measure_spreads(claim, [sentences[i] for i in foreign], other)
        chosen = _choose_sentences(claim, [sentences[i] for i in foreign], spreads)
        evidence = [sentences[foreign[i]] for i in chosen]
        return ForeignEvidence(
            sentences=tuple(sorted(foreign[i] for i in chosen)),
            support=_rate_spreads(float(spreads[chosen[0]])),
            conflicts=tuple(find_foreign_conflicts(claim, evidence, context)),
        )

    def _reads(self, language: str, other: str) -> bool:
        readable = self.background.passages
        return language in readable and other in readable

    def _measure_spreads(self, claim: str, sentences: Sequence[str], other: str) -> Vectors:
        """Return by how many spreads each sentence (n,) lies nearer than unrelated texts do."""
        claim_vector, *vectors = self.embedder.embed_passages([claim, *sentences])
        unrelated = self.background.passages[other] @ claim_vector
        cosines = np.stack(vectors) @ claim_vector
        return np.asarray((cosines - unrelated.mean()) / max(float(unrelated.std()), 1e-4))


def find_foreign_conflicts(
    claim: str, evidence: Sequence[str], context: Sequence[str]
) -> list[Contradiction]:
    """List what a claim states that evidence in the other language lacks or denies.

    evidence: sentences, the nearest first.

    >>> find_foreign_conflicts("茶室九点开门。", ["The tea room opens at 8:15."], [])
    [Contradiction(kind='number', words='9')]
    >>> find_foreign_conflicts("茶室八点十五分开门。", ["The tea room opens at 8:15."], [])
    []
    """
    plain, evidence_plain = normalise_text(claim), normalise_text("\n".join(evidence))
    moments, rest = _take_moments(plain)
    evidence_moments, _ = _take_moments(evidence_plain)
    numbers = find_numbers(evidence_plain)
    conflicts = [
        Contradiction("number", moment)
        for moment in moments
        if moment not in evidence_moments and not _states_parts(moment, numbers)
    ]
    conflicts += find_contradictions(rest, evidence_plain, context=context)
    conflicts += [
        Contradiction("number", str(number))
        for number in sorted(_count_numbers(rest) - numbers)
        if number >= _LEAST_COUNT
    ]
    return conflicts + _find_denial(claim, evidence[0])


def _take_moments(plain: str) -> tuple[list[str], str]:
    """Return the times of the day in a normalised text, and the text without them.

    >>> _take_moments("from 4:45 pm to 18点")
    (['16:45'], 'from         to 18点')
    """
    moments: list[str] = []
    rest = plain
    for form in find_canonical_forms(plain):
        terms = [term for term in form.terms if _MOMENT.fullmatch(term)]
        if terms:
            moments += terms
            rest = f"{rest[: form.start]}{' ' * (form.end - form.start)}{rest[form.end :]}"
    return moments, rest


def _states_parts(moment: str, numbers: Collection[Decimal]) -> bool:
    """Tell whether the hour and the minutes of a time are among the numbers of a text."""
    hour, minutes = map(int, moment.split(":"))
    return bool({hour, hour % 12} & set(numbers)) and (not minutes or minutes in numbers)


def _count_numbers(plain: str) -> set[Decimal]:
    """Return the numbers of a text that have no unit: those with one are compared with it."""
    for quantity in find_quantities(plain):
        plain = plain.replace(quantity.text, " ", 1)
    return find_numbers(blank_dates(plain))


def _find_denial(claim: str, sentence: str) -> list[Contradiction]:
    """Find that a claim denies more than a sentence does, or nothing where all of it denies.

    Of 304 sentences of XQuAD beside their translations 6 % are flagged, of negated ones 83 %.
    """
    own, other = (list(map(bool, _list_denials(text))) for text in (claim, sentence))
    affirms = bool(own) and not any(own) and all(other) and bool(other)
    return [Contradiction("negation", claim)] if sum(own) > sum(other) or affirms else []


def _list_denials(text: str) -> list[bool | None]:
    """Return of each clause of a text whether it denies."""
    clauses = [clause for clause in _CLAUSE.split(text) if clause.strip()]
    return [denies_question(clause, "") for clause in clauses]


def _choose_sentences(claim: str, sentences: Sequence[str], spreads: Vectors) -> list[int]:
    """Choose the nearest sentence, and others near it that state what it lacks."""
    best, *others = np.argsort(-spreads, kind="stable").tolist()
    chosen = [best]
    conflicts = len(find_foreign_conflicts(claim, [sentences[best]], ()))
    for i in others:
        if not conflicts or len(chosen) == MOST_SENTENCES or spreads[i] < HALF_SPREADS - _NEAR:
            break
        rest = len(find_foreign_conflicts(claim, [sentences[j] for j in (*chosen, i)], ()))
        if rest < conflicts:
            chosen.append(i)
            conflicts = rest
    return chosen


def _rate_spreads(spreads: float) -> float:
    """Return the support (0..1) of a claim by a sentence that stands out so far."""
    return round(1 / (1 + math.exp(-STEEPNESS * (spreads - HALF_SPREADS))), 6)
