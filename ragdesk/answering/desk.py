"""A question's way: retrieve, rerank, write, cite, decide.

Read this file first. Each step is one name, and each step's file bears that name. Streaming is
the only path; ``ask`` waits for its end. What computes runs in a thread, so that one question
never holds up another one's stream.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from ragdesk.answering.answer import (
    Answer,
    Citation,
    Claim,
    Delta,
    Done,
    Event,
    Found,
    Question,
    Verdict,
)
from ragdesk.answering.calibrated import Calibration
from ragdesk.answering.cite import cite, marked
from ragdesk.answering.decide import DecideOptions, answerable, decide
from ragdesk.answering.evidence import Retrieval, Statement
from ragdesk.answering.extract import Extract, ExtractOptions
from ragdesk.answering.rerank import Rerank
from ragdesk.answering.retrieve import Retrieve
from ragdesk.answering.wording import NOT_FOUND, say


class Writer(Protocol):
    """Says what the passages say about a question, a statement at a time, each with its quotes."""

    @property
    def generator(self) -> str: ...
    @property
    def model(self) -> str: ...
    def __call__(self, question: Question, found: Retrieval) -> AsyncIterator[Statement]: ...


@dataclass(frozen=True, slots=True)
class Extractive:
    """Writes in the documents' own sentences. model: the embedder that helped to choose them."""

    extract: Extract
    model: str
    generator: str = "extractive"

    async def __call__(self, question: Question, found: Retrieval) -> AsyncIterator[Statement]:
        """Choose the sentences in a thread, and hand them on."""
        del question  # what was found holds it; a language model also reads its history
        for statement in await asyncio.to_thread(self.extract, found):
            yield statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Answers questions from one generation of one collection.

    rerank: reads the passages found once more, or None. writer: who writes the answer; the
    documents' own sentences, chosen by ``extract``, where none is given. calibration: when to
    answer, as fitted on this collection; it goes before ``decide.floor``.
    """

    retrieve: Retrieve
    collection: str
    rerank: Rerank | None = None
    extract: ExtractOptions = field(default_factory=ExtractOptions)
    decide: DecideOptions = field(default_factory=DecideOptions)
    writer: Writer | None = None
    calibration: Calibration | None = None

    async def stream(self, question: Question) -> AsyncIterator[Event]:
        """Answer a question, and tell each step as it happens. Ends with Done."""
        clock = _Clock()
        with clock.timed("retrieve"):
            found = await asyncio.to_thread(self.retrieve, question)
        if self.rerank and found.passages:
            with clock.timed("rerank"):
                ordered = await asyncio.to_thread(self.rerank, question.text, found.passages)
            found = replace(found, passages=ordered)
        yield Found(found.passages)

        write = self._write()
        told = _Told()
        with clock.timed("generate"):
            if self._sure_enough(found):
                async for statement in write(question, found):
                    claim, fresh = told.add(statement)
                    yield Delta(told.last)
                    yield Verdict(claim, fresh)
        if not told.claims:
            told.text = say(NOT_FOUND, found.asked.language)
            yield Delta(told.text)
        yield Done(self._answer(question, found, told, write, clock))

    async def ask(self, question: Question) -> Answer:
        """Answer a question, all at once."""
        async for event in self.stream(question):
            if isinstance(event, Done):
                return event.answer
        raise AssertionError("a stream ends with Done")

    def _sure_enough(self, found: Retrieval) -> bool:
        """Tell whether to answer: by what was calibrated, else by the floor that is set."""
        if self.calibration is None:
            return answerable(found.signals) >= self.decide.floor
        return (self._confidence(found) or 0.0) >= self.calibration.floor(found.asked.language)

    def _confidence(self, found: Retrieval) -> float | None:
        """Give the calibrated likelihood that there is an answer; None where none was fitted."""
        if self.calibration is None:
            return None
        return round(self.calibration.confidence(found.signals, found.asked.language), 6)

    def _write(self) -> Writer:
        if self.writer:
            return self.writer
        extract = Extract(
            embedder=self.retrieve.embedder,
            text=self.retrieve.index.text,
            around=self.retrieve.around,
            options=self.extract,
        )
        return Extractive(extract, extract.embedder.card.name)

    def _answer(
        self, question: Question, found: Retrieval, told: "_Told", write: Writer, clock: "_Clock"
    ) -> Answer:
        signals = {**found.signals, "answerable": answerable(found.signals)}
        return Answer(
            id=uuid.uuid4().hex,
            question=question.text,
            language=found.asked.language,
            outcome=decide(told.claims),
            text=told.text,
            collection=self.collection,
            generation=self.retrieve.index.generation,
            generator=write.generator,
            model=write.model,
            claims=tuple(told.claims),
            citations=tuple(told.citations),
            passages=found.passages,
            confidence=self._confidence(found),
            seconds=clock.read(),
            signals=signals if question.explain else None,
        )


@dataclass(slots=True)
class _Told:
    """What was said so far. last: the words that the last statement added."""

    text: str = ""
    last: str = ""
    claims: list[Claim] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)

    def add(self, statement: Statement) -> tuple[Claim, tuple[Citation, ...]]:
        claim, fresh = cite(statement, self.citations)
        whole = "\n" in statement.text or (self.claims and "\n" in self.claims[-1].text)
        self.last = ("\n" if whole else " ") * bool(self.claims) + marked(claim)
        self.text += self.last
        self.claims.append(claim)
        self.citations.extend(fresh)
        return claim, fresh


class _Clock:
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
