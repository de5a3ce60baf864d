"""A question's way: is it one, rewrite, retrieve and rerank, clarify, write, cite, decide.

Read this file first. Each step is one name, and each step's file bears that name. Streaming is
the only path; ``ask`` waits for its end. What computes runs in a thread, so that one question
never holds up another one's stream.
"""

import logging
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from indexes.chunk import Passage
from ragdesk.answering.answer import (
    Answer,
    AnswerEvent,
    AnswerReason,
    Choice,
    Done,
    Outcome,
    PassagesReady,
    Question,
    RankedPassage,
    TextDelta,
    rank_passages,
)
from ragdesk.answering.answer_options import ClarifyOptions, DecideOptions
from ragdesk.answering.answer_signals import add_answer_signals, describe_signal_versions
from ragdesk.answering.answer_state import AnswerState
from ragdesk.answering.calibration import Calibration
from ragdesk.answering.clarify import find_choices, name_trouble
from ragdesk.answering.contact import Contact
from ragdesk.answering.decision import answer_likelihood, passage_likelihood
from ragdesk.answering.follow_up import (
    STANDALONE_LIKELIHOOD,
    needs_context,
    refers_back,
    rewrite_question,
)
from ragdesk.answering.follow_up_guard import admits_statement, guard_follow_up
from ragdesk.answering.lookup_facts import (
    add_facts,
    advise_on_lookups,
    choose_lookup_kind,
    choose_lookup_reason,
    drop_lookup_values,
    find_missing,
    list_fact_passages,
    repeats_facts,
    state_lookups,
)
from ragdesk.answering.lookup_result import LookupStatus
from ragdesk.answering.messages import (
    LOOKUP_TEXTS,
    localise_text,
)
from ragdesk.answering.next_steps import find_reason, suggest_next_step
from ragdesk.answering.quote_places import locate_nowhere, locate_quote
from ragdesk.answering.reading.passage_order import order_by_reading
from ragdesk.answering.reading.reading_options import ExtractOptions, ReaderOptions
from ragdesk.answering.reading.sentence_comparer import SentenceComparer
from ragdesk.answering.reading.sentence_extractor import SentenceExtractor
from ragdesk.answering.reading.unit_reader import UnitReader
from ragdesk.answering.retrieval.part_retrieval import retrieve_parts
from ragdesk.answering.retrieval.query_memory import QueryMemory
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis, analyze_question
from ragdesk.answering.retrieval.retrieval_result import Retrieval, skip_retrieval
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.statement import Statement, WriterNote
from ragdesk.answering.step_clock import StepClock
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.answering.turns.safety_search import QuoteWriter, search_instructions
from ragdesk.answering.turns.turn_kind import TurnKind
from ragdesk.answering.turns.turn_options import TurnOptions
from ragdesk.answering.turns.turn_recognition import is_surely_no_question, recognise_turn
from ragdesk.answering.writing.cited_links import find_cited_links, find_page_address
from ragdesk.answering.writing.writer import Writer, WriterPart
from ragdesk.degradation import format_degraded_reason
from ragdesk.errors import EngineFailed

log = logging.getLogger("ragdesk.answering")


@dataclass(frozen=True, slots=True)
class ExtractiveWriter:
    """Writes in the documents' own sentences. model: the embedder that helped to choose them."""

    extract: SentenceExtractor
    model: str
    generator: str = "extractive"

    def follow_up(self, question: Question) -> None:
        """Rewrite no follow-up question: words are carried over instead."""

    def admit(self) -> None:
        """Accept every question; the server bounds their number."""

    async def __call__(
        self, question: Question, retrieval: Retrieval
    ) -> AsyncGenerator[WriterPart, None]:
        """Choose the sentences in a thread, and hand them on."""
        del question  # what was found holds it; a language model also reads its history
        for statement in await run_in_thread(self.extract, retrieval):
            yield statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Answers questions from one generation of one collection.

    writer: who writes the answer; the documents' own sentences, chosen by ``extract``, where none
    is given. calibration: when to answer, as fitted on this collection; it goes before
    ``decide.floor`` while words find passages, as its promise was fitted with them. Where a model
    writes, the likelihood is still its own, and ``decide.model_floor`` the bound. contact: whom
    people may turn to where there is no answer. degrade: extraction steps in when the writer
    fails. reader: reads the best units of the passages before it is decided whether to answer;
    None where there is none. comparers: what compares sentences with a question, by its
    language. refuse: one unsupported sentence makes the answer unsupported.
    """

    retrieve: Retriever
    collection: str
    extract: ExtractOptions = field(default_factory=ExtractOptions)
    decide: DecideOptions = field(default_factory=DecideOptions)
    clarify: ClarifyOptions = field(default_factory=ClarifyOptions)
    writer: Writer | None = None
    calibration: Calibration | None = None
    contact: Contact = field(default_factory=Contact)
    turns: TurnOptions = field(default_factory=TurnOptions)
    degrade: bool = True
    refuse: bool = False
    reader: UnitReader | None = None
    reading: ReaderOptions = field(default_factory=ReaderOptions)
    comparers: Mapping[str, SentenceComparer] = field(default_factory=dict)

    async def stream(self, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """Answer a question, and tell each step as it happens. Ends with Done.

        Raises Overloaded before anything is told, and EngineFailed when a model fails after
        some of its words were told.
        """
        async with aclosing(self._remember_query().run_steps(question, streaming=True)) as events:
            async for event in events:
                yield event

    async def ask(self, question: Question) -> Answer:
        """Answer a question, all at once."""
        async with aclosing(self._remember_query().run_steps(question, streaming=False)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("a stream ends with Done")

    async def run_steps(
        self, question: Question, *, streaming: bool
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Run the steps. streaming: words are sent as they come, and cannot be taken back."""
        clock, writer = StepClock(), self._choose_writer()
        writer.admit()
        original_analysis = await run_in_thread(analyze_question, question.text)
        with clock.measure_step("turns"):
            turn = await run_in_thread(self._recognise_turn, question, original_analysis)
            kind = choose_lookup_kind(turn, question.lookups)
        if not kind.needs_documents:
            for event in self._answer_turn(question, original_analysis, kind, clock):
                yield event
            return
        index = self.retrieve.index
        state = AnswerState(
            writer,
            find_links=partial(find_cited_links, index),
            find_address=partial(find_page_address, index),
        )
        if turn is TurnKind.COMPLAINT:  # a person hears of it, whatever was looked up
            state.turn = turn.reason
        retrieval = await self._find_passages(question, original_analysis, kind, state, clock)
        lookups = question.lookups if kind is TurnKind.QUESTION else ()
        facts = list_fact_passages(lookups, retrieval.analysis.language)
        by_score = await self._read_passages(question, retrieval, clock)
        retrieval = by_score if state.is_quoted else order_by_reading(by_score)
        ranked_passages = rank_passages((*facts, *retrieval.passages))
        yield PassagesReady(ranked_passages)
        if kind is TurnKind.QUESTION:
            for event in self._state_lookups(question, facts, retrieval, state):
                yield event
            if not state.settled:
                state.choices = self._find_choices(question, original_analysis, by_score)
        is_written = not state.choices and self._may_write(retrieval)
        with clock.measure_step("generate"):
            if state.is_quoted or (kind is TurnKind.QUESTION and is_written):
                events = self._write_or_degrade(state, question, retrieval, streaming=streaming)
                async with aclosing(events):
                    async for event in events:
                        yield event
        if state.is_claimless and not state.settled:
            yield TextDelta(state.end_claimless(retrieval.analysis.language, streaming=streaming))
        yield Done(self._build_answer(question, retrieval, ranked_passages, state, clock))

    def _recognise_turn(self, question: Question, analysis: QuestionAnalysis) -> TurnKind:
        """Tell what a turn wants.

        An order that the documents hold is a question about them, and so is what may be a matter
        of an account, or nothing of theirs, where they answer it.
        """
        embedder = self.retrieve.embedder
        kind = recognise_turn(analysis.text, embedder, self.turns)
        if kind not in {TurnKind.NEEDS_ACCOUNT, TurnKind.OUT_OF_SCOPE}:
            return kind
        mask = self.retrieve.index.make_mask(question.where)
        if analysis.identifiers and self.retrieve.find_named_rows(analysis, mask):
            return TurnKind.QUESTION
        if is_surely_no_question(analysis.text, embedder):
            return kind
        retrieval = retrieve_parts(self.retrieve, question, analysis, answer_likelihood)
        retrieval = self._make_extractor().read_passages(retrieval)
        return TurnKind.QUESTION if self._is_answerable(retrieval) else kind

    async def _find_passages(
        self,
        question: Question,
        original_analysis: QuestionAnalysis,
        kind: TurnKind,
        state: AnswerState,
        clock: StepClock,
    ) -> Retrieval:
        """Make a follow-up stand alone, and retrieve; after an accident what to do comes first."""
        searched = drop_lookup_values(question)
        if searched is not question:
            question = searched
            original_analysis = await run_in_thread(analyze_question, searched.text)
        analysis = name_trouble(original_analysis)
        if question.history:
            with clock.measure_step("rewrite"):
                analysis = await self.resolve_follow_up(question, original_analysis)
        with clock.measure_step("retrieve"):
            retrieval = await run_in_thread(
                retrieve_parts, self.retrieve, question, analysis, answer_likelihood
            )
            if kind is TurnKind.SAFETY:
                retrieval = await run_in_thread(self._put_safety_first, question, retrieval, state)
        if retrieval.rerank_seconds is not None:
            clock.split_step("retrieve", "rerank", retrieval.rerank_seconds)
        return guard_follow_up(retrieval, question, original_analysis, self.retrieve)

    async def _read_passages(
        self, question: Question, retrieval: Retrieval, clock: StepClock
    ) -> Retrieval:
        """Read what was retrieved: with the reader, and for the signals of a calibration."""
        with clock.measure_step("read"):
            retrieval = await run_in_thread(self._make_extractor().read_passages, retrieval)
        if self._valid_calibration or question.explain:
            with clock.measure_step("assess"):
                retrieval = await run_in_thread(
                    add_answer_signals, retrieval, self.retrieve.embedder
                )
        return retrieval

    def _remember_query(self) -> "Desk":
        """Return this desk for one question, whose steps share its vector."""
        retrieve = replace(self.retrieve, embedder=QueryMemory(self.retrieve.embedder))
        return replace(self, retrieve=retrieve)

    def _answer_turn(
        self, question: Question, analysis: QuestionAnalysis, kind: TurnKind, clock: StepClock
    ) -> Iterator[AnswerEvent]:
        """Answer a turn that asks the documents nothing: nothing is looked for."""
        state = AnswerState(self._extractive_writer(), turn=kind.reason)
        state.end_claimless(analysis.language)
        if (
            kind is TurnKind.NEEDS_ACCOUNT
            and find_missing(question.lookups) is LookupStatus.NEEDS_VALUE
        ):
            state.turn = AnswerReason.AMBIGUOUS
            state.text = localise_text(LOOKUP_TEXTS[LookupStatus.NEEDS_VALUE], analysis.language)
        yield PassagesReady(())
        yield TextDelta(state.text)
        yield Done(self._build_answer(question, skip_retrieval(analysis), (), state, clock))

    def _state_lookups(
        self,
        question: Question,
        facts: Sequence[Passage],
        retrieval: Retrieval,
        state: AnswerState,
    ) -> Iterator[AnswerEvent]:
        """Say first what was looked up; the documents come after it, whoever writes."""
        statements = state_lookups(question.lookups, facts, retrieval.analysis.language)
        for statement in statements:
            yield from state.tell_statement(statement, locate_nowhere)
        if statements:
            state.settle()

    def _put_safety_first(
        self, question: Question, retrieval: Retrieval, state: AnswerState
    ) -> Retrieval:
        """Begin the answer to an accident: with what the documents say to do, if they do."""
        retrieval, statements = search_instructions(self.retrieve, question, retrieval)
        state.turn, state.is_quoted = AnswerReason.SAFETY, bool(statements)
        if statements:
            state.writer = QuoteWriter(statements, self.retrieve.embedder.card.name)
        return retrieval

    async def resolve_follow_up(
        self, question: Question, analysis: QuestionAnalysis
    ) -> QuestionAnalysis:
        """Make a follow-up stand alone for all steps; the answer names it as it was asked."""
        if needs_context(analysis, question.history) and not refers_back(analysis):
            retrieval = await run_in_thread(
                partial(self.retrieve, question, analysis, may_rerank=False)
            )
            if answer_likelihood(retrieval.signals) >= STANDALONE_LIKELIHOOD:
                return analysis
        model = self.writer.follow_up(question) if self.writer else None
        index = self.retrieve.index
        idf = partial(index.idf, mask=index.make_mask(question.where))
        return await rewrite_question(analysis, question.history, idf, model)

    async def _write_or_degrade(
        self, state: AnswerState, question: Question, retrieval: Retrieval, *, streaming: bool
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Write; where a model fails, begin anew in the documents' words. Raises EngineFailed."""
        try:
            async with aclosing(self._write_answer(state, question, retrieval)) as events:
                async for event in events:
                    yield event
        except EngineFailed as error:
            if not self.degrade or (state.has_written and streaming):
                raise
            log.warning("degraded", extra={"code": error.reason, "reason": str(error)})
            state.begin_anew(self._extractive_writer(), error.reason)
            async for event in self._write_answer(state, question, retrieval):
                yield event

    async def _write_answer(
        self, state: AnswerState, question: Question, retrieval: Retrieval
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Run a writer, and turn its parts into events.

        Extraction steps in for a model only where it would have been asked itself.
        """
        if state.reason and not self._is_answerable(retrieval):
            return
        locate = partial(locate_quote, self.retrieve.index)
        if state.writer is self.writer:
            retrieval = add_facts(retrieval, question)
        async with aclosing(state.writer(question, retrieval)) as parts:
            async for part in parts:
                match part:
                    case str():
                        yield TextDelta(state.begin_statement(part))
                    case WriterNote():
                        state.take_note(part, degrade=self.degrade and not self.refuse)
                    case Statement() if self._may_say(part, state, retrieval):
                        for event in await run_in_thread(state.tell_statement, part, locate):
                            yield event

    def _may_say(self, statement: Statement, state: AnswerState, retrieval: Retrieval) -> bool:
        """Tell whether a language model's statement may answer a follow-up, or was sent already."""
        if state.writer is not self.writer or state.is_open:
            return True
        return admits_statement(retrieval, statement) and not repeats_facts(statement)

    def _find_choices(
        self, question: Question, analysis: QuestionAnalysis, retrieval: Retrieval
    ) -> tuple[Choice, ...]:
        """Return the possible meanings of a question, where passages split between products."""
        is_held = passage_likelihood(retrieval.signals) >= self.clarify.floor
        is_likely = is_held or self._is_answerable(retrieval)
        return find_choices(question, analysis, retrieval, self.clarify, is_likely=is_likely)

    def _may_write(self, retrieval: Retrieval) -> bool:
        """Tell whether a writer is asked: a model in all cases but hopeless ones."""
        if self.writer is None:
            return self._is_answerable(retrieval)
        likelihood = self._calibrated_confidence(retrieval)
        if likelihood is None:
            likelihood = answer_likelihood(retrieval.signals)
        return bool(retrieval.passages) and likelihood >= self.decide.model_floor

    def _is_answerable(self, retrieval: Retrieval) -> bool:
        """Tell whether to answer: by what was calibrated, else by the floor that is set."""
        calibration = self._valid_calibration
        if calibration is None:
            return answer_likelihood(retrieval.signals) >= self.decide.floor
        return (self._calibrated_confidence(retrieval) or 0.0) >= calibration.floor(
            retrieval.analysis.language
        )

    @property
    def _valid_calibration(self) -> Calibration | None:
        """Return the calibration; None while words are off, which says nothing of that state."""
        return None if self.retrieve.index.words_outdated else self.calibration

    def _calibrated_confidence(self, retrieval: Retrieval) -> float | None:
        """Return the calibrated likelihood that there is an answer; None where none holds."""
        calibration = self._valid_calibration
        if calibration is None:
            return None
        return round(calibration.confidence(retrieval.signals, retrieval.analysis.language), 6)

    def _choose_writer(self) -> Writer:
        return self.writer or self._extractive_writer()

    def _extractive_writer(self) -> Writer:
        extract = self._make_extractor()
        return ExtractiveWriter(extract, extract.embedder.card.name)

    def _make_extractor(self) -> SentenceExtractor:
        return SentenceExtractor(
            embedder=self.retrieve.embedder,
            document_text=self.retrieve.index.read_text_by_id,
            context_chunks=self.retrieve.context_chunks,
            is_answerable=self._is_answerable,
            options=self.extract,
            reader=self.reader,
            reading=self.reading,
            comparers=self.comparers,
        )

    def _build_answer(
        self,
        question: Question,
        retrieval: Retrieval,
        passages: tuple[RankedPassage, ...],
        state: AnswerState,
        clock: StepClock,
    ) -> Answer:
        signals = {**retrieval.signals, "answerable": answer_likelihood(retrieval.signals)}
        lookups = question.lookups
        degraded_reason = format_degraded_reason(
            self.retrieve.index,
            state.reason,
            lookup_failed=find_missing(lookups) is LookupStatus.UNAVAILABLE,
        )
        language, outcome = retrieval.analysis.language, state.outcome
        turn = state.turn or choose_lookup_reason(lookups, outcome)
        if turn is None and state.denied and outcome is not Outcome.ANSWERED:
            turn = AnswerReason.NEAR_MISS
        reason = find_reason(outcome, passages, retrieval.signals, turn)
        advice = advise_on_lookups(lookups, outcome, language)
        return Answer(
            id=uuid.uuid4().hex,
            question=question.text,
            language=language,
            outcome=outcome,
            text=state.text,
            collection=self.collection,
            generation=self.retrieve.index.generation,
            generator=state.writer.generator,
            model=state.writer.model,
            degraded=degraded_reason is not None,
            degraded_reason=degraded_reason,
            withheld=state.withheld,
            claims=tuple(state.claims),
            citations=tuple(state.citations),
            passages=passages,
            choices=state.choices,
            reason=reason,
            next_step=suggest_next_step(reason, passages, self.contact, language, advice),
            confidence=None if state.settled else self._calibrated_confidence(retrieval),
            seconds=clock.read_seconds(),
            signals=signals if question.explain else None,
            signal_versions=(
                describe_signal_versions(self.retrieve.embedder.card) if question.explain else None
            ),
        )
