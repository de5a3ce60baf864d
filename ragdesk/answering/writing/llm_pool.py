"""Choose among several servers of one language model, by what they have read; rest the broken.

A server keeps what it has read (its prefix cache), so whatever begins alike is best asked of the
same one: which, rendezvous hashing says, so that one that comes or goes moves its own share alone.
It is asked while it has not much more to do than the others (bounded load), else the next one.

A breaker per address: after some failures in a row it is left alone, and asked for its health
until it answers again. Nobody waits for an address that is known to be broken.
"""

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ragdesk.errors import EngineFailed

# How much more than the mean one server may have to do for the sake of what it has read: the bound
# of "Consistent Hashing with Bounded Loads" (Mirrokni, Thorup, Zadimoghaddam 2018) at c = 1.25.
LOAD_BOUND = 1.25
HealthProbe = Callable[[str], Awaitable[bool]]


@dataclass(slots=True)
class LlmServer:
    """A language model's address, its active requests, and its failures in a row.

    paused_until: it asked to be left alone so long, on the monotonic clock.
    """

    url: str
    active: int = 0
    failures: int = 0
    resting: bool = False
    since: float = field(default_factory=time.monotonic)
    paused_until: float = 0.0

    @property
    def pause_seconds(self) -> float:
        """Return the seconds for which it still asks to be paused; 0.0 for none."""
        return max(0.0, self.paused_until - time.monotonic())

    def pause(self, seconds: float) -> None:
        """Pause it for some seconds, as it asked: it is healthy, and full."""
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)

    @contextmanager
    def track_request(self) -> Iterator[None]:
        """Count one more answer while it is written."""
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


class LlmPool:
    """Chooses, and remembers who failed. Belongs to one event loop."""

    def __init__(self, urls: Sequence[str], *, trips: int, rest: float, probe: HealthProbe) -> None:
        """Take the addresses. After ``trips`` failures one is probed every ``rest`` seconds."""
        self.servers = [LlmServer(url.rstrip("/")) for url in urls]
        self._trips, self._rest, self._probe = trips, rest, probe
        self._health_tasks: set[asyncio.Task[None]] = set()

    def choose_server(self, avoid: Collection[str] = (), affinity: str = "") -> LlmServer:
        """Return the address to ask: the one that has read the beginning, or the least busy.

        affinity: names what a prompt begins with; empty where that is nobody else's. One of
        ``avoid`` only if no other is up. One that asked to be left alone comes after those that did
        not: see ``LlmServer.pause``.
        """
        available = [server for server in self.servers if not server.resting]
        if not available:
            raise EngineFailed("resting", "No language model answers; they are being watched.")
        most = math.ceil(LOAD_BOUND * (sum(s.active for s in available) + 1) / len(available))
        rank = rank_servers([server.url for server in available], affinity)
        return min(
            available,
            key=lambda replica: (
                replica.url in avoid,
                replica.pause_seconds,
                *((replica.active >= most, rank[replica.url]) if affinity else ()),
                replica.active,
                replica.since,
            ),
        )

    def note_success(self, server: LlmServer) -> None:
        """Note that an answer was written."""
        server.failures = 0
        server.since = time.monotonic()

    def note_failure(self, server: LlmServer) -> None:
        """Note a failure; after too many, let the address rest until its health is good."""
        server.failures += 1
        server.since = time.monotonic()
        if server.failures >= self._trips and not server.resting:
            server.resting = True
            task = asyncio.get_running_loop().create_task(self._watch_health(server))
            self._health_tasks.add(task)
            task.add_done_callback(self._health_tasks.discard)

    async def _watch_health(self, server: LlmServer) -> None:
        while server.resting:
            await asyncio.sleep(self._rest)
            if await self._probe(server.url):
                server.resting, server.failures = False, self._trips - 1

    async def close(self) -> None:
        """Stop watching."""
        for nurse in tuple(self._health_tasks):
            nurse.cancel()
        await asyncio.gather(*self._health_tasks, return_exceptions=True)


def rank_servers(urls: Sequence[str], affinity: str) -> dict[str, int]:
    """Rank addresses for what a prompt begins with, 0 first: the same in every process.

    >>> ranks = rank_servers(["http://a/v1", "http://b/v1", "http://c/v1"], "talk")
    >>> without = rank_servers([url for url, rank in ranks.items() if rank], "talk")
    >>> [rank for rank in sorted(without.values())], sorted(ranks.values())
    ([0, 1], [0, 1, 2])
    """
    weights = {url: hashlib.blake2b(f"{affinity}\x1f{url}".encode()).digest() for url in urls}
    return {url: n for n, url in enumerate(sorted(urls, key=lambda url: weights[url]))}
