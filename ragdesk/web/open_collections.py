"""Keep every collection open at its newest good generation.

A watcher polls each collection's CURRENT file, as network disks send no events. When it changed,
the new generation is opened and verified in a thread and takes the old one's place. A request keeps
the generation that it started with; the last request on a replaced one closes it. A generation that
cannot be opened is tried again; until then the old one answers, and ``/readyz`` and the metrics say
so. Collections are opened side by side, so that one on a slow disk delays no other.
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

from indexes.errors import WordsNewer, WordsOutdated, tells_absence
from indexes.index import Index
from indexes.store.access_log import AccessChanges
from indexes.store.generations import collect_access_since, list_generations
from ragdesk.degradation import WordsRemedy, find_words_remedy
from ragdesk.errors import WORDS_OUTDATED, NotFound, Overloaded
from ragdesk.file_handles import SpareHandles
from ragdesk.metrics import Metrics
from ragdesk.open_collection import OpenCollection
from ragdesk.outage import Outage, outage_code
from ragdesk.web.leased_collection import LeasedCollection
from ragdesk.web.schemas import COLLECTION_PATTERN
from ragdesk.web.volume import CollectionsVolume

COLLECTION_NAME = re.compile(COLLECTION_PATTERN)
# Collections that are opened at the same time: threads that mostly wait for a disk.
OPENS_AT_ONCE = 16
# Seconds that a start waits for collections; the slower ones come in when they can.
START_WAIT = 30.0
log = logging.getLogger("ragdesk.web")
CurrentStamp = tuple[int, ...]
UNTRIED: CurrentStamp = ()
UNNAMED_STAMP: CurrentStamp = (-1,)  # generations stand, and no CURRENT says which of them answers
UNREADABLE: CurrentStamp = (-2,)  # whether a CURRENT stands cannot be told now


@dataclass(slots=True)
class ServedCollection:
    """The served state of a collection, and its CURRENT file when last tried.

    lock: held by the thread that opens or removes this collection. stamp, tried_at: the state of
    CURRENT at the last try, and when that was. shared: the generation that is served. outage: why
    its newest generation is not. error: why none is.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    stamp: CurrentStamp = UNTRIED
    tried_at: float = 0.0
    shared: LeasedCollection | None = None
    outage: Outage | None = None
    error: Exception | None = None


class OpenCollections:
    """Opens collections, swaps them when something newer was published, and closes them.

    seconds: between two looks. retry_seconds: until what could not be opened is tried once more.
    restrict: returns a view of an older generation that hides what may not be seen any more.
    """

    def __init__(  # noqa: PLR0913, made in one place
        self,
        home: Path,
        open_: Callable[[str], OpenCollection],
        metrics: Metrics,
        *,
        seconds: float,
        retry_seconds: float,
        restrict: Callable[[OpenCollection, AccessChanges], OpenCollection],
    ) -> None:
        self._home = home / "collections"
        self.volume = CollectionsVolume(self._home)
        self._open = open_
        self._restrict = restrict
        self._metrics = metrics
        self._spare_handles = SpareHandles()
        self._seconds = seconds
        self._retry_seconds = retry_seconds
        self._places: dict[str, ServedCollection] = {}
        self._refreshes: dict[str, Future[None]] = {}
        self._lock = threading.Lock()  # of the two above; never held while anything is opened
        self._pool = ThreadPoolExecutor(OPENS_AT_ONCE, "open")
        self._ended = False
        self._listing: Outage | None = None

    def list_names(self) -> list[str]:
        """List the collections that stand in home, served or not."""
        if not self._home.is_dir():
            return []
        folder_names = (
            folder.name for folder in self._home.iterdir() if COLLECTION_NAME.fullmatch(folder.name)
        )
        return sorted(name for name in folder_names if self._stamp(name))

    @contextlib.asynccontextmanager
    async def use_collection(self, name: str) -> AsyncIterator[OpenCollection]:
        """Use the open collection that answers: it stays open to the end of the block.

        Raises NotFound, or why the collection cannot be opened.
        """
        while True:
            with (await self._find_lease(name)).lease() as opened:
                if opened is not None:  # else it was swapped and closed this very moment
                    yield opened
                    return

    @contextlib.asynccontextmanager
    async def use_documents(self, name: str) -> AsyncIterator[Index]:
        """Use a collection's index to look up documents that are about to be changed.

        One that answers no question for its older words alone is opened too, as the publish of any
        change writes them anew. Raises NotFound, or why the collection cannot be opened.
        """
        async with contextlib.AsyncExitStack() as ending:
            try:
                index = (await ending.enter_async_context(self.use_collection(name))).index
            except WordsNewer:
                raise
            except WordsOutdated:
                index = await asyncio.to_thread(Index.open, self._home / name)
                ending.push_async_callback(asyncio.to_thread, index.close)
            yield index

    async def _find_lease(self, name: str) -> LeasedCollection:
        place = self._places.get(name)
        is_untried = place is None or (place.shared is None and place.error is None)
        if is_untried and COLLECTION_NAME.fullmatch(name) and self._stamp(name):
            await asyncio.shield(asyncio.wrap_future(self._start_refresh(name)))
            place = self._places.get(name)
        if place is None:
            raise NotFound(f"No collection {name!r}.")
        if (shared := place.shared) is None:
            error = place.error or NotFound(f"No collection {name!r}.")
            raise error.with_traceback(None)  # kept for many requests, and not their frames
        return shared

    def refresh(self, name: str) -> None:
        """Check a collection's CURRENT, and open the generation it names if it changed. Blocks."""
        while True:
            with self._lock:
                place = self._places.setdefault(name, ServedCollection())
            with place.lock:
                if self._places.get(name) is not place:
                    continue  # it was removed while this waited
                stamp = self._stamp(name)
                if stamp is None:
                    self._end(name, place)
                elif self._is_due(place, stamp):
                    self._try_open(name, place, stamp)
                return

    def _is_due(self, place: ServedCollection, stamp: CurrentStamp) -> bool:
        is_retry_due = (
            place.outage is not None and time.monotonic() - place.tried_at > self._retry_seconds
        )
        is_damaged = place.shared is not None and place.shared.collection.index.damage is not None
        return place.stamp != stamp or is_retry_due or (is_damaged and place.outage is None)

    def _end(self, name: str, place: ServedCollection) -> None:
        """Stop serving a collection: it was removed, or the disk of them all is away."""
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
            self._report_outages()
            log.info("a collection was removed", extra={"collection": name})
        elif place.stamp != UNTRIED or place.error is None or self._is_due(place, UNTRIED):
            place.stamp = UNTRIED
            place.tried_at = time.monotonic()
            place.error = _drop_frames(error)
            self._record_try(name, place, outage_code(error), str(error))

    def _stamp(self, name: str) -> CurrentStamp | None:
        """Return the state of a collection's CURRENT file; None where there is no collection."""
        try:
            try:
                status = (self._home / name / "CURRENT").stat()
            except OSError as error:
                if not tells_absence(error):
                    raise
                return UNNAMED_STAMP if list_generations(self._home / name) else None
        except OSError:  # a collection may well be there
            return UNREADABLE
        return (
            status.st_dev,
            status.st_ino,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_size,
        )

    def _try_open(self, name: str, place: ServedCollection, stamp: CurrentStamp) -> None:
        error: Exception | None = None
        refusal: type[Exception] | None = None
        reason = ""
        try:
            opened = self._open(name)
        except Exception as raised:  # noqa: BLE001, whatever the new one has, the old answers on
            error, refusal = _drop_frames(raised), type(raised)
            code, reason = outage_code(raised), str(raised) or type(raised).__name__
            self._restrict_former(name, place)
        else:
            self._swap(name, place, opened)
            refusal = opened.index.refusal
            code, reason = _refusal_code(refusal), "; ".join(opened.index.refused)
        if not reason and stamp in (UNNAMED_STAMP, UNREADABLE):
            stamp = UNTRIED  # CURRENT came meanwhile: should it go again, that is to be noticed
        place.stamp = stamp
        place.tried_at = time.monotonic()
        place.error = error
        words: WordsRemedy | None = None
        if refusal is not None and issubclass(refusal, WordsOutdated):
            is_newer = issubclass(refusal, WordsNewer)
            words = find_words_remedy(self._home / name, is_newer=is_newer)
        self._record_try(name, place, code, reason, words)

    def _swap(self, name: str, place: ServedCollection, opened: OpenCollection) -> None:
        self._metrics.generations.inc()
        shared = LeasedCollection(opened, self._close)
        with self._lock:
            is_current = self._places.get(name) is place  # else the server ends
            former, place.shared = place.shared, shared if is_current else None
        if not is_current:
            shared.release()
        if former:
            former.release()

    def _restrict_former(self, name: str, place: ServedCollection) -> None:
        """Restrict the generation still served to what a newer one would show."""
        former = place.shared
        if former is None:
            return
        view: LeasedCollection | None = None
        source = former.source  # a view of a view would keep every one before it
        try:
            access = self._current_access(name, former.collection.index.generation)
            if access == former.collection.index.access:
                return
            view = source.share(self._restrict(source.collection, access))
        except Exception:  # who may see what cannot be told: nobody
            log.exception("a collection is closed", extra={"collection": name})
        with self._lock:
            is_current = self._places.get(name) is place and place.shared is former
            if is_current:
                place.shared = view
        if is_current:
            former.release()
        elif view:
            view.release()

    def _current_access(self, name: str, generation: int) -> AccessChanges:
        """Return the access changes that hold now for a generation; unknown ones close it."""
        try:
            with self._spare_handles.free_handles():
                return collect_access_since(self._home / name, generation)
        except OSError as error:
            return AccessChanges(unknown_reason=f"who may see what cannot be read now: {error}")

    def _record_try(
        self,
        name: str,
        place: ServedCollection,
        code: str,
        reason: str,
        words: WordsRemedy | None = None,
    ) -> None:
        """Count a try, and say in the log what is new: not the same again every few seconds."""
        before = place.outage
        place.outage = Outage.count_failure(before, code, words) if reason else None
        self._metrics.reloads.labels(result="failed" if reason else "ok").inc()
        if reason:
            self._metrics.open_failures.labels(reason=code).inc()
        self._report_outages()
        served = place.shared.collection.index.generation if place.shared else None
        extra = {"collection": name, "generation": served}
        if not reason:
            log.info("opened", extra=extra)
        elif before is None or before.code != code:
            details = {**extra, "code": code, "reason": reason}
            log.warning("the newest generation cannot be served", extra=details)

    def _report_outages(self) -> None:
        with self._lock:
            outages = [place.outage for place in self._places.values() if place.outage]
            if not outages and self._listing:
                outages = [self._listing]
            self._metrics.set_outages(outages)

    def _close(self, opened: OpenCollection) -> None:
        """Close a generation in a thread: unmapping a large one must hold up no stream."""

        def close() -> None:
            try:
                opened.close()
            except Exception:
                log.exception("a generation could not be closed")
            finally:
                self._metrics.generations.dec()

        try:
            self._pool.submit(close)
        except RuntimeError:  # the server ends, and its threads with it
            close()

    def _start_refresh(self, name: str) -> "Future[None]":
        """Refresh a collection in a thread; whoever asks meanwhile waits for the same one."""
        with self._lock:
            if self._ended:
                raise Overloaded("The server is stopping.")
            refresh = self._refreshes.get(name)
            if refresh is None or refresh.done():
                refresh = self._refreshes[name] = self._pool.submit(self.refresh, name)
            return refresh

    def _start_refreshes(self) -> list["Future[None]"]:
        """Begin to refresh every collection whose CURRENT changed, or that is to be tried again."""
        due = []
        for name in {*self._places, *self._list()}:
            place = self._places.get(name)
            stamp = self._stamp(name)
            if place is None or stamp is None or self._is_due(place, stamp):
                with contextlib.suppress(Overloaded):  # it is stopping: nothing is due any more
                    due.append(self._start_refresh(name))
        with self._lock:
            self._refreshes = {n: item for n, item in self._refreshes.items() if not item.done()}
        leases = [place.shared for place in [*self._places.values()]]
        fallbacks = sum(len(lease.collection.index.fallbacks) for lease in leases if lease)
        self._metrics.fallbacks.set(fallbacks)
        return due

    def _list(self) -> list[str]:
        """List the collections, and note why where they cannot be listed now."""
        before = self._listing
        try:
            names = self.list_names()
            self.volume.check()
        except OSError as error:  # no handle is left, say: what is served goes on
            names = []
            code = outage_code(error)
            self._listing = Outage.count_failure(before, code)
            if before is None or before.code != code:
                extra = {"code": code, "reason": str(error)}
                log.warning("the collections cannot be listed", extra=extra)
        else:
            self._listing = None
            if before:
                log.info("the collections can be listed again")
        if before or self._listing:
            self._report_outages()
        return names

    def refresh_all(self, seconds: float | None = None) -> None:
        """Check every collection once. Blocks until all are open, or for so many seconds."""
        wait(self._start_refreshes(), seconds)

    async def watch(self) -> None:
        """Check every collection again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await asyncio.to_thread(self._start_refreshes)
            except Exception:  # whatever it is: what is published next must still be seen
                log.exception("collections could not be looked at")

    def close(self) -> None:
        """Close every collection; what is still read is closed by its last reader."""
        with self._lock:
            self._ended = True
            places, self._places = self._places, {}
            leases = [place.shared for place in places.values() if place.shared]
            for place in places.values():
                place.shared = None
            for refresh in self._refreshes.values():
                refresh.cancel()
        self._spare_handles.close()
        self._pool.shutdown(wait=False)  # what is to be closed still will be
        for shared in leases:
            shared.release()

    def status(self) -> dict[str, str]:
        """Return the state of each collection: ok, behind, restricted, closed or opening.

        behind: an older generation answers. restricted: it answers administrators alone, as nobody
        knows who may see it now. closed: none can be opened.
        """
        return {name: _serving_status(place) for name, place in self._sorted_places()}

    def outages(self) -> dict[str, Outage]:
        """Return the outage of each collection whose newest generation is not served."""
        return {name: place.outage for name, place in self._sorted_places() if place.outage}

    def words_outdated(self) -> dict[str, WordsRemedy]:
        """Return what mends the words of each collection that vectors alone answer."""
        remedies = dict[str, WordsRemedy]()
        for name, place in self._sorted_places():
            if (lease := place.shared) and lease.collection.index.words_outdated:
                is_newer = lease.collection.index.words_newer
                remedies[name] = find_words_remedy(self._home / name, is_newer=is_newer)
        return remedies

    @property
    def listing(self) -> Outage | None:
        """Return the outage of the list of collections, while new ones cannot be noticed."""
        return self._listing

    def _sorted_places(self) -> list[tuple[str, ServedCollection]]:
        with self._lock:
            return sorted(self._places.items(), key=lambda item: item[0])


def _serving_status(place: ServedCollection) -> str:
    if place.shared is None:
        return "opening" if place.error is None else "closed"
    if place.shared.collection.index.access.unknown_reason:
        return "restricted"
    return "behind" if place.outage else "ok"


def _refusal_code(refusal: type[Exception] | None) -> str:
    """Return the code of why an older generation answers; another version of it is no damage."""
    if refusal is not None and issubclass(refusal, WordsOutdated):
        return WORDS_OUTDATED
    return "index_damaged"


def _drop_frames(error: Exception) -> Exception:
    """Drop an error's traceback frames: they would keep mapped files open."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            break
        cause.__traceback__ = None
        cause = cause.__cause__ or cause.__context__
    return error
