"""The messages of all channels on their way: taken, answered in the background, and sent.

What was acknowledged is in the database first. A server that stops gives back what it had not
answered; what a killed one held is answered once its lease ends, by whichever server is up.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Final

from indexes.errors import IndexesError
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import DeliveryFailed, HomeUnusable, RagdeskError, error_status
from ragdesk.request_context import RequestContext, Tracer, enter_request, trace_step
from ragdesk.support.chat_channels.chat_message import ChatMessage, ChatReply, ChatSystem
from ragdesk.support.chat_channels.chat_options import ChatOptions
from ragdesk.support.chat_channels.chat_store import ChatLetter, ChatStore
from ragdesk.support.chat_channels.chat_systems import make_chat_systems
from ragdesk.web.channels.chat_answers import (
    ChannelThreads,
    answer_message,
    guess_chat_language,
)
from ragdesk.web.server_state import ServerState

ANSWERERS: Final = 2  # messages that are answered at a time: a chat takes no place of all others
CHAT_LOOK_SECONDS: Final = 2.0  # after which the database is looked at for what others queued
CHAT_ANSWER_SECONDS: Final = 120.0  # that an answer may take, less than a lease
PRUNE_SECONDS: Final = 3_600.0
AT_ONCE_SECONDS: Final = 4.0  # of the five that Teams waits
LATE_TEXTS: Final[Mapping[str, str]] = {
    "en": "This takes longer than Teams waits. Ask again, in fewer words, or ask the desk itself.",
    "zh": "回答所需时间超过了 Teams 的等待时间。请换个更简短的问法再试一次。",
}
log = logging.getLogger("ragdesk.web")


class ChatDesk:
    """The channels of one server. Used in its event loop. tracer: of what they are answered."""

    def __init__(
        self,
        state: ServerState,
        channels: Mapping[str, ChatOptions],
        store: ChatStore,
        tracer: Tracer | None = None,
    ) -> None:
        self.store = store
        self._state = state
        self._tracer = tracer
        self._systems = make_chat_systems(channels)
        self._threads = {
            name: ChannelThreads(
                channel=name, options=options, store=store, conversations=state.conversations
            )
            for name, options in channels.items()
        }
        self._news = asyncio.Event()
        self._stopping = False
        self._pruned = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    def find_system(self, channel: str) -> ChatSystem | None:
        """Return what a channel speaks with; None for a name that the settings do not name."""
        return self._systems.get(channel)

    def start(self) -> None:
        """Begin to answer, if there is any channel."""
        if self._systems:
            self._tasks = [asyncio.create_task(self._run()) for _ in range(ANSWERERS)]

    async def close(self, seconds: float) -> None:
        """End what is being answered, for so many seconds at most; the rest is given back."""
        self._stopping = True
        self._news.set()
        if not self._tasks:
            return
        await asyncio.wait(self._tasks, timeout=max(1.0, seconds))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def take(self, channel: str, message: ChatMessage) -> None:
        """Keep a message, to be answered soon. One that came before changes nothing.

        Raises Overloaded, HomeUnusable: then it was not acknowledged, and comes again.
        """
        if await run_in_thread(self.store.take, channel, message):
            self._news.set()

    async def answer_at_once(self, channel: str, message: ChatMessage) -> ChatReply | None:
        """Answer a message for a response that waits; None for one that was answered before.

        One whose answer fails may come again. Raises what its collection or model says.
        """
        is_new = await asyncio.to_thread(
            lambda: self.store.take(channel, message, is_answered=True)
        )
        if not is_new:
            return None
        try:
            async with asyncio.timeout(AT_ONCE_SECONDS):
                return await answer_message(self._state, self._threads[channel], message)
        except TimeoutError:
            language = guess_chat_language(message.text)
            return ChatReply(text=LATE_TEXTS[language], language=language)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self.store.forget, channel, message))
            raise

    async def _run(self) -> None:
        while not self._stopping:
            self._news.clear()
            try:
                while not self._stopping and await self._answer_next():
                    pass
                await self._look_around()
            except HomeUnusable as error:
                fields = {"reason": str(error), "repeats": "channels"}
                log.warning("messages of channels wait for the database", extra=fields)
            except Exception:  # the next look may do better
                log.exception("messages of channels could not be answered")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHAT_LOOK_SECONDS):
                    await self._news.wait()

    async def _look_around(self) -> None:
        """Queue what people of the house wrote, and forget what is old."""
        names = [name for name, system in self._systems.items() if not system.answers_at_once]
        if await run_in_thread(self.store.collect_replies, names):
            self._news.set()
        if time.monotonic() - self._pruned > PRUNE_SECONDS:
            self._pruned = time.monotonic()
            await run_in_thread(self.store.prune)

    async def _answer_next(self) -> bool:
        """Answer and send the next message that is due; False where none is."""
        letter = await run_in_thread(self.store.claim)
        if letter is None:
            return False
        # The same id over all its tries: the request that brought it is over.
        context = RequestContext(id=f"chat-{letter.name[:16]}", tracer=self._tracer)
        with enter_request(context), trace_step("channel", "server"):
            await self._try_letter(letter)
        return True

    async def _try_letter(self, letter: ChatLetter) -> None:
        try:
            await self._process(letter)
        except asyncio.CancelledError:
            self.store.release(letter)
            raise
        except (RagdeskError, IndexesError, TimeoutError) as error:
            await self._note_failure(letter, error)
        except Exception as error:  # a message that nobody foresaw stops no other one
            log.exception("a message of a channel failed", extra={"repeats": letter.channel})
            await self._note_failure(letter, error)

    async def _note_failure(self, letter: ChatLetter, error: Exception) -> None:
        # Messages of ours name no word of a chat; what others say may.
        reason = str(error) if isinstance(error, DeliveryFailed) else error_status(error).code
        wait = error.retry_after if isinstance(error, DeliveryFailed) else 0.0
        again = await run_in_thread(self.store.note_failure, letter, reason, wait)
        fields = {"channel": letter.channel, "reason": reason, "again": again}
        log.warning("a message was not answered", extra={**fields, "repeats": letter.channel})

    async def _process(self, letter: ChatLetter) -> None:
        system, threads = self._systems.get(letter.channel), self._threads.get(letter.channel)
        if system is None or threads is None:
            raise DeliveryFailed(f"The settings name no channel {letter.channel!r} any more.")
        reply = letter.reply
        if reply is None:
            if letter.message is None:
                raise AssertionError("a message or a reply is kept")
            async with asyncio.timeout(CHAT_ANSWER_SECONDS):
                reply = await answer_message(self._state, threads, letter.message)
            await run_in_thread(self.store.store_reply, letter, reply)
        await run_in_thread(system.send, letter.address, reply, letter.name)
        await run_in_thread(self.store.note_sent, letter)
