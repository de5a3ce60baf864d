"""Tell passages that say the same apart from passages that only look alike. Pure."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Passage
from indexes.support import flags
from indexes.text import content, normalise, tokens
from ragdesk.answering.evidence import read

_FIGURE = re.compile(r"\d[\d.,:/-]*\d|\d")
_NOT = re.compile(
    r"\b(?:not?|never|without|cannot|none|except|unless)\b|n't\b|[不无未非勿禁]|没有|除外"
)


def alike(one: str, other: str, *, share: float, asked: Collection[str] = ()) -> bool:
    """Tell whether two texts say the same: nearly the same words, in the same order.

    share: of all their content words, so many must be common (Jaccard). asked: the words of the
    question; texts that differ in one of them differ in what was asked. Two policies that differ
    in one number, name or "not" share nearly all words, and must both be seen.

    >>> alike("Returns within 30 days.", "Returns within 30 days", share=0.9)
    True
    >>> alike("Returns within 30 days.", "Returns within 14 days.", share=0.5)
    False
    >>> alike("The buyer pays the seller.", "The seller pays the buyer.", share=0.5)
    False
    """
    if one == other:
        return True
    a, b = _words(one), _words(other)
    if min(len(a), len(b)) < share * max(len(a), len(b)):
        return False
    common, every = a & b, a | b
    if not common or len(common) < share * len(every) or not (every - common).isdisjoint(asked):
        return False
    mine, theirs = _said(one), _said(other)
    if (mine.figures, mine.negations) != (theirs.figures, theirs.negations):
        return False
    if [w for w in mine.order if w in common] != [w for w in theirs.order if w in common]:
        return False
    return not (flags(one, other) or flags(other, one))


@lru_cache(maxsize=512)
def _words(text: str) -> frozenset[str]:
    """Give the content words of a passage; its sentences have been read before."""
    return frozenset(content(frozenset().union(*(sentence.words for sentence in read(text)))))


@dataclass(frozen=True, slots=True)
class _Said:
    """What a text says, as far as it can be counted. order: its words as they come."""

    order: tuple[str, ...]
    figures: tuple[str, ...]
    negations: int


@lru_cache(maxsize=512)
def _said(text: str) -> _Said:
    plain = normalise(text)
    order = tuple(content(tokens(text)))
    return _Said(order, tuple(_FIGURE.findall(plain)), len(_NOT.findall(plain)))


def collapse(
    ranked: Iterable[Passage], *, share: float, most: int, asked: Collection[str] = ()
) -> list[tuple[Passage, list[Passage]]]:
    """Keep the first ``most`` passages that repeat no better one, each with those that repeat it.

    asked: see ``alike``.

    What comes after the last one kept is not looked at.
    """
    kept: list[tuple[Passage, list[Passage]]] = []
    for passage in ranked:
        text = passage.chunk.text
        repeats = (same for p, same in kept if alike(p.chunk.text, text, share=share, asked=asked))
        first = next(repeats, None)
        if first is not None:
            first.append(passage)
        elif len(kept) == most:
            break
        else:
            kept.append((passage, []))
    return kept
