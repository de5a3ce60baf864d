"""Does an answer say only what its sources say? Deterministic: words weighed by rarity.

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
    """What some sources hold: words, and content words that stand beside each other."""

    words: frozenset[str]
    pairs: frozenset[Pair]


@lru_cache(maxsize=8192)
def word_set(text: str) -> frozenset[str]:
    """Give the tokens of a text, once."""
    return frozenset(tokenize_text(text))


@lru_cache(maxsize=8192)
def word_pairs(text: str) -> frozenset[Pair]:
    """Give the content words of a text that stand beside each other."""
    return frozenset(pairwise(drop_stopwords(tokenize_text(text))))


@lru_cache(maxsize=8192)
def extract_claimed_words(sentence: str) -> frozenset[str]:
    """Give what a sentence claims: its content words. None: it claims nothing.

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
    """Put together what all sources hold."""
    every = tuple(texts)
    return SourceKnowledge(
        frozenset().union(*map(word_set, every)), frozenset().union(*map(word_pairs, every))
    )


def compute_support(sentence: str, knowledge: SourceKnowledge, idf: Idf) -> float:
    """Give the share (0..1, by idf) of what a sentence claims that its sources hold."""
    wanted = extract_claimed_words(sentence)
    return compute_coverage(wanted, knowledge.words, idf) if wanted else 1.0


def compute_formula_precision(
    sentences: Sequence[str], knowledge: SourceKnowledge, idf: Idf
) -> float:
    """Give the knowledge precision of a whole answer in one line: the yardstick of ours."""
    wanted = frozenset().union(*map(extract_claimed_words, sentences))
    return compute_coverage(wanted, knowledge.words, idf) if wanted else 1.0


def compute_knowledge_precision(
    sentences: Sequence[str], knowledge: SourceKnowledge, idf: Idf
) -> float:
    """Give what an answer's sources hold of it (0..1): the mean over its words and its pairs.

    Words and pairs count once, however often they are said.
    """
    said = [one for one in sentences if extract_claimed_words(one)]
    beside = frozenset().union(*map(word_pairs, said))
    alone = compute_formula_precision(said, knowledge, idf)
    return (alone + len(beside & knowledge.pairs) / len(beside)) / 2 if beside else alone


def list_unsupported(sentences: Sequence[str], knowledge: SourceKnowledge, idf: Idf) -> list[str]:
    """Give the sentences that claim something which their sources do not carry."""
    return [
        one
        for one in sentences
        if extract_claimed_words(one) and compute_support(one, knowledge, idf) < SUPPORTED
    ]
