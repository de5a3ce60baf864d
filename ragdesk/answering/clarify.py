"""Find the products or policies between which a vague question splits.

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
from indexes.text.folding import normalise_text
from indexes.text.scripts import detect_language
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.answer import Choice, Turn
from ragdesk.answering.follow_up import normalise_question
from ragdesk.answering.retrieval.passage_words import chunk_words
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis
from ragdesk.answering.retrieval.result import Retrieval


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


LABEL_LENGTH: Final = 80  # characters of a name that is offered
MIN_COMMON_SHARE: Final = (
    0.7  # of the question's words that either of two passages holds, both hold
)
MIN_QUESTION_SHARE: Final = 0.4  # of a question, at least, or they are near by chance
FEW_WORDS: Final = 3  # words of content beside "it", in a question that says nothing else
_PRONOUN_EN = re.compile(r"\b(?:it|its|they|them|their|this|that|these|those)\b")
_THING_EN = re.compile(r"\b(?:the|this|that|these|those) ([a-z]+)")
_PRONOUN_ZH = re.compile(
    r"它|(?<![应我你您他们不都就本])该(?![怎如不去由在向找])|[这那](?=[个款种台件项份家]|$)"
)
_SHORT_ZH = 5  # characters of content: 怎么清洗 names no thing at all


def find_choices(
    question: str, history: Sequence[Turn], retrieval: Retrieval, options: ClarifyOptions
) -> tuple[Choice, ...]:
    """Return the choices to offer for a vague question, best first; () if it is clear.

    question: as it was asked, before anything was carried over from the conversation.
    """
    conversation = " ".join(turn.text for turn in history)
    if not is_vague(question, conversation):
        return ()
    rivals = _group_rivals(retrieval, options.near)
    known_words = frozenset(tokenize_text(f"{question} {retrieval.analysis.text} {conversation}"))
    if not 1 < len(rivals) <= options.most or _are_distinguished(rivals, known_words):
        return ()
    return tuple(_make_choice(question, passages) for passages in rivals.values())


def is_vague(question: str, conversation: str = "") -> bool:
    """Tell whether a question points at a thing that neither it nor the talk before it names.

    >>> is_vague("How do I clean it?"), is_vague("How do I clean the fryer?", "I have a fryer.")
    (True, False)
    >>> is_vague("怎么清洗？"), is_vague("空气炸锅怎么清洗？")
    (True, False)
    """
    text = normalise_question(question)
    if detect_language(question) == "zh":
        short = (
            len({word for word in drop_stopwords(tokenize_text(text)) if len(word) == 1})
            < _SHORT_ZH
        )
        return not conversation and (short or bool(_PRONOUN_ZH.search(text)))
    known = frozenset(tokenize_text(conversation))
    if any(_is_new_thing(match[1], known) for match in _THING_EN.finditer(text)):
        return True
    bare = not conversation and len(set(drop_stopwords(tokenize_text(text)))) <= FEW_WORDS
    return bare and bool(_PRONOUN_EN.search(text))


def _is_new_thing(word: str, known: Collection[str]) -> bool:
    word_tokens = drop_stopwords(tokenize_text(word))
    return bool(word_tokens) and not any(token in known for token in word_tokens)


def _group_rivals(retrieval: Retrieval, min_share: float) -> dict[str, list[Passage]]:
    """Group the passages that are about as good as the best, by the name of their document."""
    best = retrieval.passages[0] if retrieval.passages else None
    by_title: dict[str, list[Passage]] = {}
    for passage in retrieval.passages:
        good = best is not None and passage.score >= min_share * best.score
        if (
            best
            and good
            and _has_own_title(passage)
            and _cover_same_words(best, passage, retrieval.analysis)
        ):
            by_title.setdefault(normalise_text(passage.chunk.title), []).append(passage)
    return by_title


def _cover_same_words(first: Passage, second: Passage, analysis: QuestionAnalysis) -> bool:
    """Tell whether two passages hold the same words of a question, by weight, and enough of it."""
    first_words, second_words = (
        chunk_words(passage.chunk).intersection(analysis.weights) for passage in (first, second)
    )
    any_weight = sum(analysis.weights[word] for word in first_words | second_words)
    common_weight = sum(analysis.weights[word] for word in first_words & second_words)
    return common_weight >= max(MIN_COMMON_SHARE * any_weight, MIN_QUESTION_SHARE * analysis.total)


def _has_own_title(passage: Passage) -> bool:
    """Tell whether a document has a title of its own: a file's name names no product."""
    title, uri = passage.chunk.title, passage.chunk.uri
    stem = uri.rpartition("/")[2].rpartition(".")[0]
    return bool(drop_stopwords(tokenize_text(title))) and title not in {stem, uri}


def _are_distinguished(rivals: Mapping[str, object], known: Collection[str]) -> bool:
    """Tell whether a word that is known stands in one of the names, and not in all."""
    names = [frozenset(drop_stopwords(tokenize_text(name))) for name in rivals]
    shared = frozenset.intersection(*names)
    return any(word in known for name in names for word in name - shared)


def _make_choice(question: str, passages: Sequence[Passage]) -> Choice:
    """Make the choice of one document name: label, full question, uris."""
    label = passages[0].chunk.title[:LABEL_LENGTH].strip()
    full_question = (
        f"{question}（{label}）" if detect_language(question) == "zh" else f"{question} ({label})"
    )
    uris = tuple(dict.fromkeys(passage.chunk.uri for passage in passages))
    return Choice(label=label, question=full_question, uris=uris)
