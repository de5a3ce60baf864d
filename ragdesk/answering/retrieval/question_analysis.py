"""Analyse a question once, into the one value that every step of its answer reads. Pure.

Retrieval, follow-ups, the question back, the choice of sentences and the signals all need its
language, words, names and numbers. How much a word is worth depends on the index and on what the
asker may see: ``weigh_terms`` is the second step.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from indexes.text.folding import normalise_text, strip_invisible
from indexes.text.scripts import Language, detect_language
from indexes.text.tokens import drop_stopwords, find_identifiers, tokenize_text
from ragdesk.answering.retrieval.question_type import (
    QuestionType,
    asks_for_list,
    extract_numbers,
    split_content,
)

# "Q2", "FY2024", "2Q24", "24h": a stretch of time that many documents speak of, no name of a thing,
# as "H100" is.
_PERIOD = re.compile(
    r"(?:[fc]y)?\d{0,4}[qh][1-4]?(?:[fc]y\d{2,4}|(?:19|20)\d\d)?"
    r"|\d{1,4}[qh](?:[fc]y)?\d{0,4}|[fc]y\d{0,4}(?:[qh][1-4]|[1-4][qh])?"
)
GUESS_SHARE = 0.6
"""What a word counts that was put in the place of one that stands nowhere."""
_DEPARTMENT = re.compile(r"\bIT(?![\w?？.!])\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnalysis:
    """A question with everything that its words alone tell.

    text: the question without invisible characters. tokens: all its words as the index spells
    them, in order. terms: those it is searched for by, its content words, or all where it has
    none. content_words: its distinct content words. counted_words: of a Chinese question, only
    the single characters of these; their number says how short it is. identifiers: names that a
    passage must hold exactly. topic_words: content words outside of what only asks ("how many").
    reference_text: lower case, without "IT" the department, to look for "it" in.
    reference_words: the counted words of that. wants_list: several things or steps are asked for.
    After ``correct_terms``, tokens, terms, content_words, identifiers and topic_words are those of
    the corrected text.
    """

    text: str
    language: Language
    tokens: tuple[str, ...]
    terms: tuple[str, ...]
    content_words: frozenset[str]
    counted_words: frozenset[str]
    identifiers: tuple[str, ...]
    numbers: frozenset[str]
    question_type: QuestionType
    topic_words: frozenset[str]
    reference_text: str
    reference_words: frozenset[str]
    wants_list: bool

    def numbers_stand_in(self, sentence: str) -> bool:
        """Tell whether the question holds numbers and a sentence holds them all."""
        return bool(self.numbers) and self.numbers <= extract_numbers(sentence)


@dataclass(frozen=True, slots=True)
class TermWeights:
    """What each term of a question is worth (idf), and the sum of that.

    terms: in order, repeated as they were asked. guesses: words put in the place of others; they
    count ``GUESS_SHARE``, and the rest of their weight is in the total alone.
    """

    terms: tuple[str, ...]
    weights: Mapping[str, float]
    total: float
    guesses: frozenset[str] = frozenset()

    @property
    def query(self) -> Mapping[str, float]:
        """Return how often each term counts in a search."""
        return {
            term: times * (GUESS_SHARE if term in self.guesses else 1)
            for term, times in Counter(self.terms).items()
        }

    def coverage(self, words: Collection[str]) -> float:
        """Return the share (0..1) of the question, by idf, that a set of words covers."""
        if not self.total:
            return 0.0
        return sum(w for term, w in self.weights.items() if term in words) / self.total


def analyze_question(question: str) -> QuestionAnalysis:
    """Analyse a question as somebody wrote it.

    >>> analysis = analyze_question("What is the refund window of ORD-17 in Q2?")
    >>> analysis.terms[:2], analysis.identifiers, analysis.language
    (('refund', 'window'), ('ord17',), 'en')
    """
    text = strip_invisible(question)
    plain = normalise_text(text)
    language = detect_language(text)
    tokens = tuple(tokenize_text(text))
    content_terms = tuple(drop_stopwords(tokens))
    content_words = frozenset(content_terms)
    counted_words = _count_by_language(content_words, language)
    reference_text = _drop_department(text, plain)
    reference_words = counted_words
    if len(reference_text) != len(plain.strip()):
        words = frozenset(drop_stopwords(tokenize_text(reference_text)))
        reference_words = _count_by_language(words, language)
    topic_words = {
        word for part in split_content(plain) for word in drop_stopwords(tokenize_text(part))
    }
    return QuestionAnalysis(
        text=text,
        language=language,
        tokens=tokens,
        terms=content_terms or tokens,
        content_words=content_words,
        counted_words=counted_words,
        identifiers=tuple(n for n in find_identifiers(text) if not _PERIOD.fullmatch(n)),
        numbers=extract_numbers(text),
        question_type=QuestionType(text),
        topic_words=frozenset(topic_words),
        reference_text=reference_text,
        reference_words=reference_words,
        wants_list=asks_for_list(plain),
    )


def correct_terms(analysis: QuestionAnalysis, text: str) -> QuestionAnalysis:
    """Take the words that a question is searched for from another text, which has them right.

    All else stays as it was asked: a correction is a guess, and folded.

    >>> analysis = correct_terms(analyze_question("IT refnud?"), "it refund?")
    >>> analysis.terms, analysis.text, analysis.reference_text
    (('refund',), 'IT refnud?', 'refnud?')
    """
    corrected = analyze_question(text)
    return replace(
        analysis,
        tokens=corrected.tokens,
        terms=corrected.terms,
        content_words=corrected.content_words,
        identifiers=corrected.identifiers,
        topic_words=corrected.topic_words,
    )


def weigh_terms(
    terms: Sequence[str], idf: Callable[[str], float], guesses: frozenset[str] = frozenset()
) -> TermWeights:
    """Weigh each distinct term by its idf in an index.

    >>> weights = weigh_terms(["refund", "window"], lambda term: 2.0)
    >>> weights.total, weights.coverage({"refund"})
    (4.0, 0.5)
    """
    weights = {term: idf(term) for term in dict.fromkeys(terms)}
    total = sum(weights.values())
    for term in guesses.intersection(weights):
        weights[term] *= GUESS_SHARE
    return TermWeights(tuple(terms), weights, total, guesses)


def question_likeness(term_weights: TermWeights, other: str, idf: Callable[[str], float]) -> float:
    """Return how much a question and another one have in common (0..1), both ways, by idf.

    >>> def idf(term: str) -> float:
    ...     return 1.0
    >>> term_weights = weigh_terms(analyze_question("How do I reset my password?").terms, idf)
    >>> question_likeness(term_weights, "How can I reset the password of a phone?", idf)
    0.8
    """
    tokens = tokenize_text(other)
    other_weights = weigh_terms(drop_stopwords(tokens) or tokens, idf)
    common_weight = sum(
        weight for term, weight in term_weights.weights.items() if term in other_weights.weights
    )
    total = term_weights.total + other_weights.total
    return 2 * common_weight / total if total else 0.0


def _drop_department(text: str, plain: str) -> str:
    """Normalise a question without "IT", the department: in lower case it would refer back.

    >>> question = "Who approves IT purchases?"
    >>> _drop_department(question, question.lower())
    'who approves purchases?'
    >>> _drop_department("CAN I RETURN IT?", "can i return it?")
    'can i return it?'
    """
    if text.isupper():
        return plain.strip()
    without_department, count = _DEPARTMENT.subn("", text)
    return normalise_text(without_department).strip() if count else plain.strip()


def _count_by_language(words: frozenset[str], language: Language) -> frozenset[str]:
    """Keep of Chinese words the single characters: pairs of them say the same again."""
    return frozenset(word for word in words if len(word) == 1) if language == "zh" else words
