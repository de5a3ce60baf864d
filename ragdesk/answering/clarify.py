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
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.answer import Choice, Question
from ragdesk.answering.retrieval.passage_words import chunk_words
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis, TermWeights
from ragdesk.answering.retrieval.retrieval_result import Retrieval


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
    question: Question, analysis: QuestionAnalysis, retrieval: Retrieval, options: ClarifyOptions
) -> tuple[Choice, ...]:
    """Return the choices to offer for a vague question, best first; () if it is clear.

    analysis: of the question as it was asked, before anything was carried over from the
    conversation.
    """
    conversation = " ".join(turn.text for turn in question.history)
    if not is_vague(analysis, conversation):
        return ()
    rivals = _group_rivals(retrieval, options.near)
    known_words = frozenset(tokenize_text(conversation)).union(
        analysis.tokens, retrieval.analysis.tokens
    )
    if not 1 < len(rivals) <= options.most or _are_distinguished(rivals, known_words):
        return ()
    return tuple(_make_choice(question.text, analysis, passages) for passages in rivals.values())


def is_vague(analysis: QuestionAnalysis, conversation: str = "") -> bool:
    """Tell whether a question points at a thing that neither it nor the talk before it names.

    >>> from ragdesk.answering.retrieval.question_analysis import analyze_question
    >>> is_vague(analyze_question("How do I clean it?"))
    True
    >>> is_vague(analyze_question("How do I clean the fryer?"), "I have a fryer.")
    False
    >>> is_vague(analyze_question("怎么清洗？")), is_vague(analyze_question("空气炸锅怎么清洗？"))
    (True, False)
    """
    text = analysis.reference_text
    if analysis.language == "zh":
        short = len(analysis.reference_words) < _SHORT_ZH
        return not conversation and (short or bool(_PRONOUN_ZH.search(text)))
    known = frozenset(tokenize_text(conversation))
    if any(_is_new_thing(match[1], known) for match in _THING_EN.finditer(text)):
        return True
    bare = not conversation and len(analysis.reference_words) <= FEW_WORDS
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
            and _cover_same_words(best, passage, retrieval.term_weights)
        ):
            by_title.setdefault(normalise_text(passage.chunk.title), []).append(passage)
    return by_title


def _cover_same_words(first: Passage, second: Passage, term_weights: TermWeights) -> bool:
    """Tell whether two passages hold the same words of a question, by weight, and enough of it."""
    first_words, second_words = (
        chunk_words(passage.chunk).intersection(term_weights.weights) for passage in (first, second)
    )
    any_weight = sum(term_weights.weights[word] for word in first_words | second_words)
    common_weight = sum(term_weights.weights[word] for word in first_words & second_words)
    return common_weight >= max(
        MIN_COMMON_SHARE * any_weight, MIN_QUESTION_SHARE * term_weights.total
    )


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


def _make_choice(question: str, analysis: QuestionAnalysis, passages: Sequence[Passage]) -> Choice:
    """Make the choice of one document name: label, full question, uris."""
    label = passages[0].chunk.title[:LABEL_LENGTH].strip()
    full_question = (
        f"{question}（{label}）" if analysis.language == "zh" else f"{question} ({label})"
    )
    uris = tuple(dict.fromkeys(passage.chunk.uri for passage in passages))
    return Choice(label=label, question=full_question, uris=uris)
