"""Bound the requests and the bodies on their way that the server holds at a time.

Where all room is taken, clients that stall lose theirs.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ragdesk.errors import Overloaded

STALL_SECONDS = 2.0  # seconds without progress after which a client may be hung up on for others


@dataclass(eq=False, slots=True)
class BodyArrival:
    """A body on its way: when it began, how much came, and the clock that ends it."""

    clock: asyncio.Timeout
    started: float = field(default_factory=time.monotonic)
    size: int = 0
    is_over: bool = False

    def note_size(self, size: int, *, until: float) -> None:
        """Note how much came, and until when the rest may; after making room, no time is left."""
        self.size = size
        if not self.is_over:
            self.clock.reschedule(until)

    def rate(self, now: float) -> float:
        """Bytes a second so far."""
        return self.size / max(now - self.started, 1e-6)


class BodyArrivals:
    """Bodies on their way, so many at most: the slowest makes room for the next."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._all = set[BodyArrival]()

    @contextmanager
    def track(self, clock: asyncio.Timeout) -> Iterator[BodyArrival]:
        """Count a body while it arrives. Raises Overloaded where all others are quick."""
        if len(self._all) >= self._limit:
            now = time.monotonic()
            slow = [other for other in self._all if now - other.started >= STALL_SECONDS]
            if not slow:
                raise Overloaded("Too many bodies are on their way. Come again soon.")
            slowest = min(slow, key=lambda arrival: arrival.rate(now))
            self._all.discard(slowest)
            slowest.is_over = True
            slowest.clock.reschedule(asyncio.get_running_loop().time())
        this_arrival = BodyArrival(clock)
        self._all.add(this_arrival)
        try:
            yield this_arrival
        finally:
            self._all.discard(this_arrival)


class RequestSlots:
    """Requests that are being answered, so many at most."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running = 0


@dataclass(eq=False, slots=True)
class SlotLease:
    """The slot of one request: taken once its body has arrived, given back at its end.

    places: all slots. peer: the connection it came over, where that is known.
    """

    places: RequestSlots
    peer: Any = None
    is_taken: bool = False

    def take(self) -> None:
        """Take a place. Raises Overloaded where there is none."""
        places = self.places
        if self.is_taken:
            return
        if places.running >= places.limit and not (self.peer and self.peer.ledger.free_stalled()):
            raise Overloaded("Every place is taken. Come again soon.")
        places.running += 1
        self.is_taken = True

    def give_back(self) -> None:
        """Free the place, if one was taken."""
        self.places.running -= self.is_taken
        self.is_taken = False
