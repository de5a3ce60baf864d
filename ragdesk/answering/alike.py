"""Tell passages that say the same apart from passages that only look alike. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Passage
from indexes.text import content, normalise
from ragdesk.answering.evidence import read

_FIGURE = re.compile(r"\d[\d.,:/-]*\d|\d")
_NOT = re.compile(
    r"\b(?:not?|never|without|cannot|none|except|unless)\b|n't\b|[不无未非勿禁]|没有|除外"
)


def alike(one: str, other: str, *, share: float) -> bool:
    """Tell whether two texts say the same: nearly the same words, and just the same figures.

    share: of all their content words, so many must be common (Jaccard). Two policies that differ
    in one number or one "not" share nearly all words, and must both be seen.

    >>> alike("Returns within 30 days.", "Returns within 30 days", share=0.9)
    True
    >>> alike("Returns within 30 days.", "Returns within 14 days.", share=0.5)
    False
    """
    if one == other:
        return True
    a, b = _said(one), _said(other)
    if not a.words or len(a.words & b.words) < share * len(a.words | b.words):
        return False
    return a.figures == b.figures and a.negations == b.negations


@dataclass(frozen=True, slots=True)
class _Said:
    """What a text says, as far as it can be counted."""

    words: frozenset[str]
    figures: tuple[str, ...]
    negations: int


@lru_cache(maxsize=512)
def _said(text: str) -> _Said:
    plain = normalise(text)
    every = frozenset().union(*(sentence.words for sentence in read(text)))
    figures = tuple(sorted(_FIGURE.findall(plain)))
    return _Said(frozenset(content(every)), figures, len(_NOT.findall(plain)))


def collapse(
    ranked: Iterable[Passage], *, share: float, most: int
) -> list[tuple[Passage, list[Passage]]]:
    """Keep the first ``most`` passages that repeat no better one, each with those that repeat it.

    What comes after the last one kept is not looked at.
    """
    kept: list[tuple[Passage, list[Passage]]] = []
    for passage in ranked:
        text = passage.chunk.text
        first = next((same for p, same in kept if alike(p.chunk.text, text, share=share)), None)
        if first is not None:
            first.append(passage)
        elif len(kept) == most:
            break
        else:
            kept.append((passage, []))
    return kept
