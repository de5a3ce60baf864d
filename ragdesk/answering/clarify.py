"""Offer what a question may mean, where it does not say which and the documents hold several. Pure.

"How do I clean it?" has two good passages, in the guide of the fryer and in the manual of the
coffee machine: whichever is answered from is a guess. Four things must meet: the question points
at something it does not name; near-equal passages stand in documents of different names; they hold
the same words of the question, as the papers of two products do and those of two topics do not; and
neither the question nor the conversation holds a word that tells these names apart.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from indexes.chunk import Passage
from indexes.text import content, language, normalise, tokens
from ragdesk.answering.answer import Choice, Turn
from ragdesk.answering.evidence import Retrieval, Wanted, words
from ragdesk.answering.rewrite import spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class ClarifyOptions:
    """When to ask back which product or policy is meant, instead of choosing one.

    near: passages count as equally good from this part of the best score on; above 1 never asks.
    floor: least likelihood (0..1) that the passages hold an answer. Lower than that of answering:
    a question that names nothing meets less of a passage that answers it.
    most: names offered; where more documents are as good, the question is too wide to offer them.
    """

    near: float = 0.75
    floor: float = 0.3
    most: int = 5


LABEL: Final = 80  # characters of a name that is offered
SAME: Final = 0.7  # of the question's words that either of two passages holds, both hold
HELD: Final = 0.4  # of a question, at least, or they are near by chance
FEW: Final = 3  # words of content beside "it", in a question that says nothing else
_ALONE_EN = re.compile(r"\b(?:it|its|they|them|their|this|that|these|those)\b")
_THING_EN = re.compile(r"\b(?:the|this|that|these|those) ([a-z]+)")
_ALONE_ZH = re.compile(
    r"它|(?<![应我你您他们不都就本])该(?![怎如不去由在向找])|[这那](?=[个款种台件项份家]|$)"
)
_SHORT_ZH = 5  # characters of content: 怎么清洗 names no thing at all


def clarify(
    question: str, history: Sequence[Turn], found: Retrieval, options: ClarifyOptions
) -> tuple[Choice, ...]:
    """Give the names between which a question's passages split, best first; none if it is clear.

    question: as it was asked, before anything was carried over from the conversation.
    """
    before = " ".join(turn.text for turn in history)
    if not vague(question, before):
        return ()
    rivals = _rivals(found, options.near)
    known = frozenset(tokens(f"{question} {found.asked.text} {before}"))
    if not 1 < len(rivals) <= options.most or _told_apart(rivals, known):
        return ()
    return tuple(_choice(question, passages) for passages in rivals.values())


def vague(question: str, before: str = "") -> bool:
    """Tell whether a question points at a thing that neither it nor the talk before it names.

    >>> vague("How do I clean it?"), vague("How do I clean the fryer?", "I have a fryer.")
    (True, False)
    >>> vague("怎么清洗？"), vague("空气炸锅怎么清洗？")
    (True, False)
    """
    said = spoken(question)
    if language(question) == "zh":
        short = len({word for word in content(tokens(said)) if len(word) == 1}) < _SHORT_ZH
        return not before and (short or bool(_ALONE_ZH.search(said)))
    known = frozenset(tokens(before))
    if any(_unheard(match[1], known) for match in _THING_EN.finditer(said)):
        return True
    bare = not before and len(set(content(tokens(said)))) <= FEW
    return bare and bool(_ALONE_EN.search(said))


def _unheard(word: str, known: Collection[str]) -> bool:
    spoken = content(tokens(word))
    return bool(spoken) and not any(one in known for one in spoken)


def _rivals(found: Retrieval, near: float) -> dict[str, list[Passage]]:
    """Group the passages that are about as good as the best, by the name of their document."""
    best = found.passages[0] if found.passages else None
    named: dict[str, list[Passage]] = {}
    for passage in found.passages:
        good = best is not None and passage.score >= near * best.score
        if best and good and _is_name(passage) and _alike(best, passage, found.asked):
            named.setdefault(normalise(passage.chunk.title), []).append(passage)
    return named


def _alike(one: Passage, other: Passage, asked: Wanted) -> bool:
    """Tell whether two passages hold the same words of a question, by weight, and enough of it."""
    mine, theirs = (words(passage.chunk).intersection(asked.weights) for passage in (one, other))
    either = sum(asked.weights[word] for word in mine | theirs)
    both = sum(asked.weights[word] for word in mine & theirs)
    return both >= max(SAME * either, HELD * asked.total)


def _is_name(passage: Passage) -> bool:
    """Tell whether a document has a title of its own: a file's name names no product."""
    title, uri = passage.chunk.title, passage.chunk.uri
    stem = uri.rpartition("/")[2].rpartition(".")[0]
    return bool(content(tokens(title))) and title not in {stem, uri}


def _told_apart(rivals: Mapping[str, object], known: Collection[str]) -> bool:
    """Tell whether a word that is known stands in one of the names, and not in all."""
    names = [frozenset(content(tokens(name))) for name in rivals]
    shared = frozenset.intersection(*names)
    return any(word in known for name in names for word in name - shared)


def _choice(question: str, passages: Sequence[Passage]) -> Choice:
    """Name one reading: its label, the question that asks for it, and where it is answered."""
    label = passages[0].chunk.title[:LABEL].strip()
    asked = f"{question}（{label}）" if language(question) == "zh" else f"{question} ({label})"
    uris = tuple(dict.fromkeys(passage.chunk.uri for passage in passages))
    return Choice(label=label, question=asked, uris=uris)
