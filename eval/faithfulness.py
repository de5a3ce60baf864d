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

from eval.reply import refuses
from indexes.support import Idf, coverage
from indexes.text import content, tokens

SUPPORTED = 0.6  # of a sentence's words, by idf; below it counts as unsupported
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What some sources hold: words, and content words that stand beside each other."""

    words: frozenset[str]
    pairs: frozenset[Pair]


@lru_cache(maxsize=8192)
def words(text: str) -> frozenset[str]:
    """Give the tokens of a text, once."""
    return frozenset(tokens(text))


@lru_cache(maxsize=8192)
def pairs(text: str) -> frozenset[Pair]:
    """Give the content words of a text that stand beside each other."""
    return frozenset(pairwise(content(tokens(text))))


@lru_cache(maxsize=8192)
def claimed(sentence: str) -> frozenset[str]:
    """Give what a sentence claims: its content words. None: it claims nothing.

    >>> claimed("That is it."), claimed("The documents do not mention the price.")
    (frozenset(), frozenset())
    """
    return frozenset() if refuses(sentence) else frozenset(content(words(sentence)))


def knowledge(texts: Iterable[str]) -> Knowledge:
    """Put together what all sources hold."""
    every = tuple(texts)
    return Knowledge(frozenset().union(*map(words, every)), frozenset().union(*map(pairs, every)))


def support(sentence: str, held: Knowledge, idf: Idf) -> float:
    """Give the share (0..1, by idf) of what a sentence claims that its sources hold."""
    wanted = claimed(sentence)
    return coverage(wanted, held.words, idf) if wanted else 1.0


def formula(sentences: Sequence[str], held: Knowledge, idf: Idf) -> float:
    """Give the knowledge precision of a whole answer in one line: the yardstick of ours."""
    wanted = frozenset().union(*map(claimed, sentences))
    return coverage(wanted, held.words, idf) if wanted else 1.0


def precision(sentences: Sequence[str], held: Knowledge, idf: Idf) -> float:
    """Give what an answer's sources hold of it (0..1): the mean over its words and its pairs.

    Words and pairs count once, however often they are said.
    """
    said = [one for one in sentences if claimed(one)]
    beside = frozenset().union(*map(pairs, said))
    alone = formula(said, held, idf)
    return (alone + len(beside & held.pairs) / len(beside)) / 2 if beside else alone


def unsupported(sentences: Sequence[str], held: Knowledge, idf: Idf) -> list[str]:
    """Give the sentences that claim something which their sources do not carry."""
    return [one for one in sentences if claimed(one) and support(one, held, idf) < SUPPORTED]
