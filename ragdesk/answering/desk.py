"""A question's way: rewrite, retrieve, rerank, clarify, write, cite, decide.

Read this file first. Each step is one name, and each step's file bears that name. Streaming is
the only path; ``ask`` waits for its end. What computes runs in a thread, so that one question
never holds up another one's stream.
"""

import logging
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from ragdesk.answering.answer import (
    Answer,
    Choice,
    Delta,
    Done,
    Event,
    Found,
    Outcome,
    Question,
    Standing,
    Verdict,
)
from ragdesk.answering.assess import assess
from ragdesk.answering.calibrated import Calibration
from ragdesk.answering.clarify import ClarifyOptions, clarify
from ragdesk.answering.decide import DecideOptions, answerable, decide
from ragdesk.answering.evidence import Noted, Retrieval, Statement
from ragdesk.answering.extract import Extract, ExtractOptions
from ragdesk.answering.rerank import Rerank
from ragdesk.answering.retrieve import Retrieve
from ragdesk.answering.rewrite import ALONE, leans, points, rewrite
from ragdesk.answering.threads import run_in_thread
from ragdesk.answering.told import Clock, Part, Told, Writer
from ragdesk.answering.wording import NOT_FOUND, UNSUPPORTED, offer, say
from ragdesk.errors import REASONS, EngineFailed

log = logging.getLogger("ragdesk.answering")


@dataclass(frozen=True, slots=True)
class Extractive:
    """Writes in the documents' own sentences. model: the embedder that helped to choose them."""

    extract: Extract
    model: str
    generator: str = "extractive"

    @property
    def follow_up(self) -> None:
        """Rewrite no follow-up question: words are carried over instead."""

    def admit(self) -> None:
        """Take every question: the server's own bound is enough."""

    async def __call__(self, question: Question, found: Retrieval) -> AsyncGenerator[Part, None]:
        """Choose the sentences in a thread, and hand them on."""
        del question  # what was found holds it; a language model also reads its history
        for statement in await run_in_thread(self.extract, found):
            yield statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Answers questions from one generation of one collection.

    rerank: reads the passages found once more, or None. writer: who writes the answer; the
    documents' own sentences, chosen by ``extract``, where none is given. calibration: when to
    answer, as fitted on this collection; it goes before ``decide.floor``. degrade: extraction steps
    in when the writer fails. refuse: one unsupported sentence makes the answer unsupported.
    """

    retrieve: Retrieve
    collection: str
    rerank: Rerank | None = None
    extract: ExtractOptions = field(default_factory=ExtractOptions)
    decide: DecideOptions = field(default_factory=DecideOptions)
    clarify: ClarifyOptions = field(default_factory=ClarifyOptions)
    writer: Writer | None = None
    calibration: Calibration | None = None
    degrade: bool = True
    refuse: bool = False

    async def stream(self, question: Question) -> AsyncGenerator[Event, None]:
        """Answer a question, and tell each step as it happens. Ends with Done.

        Raises Overloaded before anything is told, and EngineFailed when a model fails after
        some of its words were told.
        """
        async with aclosing(self._events(question, heard=True)) as events:
            async for event in events:
                yield event

    async def ask(self, question: Question) -> Answer:
        """Answer a question, all at once."""
        async with aclosing(self._events(question, heard=False)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("a stream ends with Done")

    async def _events(self, question: Question, *, heard: bool) -> AsyncGenerator[Event, None]:
        """Tell the steps. heard: somebody listens, so that what was told cannot be taken back."""
        clock, write = Clock(), self._write()
        write.admit()
        if question.history:
            with clock.timed("rewrite"):
                question = await self._alone(question)
        with clock.timed("retrieve"):
            found = await run_in_thread(self.retrieve, question)
        if self.rerank and found.passages:
            with clock.timed("rerank"):
                ordered = await run_in_thread(self.rerank, question.text, found.passages)
            found = replace(found, passages=ordered)
        yield Found(found.passages)
        if self.calibration or question.explain:
            with clock.timed("assess"):
                found = await run_in_thread(assess, found, self.retrieve.embedder)

        told = Told(write)
        told.choices = self._choices(question, found)
        with clock.timed("generate"):
            if not told.choices and self._sure_enough(found):
                try:
                    async with aclosing(self._tell(told, question, found)) as events:
                        async for event in events:
                            yield event
                except EngineFailed as error:
                    if not self.degrade or (told.text and heard):
                        raise
                    log.warning("degraded", extra={"code": error.reason, "reason": str(error)})
                    told = Told(self._extractive(), error.reason, withheld=told.withheld)
                    async for event in self._tell(told, question, found):
                        yield event
        if all(claim.verdict is Standing.NO_CLAIM for claim in told.claims):
            words = _without_claims(told, found.asked.language)
            apart = (
                "\n" if heard and told.text else ""
            )  # a sentence was begun, and cannot be unsaid
            told.text = f"{told.text}{apart}{words}" if heard else words
            yield Delta(apart + words)
        yield Done(self._answer(question, found, told, clock))

    async def _alone(self, question: Question) -> Question:
        """Make a follow-up stand alone for all steps; the answer names it as it was asked."""
        if leans(question.text, question.history) and not points(question.text):
            found = await run_in_thread(self.retrieve, question)
            if answerable(found.signals) >= ALONE:
                return question
        model = self.writer.follow_up if self.writer else None
        index = self.retrieve.index
        idf = partial(index.idf, mask=index.mask(question.where))
        text = await rewrite(question.text, question.history, idf, model)
        return replace(question, text=text, asked=question.asked or question.text)

    async def _tell(
        self, told: Told, question: Question, found: Retrieval
    ) -> AsyncGenerator[Event, None]:
        """Let a writer write, and tell what it says."""
        async with aclosing(told.write(question, found)) as parts:
            async for part in parts:
                match part:
                    case str():
                        yield Delta(told.begin(part))
                    case Noted():
                        told.note(part, degrade=self.degrade and not self.refuse)
                    case Statement():
                        claim, fresh = told.add(part)
                        yield Delta(told.last)
                        yield Verdict(claim, fresh)

    def _choices(self, question: Question, found: Retrieval) -> tuple[Choice, ...]:
        """Give what a question may mean, where the passages split between products or policies."""
        if answerable(found.signals) < self.clarify.floor and not self._sure_enough(found):
            return ()
        return clarify(question.asked or question.text, question.history, found, self.clarify)

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
        return self.writer or self._extractive()

    def _extractive(self) -> Writer:
        extract = Extract(
            embedder=self.retrieve.embedder,
            text=self.retrieve.index.text_by_id,
            around=self.retrieve.around,
            options=self.extract,
        )
        return Extractive(extract, extract.embedder.card.name)

    def _answer(self, question: Question, found: Retrieval, told: Told, clock: Clock) -> Answer:
        signals = {**found.signals, "answerable": answerable(found.signals)}
        return Answer(
            id=uuid.uuid4().hex,
            question=question.asked or question.text,
            language=found.asked.language,
            outcome=_outcome(told),
            text=told.text,
            collection=self.collection,
            generation=self.retrieve.index.generation,
            generator=told.write.generator,
            model=told.write.model,
            degraded=bool(told.reason),
            degraded_reason=f"{told.reason}: {REASONS[told.reason]}" if told.reason else None,
            withheld=told.withheld,
            claims=tuple(told.claims),
            citations=tuple(told.citations),
            passages=found.passages,
            choices=told.choices,
            confidence=self._confidence(found),
            seconds=clock.read(),
            signals=signals if question.explain else None,
        )


def _without_claims(told: Told, language: str) -> str:
    """Say why nothing is claimed: what may be meant, or that the documents do not say."""
    if told.choices:
        return offer([choice.label for choice in told.choices], language)
    return say(UNSUPPORTED if told.refused else NOT_FOUND, language)


def _outcome(told: Told) -> Outcome:
    if told.choices:
        return Outcome.CLARIFY
    return Outcome.UNSUPPORTED if told.refused else decide(told.claims)
