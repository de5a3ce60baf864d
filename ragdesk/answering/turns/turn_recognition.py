"""Decide what a turn is: a question, which goes on to the documents, or one of the other kinds.

A question that is stopped is a wrong answer, and a greeting that is searched for is only clumsy: so
a turn is taken for something else only from a likelihood on that few questions reach. A turn of
several sentences is a question as soon as one of them is; an accident goes before everything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from indexes.embedding.embedder import Embedder
from indexes.text.sentences import split_sentences
from ragdesk.answering.retrieval.question_parts import LONG_TEXT, asks_something
from ragdesk.answering.turns.turn_classifier import TurnClassifier, load_classifier
from ragdesk.answering.turns.turn_features import strip_courtesies
from ragdesk.answering.turns.turn_kind import TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """Whether a turn that asks the documents nothing is recognised before they are searched.

    recognise: false searches the documents for every turn, a greeting too.
    floor: likelihood (0..1) of another kind from which a turn counts as no question.
    """

    recognise: bool = True
    floor: float = 0.6


LONGEST_TURN: Final = 600  # characters; a longer one is a letter, which is answered from documents
SAFETY_FLOOR: Final = 0.5  # a little lower: its passages are looked for all the same
# A letter or an emoji: a number names a choice, a room or an amount.
_SIGN: Final = re.compile(r"[^\W\d_]|[\u2600-\u27bf\U0001f300-\U0001faff]")
QUESTION_FLOOR: Final = 0.6  # of a sentence by its words, from which the whole turn is a question


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
    classifier = classifier or load_classifier()
    sentences = [text[start:end] for start, end in split_sentences(text)]
    cores = [sentence for sentence in sentences if strip_courtesies(sentence).core]
    if len(cores) > 1:
        by_sentence = [classifier.score_turn(sentence) for sentence in cores]
        if any(_choose_kind(scores, options) is TurnKind.SAFETY for scores in by_sentence):
            return TurnKind.SAFETY
        if len(text) > LONG_TEXT and any(map(asks_something, cores)):  # a mail with a question
            return TurnKind.QUESTION
        if any(scores[TurnKind.QUESTION] >= QUESTION_FLOOR for scores in by_sentence):
            return TurnKind.QUESTION
    kind = _choose_kind(classifier.score_turn(text, embedder), options)
    is_known = kind is TurnKind.SAFETY or classifier.knows_words(text, kind)
    return kind if is_known else TurnKind.QUESTION  # "annual fee" is short, as "bye" is


def _choose_kind(scores: Mapping[TurnKind, float], options: TurnOptions) -> TurnKind:
    """Return the likeliest kind where no question is likely beside it."""
    if scores[TurnKind.SAFETY] >= SAFETY_FLOOR:
        return TurnKind.SAFETY
    if 1 - scores[TurnKind.QUESTION] < options.floor:
        return TurnKind.QUESTION
    return max((kind for kind in scores if kind is not TurnKind.QUESTION), key=scores.__getitem__)
