"""What was told of an answer so far: by whom, in which words, resting on what, how long it took."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ragdesk.answering.answer import Choice, Citation, Claim, Question
from ragdesk.answering.cite import cite, marked
from ragdesk.answering.evidence import Noted, Retrieval, Statement
from ragdesk.answering.generate import Writing
from ragdesk.errors import EngineFailed

Part = str | Statement | Noted


class Writer(Protocol):
    """Says what the passages say about a question, a statement at a time, each with its quotes.

    Words of a statement may come before it, as they are written. ``admit`` turns a question down
    before anything is done for it; a failure is an EngineFailed.
    """

    @property
    def generator(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def follow_up(self) -> Writing | None: ...
    def admit(self) -> None: ...
    def __call__(self, question: Question, found: Retrieval) -> AsyncGenerator[Part, None]: ...


@dataclass(slots=True)
class Told:
    """What was said so far, by whom, and why not otherwise.

    last: the words that the last statement added. open: a statement was begun and not ended.
    choices: what the question may mean; then nothing is claimed.
    """

    write: Writer
    reason: str = ""
    text: str = ""
    last: str = ""
    open: bool = False
    refused: bool = False
    withheld: int = 0
    claims: list[Claim] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    choices: tuple[Choice, ...] = ()

    def begin(self, words: str) -> str:
        """Say some words of a statement before it is whole."""
        apart = " " if self.claims and not self.open else ""
        self.open = True
        self.text += apart + words
        return apart + words

    def add(self, statement: Statement) -> tuple[Claim, tuple[Citation, ...]]:
        claim, fresh = cite(statement, self.citations)
        whole = "\n" in statement.text or (self.claims and "\n" in self.claims[-1].text)
        self.last = ("\n" if whole else " ") * bool(self.claims) + marked(claim)
        if self.open:
            self.last = marked(claim).removeprefix(claim.text)
        self.open = False
        self.text += self.last
        self.claims.append(claim)
        self.citations.extend(fresh)
        return claim, fresh

    def note(self, noted: Noted, *, degrade: bool) -> None:
        """Take a writer's note. Raises EngineFailed where nothing it wrote may be said."""
        self.withheld = noted.withheld
        if noted.reason != "unsupported":
            self.reason = noted.reason
        elif degrade:
            raise EngineFailed(noted.reason, "No sentence of the language model passed the check.")
        else:
            self.refused = True


class Clock:
    """Takes the time of steps, in seconds."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self._steps[step] = time.perf_counter() - begun

    def read(self) -> dict[str, float]:
        return {**self._steps, "total": time.perf_counter() - self._start}
