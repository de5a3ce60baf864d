"""What a question asks for, in weighted words, and how much of it each sentence holds. Pure.

Finding a passage and choosing its sentence both count this way; they share this file so that
a sentence that made its passage win is weighed the same when the answer is chosen.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Chunk, Passage
from indexes.dense import Vectors
from indexes.support import Contradiction
from indexes.text import (
    drop_stopwords,
    find_identifiers,
    detect_language,
    split_sentences,
    tokenize_text,
)
from ragdesk.answering.answer import ClaimVerdict

_NAME_MARKS = re.compile(r"[/_.-]+")
_CACHED_PASSAGES = 512  # passages; each some 30 KB of words
# "Q2", "FY2024", "2Q24", "24h": a stretch of time that many documents speak of, no name of a thing,
# as "H100" is.
_PERIOD = re.compile(
    r"(?:[fc]y)?\d{0,4}[qh][1-4]?(?:[fc]y\d{2,4}|(?:19|20)\d\d)?"
    r"|\d{1,4}[qh](?:[fc]y)?\d{0,4}|[fc]y\d{0,4}(?:[qh][1-4]|[1-4][qh])?"
)
_HAN_LETTER = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class QuestionAnalysis:
    """A question as it is searched for.

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
        """Give the share (0..1) of what is asked for that some words hold."""
        if not self.total:
            return 0.0
        return sum(w for term, w in self.weights.items() if term in words) / self.total


@dataclass(frozen=True, slots=True)
class SentenceWords:
    """A sentence of a passage: its span in the passage's text, and its words."""

    start: int
    end: int
    words: frozenset[str]


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


@lru_cache(maxsize=_CACHED_PASSAGES)
def analyze_sentences(text: str) -> tuple[SentenceWords, ...]:
    """Give the sentences of a passage's text with their words, in order.

    A line of marks alone ("***", "👍") is none: it answers nothing.

    >>> [(s.start, s.end, sorted(s.chunk_words)) for s in analyze_sentences("Pay first. Then wait.")]
    [(0, 10, ['first', 'pay']), (11, 21, ['then', 'wait'])]
    """
    return tuple(
        SentenceWords(a, b, frozenset(tokenize_text(text[a:b])))
        for a, b in split_sentences(text)
        if has_words(text[a:b])
    )


def has_words(text: str) -> bool:
    """Tell whether a text says anything: it has a letter or a digit, of whatever script.

    >>> has_words("3"), has_words("是"), has_words("👍 …")
    (True, True, False)
    """
    return any(map(str.isalnum, text))


def chunk_words(chunk: Chunk) -> frozenset[str]:
    """Give all words of a passage, its headings included."""
    return heading_words(chunk).union(
        *(sentence.words for sentence in analyze_sentences(chunk.text))
    )


def heading_words(chunk: Chunk) -> frozenset[str]:
    """Give the words of a passage's title, heading path and lead."""
    return _token_set(" / ".join(dict.fromkeys((chunk.title, *chunk.path, chunk.lead))))


def document_name_words(chunk: Chunk) -> frozenset[str]:
    """Give the words that a passage's document is named by: its title, its folders, its file."""
    return _name_words(chunk.uri, chunk.title)


@lru_cache(maxsize=_CACHED_PASSAGES)
def _name_words(uri: str, title: str) -> frozenset[str]:
    place = _NAME_MARKS.sub(" ", uri.rpartition(".")[0] or uri)
    return frozenset(tokenize_text(f"{place} / {title}"))


@lru_cache(maxsize=_CACHED_PASSAGES)
def _token_set(text: str) -> frozenset[str]:
    return frozenset(tokenize_text(text))


def best_sentence_share(analysis: QuestionAnalysis, chunk: Chunk, title_weight: float) -> float:
    """Give the share (0..1) of a question that the best sentence of a passage holds.

    title: what a word counts that stands in the headings above the sentence instead.
    """
    heading_share = analysis.coverage(heading_words(chunk)) if title_weight else 0.0
    if not heading_share:
        return max((analysis.coverage(s.words) for s in analyze_sentences(chunk.text)), default=0.0)
    above_words = heading_words(chunk)
    return max(
        (
            (1 - title_weight) * analysis.coverage(s.words)
            + title_weight * analysis.coverage(s.words | above_words)
            for s in analyze_sentences(chunk.text)
        ),
        default=title_weight * heading_share,
    )


def bound_sentence_share(
    analysis: QuestionAnalysis, chunk: Chunk, term_presence: Collection[bool], title_weight: float
) -> float:
    """Give what ``best_sentence_share`` is at most, from the terms of the question that a passage holds at all.

    held: of each of ``asked.weights``, in their order, whether the passage's indexed words do.
    """
    inside = {
        term for term, present in zip(analysis.weights, term_presence, strict=True) if present
    }
    if not title_weight:
        return analysis.coverage(inside)
    return (1 - title_weight) * analysis.coverage(inside) + title_weight * analysis.coverage(
        inside | heading_words(chunk)
    )


def question_likeness(analysis: QuestionAnalysis, other: str, idf: Callable[[str], float]) -> float:
    """Give how much a question and another one have in common (0..1), both ways, by idf.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What was found for a question, best first.

    idf: weighs words over what the asker may see. vector: of the question, or None where the
    model cannot read it. signals: numbers that tell
    how sure one may be. repeated: per chunk id, the passages left out because they say the same.
    """

    analysis: QuestionAnalysis
    idf: Callable[[str], float]
    vector: Vectors | None
    passages: tuple[Passage, ...]
    signals: Mapping[str, float]
    duplicates: Mapping[str, tuple[Passage, ...]]


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of a document that an answer rests on, and the passage it was found with.

    start, end: offsets into the document's text. text: the characters there.
    """

    passage: Passage
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing an answer says, and what it rests on.

    support: how well it does (0..1). standing: the verdict of a check, where there was one.
    flags: what it states otherwise than its quotes.
    """

    text: str
    quotes: tuple[Quote, ...]
    support: float
    verdict: ClaimVerdict | None = None
    flags: tuple[Contradiction, ...] = ()


@dataclass(frozen=True, slots=True)
class WriterNote:
    """What a writer has to say about its writing: a reason out of ``ragdesk.errors.REASONS``.

    withheld: sentences that failed the check and were left out.
    """

    reason: str = ""
    withheld: int = 0
