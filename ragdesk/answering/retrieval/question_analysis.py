"""Analyse a question once: language, words, names, numbers.

Its content words with their weights, its names, numbers and periods.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from indexes.text.scripts import detect_language
from indexes.text.tokens import drop_stopwords, find_identifiers, tokenize_text

# "Q2", "FY2024", "2Q24", "24h": a stretch of time that many documents speak of, no name of a thing,
# as "H100" is.
_PERIOD = re.compile(
    r"(?:[fc]y)?\d{0,4}[qh][1-4]?(?:[fc]y\d{2,4}|(?:19|20)\d\d)?"
    r"|\d{1,4}[qh](?:[fc]y)?\d{0,4}|[fc]y\d{0,4}(?:[qh][1-4]|[1-4][qh])?"
)


_HAN_LETTER = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class QuestionAnalysis:
    """A question, analysed for the search.

    terms: its content words as the index spells them, in order, repeated as asked. weights: what
    each is worth (idf). identifiers: names that must be met exactly. total: sum of the weights.
    """

    text: str
    language: str
    terms: tuple[str, ...]
    identifiers: tuple[str, ...]
    weights: Mapping[str, float]
    total: float

    def coverage(self, words: Collection[str]) -> float:
        """Return the share (0..1) of the question, by idf, that a set of words covers."""
        if not self.total:
            return 0.0
        return sum(w for term, w in self.weights.items() if term in words) / self.total


def analyze_question(text: str, idf: Callable[[str], float]) -> QuestionAnalysis:
    """Read a question. One of function words alone is searched for by these.

    >>> analysis = analyze_question("What is the refund window?", lambda term: 2.0)
    >>> analysis.terms, analysis.total, analysis.coverage({"refund"})
    (('refund', 'window'), 4.0, 0.5)
    """
    question_tokens = tokenize_text(text)
    terms = tuple(drop_stopwords(question_tokens) or question_tokens)
    weights = {term: idf(term) for term in dict.fromkeys(terms)}
    return QuestionAnalysis(
        text=text,
        language=detect_language(text),
        terms=terms,
        identifiers=tuple(n for n in find_identifiers(text) if not _PERIOD.fullmatch(n)),
        weights=weights,
        total=sum(weights.values()),
    )


def keep_shared_terms(
    analysis: QuestionAnalysis, idf: Callable[[str], float]
) -> QuestionAnalysis | None:
    """Keep what a text in any language could hold: Latin words, numbers, identifiers.

    None when nothing is left: then the question cannot meet a text of another language.
    """
    terms = tuple(term for term in analysis.terms if not _HAN_LETTER.search(term))
    if not terms:
        return None
    weights = {term: idf(term) for term in dict.fromkeys(terms)}
    return QuestionAnalysis(
        text=analysis.text,
        language=analysis.language,
        terms=terms,
        identifiers=analysis.identifiers,
        weights=weights,
        total=sum(weights.values()),
    )


def question_likeness(analysis: QuestionAnalysis, other: str, idf: Callable[[str], float]) -> float:
    """Return how much a question and another one have in common (0..1), both ways, by idf.

    >>> analysis = analyze_question("How do I reset my password?", lambda term: 1.0)
    >>> question_likeness(analysis, "How can I reset the password of a phone?", lambda term: 1.0)
    0.8
    """
    other_analysis = analyze_question(other, idf)
    common_weight = sum(
        weight for term, weight in analysis.weights.items() if term in other_analysis.weights
    )
    total = analysis.total + other_analysis.total
    return 2 * common_weight / total if total else 0.0
