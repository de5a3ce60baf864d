"""Tell sibling documents apart by the product that a question names. Pure.

The papers of two products hold the same headings and nearly the same sentences, and which product
it is may stand in the title, the folder or the file's name alone. Where a question names one of
them, passages of the others that say nearly the same are no answer, however many of its words
they hold.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from itertools import chain, islice

from indexes.chunk import Chunk, Passage
from indexes.text.folding import normalise_text
from indexes.text.tokens import STOPWORDS, drop_stopwords
from ragdesk.answering.retrieval.passage_words import (
    analyze_sentences,
    document_name_words,
    heading_words,
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


@dataclass(frozen=True)
class _PassageFacts:
    """What of a passage is compared with others, each computed at its first use and once."""

    passage: Passage

    @property
    def document(self) -> str:
        return self.passage.chunk.document

    @cached_property
    def names(self) -> frozenset[str]:
        """The words and codes that its document is named by."""
        return _document_names(self.passage.chunk)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of its text."""
        sentences = analyze_sentences(self.passage.chunk.text)
        return frozenset().union(*(s.words for s in sentences))

    @cached_property
    def spoken(self) -> frozenset[str]:
        """All words and codes that it speaks of, in its headings too."""
        chunk = self.passage.chunk
        return self.words | heading_words(chunk) | find_codes(chunk.text)


class SiblingOrder:
    """The order of sibling documents for one question, and a note of those that were put back.

    named_instead: by document put back, the one that the question names in its place.
    """

    def __init__(self, analysis: QuestionAnalysis, depth: int) -> None:
        """Take a question. depth: so many passages are looked at, all where it holds a code."""
        self._codes, self._words = find_codes(analysis.text), analysis.content_words
        self._depth = depth
        self.named_instead: dict[str, str] = {}

    def __call__(self, ranked: Iterator[Passage]) -> Iterator[Passage]:
        """Put the passages of a document that the question names before those of its siblings.

        ranked: best first; scores never rise in what is returned either. Where the question names
        none of two siblings, or both, nothing changes.
        """
        head = list(ranked if self._codes else islice(ranked, self._depth))
        self.named_instead = self._find_outnamed(head)
        if not self.named_instead:
            return chain(head, ranked)
        return self._merge_lowered(head, ranked)

    def lower_scores(self, passages: Sequence[Passage]) -> dict[str, float]:
        """Return the scores by chunk id, of any scale; those put back are lowered."""
        best = _best_scores(passages)
        return {p.chunk.id: self._lower(p, best).score for p in passages}

    def _lower(self, passage: Passage, best: Mapping[str, float]) -> Passage:
        named = self.named_instead.get(passage.chunk.document)
        if named is None:
            return passage
        return replace(passage, score=SIBLING_SHARE * min(passage.score, best.get(named, 0.0)))

    def _merge_lowered(self, head: Sequence[Passage], rest: Iterator[Passage]) -> Iterator[Passage]:
        """Yield passages by their lowered scores, best first, reading no further than has to be."""
        best = _best_scores(head)
        heap: list[tuple[float, int, Passage]] = []
        for n, passage in enumerate(chain(head, rest)):
            while heap and -heap[0][0] >= passage.score:
                yield heappop(heap)[2]
            lowered = self._lower(passage, best)
            heappush(heap, (-lowered.score, n, lowered))
        while heap:
            yield heappop(heap)[2]

    def _find_outnamed(self, passages: Sequence[Passage]) -> dict[str, str]:
        """Find the documents that another one is named instead of; of several the best."""
        facts, best = [_PassageFacts(passage) for passage in passages], _best_scores(passages)
        deciding = self._keep_deciding(facts)
        named_facts = [f for f in facts if f.names & deciding]
        named_facts.sort(key=lambda f: -best[f.document])
        instead: dict[str, str] = {}
        for other in facts if deciding else ():
            floor = best[instead[other.document]] if other.document in instead else -1.0
            better = (f for f in named_facts if best[f.document] > floor)
            named = next((f for f in better if _is_outnamed(f, other, deciding)), None)
            if named is not None:
                instead[other.document] = named.document
        return instead

    def _keep_deciding(self, facts: Sequence[_PassageFacts]) -> frozenset[str]:
        """Keep of a question's names those that some documents bear and not all: codes first."""
        for wanted in (self._codes, self._words):
            borne = [(name, sum(name in f.names for f in facts)) for name in wanted]
            if deciding := frozenset(name for name, count in borne if 0 < count < len(facts)):
                return deciding
        return frozenset()


def _best_scores(passages: Iterable[Passage]) -> dict[str, float]:
    """Return the best score of each document's passages."""
    best: dict[str, float] = {}
    for passage in passages:
        document = passage.chunk.document
        best[document] = max(best.get(document, 0.0), passage.score)
    return best


def _is_outnamed(named: _PassageFacts, other: _PassageFacts, deciding: frozenset[str]) -> bool:
    """Tell whether a question names one passage's document and no other's that says the same.

    Not where the other one's text speaks of the name.
    """
    ours, theirs = named.names & deciding, other.names & deciding
    if named.document == other.document or not theirs < ours:
        return False
    return not (ours - theirs) & other.spoken and _are_alike(named, other)


def _are_alike(first: _PassageFacts, second: _PassageFacts) -> bool:
    """Tell whether two passages say nearly the same, or much of it below the same heading."""
    common = len(first.words & second.words)
    share = common / ((len(first.words) + len(second.words) - common) or 1)
    own, others = first.passage.chunk.path, second.passage.chunk.path
    same_section = bool(own) and own[-1:] == others[-1:]
    return share >= (ALIKE_SECTION if same_section else ALIKE_WORDS)


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
