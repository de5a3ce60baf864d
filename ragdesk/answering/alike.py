"""Tell passages that say the same apart from passages that only look alike. Pure."""

import re
from collections.abc import Iterable

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
    a, b = _content(one), _content(other)
    if not a or not b or len(a & b) < share * len(a | b):
        return False
    return _hard(one) == _hard(other)


def _content(text: str) -> frozenset[str]:
    return frozenset(content(frozenset().union(*(sentence.words for sentence in read(text)))))


def _hard(text: str) -> tuple[list[str], int]:
    plain = normalise(text)
    return sorted(_FIGURE.findall(plain)), len(_NOT.findall(plain))


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
