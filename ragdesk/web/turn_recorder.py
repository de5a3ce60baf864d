"""Keep the turns of conversations, in the background of the answers.

An answer waits for no database: its turn is written once it was sent. What reads a conversation
waits for the turns of it that are still being written, and so does a server that stops.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from indexes.embedding.embedder import Embedder
from indexes.errors import IndexesError
from indexes.index import Index
from ragdesk.answering.answer import Answer
from ragdesk.errors import NotFound, RagdeskError, WrongState
from ragdesk.metrics import Metrics
from ragdesk.open_collection import OpenCollection
from ragdesk.request_context import run_in_pool
from ragdesk.support.conversations.conversation import Conversation, ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.kept_answer import keep_answer
from ragdesk.support.conversations.turn_redaction import (
    RedactText,
    keep_text,
    list_replacements,
    redact_answer,
    redact_lookups,
)
from ragdesk.web.open_collections import OpenCollections

MOST_PENDING: Final = 1_000  # turns that wait for the database; more are dropped, and counted
SETTLE_SECONDS: Final = 2.0  # seconds that a reader waits for a database that does not answer
AFTER_ANSWER: Final = 0.01
WRITERS: Final = 2  # threads: SQLite takes one writer at a time
ClassifyTurn = Callable[[str, Embedder | None], Mapping[str, Any]]
"""A question and its collection's embedder in; the columns intent, sentiment and in_scope out."""
log = logging.getLogger("ragdesk.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnHooks:
    """What is done to a turn before it is kept. redact: its personal data taken out.

    classify: says what a question is about; what goes wrong then is logged, and the turn is kept.
    on_kept: called with each turn that was kept, in a thread.
    """

    redact: RedactText = keep_text
    classify: ClassifyTurn | None = None
    on_kept: Callable[[ConversationTurn], None] | None = None


class TurnRecorder:
    """Writes turns in the background, those of one conversation one after the other."""

    def __init__(
        self,
        store: ConversationStore,
        collections: OpenCollections,
        metrics: Metrics,
        hooks: TurnHooks | None = None,
    ) -> None:
        self._store = store
        self._collections = collections
        self._metrics = metrics
        self._hooks = hooks or TurnHooks()
        self._threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="turns")
        self._pending: dict[str, asyncio.Task[None]] = {}  # the last task of each conversation
        self._count = 0

    def record(self, conversation: Conversation, question: str, answer: Answer) -> None:
        """Keep a turn soon. What goes wrong then is logged and counted, and breaks no answer."""
        if self._count >= MOST_PENDING:
            log.error("a turn was not kept: too many wait for the database")
            self._metrics.turns.labels(result="dropped").inc()
            return
        former = self._pending.get(conversation.id)
        work = self._keep(conversation, question, answer, former)
        task = asyncio.create_task(work, name=conversation.person)
        self._pending[conversation.id] = task
        self._count += 1
        task.add_done_callback(lambda done: self._forget(conversation.id, done))

    async def settle(self, conversation: str) -> None:
        """Wait for the turns of a conversation that are being written, as long as is bearable."""
        if (task := self._pending.get(conversation)) is not None:
            await asyncio.wait({task}, timeout=SETTLE_SECONDS)

    async def settle_person(self, person: str) -> None:
        """Wait for the turns of all conversations of a person that are being written."""
        if tasks := [task for task in self._pending.values() if task.get_name() == person]:
            await asyncio.wait(tasks, timeout=SETTLE_SECONDS)

    def redact(self, text: str) -> str:
        """Return a text as it may be kept."""
        return self._hooks.redact(text).text

    async def settle_all(self) -> None:
        """Wait for every turn that is being written."""
        while self._pending:
            await asyncio.wait(set(self._pending.values()))

    async def close(self, seconds: float) -> None:
        """Write what waits, for so many seconds at most, and end the threads."""
        if self._pending:
            await asyncio.wait({asyncio.create_task(self.settle_all())}, timeout=max(1.0, seconds))
        if self._count:
            log.error("turns were not kept: the database took too long", extra={"n": self._count})
            self._metrics.turns.labels(result="dropped").inc(self._count)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, conversation: str, done: "asyncio.Task[None]") -> None:
        self._count -= 1
        if self._pending.get(conversation) is done:
            del self._pending[conversation]

    async def _keep(
        self,
        conversation: Conversation,
        question: str,
        answer: Answer,
        former: "asyncio.Task[None] | None",
    ) -> None:
        if former is not None:
            await asyncio.wait({former})
        await asyncio.sleep(AFTER_ANSWER)  # its last bytes leave first
        try:
            try:
                async with self._collections.use_collection(answer.collection) as opened:
                    await self._run(self._write, conversation, question, answer, opened)
            except NotFound:  # the collection was removed meanwhile
                await self._run(self._write, conversation, question, answer, None)
            self._metrics.turns.labels(result="kept").inc()
        except NotFound:
            self._metrics.turns.labels(result="deleted").inc()  # with its conversation
        except WrongState:  # an earlier request of the same key kept its own, late
            log.warning("a turn is kept once", extra={"repeats": "turn"})
            self._metrics.turns.labels(result="dropped").inc()
        except RagdeskError as error:  # no traceback: a driver's own words may hold the row
            log.error("a turn was not kept", extra={"reason": str(error), "repeats": "turn"})  # noqa: TRY400
            self._metrics.turns.labels(result="failed").inc()
        except Exception:
            log.exception("a turn was not kept", extra={"repeats": "turn"})
            self._metrics.turns.labels(result="failed").inc()

    async def _run(self, work: Callable[..., None], *args: Any) -> None:
        # Not given up halfway: the collection stays open as long as the thread reads it.
        await asyncio.shield(run_in_pool(self._threads, work, *args))

    def _write(
        self,
        conversation: Conversation,
        question: str,
        answer: Answer,
        opened: OpenCollection | None,
    ) -> None:
        clean_answer = _keep_with_context(answer, opened)
        redaction = self._hooks.redact(question)
        replacements = list_replacements(question, redaction)
        clean_answer = redact_lookups(clean_answer, replacements, self._hooks.redact)
        clean_answer = redact_answer(clean_answer, replacements)
        turn = ConversationTurn(
            id=answer.id,
            conversation=conversation.id,
            collection=answer.collection,
            question=redaction.text,
            answer=clean_answer,
            outcome=str(answer.outcome),
            reason=str(answer.reason) if answer.reason else None,
            language=answer.language,
            generation=answer.generation,
            generator=answer.generator,
            confidence=answer.confidence,
            seconds=answer.seconds.get("total"),
        )
        turn = replace(turn, **self._classify(question, opened))
        turn = self._store.append_turn(turn)
        if self._hooks.on_kept is not None:
            self._hooks.on_kept(turn)

    def _classify(self, question: str, opened: OpenCollection | None) -> Mapping[str, Any]:
        if self._hooks.classify is None:
            return {}
        try:
            return self._hooks.classify(question, opened.retrieve.embedder if opened else None)
        except (IndexesError, RagdeskError, OSError) as error:
            log.warning("not classified", extra={"reason": str(error), "repeats": "classify"})
            return {}


def _keep_with_context(answer: Answer, opened: OpenCollection | None) -> dict[str, Any]:
    """Return an answer as it is kept, with what its own generation says around its quotes."""
    if opened is None:
        return keep_answer(answer, None)
    if opened.index.generation == answer.generation:
        return keep_answer(answer, opened.index)
    try:
        with opened.open_generation(answer.generation) as older:
            index: Index = older
            return keep_answer(answer, index)
    except NotFound:  # cleared already: its passages give the context
        return keep_answer(answer, None)
