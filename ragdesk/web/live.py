"""The collections a server answers from, kept at their newest good generation.

A watcher looks at each collection's CURRENT. When it changed, the new generation is opened
and verified in a thread and then put in the old one's place: a request keeps the one it
started with until it ends, and the last one to let go closes it. A generation that cannot be
opened is tried again, and meanwhile changes nothing but what ``/readyz`` and the metrics say.
Collections are opened side by side: one on a slow disk holds up no other.
"""

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from indexes.access_log import Access
from indexes.errors import tells_absence
from indexes.generations import access_since, numbers
from ragdesk.assemble import Opened
from ragdesk.errors import NotFound, Overloaded
from ragdesk.handles import SpareHandles
from ragdesk.metrics import Metrics
from ragdesk.trouble import Outage, code_of
from ragdesk.web.schemas import COLLECTION
from ragdesk.web.shared import Shared
from ragdesk.web.volume import Volume

NAME = re.compile(COLLECTION)
AT_ONCE = 16  # collections that are opened at the same time: threads that mostly wait for a disk
START = 30.0  # seconds that a start waits for collections; the slower ones come in when they can
log = logging.getLogger("ragdesk.web")
Stamp = tuple[int, ...]
UNTRIED: Stamp = ()
UNNAMED: Stamp = (-1,)  # generations stand, and no CURRENT says which of them answers
UNREADABLE: Stamp = (-2,)  # whether a CURRENT stands cannot be told now


@dataclass(slots=True)
class Place:
    """What is served of one collection, and what its CURRENT looked like when last tried.

    lock: who opens this collection, or removes it. trouble: why its newest generation is not
    served. error: why none is.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    stamp: Stamp = UNTRIED
    tried: float = 0.0
    shared: Shared | None = None
    trouble: Outage | None = None
    error: Exception | None = None


class Live:
    """Opens collections, swaps them when something newer was published, and closes them.

    seconds: between two looks. again: seconds until what could not be opened is tried once more.
    restrict: makes of what answers on one that is as it may be seen now, of the same files.
    """

    def __init__(  # noqa: PLR0913, made in one place
        self,
        home: Path,
        open_: Callable[[str], Opened],
        metrics: Metrics,
        *,
        seconds: float,
        again: float,
        restrict: Callable[[Opened, Access], Opened],
    ) -> None:
        self._home = home / "collections"
        self.volume = Volume(self._home)
        self._open, self._restrict, self._metrics = open_, restrict, metrics
        self._spare = SpareHandles()
        self._seconds, self._again = seconds, again
        self._places: dict[str, Place] = {}
        self._coming: dict[str, Future[None]] = {}
        self._lock = threading.Lock()  # of the two above; never held while anything is opened
        self._pool = ThreadPoolExecutor(AT_ONCE, "open")
        self._ended = False
        self._listing: Outage | None = None

    def names(self) -> list[str]:
        """List the collections that stand in home, served or not."""
        if not self._home.is_dir():
            return []
        found = (folder.name for folder in self._home.iterdir() if NAME.fullmatch(folder.name))
        return sorted(name for name in found if self._stamp(name))

    @contextlib.asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Opened]:
        """Use what answers for a collection: it stays open to the end of the block.

        Raises NotFound, or why the collection cannot be opened.
        """
        while True:
            with (await self._shared(name)).lease() as opened:
                if opened is not None:  # else it was swapped and closed this very moment
                    yield opened
                    return

    async def _shared(self, name: str) -> Shared:
        place = self._places.get(name)
        untried = place is None or (place.shared is None and place.error is None)
        if untried and NAME.fullmatch(name) and self._stamp(name):
            await asyncio.shield(asyncio.wrap_future(self._begin(name)))
            place = self._places.get(name)
        if place is None:
            raise NotFound(f"No collection {name!r}.")
        if (shared := place.shared) is None:
            error = place.error or NotFound(f"No collection {name!r}.")
            raise error.with_traceback(None)  # kept for many requests, and not their frames
        return shared

    def refresh(self, name: str) -> None:
        """Look at a collection's CURRENT, and open what it names if it changed. Blocks."""
        while True:
            with self._lock:
                place = self._places.setdefault(name, Place())
            with place.lock:
                if self._places.get(name) is not place:
                    continue  # it was removed while this waited
                stamp = self._stamp(name)
                if stamp is None:
                    self._end(name, place)
                elif self._is_due(place, stamp):
                    self._try(name, place, stamp)
                return

    def _is_due(self, place: Place, stamp: Stamp) -> bool:
        again = place.trouble is not None and time.monotonic() - place.tried > self._again
        spoilt = place.shared is not None and place.shared.opened.index.damage is not None
        return place.stamp != stamp or again or (spoilt and place.trouble is None)

    def _end(self, name: str, place: Place) -> None:
        """Serve a collection no longer: it was removed, or the disk of them all is away."""
        error: OSError | None = None
        try:
            self.volume.check()
        except OSError as raised:
            error = raised
        with self._lock:
            if error is None:
                self._places.pop(name, None)
            shared, place.shared = place.shared, None
        if shared:
            shared.release()
        if error is None:
            self._tell()
            log.info("a collection was removed", extra={"collection": name})
        elif place.stamp != UNTRIED or place.error is None or self._is_due(place, UNTRIED):
            place.stamp, place.tried, place.error = UNTRIED, time.monotonic(), _bare(error)
            self._note(name, place, code_of(error), str(error))

    def _stamp(self, name: str) -> Stamp | None:
        """Tell what a collection's CURRENT looks like; None where there is no collection."""
        try:
            try:
                seen = (self._home / name / "CURRENT").stat()
            except OSError as error:
                if not tells_absence(error):
                    raise
                return UNNAMED if numbers(self._home / name) else None
        except OSError:  # a collection may well be there
            return UNREADABLE
        return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size

    def _try(self, name: str, place: Place, stamp: Stamp) -> None:
        error: Exception | None = None
        reason = ""
        try:
            opened = self._open(name)
        except Exception as raised:  # noqa: BLE001, whatever the new one has, the old answers on
            error = _bare(raised)
            code, reason = code_of(raised), str(raised) or type(raised).__name__
            self._take_away(name, place)
        else:
            self._swap(name, place, opened)
            code, reason = "index_damaged", "; ".join(opened.index.refused)
        if not reason and stamp in (UNNAMED, UNREADABLE):
            stamp = UNTRIED  # CURRENT came meanwhile: should it go again, that is to be noticed
        place.stamp, place.tried, place.error = stamp, time.monotonic(), error
        self._note(name, place, code, reason)

    def _swap(self, name: str, place: Place, opened: Opened) -> None:
        self._metrics.generations.add(1)
        shared = Shared(opened, self._close)
        with self._lock:
            wanted = self._places.get(name) is place  # else the server ends
            former, place.shared = place.shared, shared if wanted else None
        if not wanted:
            shared.release()
        if former:
            former.release()

    def _take_away(self, name: str, place: Place) -> None:
        """Let what answers on show nothing that a newer generation removed, or shut to some."""
        former = place.shared
        if former is None:
            return
        view: Shared | None = None
        source = former.source  # a view of a view would keep every one before it
        try:
            access = self._access(name, former.opened.index.generation)
            if access == former.opened.index.access:
                return
            view = source.share(self._restrict(source.opened, access))
        except Exception:  # who may see what cannot be told: nobody
            log.exception("a collection is closed", extra={"collection": name})
        with self._lock:
            wanted = self._places.get(name) is place and place.shared is former
            if wanted:
                place.shared = view
        if wanted:
            former.release()
        elif view:
            view.release()

    def _access(self, name: str, generation: int) -> Access:
        """Tell what holds now of a generation; where the machine cannot, it is nobody's."""
        try:
            with self._spare.use():
                return access_since(self._home / name, generation)
        except OSError as error:
            return Access(closed=f"who may see what cannot be read now: {error}")

    def _note(self, name: str, place: Place, code: str, reason: str) -> None:
        """Count a try, and say in the log what is new: not the same again every few seconds."""
        before = place.trouble
        place.trouble = Outage.after(before, code) if reason else None
        self._metrics.reloads.add(result="failed" if reason else "ok")
        if reason:
            self._metrics.open_failures.add(reason=code)
        self._tell()
        served = place.shared.opened.index.generation if place.shared else None
        extra = {"collection": name, "generation": served}
        if not reason:
            log.info("opened", extra=extra)
        elif before is None or before.code != code:
            told = {**extra, "code": code, "reason": reason}
            log.warning("the newest generation cannot be served", extra=told)

    def _tell(self) -> None:
        with self._lock:
            places = [*self._places.values()]
            troubles = [place.trouble for place in places if place.trouble]
            self._metrics.note_troubles(troubles or [*filter(None, [self._listing])])

    def _close(self, opened: Opened) -> None:
        """Close a generation in a thread: unmapping a large one must hold up no stream."""

        def close() -> None:
            try:
                opened.close()
            except Exception:
                log.exception("a generation could not be closed")
            finally:
                self._metrics.generations.add(-1)

        try:
            self._pool.submit(close)
        except RuntimeError:  # the server ends, and its threads with it
            close()

    def _begin(self, name: str) -> "Future[None]":
        """Refresh a collection in a thread; whoever asks meanwhile waits for the same one."""
        with self._lock:
            if self._ended:
                raise Overloaded("The server is stopping.")
            coming = self._coming.get(name)
            if coming is None or coming.done():
                coming = self._coming[name] = self._pool.submit(self.refresh, name)
            return coming

    def _begin_all(self) -> list["Future[None]"]:
        """Begin to refresh every collection whose CURRENT changed, or that is to be tried again."""
        due = []
        for name in {*self._places, *self._list()}:
            place, stamp = self._places.get(name), self._stamp(name)
            if place is None or stamp is None or self._is_due(place, stamp):
                with contextlib.suppress(Overloaded):  # it is stopping: nothing is due any more
                    due.append(self._begin(name))
        with self._lock:
            self._coming = {n: one for n, one in self._coming.items() if not one.done()}
        shared = [place.shared for place in [*self._places.values()]]
        fallen = sum(len(one.opened.index.fallbacks) for one in shared if one)
        self._metrics.fallbacks.set(fallen)
        return due

    def _list(self) -> list[str]:
        """List the collections, and note why where they cannot be listed now."""
        before = self._listing
        try:
            names = self.names()
            self.volume.check()
        except OSError as error:  # no handle is left, say: what is served goes on
            names, code = [], code_of(error)
            self._listing = Outage.after(before, code)
            if before is None or before.code != code:
                extra = {"code": code, "reason": str(error)}
                log.warning("the collections cannot be listed", extra=extra)
        else:
            self._listing = None
            if before:
                log.info("the collections can be listed again")
        if before or self._listing:
            self._tell()
        return names

    def refresh_all(self, seconds: float | None = None) -> None:
        """Look at every collection once. Blocks until all are open, or for so many seconds."""
        wait(self._begin_all(), seconds)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await asyncio.to_thread(self._begin_all)
            except Exception:  # whatever it is: what is published next must still be seen
                log.exception("collections could not be looked at")

    def close(self) -> None:
        """Let go of every collection; what is still read is closed by its last reader."""
        with self._lock:
            self._ended = True
            places, self._places = self._places, {}
            held = [place.shared for place in places.values() if place.shared]
            for place in places.values():
                place.shared = None
            for coming in self._coming.values():
                coming.cancel()
        self._spare.close()
        self._pool.shutdown(wait=False)  # what is to be closed still will be
        for shared in held:
            shared.release()

    def status(self) -> dict[str, str]:
        """Say of each collection whether it is served: ok, behind, closed, or opening.

        restricted: behind, and for administrators alone, as nobody knows who may see it now.
        """
        return {name: _status(place) for name, place in self._sorted()}

    def troubles(self) -> dict[str, Outage]:
        """Say of each collection whose newest generation is not served since when, and why."""
        return {name: place.trouble for name, place in self._sorted() if place.trouble}

    @property
    def listing(self) -> Outage | None:
        """Say since when and why collections cannot be listed, so that new ones are not noticed."""
        return self._listing

    def _sorted(self) -> list[tuple[str, Place]]:
        with self._lock:
            return sorted(self._places.items(), key=lambda item: item[0])


def _status(place: Place) -> str:
    if place.shared is None:
        return "opening" if place.error is None else "closed"
    if place.shared.opened.index.access.closed:
        return "restricted"
    return "behind" if place.trouble else "ok"


def _bare(error: Exception) -> Exception:
    """Free an error of its frames, which would keep what was being opened mapped."""
    at: BaseException | None = error
    for _ in range(10):
        if at is None:
            break
        at.__traceback__ = None
        at = at.__cause__ or at.__context__
    return error
