"""Tell sibling documents apart by the product that a question names. Pure.

The papers of two products hold the same headings and nearly the same sentences, and which product
it is may stand in the title, the folder or the file's name alone. Where a question names one of
them, passages of the others that say nearly the same are no answer, however many of its words
they hold.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice

from indexes.chunk import Chunk, Passage
from indexes.text.folding import normalise_text
from indexes.text.tokens import STOPWORDS, drop_stopwords
from ragdesk.answering.retrieval.passage_words import (
    analyze_sentences,
    chunk_words,
    document_name_words,
)
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis

SIBLING_SHARE = 0.5  # of a score that a passage of another product keeps
ALIKE_WORDS = (
    0.5  # of the words of two passages that both hold, from which they say nearly the same
)
ALIKE_SECTION = 0.2  # the same, where both stand below the same heading
_CACHED_NAMES = 512
# "TX-7", "TX 7", "tx7", "AB002", "v2.1"
_CODE = re.compile(r"(?<![a-z])([a-z]{1,8})[ _./-]?(\d{1,8}(?:\.\d{1,4}){0,3}[a-z]?)(?![0-9a-z])")


@dataclass(frozen=True, slots=True)
class _QuestionNames:
    """What a question may name a product by: codes without marks, and words."""

    codes: frozenset[str]
    words: frozenset[str]


def order_siblings(
    ranked: Iterator[Passage], analysis: QuestionAnalysis, depth: int
) -> Iterator[Passage]:
    """Put the passages of a document that the question names before those of its siblings.

    ranked: best first. depth: so many are looked at, all where the question holds a code. Where
    it names none of two siblings, or both, nothing changes.
    """
    names = _QuestionNames(find_codes(analysis.text), analysis.content_words)
    head = list(ranked if names.codes else islice(ranked, depth))
    return chain(_demote_siblings(head, names), ranked)


def _demote_siblings(passages: Sequence[Passage], names: _QuestionNames) -> list[Passage]:
    """Return the passages in their order, those of siblings that are not named further down."""
    used = _keep_deciding(passages, names)
    if not used:
        return list(passages)
    ceilings: dict[str, float] = {}
    for other in passages:
        for named in passages:
            if _is_outnamed(named.chunk, other.chunk, used) and _are_alike(
                named.chunk, other.chunk
            ):
                document = other.chunk.document
                ceilings[document] = max(ceilings.get(document, 0.0), _best(passages, named))
    if not ceilings:
        return list(passages)
    scored = [
        replace(p, score=SIBLING_SHARE * min(p.score, ceilings[p.chunk.document]))
        if p.chunk.document in ceilings
        else p
        for p in passages
    ]
    return sorted(scored, key=lambda passage: -passage.score)


def _best(passages: Iterable[Passage], named: Passage) -> float:
    """Return the best score of a document's passages."""
    return max(p.score for p in passages if p.chunk.document == named.chunk.document)


def _keep_deciding(passages: Sequence[Passage], names: _QuestionNames) -> frozenset[str]:
    """Keep of a question's names those that some of the documents bear and not all: codes first."""
    borne = [_document_names(p.chunk) for p in passages]
    for wanted in (names.codes, names.words):
        deciding = frozenset(
            name for name in wanted if 0 < sum(name in names_of for names_of in borne) < len(borne)
        )
        if deciding:
            return deciding
    return frozenset()


def _is_outnamed(named: Chunk, other: Chunk, deciding: frozenset[str]) -> bool:
    """Tell whether a question names the one chunk's document and not the other's, nor its text."""
    if named.document == other.document:
        return False
    ours = _document_names(named) & deciding
    theirs = _document_names(other) & deciding
    if not theirs < ours:
        return False
    spoken = chunk_words(other) | find_codes(other.text)
    return not (ours - theirs) & spoken


def _are_alike(first: Chunk, second: Chunk) -> bool:
    """Tell whether two passages say nearly the same, or much of it below the same heading."""
    ours, theirs = _text_words(first), _text_words(second)
    share = len(ours & theirs) / (len(ours | theirs) or 1)
    same_section = bool(first.path) and first.path[-1:] == second.path[-1:]
    return share >= (ALIKE_SECTION if same_section else ALIKE_WORDS)


def _text_words(chunk: Chunk) -> frozenset[str]:
    return frozenset().union(*(s.words for s in analyze_sentences(chunk.text)))


def _document_names(chunk: Chunk) -> frozenset[str]:
    """Return the words and codes that a document is named by: title, folders, file."""
    return frozenset(drop_stopwords(document_name_words(chunk))) | _name_codes(
        chunk.uri, chunk.title
    )


@lru_cache(maxsize=_CACHED_NAMES)
def _name_codes(uri: str, title: str) -> frozenset[str]:
    folder, _, file = uri.rpartition("/")
    stem = file.rpartition(".")[0] or file
    return find_codes(f"{folder} | {stem} | {title}")


def find_codes(text: str) -> frozenset[str]:
    """Return the codes of a text, letters before a number, without the marks between them.

    >>> sorted(find_codes("The TX-7, tx 7 and AB002产品; e204B for 30 days"))
    ['ab002', 'e204b', 'tx7']
    """
    codes = _CODE.findall(normalise_text(text))
    return frozenset(letters + number for letters, number in codes if letters not in STOPWORDS)
