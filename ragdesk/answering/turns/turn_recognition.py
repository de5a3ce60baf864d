"""Decide what a turn is: a question, which goes on to the documents, or one of the other kinds.

A question that is stopped is a wrong answer, and a greeting that is searched for is only clumsy: so
a turn is taken for something else only from a likelihood on that few questions reach. A turn of
several sentences is a question as soon as one of them is; an accident goes before everything.
"""

import re
from collections.abc import Mapping
from typing import Final

from indexes.embedding.embedder import Embedder
from indexes.text.folding import normalise_text
from indexes.text.sentences import split_sentences
from indexes.text.tokens import STOPWORDS
from ragdesk.answering.turns.harmless_phrases import holds_harmless_phrase
from ragdesk.answering.turns.record_mentions import iter_clauses_beside_records
from ragdesk.answering.turns.turn_classifier import TurnClassifier, load_classifier
from ragdesk.answering.turns.turn_features import (
    find_cues,
    names_hazard,
    strip_courtesies,
)
from ragdesk.answering.turns.turn_kind import TurnKind
from ragdesk.answering.turns.turn_options import TurnOptions

CHAT_FLOOR: Final = 0.85  # of what is out of scope: where it is missed, nothing is found anyway
KIND_CUES: Final[Mapping[TurnKind, tuple[frozenset[str], ...]]] = {
    TurnKind.GREETING: (frozenset({"greeting"}),),
    TurnKind.THANKS: (frozenset({"thanks"}),),
    TurnKind.WANTS_PERSON: (frozenset({"person"}),),
    TurnKind.COMPLAINT: (frozenset({"anger"}),),
    TurnKind.NEEDS_ACCOUNT: (
        frozenset({"account", "mine"}),
        frozenset({"account", "number"}),
        frozenset({"account", "status"}),
        frozenset({"order", "account"}),
        frozenset({"order", "mine"}),
    ),
    TurnKind.OUT_OF_SCOPE: (frozenset({"world"}), frozenset({"task"}), frozenset({"self"})),
}
"""Cues of a kind: a turn that holds all of one set is taken for it from a lower likelihood on."""
CUED_FLOOR: Final = 0.5  # of a kind whose cues a turn holds
CUED_FLOORS: Final = {TurnKind.NEEDS_ACCOUNT: 0.75, TurnKind.OUT_OF_SCOPE: 0.65}
SURE_FLOOR: Final = 0.9  # from which the documents are not asked whether they answer all the same
FAULT_FLOOR: Final = 0.92  # of a complaint without a word of anger: most of these report a fault
LONGEST_TURN: Final = 600  # characters; a longer one is a letter, which is answered from documents
SAFETY_FLOOR: Final = 0.5  # a little lower: its passages are looked for all the same
NAMELESS_SAFETY_FLOOR: Final = 0.95  # of a turn without a word that names a hazard
MOST_QUESTION: Final = 0.35  # beside an accident that is likelier than any other kind
# A letter or an emoji: a number names a choice, a room or an amount.
_ASIDE: Final = re.compile(r"([(（][^()（）]{1,80}[)）])\s*")  # what a sentence is about
_SIGN: Final = re.compile(r"[^\W\d_]|[\u2600-\u27bf\U0001f300-\U0001faff]")
_INDIRECT: Final = re.compile(
    r"\b(?:(?:like|want|need) to know|wonder(?:ing)? (?:if|whether|what|how|when)|(?:tell|let) me"
    r" (?:know )?(?:if|whether|what|how|when))\b|想(?:知道|问|了解|咨询)|请问",
    re.IGNORECASE,
)
QUESTION_FLOOR, STATEMENT_FLOOR = 0.6, 0.9
"""Likelihood of a sentence by its words, from which the whole turn is a question: of one that asks,
with a question mark or by its words, and of another one."""


def recognise_turn(
    text: str,
    embedder: Embedder | None = None,
    options: TurnOptions = TurnOptions(),
    classifier: TurnClassifier | None = None,
) -> TurnKind:
    """Return the kind of a turn. Blocks while the embedder reads it, if it can.

    >>> recognise_turn("Thank you!"), recognise_turn("How long is the warranty?")
    (<TurnKind.THANKS: 'thanks'>, <TurnKind.QUESTION: 'question'>)
    """
    if not options.recognise or not _SIGN.search(text) or len(text) > LONGEST_TURN:
        return TurnKind.QUESTION
    turn = strip_courtesies(text)
    if turn.courtesies and not turn.core:
        is_greeting = turn.courtesies[-1] == "greeting"
        return TurnKind.GREETING if is_greeting else TurnKind.THANKS
    if len(turn.core) == 1 and turn.core in STOPWORDS:  # a particle says nothing of any kind
        return TurnKind.QUESTION
    classifier = classifier or load_classifier()
    sentences = [part for part in _split_turn(text) if strip_courtesies(part).core]
    clauses = [c for c in iter_clauses_beside_records(text) if strip_courtesies(c).core]
    scored = [(part, classifier.score_turn(part)) for part in sentences if len(sentences) > 1]
    if any(_is_accident(part, classifier.score_turn(part)) for part in clauses) or any(
        _is_accident(*pair) for pair in scored
    ):
        return TurnKind.SAFETY
    if any(scores[TurnKind.QUESTION] >= _question_floor(part) for part, scores in scored):
        return TurnKind.QUESTION
    kind = _choose_kind(text, classifier.score_turn(text, embedder), options)
    is_known = kind is TurnKind.SAFETY or classifier.knows_words(text, kind)
    return kind if is_known else TurnKind.QUESTION  # "annual fee" is short, as "bye" is


def is_surely_no_question(
    text: str, embedder: Embedder | None = None, classifier: TurnClassifier | None = None
) -> bool:
    """Tell whether a turn is hardly a question. Blocks while the embedder reads it, if it can.

    >>> is_surely_no_question("Where is my order 51723?"), is_surely_no_question("Is tea free?")
    (True, False)
    """
    scores = (classifier or load_classifier()).score_turn(text, embedder)
    return 1 - scores[TurnKind.QUESTION] >= SURE_FLOOR


def _split_turn(text: str) -> list[str]:
    """Split a turn into sentences; what stands in brackets after one belongs to it.

    >>> _split_turn("How do I clean it? (Lava fryer) Thanks.")
    ['How do I clean it? (Lava fryer)', 'Thanks.']
    """
    sentences: list[str] = []
    for start, end in split_sentences(text):
        sentence = text[start:end]
        if sentences and (aside := _ASIDE.match(sentence)):
            sentences[-1] += f" {aside[1]}"
            sentence = sentence[aside.end() :]
        if sentence:
            sentences.append(sentence)
    return sentences


def _choose_kind(text: str, scores: Mapping[TurnKind, float], options: TurnOptions) -> TurnKind:
    """Return the likeliest kind where no question is likely beside it."""
    if _is_accident(text, scores):
        return TurnKind.SAFETY
    others = (kind for kind in scores if kind not in {TurnKind.QUESTION, TurnKind.SAFETY})
    kind = max(others, key=scores.__getitem__)
    floor = _kind_floor(kind, text, options)
    return kind if 1 - scores[TurnKind.QUESTION] >= floor else TurnKind.QUESTION


def _is_accident(text: str, scores: Mapping[TurnKind, float]) -> bool:
    """Tell whether an accident is likely, or likelier than all else where no question is likely."""
    likelihood = scores[TurnKind.SAFETY]
    if not names_hazard(text):
        is_surely = likelihood >= NAMELESS_SAFETY_FLOOR
        return is_surely and not holds_harmless_phrase(normalise_text(text))
    likeliest = likelihood >= max(scores.values())
    return likelihood >= SAFETY_FLOOR or (likeliest and scores[TurnKind.QUESTION] < MOST_QUESTION)


def _question_floor(sentence: str) -> float:
    asks = sentence.rstrip().endswith(("?", "？")) or _INDIRECT.search(sentence)
    return QUESTION_FLOOR if asks else STATEMENT_FLOOR


def _kind_floor(kind: TurnKind, text: str, options: TurnOptions) -> float:
    """Return the likelihood that a turn is no question from which it is taken for a kind."""
    cues = find_cues(text)
    if any(cued <= cues for cued in KIND_CUES.get(kind, ())):
        return min(options.floor, CUED_FLOORS.get(kind, CUED_FLOOR))
    if kind is TurnKind.OUT_OF_SCOPE:
        return max(options.floor, CHAT_FLOOR)
    return max(options.floor, FAULT_FLOOR) if kind is TurnKind.COMPLAINT else options.floor
