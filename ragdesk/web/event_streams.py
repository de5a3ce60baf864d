"""The open event streams of a server: who follows which conversation, so many at most."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from ragdesk.errors import Overloaded

STREAMS_OF_PERSON: Final = 8  # tabs of a page; agents follow one conversation at a time
MOST_STREAMS: Final = 1_000


class EventStreams:
    """Wakes whoever follows a conversation. Used in the event loop of one server."""

    def __init__(self) -> None:
        self.is_ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._followers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._open: Counter[str] = Counter()

    def start(self) -> None:
        """Note the running loop, in which followers are woken."""
        self._loop = asyncio.get_running_loop()

    def notify(self, conversation: str | None) -> None:
        """Wake who follows a conversation, from any thread; None wakes all."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.wake, conversation)

    @contextlib.contextmanager
    def follow(self, conversation: str, person: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at each change of a conversation. Raises Overloaded."""
        if self._open[person] >= STREAMS_OF_PERSON or self._open.total() >= MOST_STREAMS:
            raise Overloaded("Too many streams of events are open. Close one, or come again soon.")
        changed = asyncio.Event()
        self._open[person] += 1
        self._followers[conversation].add(changed)
        try:
            yield changed
        finally:
            self._open[person] -= 1
            self._open += Counter()  # without those that have none
            self._followers[conversation].discard(changed)
            if not self._followers[conversation]:
                del self._followers[conversation]

    def wake(self, conversation: str | None) -> None:
        """Wake who follows a conversation; None wakes all."""
        if conversation is not None and conversation not in self._followers:
            return
        names = [conversation] if conversation is not None else list(self._followers)
        for name in names:
            for changed in self._followers[name]:
                changed.set()

    def end(self) -> None:
        """End all streams: their pages come again, to another server or to this one anew."""
        self.is_ended = True
        self.wake(None)
