"""A desk for code that blocks: an OpenDesk on an event loop of its own, in a thread."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from typing import Any, Self, TypeVar, Unpack

from ragdesk.answering.answer import Answer, AnswerEvent, RankedPassage
from ragdesk.desk_face import CLOSED_MESSAGE, DocumentScope, OpenDesk, QuestionOptions
from ragdesk.errors import WrongState

T = TypeVar("T")


class BlockingDesk:
    """A collection that is open for questions, whose calls return when they are answered.

    Threads may share it: their questions are answered side by side.
    """

    def __init__(self, open_desk: Callable[[], Awaitable[OpenDesk]]) -> None:
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, name="ragdesk-desk", daemon=True)
        self._thread.start()
        self._loop = self._started.result()
        try:
            self._desk = self._call(_await(open_desk))
        except BaseException:
            self._end_loop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def collection(self) -> str:
        """Return the name of the collection."""
        return self._desk.collection

    @property
    def generation(self) -> int:
        """Return the generation that answers: the newest one when the desk was opened."""
        return self._desk.generation

    def ask(self, question: str, **options: Unpack[QuestionOptions]) -> Answer:
        """Answer a question, as ``OpenDesk.ask`` does."""
        return self._call(self._desk.ask(question, **options))

    def search(
        self, query: str, *, top_k: int = 8, **scope: Unpack[DocumentScope]
    ) -> tuple[RankedPassage, ...]:
        """Find passages, as ``OpenDesk.search`` does."""
        return self._call(self._desk.search(query, top_k=top_k, **scope))

    def stream(
        self, question: str, **options: Unpack[QuestionOptions]
    ) -> Generator[AnswerEvent, None, None]:
        """Yield the events of an answer as they happen, as ``OpenDesk.stream`` does."""
        events: queue.SimpleQueue[AnswerEvent | None] = queue.SimpleQueue()

        async def pass_events_on() -> None:  # one task for all of them, as a model's timeouts want
            try:
                async with aclosing(self._desk.stream(question, **options)) as stream:
                    async for event in stream:
                        events.put(event)
            finally:
                events.put(None)

        passing = self._start(pass_events_on())
        try:
            while (event := events.get()) is not None:
                yield event
            self._wait(passing)
        finally:
            passing.cancel()

    def close(self) -> None:
        """Wait for what is being answered, and close the files; again is harmless."""
        if not self._loop.is_closed():
            try:
                self._call(self._desk.close())
            finally:
                self._end_loop()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            self._stopped = asyncio.Event()
            self._started.set_result(loop)
            runner.run(_wait_for(self._stopped))

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def _start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._loop.is_closed():
            work.close()
            raise WrongState(CLOSED_MESSAGE)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._wait(self._start(work))

    def _wait(self, future: Future[T]) -> T:
        try:
            return future.result()
        except CancelledError as error:  # the loop was ended meanwhile
            raise WrongState(CLOSED_MESSAGE) from error
        except BaseException:  # such as Ctrl-C: nobody waits for it any more
            future.cancel()
            raise


async def _await(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()
