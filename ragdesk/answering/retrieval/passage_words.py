"""Compare the words of a question with those of passages and their sentences. Pure.

Finding a passage and choosing its sentence both count this way; they share this file so that
a sentence that made its passage win is weighed the same when the answer is chosen.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Chunk
from indexes.text.sentences import split_sentences
from indexes.text.tokens import tokenize_text
from ragdesk.answering.retrieval.question_analysis import TermWeights

_MARKS = re.compile(r"[^a-z0-9]")  # of a code, which is met in any spelling
_NAME_MARKS = re.compile(r"[/_.-]+")
_CACHED_PASSAGES = 512  # passages; each some 30 KB of words


@dataclass(frozen=True, slots=True)
class SentenceWords:
    """A sentence of a passage: its span in the passage's text, and its words."""

    start: int
    end: int
    words: frozenset[str]


@lru_cache(maxsize=_CACHED_PASSAGES)
def analyze_sentences(text: str) -> tuple[SentenceWords, ...]:
    """Return the sentences of a passage's text with their words, in order.

    A line of marks alone ("***", "👍") is none: it answers nothing.

    >>> [(s.start, s.end, sorted(s.words)) for s in analyze_sentences("Pay first. Then wait.")]
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
    """Return all words of a passage, its headings included."""
    return heading_words(chunk).union(
        *(sentence.words for sentence in analyze_sentences(chunk.text))
    )


def heading_words(chunk: Chunk) -> frozenset[str]:
    """Return the words of a passage's title, heading path and lead."""
    return _token_set(" / ".join(dict.fromkeys((chunk.title, *chunk.path, chunk.lead))))


def describe_place(chunk: Chunk) -> str:
    """Write where a passage stands: its document's place and title, headings, lead, question."""
    start, end = chunk.question or (chunk.start, chunk.start)
    question = chunk.text[start - chunk.start : end - chunk.start]
    parts = (write_document_name(chunk), *chunk.path, chunk.lead, question)
    return " / ".join(dict.fromkeys(parts))


def write_document_name(chunk: Chunk) -> str:
    """Write a document's name: its place, as it stands and in words, and its title."""
    place = chunk.uri.rpartition(".")[0] or chunk.uri
    return " / ".join(dict.fromkeys((place, _NAME_MARKS.sub(" ", place), chunk.title)))


def document_name_words(chunk: Chunk) -> frozenset[str]:
    """Return the words of a document's name: its title, its folders, its file."""
    return _name_words(chunk.uri, chunk.title)


@lru_cache(maxsize=_CACHED_PASSAGES)
def _name_words(uri: str, title: str) -> frozenset[str]:
    place = _NAME_MARKS.sub(" ", uri.rpartition(".")[0] or uri)
    return frozenset(tokenize_text(f"{place} / {title}"))


@lru_cache(maxsize=_CACHED_PASSAGES)
def _token_set(text: str) -> frozenset[str]:
    return frozenset(tokenize_text(text))


def best_sentence_share(term_weights: TermWeights, chunk: Chunk, title_weight: float) -> float:
    """Return the share (0..1) of the question that the best sentence of a passage covers.

    title_weight: what a word counts that stands in the headings above the sentence instead.
    """
    heading_share = term_weights.coverage(heading_words(chunk)) if title_weight else 0.0
    if not heading_share:
        return max(
            (term_weights.coverage(s.words) for s in analyze_sentences(chunk.text)), default=0.0
        )
    above_words = heading_words(chunk)
    return max(
        (
            (1 - title_weight) * term_weights.coverage(s.words)
            + title_weight * term_weights.coverage(s.words | above_words)
            for s in analyze_sentences(chunk.text)
        ),
        default=title_weight * heading_share,
    )


def cover_question(term_weights: TermWeights, codes: Collection[str], chunk: Chunk) -> float:
    """Return the share (0..1) of a question that a passage and its headings hold.

    codes: that the question names. One that the passage or just its document's name holds is met:
    then the share of the other words counts, where it is larger.
    """
    words = chunk_words(chunk)
    whole = term_weights.coverage(words)
    name = _token_set(write_document_name(chunk))
    common_codes = [code for code in codes if code in words or code in name]
    rest = {
        term: weight
        for term, weight in term_weights.weights.items()
        if not (term.isascii() and any(_MARKS.sub("", term) in code for code in common_codes))
    }
    total = sum(rest.values())
    if not common_codes or not total:
        return whole
    return max(whole, sum(weight for term, weight in rest.items() if term in words) / total)


def bound_sentence_share(
    term_weights: TermWeights, chunk: Chunk, term_presence: Collection[bool], title_weight: float
) -> float:
    """Return an upper bound of ``best_sentence_share`` from the passage's indexed terms alone.

    term_presence: of each of ``term_weights.weights``, in their order, whether the passage's
    indexed words contain it.
    """
    inside = {
        term for term, present in zip(term_weights.weights, term_presence, strict=True) if present
    }
    if not title_weight:
        return term_weights.coverage(inside)
    return (1 - title_weight) * term_weights.coverage(
        inside
    ) + title_weight * term_weights.coverage(inside | heading_words(chunk))
