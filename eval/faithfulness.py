"""Metrics of faithfulness: whether sources contain what an answer says. Words weighed by idf.

The words of a sentence that its sources hold, by idf, is called knowledge precision; pairs of
words that stand beside each other count the same way. Both see what was added. Both are blind to
what was only turned round ("A paid B" for "B paid A"): ``ragdesk eval validate`` measures how
blind. A sentence that only says what the documents do not hold claims nothing about the world.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from eval.target_reply import is_refusal_sentence
from indexes.text.coverage import Idf, compute_coverage
from indexes.text.tokens import drop_stopwords, tokenize_text

SUPPORTED = 0.6  # of a sentence's words, by idf; below it counts as unsupported
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SourceKnowledge:
    """The words of some sources, and their pairs of adjacent content words."""

    words: frozenset[str]
    pairs: frozenset[Pair]


@lru_cache(maxsize=8192)
def word_set(text: str) -> frozenset[str]:
    """Return the tokens of a text as a set."""
    return frozenset(tokenize_text(text))


@lru_cache(maxsize=8192)
def word_pairs(text: str) -> frozenset[Pair]:
    """Return the pairs of adjacent content words of a text."""
    return frozenset(pairwise(drop_stopwords(tokenize_text(text))))


@lru_cache(maxsize=8192)
def extract_claimed_words(sentence: str) -> frozenset[str]:
    """Return the content words of a sentence; none for one that claims nothing.

    >>> extract_claimed_words("That is it.")
    frozenset()
    >>> extract_claimed_words("The documents do not mention the price.")
    frozenset()
    """
    return (
        frozenset()
        if is_refusal_sentence(sentence)
        else frozenset(drop_stopwords(word_set(sentence)))
    )


def collect_knowledge(texts: Iterable[str]) -> SourceKnowledge:
    """Collect the words and word pairs of all sources."""
    sources = tuple(texts)
    return SourceKnowledge(
        frozenset().union(*map(word_set, sources)), frozenset().union(*map(word_pairs, sources))
    )


def compute_support(sentence: str, knowledge: SourceKnowledge, idf: Idf) -> float:
    """Return the share (0..1, by idf) of a sentence's claim that its sources contain."""
    wanted = extract_claimed_words(sentence)
    return compute_coverage(wanted, knowledge.words, idf) if wanted else 1.0


def compute_formula_precision(
    sentences: Sequence[str], knowledge: SourceKnowledge, idf: Idf
) -> float:
    """Return an answer's knowledge precision by the plain formula, to compare with ours."""
    wanted = frozenset().union(*map(extract_claimed_words, sentences))
    return compute_coverage(wanted, knowledge.words, idf) if wanted else 1.0


def compute_knowledge_precision(
    sentences: Sequence[str], knowledge: SourceKnowledge, idf: Idf
) -> float:
    """Return the share of an answer that its sources contain (0..1): mean of words and pairs.

    Words and pairs count once, however often they are said.
    """
    claims = [sentence for sentence in sentences if extract_claimed_words(sentence)]
    beside = frozenset().union(*map(word_pairs, claims))
    alone = compute_formula_precision(claims, knowledge, idf)
    return (alone + len(beside & knowledge.pairs) / len(beside)) / 2 if beside else alone


def list_unsupported(sentences: Sequence[str], knowledge: SourceKnowledge, idf: Idf) -> list[str]:
    """Return the sentences that claim something which their sources do not support."""
    return [
        sentence
        for sentence in sentences
        if extract_claimed_words(sentence) and compute_support(sentence, knowledge, idf) < SUPPORTED
    ]
