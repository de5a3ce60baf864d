"""The connections of a server: how many there are, and which one makes room for another.

A connection costs a file handle, so there are fewer than the process may open. A request takes a
slot only while it is being answered, not while its body arrives or its answer is read, which both
take as long as the client likes. Where all connections are taken, the longest idle one is closed.
"""

import asyncio
import logging
import resource
import time
from collections import Counter, OrderedDict
from typing import Protocol

from ragdesk.web.request_slots import STALL_SECONDS
from ragdesk.web.serve_options import ServeOptions

RESERVED_HANDLES = 256  # handles kept for files, or half of a small limit
CHECK_SECONDS = 0.5  # seconds between two looks at what the clients read
SLOWEST = 65_536  # bytes a second that a body must keep up, after a start
LONGEST_STALL_SECONDS = 5.0  # the same for a half-read answer while the server is about to end
REFUSALS_A_SECOND = 50.0  # requests without a valid key that are served a second; more of them wait
REFUSAL_BURST = 300
KEYLESS_PAUSE = 1.0  # seconds that a connection without a key rests once these are spent
log = logging.getLogger("ragdesk.web")


class Peer(Protocol):
    """A connection as this module needs it: its client's progress, and a way to end it."""

    trusted: bool
    owner: str

    def stalled_seconds(self) -> float:
        """Seconds for which the client has read nothing of what waits for it."""

    def owed_seconds(self) -> float:
        """Seconds for which the client has sent nothing of the body that it owes."""

    def arrival(self) -> tuple[float, int] | None:
        """Seconds since a body is on its way, and the bytes that came; None if all is there."""

    def measure_progress(self) -> None:
        """Note how far the client has read."""

    def hang_up(self) -> None:
        """End it now, whatever has not been sent."""


def connection_ceiling(max_connections: int, handles: int | None = None) -> int:
    """Return how many connections fit: ``max_connections``, or by the limit of open files.

    >>> [connection_ceiling(2_000, handles=n) for n in (1_024, 256, 64)]
    [768, 128, 32]
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if handles is None else handles
    if limit == resource.RLIM_INFINITY:
        return max_connections
    return max(1, min(max_connections, max(limit - RESERVED_HANDLES, limit // 2)))


class RateLimit:
    """A rate limit: so many turns a second after a burst; the next ones wait."""

    def __init__(self, rate: float = REFUSALS_A_SECOND, burst: int = REFUSAL_BURST) -> None:
        self.interval = 1 / rate
        self._burst_seconds = (burst - 1) / rate
        self._due = 0.0

    def take_turn(self, longest: float = 0.0) -> float | None:
        """Take the next turn; return the seconds until it comes, None where that is too long."""
        now = time.monotonic()
        due = max(self._due + self.interval, now - self._burst_seconds)
        if due - now > longest:
            return None
        self._due = due
        return max(0.0, due - now)

    def is_spent(self) -> bool:
        """Tell whether the next one would have to wait."""
        return self._due + self.interval > time.monotonic()


class Connections:
    """All connections of a server. At its ceiling, the longest idle one makes room."""

    def __init__(self, options: ServeOptions) -> None:
        self.options = options
        self.pace = RateLimit()
        self.refused = 0
        self.ceiling = 0
        self.draining = False
        self._strangers = RateLimit()
        self._all: set[Peer] = set()
        self._idle: dict[bool, OrderedDict[Peer, None]] = {
            False: OrderedDict(),
            True: OrderedDict(),
        }
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._all)

    def register(self, peer: Peer) -> bool:
        """Add a connection; False where there is no room and nobody idles."""
        if not self.ceiling:  # only now: the limit of open files is raised at the start
            self.ceiling = connection_ceiling(self.options.max_connections)
        if len(self._all) >= self.ceiling and not self._make_room():
            self.refused += 1
            return False
        self._all.add(peer)
        self.mark_idle(peer)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_peers)
        return True

    def mark_idle(self, peer: Peer) -> None:
        """Note that a connection has no request under way."""
        if peer in self._all:
            self.mark_busy(peer)
            self._idle[peer.trusted][peer] = None

    def mark_busy(self, peer: Peer) -> None:
        """Note that a request came."""
        for queue in self._idle.values():
            queue.pop(peer, None)

    def forget(self, peer: Peer) -> None:
        """Forget a connection that ended."""
        if peer in self._all and not peer.trusted:
            self._strangers.take_turn()
        self._all.discard(peer)
        self.mark_busy(peer)

    def is_crowded(self) -> bool:
        """Tell whether so many came and went without a key that the next ones have to wait."""
        return self._strangers.is_spent()

    def free_stalled(self) -> bool:
        """Hang up on the client that has been reading nothing for longest; False if all read."""
        worst = max(self._all, key=lambda peer: peer.stalled_seconds(), default=None)
        if worst is None or worst.stalled_seconds() < STALL_SECONDS:
            return False
        worst.hang_up()
        return True

    def _make_room(self) -> bool:
        for trusted in (False, True):  # who showed a key before is the last to go
            if queue := self._idle[trusted]:
                peer = next(iter(queue))
                self.forget(peer)
                peer.hang_up()
                return True
        if (slowest := self._slowest_sender()) is not None:
            self.forget(slowest)
            slowest.hang_up()
            return True
        return self.free_stalled()

    def _slowest_sender(self) -> Peer | None:
        """Find the body that comes too slowly, if there is one.

        Each has a moment to begin, but for those of a key that takes more than half of all
        connections: it could fill them with beginners for good.
        """
        owners = Counter(peer.owner for peer in self._all if peer.owner)
        greedy = {name for name, count in owners.items() if 2 * count > self.ceiling}
        slowest, least = None, float(SLOWEST)
        for peer in self._all:
            arrival = peer.arrival()
            if arrival is None or (arrival[0] < STALL_SECONDS and peer.owner not in greedy):
                continue
            rate = arrival[1] / max(arrival[0], STALL_SECONDS)
            if rate < least:
                slowest, least = peer, rate
        return slowest

    def _check_peers(self) -> None:
        self._timer = None
        longest = self.options.write_seconds
        if self.draining:
            longest = min(longest, LONGEST_STALL_SECONDS)
        for peer in [*self._all]:
            peer.measure_progress()
            if peer.stalled_seconds() > longest or (
                self.draining and peer.owed_seconds() > STALL_SECONDS
            ):
                peer.hang_up()
        if self._all:
            self._timer = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_peers)
