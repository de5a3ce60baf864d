"""Whether the time of a lookup tells somebody else's number from one that is not there.

    python -m tests.lab.speed.lookup_timing [--rounds 60] [--write]

A small order system on loopback takes its time for each: 5 ms for what is not there, and more for
somebody else's, as one does that loads an order before it refuses it. Both are asked in turns, by
the way that a question goes and by the bare request. ``told apart`` is the share of pairs in which
somebody else's took longer (.5: a coin, 1: always), with the half width of its 95 % interval.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ragdesk.answering.lookup_result import LookupStatus
from ragdesk.support.access import make_visitor_principal
from ragdesk.support.database import Database
from ragdesk.support.lookups.lookup_desk import NOT_FOUND_NOISE, NOT_FOUND_STEP, LookupDesk
from ragdesk.support.lookups.lookup_server import LookupServer
from ragdesk.support.sign_in.request_counts import RequestCounts
from tests.lab.results import write_section

sys.path.append(str(Path(__file__).parents[2]))  # where the tests find each other
from order_server import Orders, order_server

ABSENT_SECONDS = 0.005
FOREIGN_SECONDS = (0.005, 0.02, 0.06, 0.15, 0.3, 0.7, 1.2)
ABSENT, FOREIGN = "99999", "67890"
JITTER = 0.3  # of each delay, either way: no system takes the same time twice


@dataclass(frozen=True, slots=True)
class TimedPairs:
    """Seconds of what is not there and of somebody else's, pair by pair."""

    absent: tuple[float, ...]
    foreign: tuple[float, ...]

    @property
    def told_apart(self) -> float:
        """The share of all pairs in which somebody else's took longer."""
        a, b = np.array(self.absent), np.array(self.foreign)
        return float(np.mean(b[:, None] > a[None, :]) + np.mean(b[:, None] == a[None, :]) / 2)

    @property
    def margin(self) -> float:
        """Half the 95 % interval of that share, by resampling."""
        chance = np.random.default_rng(1)
        size = len(self.absent)
        shares = []
        for _ in range(500):
            a, b = (
                np.array(x)[chance.integers(0, size, size)] for x in (self.absent, self.foreign)
            )
            shares.append(float(np.mean(b[:, None] > a[None, :])))
        low, high = np.quantile(shares, (0.025, 0.975))
        return float(high - low) / 2


class JitteredOrders(Orders):
    """Takes about the time it is told to."""

    def __call__(self, request):  # type: ignore[no-untyped-def]
        kept = dict(self.delays)
        self.delays = {k: v * random.uniform(1 - JITTER, 1 + JITTER) for k, v in kept.items()}  # noqa: S311
        try:
            return super().__call__(request)
        finally:
            self.delays = kept


def time_pairs(ask: Callable[[str, int], None], rounds: int) -> TimedPairs:
    """Ask for both in turns, in an order that is drawn."""
    seconds: dict[str, list[float]] = {ABSENT: [], FOREIGN: []}
    for at in range(rounds):
        for number in random.sample((ABSENT, FOREIGN), 2):
            begun = time.perf_counter()
            ask(number, at)
            seconds[number].append(time.perf_counter() - begun)
    return TimedPairs(tuple(seconds[ABSENT]), tuple(seconds[FOREIGN]))


def measure(foreign: float, rounds: int, home: Path) -> tuple[TimedPairs, TimedPairs]:
    """Time the bare request and the way of a question, for one delay of somebody else's."""
    orders = JitteredOrders()
    orders.delays = {404: ABSENT_SECONDS, 403: foreign}
    with order_server(orders, seconds=5.0) as (_, lookup), closing(Database(home)) as database:
        server = LookupServer(lookup)
        desk = LookupDesk({"orders": lookup}, RequestCounts(database))
        loop = asyncio.new_event_loop()
        visitor = make_visitor_principal("key", "sub=x", frozenset())

        def ask_desk(number: str, at: int) -> None:
            who = replace(visitor, subject=f"mia-{foreign}-{at}")  # nobody is limited
            (result,) = loop.run_until_complete(
                desk.look_up(f"Where is my order {number}?", (), who, "default")
            )
            assert result.status is LookupStatus.NOT_FOUND

        bare = time_pairs(lambda number, at: server.fetch(number, f"mia-{at}") and None, rounds)
        whole = time_pairs(ask_desk, rounds)
        desk.close()
        server.close()
        loop.close()
    return bare, whole


def main() -> None:
    """Measure, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    head = (
        f"Somebody else's number beside one that is not there, {given.rounds} of each in turns; the "
        f"order system takes {1000 * ABSENT_SECONDS:.0f} ms for what is not there, and each "
        f"time a part of it more or less ({JITTER:.0%}). Not found is said after whole steps of "
        f"{NOT_FOUND_STEP:g} s and a random part of {NOT_FOUND_NOISE:g} s.\n\n"
        "| the system takes for somebody else's | bare request: told apart | as a question: told apart "
        "| median absent, ms | median foreign, ms |\n"
        "|---|---|---|---|---|"
    )
    lines = [head]
    with tempfile.TemporaryDirectory() as folder:
        for at, foreign in enumerate(FOREIGN_SECONDS):
            bare, whole = measure(foreign, given.rounds, Path(folder) / str(at))
            medians = [1000 * float(np.median(x)) for x in (whole.absent, whole.foreign)]
            lines.append(
                f"| {1000 * foreign:.0f} ms | {bare.told_apart:.2f} ± {bare.margin:.2f} "
                f"| {whole.told_apart:.2f} ± {whole.margin:.2f} | {medians[0]:.1f} | {medians[1]:.1f} |"
            )
            print(lines[-1], flush=True)
    if given.write:
        command = f"python -m tests.lab.speed.lookup_timing --rounds {given.rounds}"
        write_section("Lookup timing", command, "\n".join(lines))


if __name__ == "__main__":
    main()
