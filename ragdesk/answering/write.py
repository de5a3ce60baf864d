"""Write by a language model: ground, generate, decode, clean, verify, a sentence at a time."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

from ragdesk.answering import prompts
from ragdesk.answering.answer import Question, Standing
from ragdesk.answering.decode import Marked, Said, Structured
from ragdesk.answering.engine import Engine
from ragdesk.answering.evidence import Noted, Retrieval, Statement, has_words
from ragdesk.answering.generate import Finish, Writing
from ragdesk.answering.ground import LONGEST
from ragdesk.answering.plain import Growing, plain
from ragdesk.answering.prompts import Prompt
from ragdesk.answering.threads import run_in_thread
from ragdesk.answering.turns import Turns
from ragdesk.answering.verify import Verify
from ragdesk.errors import EngineFailed

log = logging.getLogger("ragdesk.answering")
STEP = 1_024  # characters of an answer that are read at once
MOST_SENTENCES = 64  # of an answer, each some 10 ms to check; a schema allows 8
LONGEST_SENTENCE = 4_000  # characters; a schema allows 500, an answer without marks is one
CARRIED = {Standing.SUPPORTED, Standing.PARTIAL}
Part = str | Statement | Noted
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByModel:
    """Writes answers with the engine's model, for one collection.

    A part is a stretch of a sentence that is shown before it is checked, a sentence that is
    checked, or a note about the writing.
    """

    engine: Engine
    verify: Verify
    collection: str
    generator: str = "vllm"

    @property
    def model(self) -> str:
        """Name the model."""
        return self.engine.here().model

    @property
    def follow_up(self) -> Writing:
        """Give the model that rewrites follow-up questions, in a place of its own."""
        return self.engine.brief

    def admit(self) -> None:
        """Turn a question down while too many wait. Raises Overloaded."""
        self.engine.admit()

    async def __call__(self, question: Question, found: Retrieval) -> AsyncGenerator[Part, None]:
        """Write the parts of an answer. Raises EngineFailed."""
        options = self.verify.options
        salt = self.engine.salt(self.collection, question.where)
        asked = found.asked
        prompt = self.engine.ground(asked.text, asked.language, found.passages, salt)
        if not prompt.passages:
            return
        page = _Page(
            prompt=prompt,
            question=asked.text,
            verify=replace(self.verify, idf=cache(found.idf)),
            show=(question.send or options.send) == "show",
            failed=options.failed,
            growing=Growing(known=prompt.user),
        )
        async with self.engine.place() as within:
            async with aclosing(self._said(prompt, page, within)) as sentences:
                async for said in sentences:
                    for part in await _apart(page.take, said):
                        yield part
            for statement in page.rejected if page.repairs else ():
                if mended := await self._repair(prompt, page, statement):
                    yield mended
        for part in page.close():
            yield part

    async def _said(
        self, prompt: Prompt, page: "_Page", within: float | None
    ) -> AsyncGenerator[Said, None]:
        kind = Structured if prompt.schema is not None else Marked
        read, turns, sentences = kind(len(prompt.passages), growing=page.show), Turns(), 0
        async with aclosing(self.engine.here()(prompt, within=within)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Finish):
                    page.cut = piece.reason == "length"
                    continue
                for at in range(0, len(piece), STEP):
                    for said in read.feed(piece[at : at + STEP]):
                        yield _bounded(said)
                        sentences += said.whole
                        if sentences >= max(MOST_SENTENCES, 4 * self.engine.options.sentences):
                            page.cut = True
                            return
                    await turns.yield_turn()
        if page.cut:
            return
        if not read.ended:
            raise EngineFailed("garbage", "The language model's JSON has no end.")
        for said in read.end():
            yield _bounded(said)

    async def _repair(self, prompt: Prompt, page: "_Page", failed: Statement) -> Statement | None:
        """Ask the model once to write a sentence anew; None if that fails too."""
        asked = prompts.again(prompt.user, failed.text, prompt.language)
        one = prompts.schema(len(prompt.passages), sentences=1, characters=LONGEST)
        again = replace(prompt, user=asked, schema=one if prompt.schema else None)
        quiet = replace(page, show=False, rejected=[])
        try:
            async with aclosing(self._said(again, quiet, None)) as sentences:
                async for said in sentences:
                    statement = await _apart(quiet.check, said)
                    if statement and statement.standing in CARRIED:
                        page.withheld -= 1
                        page.told += 1
                        return statement
        except EngineFailed as error:  # the sentences that passed are an answer without it
            log.warning("not repaired", extra={"code": error.reason, "reason": str(error)})
        return None


def _bounded(said: Said) -> Said:
    if len(said.text) > LONGEST_SENTENCE:
        raise EngineFailed("garbage", "The language model's sentence has no end.")
    return said


async def _apart(work: Callable[[Said], _T], said: Said) -> _T:
    """Check a whole sentence in a thread, some 10 ms; what only grows is cleaned at once."""
    return await run_in_thread(work, said) if said.whole else work(said)


@dataclass(slots=True, kw_only=True)
class _Page:
    """An answer while it is written.

    growing: the sentence that is shown while it is written. ahead: sentences that claim nothing,
    and wait for one that does: alone they are no answer.
    """

    prompt: Prompt
    question: str
    verify: Verify
    show: bool
    failed: str
    growing: Growing = field(default_factory=Growing)
    told: int = 0
    withheld: int = 0
    cut: bool = False
    rejected: list[Statement] = field(default_factory=list)
    kept: list[Statement] = field(default_factory=list)
    ahead: list[Statement] = field(default_factory=list)

    @property
    def repairs(self) -> bool:
        return self.failed == "repair" and not self.show

    @property
    def known(self) -> str:
        return self.prompt.user

    def take(self, said: Said) -> list[Part]:
        """Take a sentence, or its beginning, and give what is to be told of it."""
        if not said.whole:
            new = self.growing.grow(said.text)
            return [new] if new else []
        statement = self.check(said)
        if statement is None:
            self.growing = Growing(known=self.known)
            return []
        parts: list[Part] = []
        if self.show and (rest := statement.text[len(self.growing.text) :]):
            parts.append(rest)
        self.growing = Growing(known=self.known)
        if statement.standing is Standing.NO_CLAIM and not self.show:
            self.ahead += [statement] * has_words(statement.text)
            return []
        if statement.standing is not Standing.UNSUPPORTED or self.show or self.failed == "keep":
            if self.failed == "refuse" and not self.show:
                self.kept += [*self.ahead, statement]
                self.ahead.clear()
                return []
            parts += [*self.ahead, statement]
            self.ahead.clear()
            self.told += 1
            return parts
        self.withheld += 1
        self.rejected.append(statement)
        return []

    def check(self, said: Said) -> Statement | None:
        """Clean and check a sentence; None if nothing is left of it."""
        text = plain(said.text, self.known).strip()
        if not text:
            return None
        cited = [self.prompt.passages[n - 1] for n in said.citations]
        return self.verify(text, cited, self.question)

    def close(self) -> list[Part]:
        """Give what was kept to the end, and what is to be noted."""
        parts: list[Part] = []
        if not self.rejected:
            parts += self.kept
            self.told += len(self.kept)
        else:
            self.withheld += len(self.kept)
        if self.withheld and not self.told:
            return [*parts, Noted("unsupported", self.withheld)]
        reason = "cut_off" if self.cut else ""
        return [*parts, Noted(reason, self.withheld)] if reason or self.withheld else parts
