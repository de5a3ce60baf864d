"""The collections a server answers from, kept at their newest good generation.

A watcher looks at each collection's CURRENT. When it changed, the new generation is opened
and verified in a thread and then put in the old one's place: a request keeps the one it
started with until it ends, and the last one to let go closes it. A generation that cannot be
opened changes nothing but a metric.
"""

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from indexes.errors import tells_absence
from indexes.generations import numbers
from ragdesk.assemble import Opened
from ragdesk.errors import NotFound
from ragdesk.metrics import Metrics
from ragdesk.web.schemas import COLLECTION

NAME = re.compile(COLLECTION)
AGAIN = 15.0  # seconds until a generation that could not be opened is tried once more
log = logging.getLogger("ragdesk.web")
Stamp = tuple[int, int, int]
UNNAMED: Stamp = (-1, 0, 0)  # generations stand, and no CURRENT says which of them answers


@dataclass(slots=True)
class Place:
    """What is served of one collection, and what its CURRENT looked like when last tried."""

    stamp: Stamp
    tried: float
    opened: Opened | None = None
    problem: str = ""
    error: Exception | None = None


class Live:
    """Opens collections, and swaps them when something newer was published."""

    def __init__(
        self, home: Path, open_: Callable[[str], Opened], metrics: Metrics, seconds: float
    ) -> None:
        self._home = home / "collections"
        self._open, self._metrics, self._seconds = open_, metrics, seconds
        self._places: dict[str, Place] = {}
        self._lock = threading.Lock()  # one collection is opened at a time

    def names(self) -> list[str]:
        """List the collections that stand in home, served or not."""
        if not self._home.is_dir():
            return []
        found = (folder.name for folder in self._home.iterdir() if self._stamp(folder.name))
        return sorted(name for name in found if NAME.fullmatch(name))

    async def get(self, name: str) -> Opened:
        """Give what answers for a collection. Raises NotFound, or why it cannot be opened."""
        place = self._places.get(name)
        being_opened = place is not None and place.opened is None and place.error is None
        if (place is None or being_opened) and NAME.fullmatch(name) and self._stamp(name):
            await asyncio.to_thread(self.refresh, name)
            place = self._places.get(name)
        if place is None:
            raise NotFound(f"No collection {name!r}.")
        if place.opened is None:
            raise place.error or NotFound(f"No collection {name!r}.")
        return place.opened

    def refresh(self, name: str) -> None:
        """Look at a collection's CURRENT, and open what it names if it changed. Blocks."""
        with self._lock:
            stamp = self._stamp(name)
            if stamp is None:
                self._places.pop(name, None)
                return
            place = self._places.setdefault(name, Place(stamp=(0, 0, 0), tried=0.0))
            again = place.problem and time.monotonic() - place.tried > AGAIN
            if place.stamp != stamp or again:
                self._try(name, place, stamp)

    def _stamp(self, name: str) -> Stamp | None:
        try:
            found = (self._home / name / "CURRENT").stat()
        except OSError as error:
            if not tells_absence(error):  # it may well be there
                raise
            return UNNAMED if numbers(self._home / name) else None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _try(self, name: str, place: Place, stamp: Stamp) -> None:
        place.stamp, place.problem = stamp, ""
        try:
            place.opened = self._open(name)
            place.problem = "; ".join(place.opened.index.refused)
        except Exception as error:  # noqa: BLE001, whatever the new one has, the old answers on
            place.error, place.problem = error, str(error) or type(error).__name__
        place.tried, good = time.monotonic(), not place.problem
        self._metrics.reloads.add(result="ok" if good else "failed")
        self._metrics.stale.set(sum(bool(p.problem) for p in self._places.values()))
        log.log(
            logging.INFO if good else logging.WARNING,
            "opened" if good else "the newest generation cannot be served",
            extra={
                "collection": name,
                "generation": place.opened.index.generation if place.opened else None,
                "reason": place.problem,
            },
        )

    def refresh_all(self) -> None:
        """Look at every collection once. Blocks."""
        for name in {*self.names(), *self._places}:
            self.refresh(name)
        served = [place.opened for place in [*self._places.values()] if place.opened]
        self._metrics.fallbacks.set(sum(len(opened.index.fallbacks) for opened in served))

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            with contextlib.suppress(OSError):  # home may be away for a moment
                await asyncio.to_thread(self.refresh_all)

    def close(self) -> None:
        """Let go of every collection."""
        self._places.clear()

    def status(self) -> dict[str, str]:
        """Say of each collection whether it is served: ``ok``, ``behind`` or ``closed``.

        ``restricted``: behind, and for administrators alone, as nobody knows who may see it now.
        """
        return {name: _state(place) for name, place in sorted(self._places.items())}


def _state(place: Place) -> str:
    if place.opened is None:
        return "closed"
    if place.opened.index.access.closed:
        return "restricted"
    return "behind" if place.problem else "ok"
