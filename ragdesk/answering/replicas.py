"""Several addresses of one engine: the one with least to do is asked, a broken one rests.

A breaker per address: after some failures in a row it is left alone, and asked for its health
until it answers again. Nobody waits for an address that is known to be broken.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from ragdesk.errors import EngineFailed

LONGEST_HEADER = 64  # characters of a Retry-After; a date has 29
LONGEST_WAIT = 60.0  # seconds: who asks for more is taken at no word, as OpenAI's clients do
Probe = Callable[[str], Awaitable[bool]]


@dataclass(slots=True)
class Replica:
    """An address, how much it is doing, and how often it failed in a row.

    until: it asked to be left alone so long, on the monotonic clock.
    """

    url: str
    doing: int = 0
    failures: int = 0
    resting: bool = False
    since: float = field(default_factory=time.monotonic)
    until: float = 0.0

    @property
    def wait(self) -> float:
        """Give the seconds it still asks to be left alone; 0.0 for none."""
        return max(0.0, self.until - time.monotonic())

    def leave(self, seconds: float) -> None:
        """Leave it alone for some seconds, as it asked: it is well, and full."""
        self.until = max(self.until, time.monotonic() + seconds)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count one more answer while it is written."""
        self.doing += 1
        try:
            yield
        finally:
            self.doing -= 1


class Replicas:
    """Chooses, and remembers who failed. Belongs to one event loop."""

    def __init__(self, urls: Sequence[str], *, trips: int, rest: float, probe: Probe) -> None:
        """Take the addresses. After ``trips`` failures one is probed every ``rest`` seconds."""
        self.all = [Replica(url.rstrip("/")) for url in urls]
        self._trips, self._rest, self._probe = trips, rest, probe
        self._nurses: set[asyncio.Task[None]] = set()

    def choose(self, avoid: Collection[str] = ()) -> Replica:
        """Give the address that does least; one of ``avoid`` only if no other is up.

        One that asked to be left alone comes after those that did not: see ``Replica.wait``.
        """
        up = [one for one in self.all if not one.resting]
        if not up:
            raise EngineFailed("resting", "No language model answers; they are being watched.")
        return min(up, key=lambda one: (one.url in avoid, one.wait, one.doing, one.since))

    def good(self, replica: Replica) -> None:
        """Note that an answer was written."""
        replica.failures = 0
        replica.since = time.monotonic()

    def bad(self, replica: Replica) -> None:
        """Note a failure; after too many, let the address rest until its health is good."""
        replica.failures += 1
        replica.since = time.monotonic()
        if replica.failures >= self._trips and not replica.resting:
            replica.resting = True
            nurse = asyncio.get_running_loop().create_task(self._watch(replica))
            self._nurses.add(nurse)
            nurse.add_done_callback(self._nurses.discard)

    async def _watch(self, replica: Replica) -> None:
        while replica.resting:
            await asyncio.sleep(self._rest)
            if await self._probe(replica.url):
                replica.resting, replica.failures = False, self._trips - 1

    async def close(self) -> None:
        """Stop watching."""
        for nurse in tuple(self._nurses):
            nurse.cancel()
        await asyncio.gather(*self._nurses, return_exceptions=True)


def patience(header: str) -> float:
    """Read ``Retry-After``, seconds or a date; 0.0 for none, nonsense, or more than a minute.

    >>> patience("2"), patience(""), patience("3600"), patience("soon")
    (2.0, 0.0, 0.0, 0.0)
    >>> patience("Mon, 99999999999999999999 Jan 2020 00:00:00 GMT")
    0.0
    """
    if len(header) > LONGEST_HEADER:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return seconds if 0 < seconds <= LONGEST_WAIT else 0.0
