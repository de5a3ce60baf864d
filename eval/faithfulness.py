"""Does an answer say only what its sources say? Deterministic: words weighed by rarity.

The words of a sentence that its sources hold, by idf, is called knowledge precision. It sees
what was added; it is blind to words that were only put into another order or role
(``ragdesk eval validate`` measures how blind).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from indexes.support import Idf, coverage
from indexes.text import content, tokens

SUPPORTED = 0.6  # of a sentence's words, by idf; below it counts as unsupported


@lru_cache(maxsize=8192)
def words(text: str) -> frozenset[str]:
    """Give the tokens of a text, once."""
    return frozenset(tokens(text))


def claimed(sentence: str) -> frozenset[str]:
    """Give what a sentence claims: its content words. None: it claims nothing."""
    return frozenset(content(words(sentence)))


def knowledge(texts: Iterable[str]) -> frozenset[str]:
    """Give the words of all sources together."""
    return frozenset().union(*map(words, texts))


def support(sentence: str, held: frozenset[str], idf: Idf) -> float:
    """Give the share (0..1, by idf) of what a sentence claims that its sources hold."""
    wanted = claimed(sentence)
    return coverage(wanted, held, idf) if wanted else 1.0


def precision(sentences: Sequence[str], held: frozenset[str], idf: Idf) -> float:
    """Give the knowledge precision of a whole answer: all its words at once, each counted once."""
    wanted = frozenset().union(*map(claimed, sentences))
    return coverage(wanted, held, idf) if wanted else 1.0


def unsupported(sentences: Sequence[str], held: frozenset[str], idf: Idf) -> float:
    """Give the share of the sentences that claim something which their sources do not carry."""
    claims = [one for one in sentences if claimed(one)]
    bad = [one for one in claims if support(one, held, idf) < SUPPORTED]
    return len(bad) / len(claims) if claims else 0.0
