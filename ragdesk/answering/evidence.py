"""What a question asks for, in weighted words, and how much of it each sentence holds. Pure.

Finding a passage and choosing its sentence both count this way; they share this file so that
a sentence that made its passage win is weighed the same when the answer is chosen.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from indexes.chunk import Chunk, Passage
from indexes.dense import Vectors
from indexes.support import Flag
from indexes.text import content, identifiers, language, sentences, tokens
from ragdesk.answering.answer import Standing

_MARKS = re.compile(r"[/_.-]+")
_REMEMBERED = 512  # passages; each some 30 KB of words
# "Q2", "FY2024", "2Q24", "24h": a stretch of time that many documents speak of, no name of a thing,
# as "H100" is.
_PERIOD = re.compile(
    r"(?:[fc]y)?\d{0,4}[qh][1-4]?(?:[fc]y\d{2,4}|(?:19|20)\d\d)?"
    r"|\d{1,4}[qh](?:[fc]y)?\d{0,4}|[fc]y\d{0,4}(?:[qh][1-4]|[1-4][qh])?"
)
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question as it is searched for.

    terms: its content words as the index spells them, in order, repeated as asked. weights: what
    each is worth (idf). identifiers: names that must be met exactly. total: sum of the weights.
    """

    text: str
    language: str
    terms: tuple[str, ...]
    identifiers: tuple[str, ...]
    weights: Mapping[str, float]
    total: float

    def held(self, words: Collection[str]) -> float:
        """Give the share (0..1) of what is asked for that some words hold."""
        if not self.total:
            return 0.0
        return sum(w for term, w in self.weights.items() if term in words) / self.total


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage: its span in the passage's text, and its words."""

    start: int
    end: int
    words: frozenset[str]


def want(text: str, idf: Callable[[str], float]) -> Wanted:
    """Read a question. One of function words alone is searched for by these.

    >>> asked = want("What is the refund window?", lambda term: 2.0)
    >>> asked.terms, asked.total, asked.held({"refund"})
    (('refund', 'window'), 4.0, 0.5)
    """
    spoken = tokens(text)
    terms = tuple(content(spoken) or spoken)
    weights = {term: idf(term) for term in dict.fromkeys(terms)}
    return Wanted(
        text=text,
        language=language(text),
        terms=terms,
        identifiers=tuple(n for n in identifiers(text) if not _PERIOD.fullmatch(n)),
        weights=weights,
        total=sum(weights.values()),
    )


def shared(asked: Wanted, idf: Callable[[str], float]) -> Wanted | None:
    """Keep what a text in any language could hold: Latin words, numbers, identifiers.

    None when nothing is left: then the question cannot meet a text of another language.
    """
    terms = tuple(term for term in asked.terms if not _HAN.search(term))
    if not terms:
        return None
    weights = {term: idf(term) for term in dict.fromkeys(terms)}
    return Wanted(
        text=asked.text,
        language=asked.language,
        terms=terms,
        identifiers=asked.identifiers,
        weights=weights,
        total=sum(weights.values()),
    )


@lru_cache(maxsize=_REMEMBERED)
def read(text: str) -> tuple[Sentence, ...]:
    """Give the sentences of a passage's text with their words, in order.

    A line of marks alone ("***", "👍") is none: it answers nothing.

    >>> [(s.start, s.end, sorted(s.words)) for s in read("Pay first. Then wait.")]
    [(0, 10, ['first', 'pay']), (11, 21, ['then', 'wait'])]
    """
    return tuple(
        Sentence(a, b, frozenset(tokens(text[a:b])))
        for a, b in sentences(text)
        if has_words(text[a:b])
    )


def has_words(text: str) -> bool:
    """Tell whether a text says anything: it has a letter or a digit, of whatever script.

    >>> has_words("3"), has_words("是"), has_words("👍 …")
    (True, True, False)
    """
    return any(map(str.isalnum, text))


def words(chunk: Chunk) -> frozenset[str]:
    """Give all words of a passage, its headings included."""
    return headings(chunk).union(*(sentence.words for sentence in read(chunk.text)))


def headings(chunk: Chunk) -> frozenset[str]:
    """Give the words of a passage's title, heading path and lead."""
    return _spoken(" / ".join(dict.fromkeys((chunk.title, *chunk.path, chunk.lead))))


def named(chunk: Chunk) -> frozenset[str]:
    """Give the words that a passage's document is named by: its title, its folders, its file."""
    return _placed(chunk.uri, chunk.title)


@lru_cache(maxsize=_REMEMBERED)
def _placed(uri: str, title: str) -> frozenset[str]:
    place = _MARKS.sub(" ", uri.rpartition(".")[0] or uri)
    return frozenset(tokens(f"{place} / {title}"))


@lru_cache(maxsize=_REMEMBERED)
def _spoken(text: str) -> frozenset[str]:
    return frozenset(tokens(text))


def focus(asked: Wanted, chunk: Chunk, title: float) -> float:
    """Give the share (0..1) of a question that the best sentence of a passage holds.

    title: what a word counts that stands in the headings above the sentence instead.
    """
    above = asked.held(headings(chunk)) if title else 0.0
    if not above:
        return max((asked.held(s.words) for s in read(chunk.text)), default=0.0)
    over = headings(chunk)
    return max(
        (
            (1 - title) * asked.held(s.words) + title * asked.held(s.words | over)
            for s in read(chunk.text)
        ),
        default=title * above,
    )


def ceiling(asked: Wanted, chunk: Chunk, held: Collection[bool], title: float) -> float:
    """Give what ``focus`` is at most, from the terms of the question that a passage holds at all.

    held: of each of ``asked.weights``, in their order, whether the passage's indexed words do.
    """
    inside = {term for term, there in zip(asked.weights, held, strict=True) if there}
    if not title:
        return asked.held(inside)
    return (1 - title) * asked.held(inside) + title * asked.held(inside | headings(chunk))


def likeness(asked: Wanted, other: str, idf: Callable[[str], float]) -> float:
    """Give how much a question and another one have in common (0..1), both ways, by idf.

    >>> asked = want("How do I reset my password?", lambda term: 1.0)
    >>> likeness(asked, "How can I reset the password of a phone?", lambda term: 1.0)
    0.8
    """
    theirs = want(other, idf)
    both = sum(weight for term, weight in asked.weights.items() if term in theirs.weights)
    total = asked.total + theirs.total
    return 2 * both / total if total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What was found for a question, best first.

    idf: weighs words over what the asker may see. vector: of the question, or None where the
    model cannot read it. signals: numbers that tell
    how sure one may be. repeated: per chunk id, the passages left out because they say the same.
    """

    asked: Wanted
    idf: Callable[[str], float]
    vector: Vectors | None
    passages: tuple[Passage, ...]
    signals: Mapping[str, float]
    repeated: Mapping[str, tuple[Passage, ...]]


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of a document that an answer rests on, and the passage it was found with.

    start, end: offsets into the document's text. text: the characters there.
    """

    passage: Passage
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing an answer says, and what it rests on.

    support: how well it does (0..1). standing: the verdict of a check, where there was one.
    flags: what it states otherwise than its quotes.
    """

    text: str
    quotes: tuple[Quote, ...]
    support: float
    standing: Standing | None = None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """What a writer has to say about its writing: a reason out of ``ragdesk.errors.REASONS``.

    withheld: sentences that failed the check and were left out.
    """

    reason: str = ""
    withheld: int = 0
