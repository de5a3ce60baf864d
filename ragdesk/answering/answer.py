"""Question, Answer and the events between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from indexes.chunk import Passage, SearchFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, of which documents, and by whom (``where.groups``).

    send: whether a model's words are held until they are checked; None asks the settings.
    """

    text: str
    history: tuple[Turn, ...] = ()
    where: SearchFilter = field(default_factory=SearchFilter)
    explain: bool = False
    send: Literal["hold", "show"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A mark in the answer, and the exact characters it rests on.

    ``quote == document.text[start:end]`` in the stored document of the answer's generation.
    version: of the document, as its authors call it; empty where they do not say.
    """

    number: int
    chunk: str
    uri: str
    title: str
    path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    quote: str
    version: str = ""


class Outcome(StrEnum):
    ANSWERED = "answered"
    NOT_FOUND = "not_found"
    UNSUPPORTED = "unsupported"
    CLARIFY = "clarify"
    HANDED_OVER = "handed_over"


class ClaimVerdict(StrEnum):
    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"
    NO_CLAIM = "no_claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence of an answer, and how well its citations carry it (0..1)."""

    text: str
    citations: tuple[int, ...]
    support: float
    verdict: ClaimVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing that a question may mean.

    label: its name. question: what to ask for it. uris: the documents it is answered from.
    """

    label: str
    question: str
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything that is said back. ``seconds`` has a key per step, and ``total``.

    withheld: sentences of a model that failed the check and were left out.
    choices: what the question may mean, where the outcome is ``clarify``.
    """

    id: str
    question: str
    language: str
    outcome: Outcome
    text: str
    collection: str
    generation: int
    generator: str
    model: str
    claims: tuple[Claim, ...] = ()
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()
    choices: tuple[Choice, ...] = ()
    degraded: bool = False
    degraded_reason: str | None = None
    withheld: int = 0
    confidence: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    signals: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class PassagesReady:
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ClaimChecked:
    claim: Claim
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Done:
    answer: Answer


AnswerEvent = PassagesReady | TextDelta | ClaimChecked | Done
