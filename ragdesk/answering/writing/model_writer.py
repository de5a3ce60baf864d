"""Write by a language model: ground, generate, decode, clean, verify, a sentence at a time."""

import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TypeVar

from indexes.chunk import ALWAYS_VALID, Passage, Validity
from ragdesk.answering.answer import ClaimVerdict, Question
from ragdesk.answering.retrieval.passage_words import has_words
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.statement import Statement, WriterNote
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.answering.writing import prompts
from ragdesk.answering.writing.answer_decoder import DecodedSentence, MarkedDecoder
from ragdesk.answering.writing.answer_need import meets_need
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.denials import says_no_answer
from ragdesk.answering.writing.event_loop_yield import LoopTurns
from ragdesk.answering.writing.generator import Finish, GenerateText, Retraction
from ragdesk.answering.writing.llm_engine import LlmEngine
from ragdesk.answering.writing.prompt_builder import SENTENCE_CHARACTERS
from ragdesk.answering.writing.prompts import Prompt, PromptSource
from ragdesk.answering.writing.sanitize import GrowingSanitizer, sanitize_text
from ragdesk.answering.writing.structured_decoder import StructuredDecoder
from ragdesk.errors import EngineFailed
from ragdesk.request_context import trace_step

log = logging.getLogger("ragdesk.answering")
DECODE_STEP = 1_024  # characters of an answer that are read at once
MAX_ANSWER_SENTENCES = 64  # of an answer, each some 10 ms to check; a schema allows 8
LONGEST_SENTENCE = 4_000  # characters; a schema allows 500, an answer without marks is one
ACCEPTED_VERDICTS = {ClaimVerdict.SUPPORTED, ClaimVerdict.PARTIAL}
_WriterPart = str | Statement | WriterNote
_Decoder = StructuredDecoder | MarkedDecoder
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWriter:
    """Writes answers with the engine's model, for one collection.

    A part is a stretch of a sentence that is shown before it is checked, a sentence that is
    checked, or a note about the writing. find_validity: when a document holds, by its id.
    """

    engine: LlmEngine
    verify: ClaimChecker
    collection: str
    find_validity: Callable[[str], Validity] = lambda _: ALWAYS_VALID
    generator: str = "vllm"

    @property
    def model(self) -> str:
        """Return the model's name."""
        return self.engine.current_generator().model

    def follow_up(self, question: Question) -> GenerateText:
        """Return the model that rewrites a follow-up question, in a place of its own."""
        return partial(self.engine.generate_short, session=question.session)

    def admit(self) -> None:
        """Refuse a question while too many wait. Raises Overloaded."""
        self.engine.admit()

    async def __call__(
        self, question: Question, retrieval: Retrieval
    ) -> AsyncGenerator[_WriterPart, None]:
        """Write the parts of an answer. Raises EngineFailed."""
        options = self.verify.options
        salt = self.engine.cache_salt(self.collection, question.where)
        if question.lookups:  # of one customer: no prompt of another one shares its beginning
            salt = secrets.token_hex(16)
        analysis = retrieval.analysis
        prompt = self.engine.build_prompt(
            analysis.text, analysis.language, self._read_sources(retrieval.passages), salt
        )
        if not prompt.passages:
            return
        # Where no conversation says it: what begins with the same passage was read there.
        affinity = question.session or f"{salt}\x1f{prompt.passages[0].chunk.id}"
        prompt = replace(prompt, affinity=affinity)
        page = _AnswerInProgress(
            prompt=prompt,
            question=analysis.text,
            analysis=analysis,
            verify=replace(self.verify, idf=cache(retrieval.idf)),
            show=(question.send or options.send) == "show",
            failed=options.failed,
            growing=GrowingSanitizer(known_text=prompt.user),
        )
        async with self.engine.reserve_slot() as within:
            async with aclosing(self._decode_sentences(prompt, page, within)) as sentences:
                async for sentence in sentences:
                    for part in await _check_in_thread(page.take_sentence, sentence):
                        page.is_blank = False
                        yield part
            if page.is_denied:
                yield WriterNote(withheld=page.withheld, answerable=False)
                return
            for statement in page.rejected if page.repairs else ():
                if repaired := await self._repair_sentence(prompt, page, statement):
                    yield repaired
        for part in page.finish():
            yield part

    def _read_sources(self, passages: Sequence[Passage]) -> list[PromptSource]:
        documents = {passage.chunk.document for passage in passages}
        validity = {document: self.find_validity(document) for document in documents}
        return [PromptSource(p, validity[p.chunk.document]) for p in passages]

    async def _decode_sentences(
        self, prompt: Prompt, page: "_AnswerInProgress", within: float | None
    ) -> AsyncGenerator[DecodedSentence, None]:
        decoder, turns, sentences = _open_decoder(prompt, page), LoopTurns(), 0
        async with aclosing(self.engine.current_generator()(prompt, within=within)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Finish):
                    is_whole = prompt.schema is not None and decoder.ended
                    page.cut = piece.reason == "length" and not is_whole
                    continue
                if isinstance(piece, Retraction):
                    page.retract()
                    decoder, sentences = _open_decoder(prompt, page), 0
                    continue
                for at in range(0, len(piece), DECODE_STEP):
                    for sentence in decoder.feed(piece[at : at + DECODE_STEP]):
                        yield _check_sentence_length(sentence)
                        sentences += sentence.is_complete
                        if sentences >= max(
                            MAX_ANSWER_SENTENCES, 4 * self.engine.options.sentences
                        ):
                            page.cut = True
                            return
                    if not decoder.answerable:
                        page.note_denial(denies=True)
                        return
                    await turns.yield_turn()
        if not page.cut:
            for sentence in _end_answer(decoder):
                yield _check_sentence_length(sentence)
        page.note_denial(denies=not decoder.answerable)

    async def _repair_sentence(
        self, prompt: Prompt, page: "_AnswerInProgress", failed: Statement
    ) -> Statement | None:
        """Ask the model once to write a sentence anew; None if that fails too."""
        repair_text = prompts.format_repair(prompt.user, failed.text, prompt.language)
        sentence_schema = prompts.build_answer_schema(
            len(prompt.passages), sentences=1, characters=SENTENCE_CHARACTERS
        )
        repair_prompt = replace(
            prompt, user=repair_text, schema=sentence_schema if prompt.schema else None
        )
        silent_page = replace(
            page, show=False, stated_count=0, rejected=[], kept=[], pending=[], is_blank=True
        )
        try:
            async with aclosing(
                self._decode_sentences(repair_prompt, silent_page, None)
            ) as sentences:
                async for sentence in sentences:
                    statement = await _check_in_thread(silent_page.check_sentence, sentence)
                    if statement and statement.verdict in ACCEPTED_VERDICTS:
                        page.withheld -= 1
                        page.stated_count += 1
                        return statement
        except EngineFailed as error:  # the sentences that passed are an answer without it
            log.warning("not repaired", extra={"code": error.reason, "reason": str(error)})
        return None


def _open_decoder(prompt: Prompt, page: "_AnswerInProgress") -> _Decoder:
    kind = MarkedDecoder if prompt.schema is None else StructuredDecoder
    return kind(len(prompt.passages), growing=page.show)


def _end_answer(decoder: _Decoder) -> Iterator[DecodedSentence]:
    """Yield the last sentence. Raises EngineFailed where the reply is no answer, and no denial."""
    if not decoder.ended:
        raise EngineFailed("garbage", "The language model's JSON has no end.")
    if not decoder.has_text:
        raise EngineFailed("garbage", "The language model wrote nothing.")
    yield from decoder.end()


def _check_sentence_length(sentence: DecodedSentence) -> DecodedSentence:
    if len(sentence.text) > LONGEST_SENTENCE:
        raise EngineFailed("garbage", "The language model's sentence has no end.")
    return sentence


async def _check_in_thread(work: Callable[[DecodedSentence], _T], sentence: DecodedSentence) -> _T:
    """Check a whole sentence in a thread, some 10 ms; what only grows is cleaned at once."""
    if not sentence.is_complete:
        return work(sentence)
    with trace_step("verify"):
        return await run_in_thread(work, sentence)


@dataclass(slots=True, kw_only=True)
class _AnswerInProgress:
    """An answer while it is written.

    growing: the sentence that is shown while it is written. pending: sentences that claim nothing,
    or nothing of what is asked, and wait for one that does: alone they are no answer. is_blank: no
    part of it was handed on.
    is_denied: the model says that no passage answers, and nothing that it wrote says otherwise.
    denies_in_words: a sentence says so, instead of what it was told to write.
    """

    prompt: Prompt
    question: str
    verify: ClaimChecker
    show: bool
    failed: str
    analysis: QuestionAnalysis | None = None
    growing: GrowingSanitizer = field(default_factory=GrowingSanitizer)
    stated_count: int = 0
    withheld: int = 0
    cut: bool = False
    is_blank: bool = True
    is_denied: bool = False
    denies_in_words: bool = False
    rejected: list[Statement] = field(default_factory=list)
    kept: list[Statement] = field(default_factory=list)
    pending: list[Statement] = field(default_factory=list)

    @property
    def repairs(self) -> bool:
        return self.failed == "repair" and not self.show

    @property
    def known_text(self) -> str:
        return self.prompt.user

    def retract(self) -> None:
        """Forget what was written: the model's thoughts. Raises EngineFailed if some were said."""
        if not self.is_blank:
            raise EngineFailed("garbage", "The language model wrote its thoughts as an answer.")
        self.stated_count = self.withheld = 0
        self.growing = GrowingSanitizer(known_text=self.known_text)
        for statements in (self.rejected, self.kept, self.pending):
            statements.clear()

    def note_denial(self, *, denies: bool) -> None:
        """Note whether the model denies an answer; what passed the check speaks against it."""
        denies = denies or self.denies_in_words
        self.is_denied = denies and not (self.stated_count or self.kept)

    def take_sentence(self, sentence: DecodedSentence) -> list[_WriterPart]:
        """Take a decoded sentence or its beginning; return the parts that may be sent."""
        if not sentence.is_complete:
            new = self.growing.grow(sentence.text)
            return [new] if new else []
        statement = self.check_sentence(sentence)
        if statement is None:
            self.growing = GrowingSanitizer(known_text=self.known_text)
            return []
        parts: list[_WriterPart] = []
        if self.show and (rest := statement.text[len(self.growing.text) :]):
            parts.append(rest)
        self.growing = GrowingSanitizer(known_text=self.known_text)
        if self._waits(statement):
            self.pending += [statement] * has_words(statement.text)
            return []
        if statement.verdict is not ClaimVerdict.UNSUPPORTED or self.show or self.failed == "keep":
            if self.failed == "refuse" and not self.show:
                self.kept += [*self.pending, statement]
                self.pending.clear()
                return []
            parts += [*self.pending, statement]
            self.pending.clear()
            self.stated_count += 1
            return parts
        self._withhold(statement)
        return []

    def _waits(self, statement: Statement) -> bool:
        """Tell whether a sentence is no answer alone: it claims nothing, or answers nothing."""
        if self.show:
            return False
        if statement.verdict is ClaimVerdict.NO_CLAIM:
            return True
        is_first = not self.stated_count and not self.kept
        return (
            is_first
            and statement.verdict in ACCEPTED_VERDICTS
            and self.analysis is not None
            and not meets_need(self.analysis, statement)
        )

    def _withhold(self, statement: Statement) -> None:
        """Leave out a sentence that failed the check; a denial counts as no sentence."""
        if says_no_answer(statement.text):
            self.denies_in_words = True
        else:
            self.withheld += 1
            self.rejected.append(statement)

    def check_sentence(self, sentence: DecodedSentence) -> Statement | None:
        """Clean and check a sentence; None if nothing is left of it."""
        text = sanitize_text(sentence.text, self.known_text).strip()
        if not text:
            return None
        cited = [self.prompt.passages[n - 1] for n in sentence.citations]
        return self.verify(text, cited, self.question)

    def finish(self) -> list[_WriterPart]:
        """Return the kept sentences at the end, and the note on them.

        Raises EngineFailed where the answer was cut off before anything of it could be said.
        """
        parts: list[_WriterPart] = []
        if not self.rejected:
            parts += self.kept
            self.stated_count += len(self.kept)
        else:
            self.withheld += len(self.kept)
        if self.withheld and not self.stated_count:
            return [*parts, WriterNote("unsupported", self.withheld)]
        if self.cut and self.is_blank and not parts:
            about = "The language model's answer was cut off amid its first sentence."
            raise EngineFailed("cut_off", about, can_retry=False)
        reason = "cut_off" if self.cut else ""
        return [*parts, WriterNote(reason, self.withheld)] if reason or self.withheld else parts
