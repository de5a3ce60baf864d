"""A gap: a question that customers ask and the documents do not answer, in however many words."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class GapQuestion:
    """One question that went wrong.

    turn: id of the turn it was asked in. time: seconds since 1970. person: who asked; the same
    person counts once. reason: a reason code of the answer, or ``disliked``, ``handed_over``.
    documents: uris of the passages that were tried. cited: of those that the answer cites.
    """

    turn: str
    text: str
    language: str
    time: int
    person: str
    reason: str
    documents: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    dislikes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Questions that ask the same, the most pressing first.

    id: the same as long as its first question is among them. question: the words that stand for
    all. persons: how many people asked. recent, earlier: questions of the last half of the period
    and of the half before. reasons: how many of each code. documents: uris that were tried, the
    most frequent first.
    """

    id: str
    question: str
    language: str
    questions: tuple[GapQuestion, ...]
    persons: int
    recent: int
    earlier: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    documents: tuple[str, ...] = ()

    @property
    def dislikes(self) -> int:
        """Return how many people disliked an answer to it."""
        return sum(question.dislikes for question in self.questions)

    @property
    def trend(self) -> float:
        """Return recent over earlier questions, with one of each added: 1 where both are as many.

        >>> Gap(id="", question="", language="", questions=(), persons=1, recent=3, earlier=1).trend
        2.0
        """
        return (self.recent + 1) / (self.earlier + 1)
