"""Find the products or policies between which a question splits, and ask which is meant.

Three kinds of question are asked back. "How do I clean it?" points at something it does not name,
and near-equal passages of differently named documents hold the same words of it. "How long may the
hose be?" names its thing, and the papers of several products say nearly the same about it, each
with another figure. "It doesn't work" names nothing at all: then the few likeliest subjects are
offered. Whatever is answered instead is a guess. None is asked where the question or the
conversation holds a word that tells the names apart. What is offered is what a customer calls a
product or a policy (``document_labels``), never a title that is internal.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from indexes.chunk import Passage
from indexes.text.folding import normalise_text
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.answer import Choice, Question
from ragdesk.answering.answer_options import ClarifyOptions
from ragdesk.answering.document_labels import label_documents
from ragdesk.answering.follow_up_kind import find_own_words
from ragdesk.answering.retrieval.passage_words import analyze_sentences, chunk_words
from ragdesk.answering.retrieval.question_analysis import (
    QuestionAnalysis,
    TermWeights,
    analyze_question,
)
from ragdesk.answering.retrieval.question_type import extract_numbers
from ragdesk.answering.retrieval.retrieval_result import Retrieval

WIDEST: Final = 5  # documents that are as good; among more, a vague question is too wide to split
MIN_COMMON_SHARE: Final = (
    0.7  # of the question's words that either of two passages holds, both hold
)
MIN_QUESTION_SHARE: Final = 0.4  # of a question, at least, or they are near by chance
SIBLING_QUESTION_SHARE: Final = 0.6  # the same for a question that names its thing
ALIKE_SENTENCES: Final = 0.5  # of the words of two sentences that both hold
FEW_WORDS: Final = 3  # words of content beside "it", in a question that says nothing else
_PRONOUN_EN = re.compile(r"\b(?:it|its|they|them|their|this|that|these|those)\b")
_THING_EN = re.compile(r"\b(?:the|this|that|these|those) ([a-z]+)")
_PRONOUN_ZH = re.compile(
    r"它|(?<![应我你您他们不都就本])该(?![怎如不去由在向找])|[这那](?=[个款种台件项份家]|$)"
)
_SHORT_ZH = 5  # characters of content: 怎么清洗 names no thing at all
_ALL_OF_THEM = re.compile(
    r"\b(?:which|compar\w+|differ\w*|versus|vs|both|each|every|better|best|(?:long|short|larg|bigg"
    r"|small|high|low|cheap|fast|heavi|light|strong|loud|quiet)est)\b"
    r"|哪[些款种个台一]|区别|不同|对比|比较|差别|[都各最]|分别|所有|任何"
)
_TROUBLE_SEARCH: Final = {
    "en": "Faults and what to do: a product or a device does not work",
    "zh": "产品故障怎么处理",
}
_TROUBLE = frozenset(
    tokenize_text(
        "work working broke broken fail failed fails fault faulty problem problems issue issues"
        " trouble help wrong error stop stopped stops bad fix repair defect defective dead stuck"
        " crash crashed turn start now since yesterday today suddenly thing something nothing"
        " won wont cant isnt hi hello hey do does use using used"
    )
)
_TROUBLE_ZH = re.compile(
    r"(?:突然|今天|刚刚|一直|我的|东西|机器|产品|设备)?(?:好像|已经)?"
    r"(?:坏|出问题|有问题|出故障|有故障|出毛病|不能用|用不了|没法用|不工作|没反应|不好使|不好用|失灵|打不开|不行)"
)


def find_choices(
    question: Question,
    analysis: QuestionAnalysis,
    retrieval: Retrieval,
    options: ClarifyOptions,
    *,
    is_likely: bool = True,
) -> tuple[Choice, ...]:
    """Return the choices to offer for a question that may mean several, best first; () if clear.

    analysis: of the question as it was asked, before anything was carried over from the
    conversation. is_likely: the passages may well hold an answer; else only a question that names
    nothing is asked back.
    """
    if options.near > 1:
        return ()
    conversation = " ".join(turn.text for turn in question.history)
    known_words: Collection[str] = frozenset(tokenize_text(conversation)).union(
        analysis.tokens, retrieval.analysis.tokens
    )
    if not conversation and names_nothing(analysis):
        rivals = _label_passages(retrieval.passages, analysis)
        known_words = frozenset()
    elif not is_likely or _ALL_OF_THEM.search(analysis.reference_text):
        return ()
    elif is_vague(analysis, conversation):
        rivals = _label_passages(_near_equal(retrieval, options.near), analysis)
        if len(rivals) > WIDEST or _answer_alike(rivals, retrieval.term_weights):
            return ()
    else:
        rivals = _label_passages(_contrary_siblings(retrieval, options.near), analysis)
    if len(rivals) < 2 or _are_distinguished(rivals, known_words):  # noqa: PLR2004 (no choice)
        return ()
    offered = list(rivals.items())[: options.most]
    return tuple(
        _make_choice(question.text, analysis, label, passages) for label, passages in offered
    )


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


def names_nothing(analysis: QuestionAnalysis) -> bool:
    """Tell whether a question only says that something is wrong, and not what.

    >>> from ragdesk.answering.retrieval.question_analysis import analyze_question
    >>> [names_nothing(analyze_question(text)) for text in ("It doesn't work", "坏了怎么办")]
    [True, True]
    >>> [names_nothing(analyze_question(text)) for text in ("The kettle is broken", "水壶坏了")]
    [False, False]
    """
    if analysis.language == "zh":
        rest, count = _TROUBLE_ZH.subn(" ", analysis.reference_text)
        own_words = find_own_words(analysis)
        return bool(count) and not any(word in own_words for word in tokenize_text(rest))
    words = find_own_words(analysis)
    return bool(_TROUBLE.intersection(analysis.tokens)) and words <= _TROUBLE


def name_trouble(analysis: QuestionAnalysis) -> QuestionAnalysis:
    """Return what to search for where a question names nothing: what documents say of faults."""
    if not names_nothing(analysis):
        return analysis
    search = _TROUBLE_SEARCH["zh" if analysis.language == "zh" else "en"]
    return analyze_question(search)


def _is_new_thing(word: str, known: Collection[str]) -> bool:
    word_tokens = drop_stopwords(tokenize_text(word))
    return bool(word_tokens) and not any(token in known for token in word_tokens)


def _near_equal(retrieval: Retrieval, min_share: float) -> list[Passage]:
    """Return the passages that are about as good as the best, and hold the same words."""
    if not retrieval.passages:
        return []
    best = retrieval.passages[0]
    return [
        passage
        for passage in retrieval.passages
        if passage.score >= min_share * best.score
        and _cover_same_words(best, passage, retrieval.term_weights, MIN_QUESTION_SHARE)
    ]


def _contrary_siblings(retrieval: Retrieval, min_share: float) -> list[Passage]:
    """Return the best passage and those of its siblings that answer as well, and otherwise."""
    if not retrieval.passages:
        return []
    best, weights = retrieval.passages[0], retrieval.term_weights
    answer = _best_sentence(best, weights)
    return [
        best,
        *(
            passage
            for passage in retrieval.passages[1:]
            if passage.chunk.document != best.chunk.document
            and passage.score >= min_share * best.score
            and _cover_same_words(best, passage, weights, SIBLING_QUESTION_SHARE)
            and _is_another_figure(answer, _best_sentence(passage, weights))
        ),
    ]


def _is_another_figure(answer: str, other: str) -> bool:
    """Tell whether two sentences say nearly the same with other numbers, as siblings do."""
    words, other_words = set(tokenize_text(answer)), set(tokenize_text(other))
    common = len(words & other_words)
    numbers, other_numbers = extract_numbers(answer), extract_numbers(other)
    return (
        bool(numbers and other_numbers)
        and numbers != other_numbers
        and common >= ALIKE_SENTENCES * len(words | other_words)
    )


def _answer_alike(rivals: Mapping[str, Sequence[Passage]], weights: TermWeights) -> bool:
    """Tell whether the best sentence is the same whichever is meant."""
    return len({_best_sentence(passages[0], weights) for passages in rivals.values()}) == 1


def _best_sentence(passage: Passage, weights: TermWeights) -> str:
    """Return the sentence that holds most of a question, folded to be compared."""
    text = passage.chunk.text
    sentences = analyze_sentences(text)
    if not sentences:
        return ""
    best = max(sentences, key=lambda sentence: weights.coverage(sentence.words))
    return normalise_text(text[best.start : best.end])


def _cover_same_words(
    first: Passage, second: Passage, term_weights: TermWeights, least: float
) -> bool:
    """Tell whether two passages hold the same words of a question, by weight, and enough of it."""
    first_words, second_words = (
        chunk_words(passage.chunk).intersection(term_weights.weights) for passage in (first, second)
    )
    any_weight = sum(term_weights.weights[word] for word in first_words | second_words)
    common_weight = sum(term_weights.weights[word] for word in first_words & second_words)
    return common_weight >= max(MIN_COMMON_SHARE * any_weight, least * term_weights.total)


def _label_passages(
    passages: Iterable[Passage], analysis: QuestionAnalysis
) -> dict[str, list[Passage]]:
    """Group passages in the question's language by the names that customers give them, in order."""
    readable = [p for p in passages if {p.chunk.language, analysis.language} != {"en", "zh"}]
    candidates = readable or list(passages)
    groups: dict[str, list[Passage]] = {}
    names: dict[str, str] = {}
    for label, passage in zip(
        label_documents([p.chunk for p in candidates]), candidates, strict=True
    ):
        if label:
            name = names.setdefault(normalise_text(label), label)
            groups.setdefault(name, []).append(passage)
    return groups


def _are_distinguished(rivals: Mapping[str, object], known: Collection[str]) -> bool:
    """Tell whether a word that is known stands in one of the names, and not in all."""
    names = [frozenset(drop_stopwords(tokenize_text(name))) for name in rivals]
    shared = frozenset.intersection(*names)
    return any(word in known for name in names for word in name - shared)


def _make_choice(
    question: str, analysis: QuestionAnalysis, label: str, passages: Sequence[Passage]
) -> Choice:
    """Make the choice of one name: label, full question, uris."""
    full_question = (
        f"{question}（{label}）" if analysis.language == "zh" else f"{question} ({label})"
    )
    uris = tuple(dict.fromkeys(passage.chunk.uri for passage in passages))
    return Choice(label=label, question=full_question, uris=uris)
