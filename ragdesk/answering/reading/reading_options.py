"""What operators set of how sentences are chosen, and of the trained reader."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOptions:
    """How sentences are chosen where an answer consists of the documents' own, without a model.

    passages: so many best passages are read for an answer.
    most: sentences in an answer, at most. One that is not understood without the sentence before
        brings that along.
    second: a further sentence must be worth this part of the best one. A sentence that holds all
        words of the question is worth 1; the other weights add to that.
    passage: worth of the passage's own score.
    above: what a word counts that stands in the heading or the first sentence of the section.
    before: what a word counts that stands in the sentence before.
    figures: worth of holding every number of the question.
    kind: worth of naming a thing of the kind asked for (a number, a date, a name, a place).
    close: so many best sentences are compared with the question by the model, where it reads both.
    margin: sentences worth less than the best by more than this are not close.
    cosine: worth of that comparison (``indexes.similarity``).
    own_language: worth of standing in the question's language, where another says the same.
    compared: so many units are compared with the question by a model that has learnt which
        sentence answers, in place of the close ones; the best of each passage are among them.
    english, chinese: worth of the cosine of that comparison, by the question's language.
    """

    passages: int = 8
    most: int = 3
    second: float = 0.6
    passage: float = 0.8
    above: float = 0.55
    before: float = 0.2
    figures: float = 0.12
    kind: float = 0.08
    close: int = 3
    margin: float = 0.4
    cosine: float = 0.8
    own_language: float = 0.2
    compared: int = 32
    english: float = 2.0
    chinese: float = 2.0


MOST_UNITS = 64  # that are read for one question


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """Whether a trained reader scores the units that words found.

    enabled: it reads at all. Off: the one that was trained so far gains nothing over words in help
        texts (READER.md). units: so many of the best units are read for a question; each costs a
        pass of twelve layers over some 80 tokens. worth: what a unit gains that surely answers; one
        that holds all words of the question is worth 1. weights: a reader's file, as ``ragdesk tune
        reader`` writes it. Empty: the packaged one, where there is one.
    """

    enabled: bool = False
    units: int = 8
    worth: float = 0.3
    weights: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.units <= MOST_UNITS:
            raise ValueError(f"units must lie in 1..{MOST_UNITS}; to read none, enabled = false")
