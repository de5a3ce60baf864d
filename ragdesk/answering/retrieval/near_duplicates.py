"""Find passages that repeat one another, and keep the best of each.

Pure.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Passage
from indexes.text.contradictions import find_contradictions
from indexes.text.folding import normalise_text
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.retrieval.passage_words import analyze_sentences

_FIGURE_PATTERN = re.compile(r"\d[\d.,:/-]*\d|\d")
_NEGATION = re.compile(
    r"\b(?:not?|never|without|cannot|none|except|unless)\b|n't\b|[不无未非勿禁]|没有|除外"
)


def has_same_content(
    first_text: str, second_text: str, *, min_share: float, question_words: Collection[str] = ()
) -> bool:
    """Tell whether two texts say the same: nearly the same words, in the same order.

    min_share: of all their content words, so many must be common (Jaccard). question_words: texts
    that differ in one of them differ in what was asked. Two policies that differ in one number,
    name or "not" share nearly all words, and must both be shown.

    >>> has_same_content("Returns within 30 days.", "Returns within 30 days", min_share=0.9)
    True
    >>> has_same_content("Returns within 30 days.", "Returns within 14 days.", min_share=0.5)
    False
    >>> has_same_content("The buyer pays the seller.", "The seller pays the buyer.", min_share=0.5)
    False
    """
    if first_text == second_text:
        return True
    first_words, second_words = _passage_words(first_text), _passage_words(second_text)
    if min(len(first_words), len(second_words)) < min_share * max(
        len(first_words), len(second_words)
    ):
        return False
    common, all_words = first_words & second_words, first_words | second_words
    if (
        not common
        or len(common) < min_share * len(all_words)
        or not (all_words - common).isdisjoint(question_words)
    ):
        return False
    first_facts, second_facts = _surface_facts(first_text), _surface_facts(second_text)
    if (first_facts.figures, first_facts.negations) != (
        second_facts.figures,
        second_facts.negations,
    ):
        return False
    if [w for w in first_facts.order if w in common] != [
        w for w in second_facts.order if w in common
    ]:
        return False
    return not (
        find_contradictions(first_text, second_text) or find_contradictions(second_text, first_text)
    )


@lru_cache(maxsize=512)
def _passage_words(text: str) -> frozenset[str]:
    """Return the content words of a passage (its sentences are cached)."""
    return frozenset(
        drop_stopwords(frozenset().union(*(sentence.words for sentence in analyze_sentences(text))))
    )


@dataclass(frozen=True, slots=True)
class _SurfaceFacts:
    """The countable facts of a text. order: its words as they come."""

    order: tuple[str, ...]
    figures: tuple[str, ...]
    negations: int


@lru_cache(maxsize=512)
def _surface_facts(text: str) -> _SurfaceFacts:
    plain = normalise_text(text)
    order = tuple(drop_stopwords(tokenize_text(text)))
    return _SurfaceFacts(
        order, tuple(_FIGURE_PATTERN.findall(plain)), len(_NEGATION.findall(plain))
    )


def collapse_duplicates(
    ranked: Iterable[Passage], *, min_share: float, limit: int, question_words: Collection[str] = ()
) -> list[tuple[Passage, list[Passage]]]:
    """Keep the first ``limit`` passages that repeat no better one, each with those that repeat it.

    question_words: see ``has_same_content``.

    What comes after the last one kept is not looked at.
    """
    groups: list[tuple[Passage, list[Passage]]] = []
    for passage in ranked:
        text = passage.chunk.text
        repeats = (
            others
            for p, others in groups
            if has_same_content(
                p.chunk.text, text, min_share=min_share, question_words=question_words
            )
        )
        duplicates = next(repeats, None)
        if duplicates is not None:
            duplicates.append(passage)
        elif len(groups) == limit:
            break
        else:
            groups.append((passage, []))
    return groups
