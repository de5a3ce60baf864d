"""Take changes in as they happen: look at the sources again and again, and run when they rest.

Looking means names, sizes and times, a few microseconds a file; only when these differ is a job
run. That works on network folders too, where the kernel tells of no change, and needs no limit
of watches raised for large trees.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest import sources
from ingest.errors import SourceUnreadable
from ingest.validity import sidecar

Look = dict[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How often sources are looked at.

    every: seconds between two looks. rest: seconds without a change before a job is run, so that
    a copy under way becomes one job.
    """

    every: float = 2.0
    rest: float = 2.0


def look(paths: Sequence[Path], *, without: Path | None = None) -> Look:
    """Note inode, size and time of every file of some sources, and of its sidecar.

    Raises SourceUnreadable.
    """
    seen: Look = {}
    for root, found in sources.listing(paths, without=without):
        for one in found:
            if isinstance(one, sources.Found):
                for file in (one.path, sidecar(one.path)):
                    if stamp := _stamp(file):
                        seen[str(file)] = stamp
            else:
                seen[f"{root}\0{one.uri}"] = (0, 0, 0)
    return seen


def watch(  # noqa: PLR0913, what to run, and how
    paths: Sequence[Path],
    run: Callable[[], bool],
    *,
    options: WatchOptions,
    ended: threading.Event,
    without: Path | None = None,
    told: Callable[[SourceUnreadable], None] = lambda _: None,
) -> None:
    """Run a job now, and after every change of the sources, until ``ended`` is set.

    run: tells whether it could; if not (another job holds the collection), it is run again at
    the next look. told: hears of a source that is away for the moment, each time it goes.
    """
    done: Look | None = None
    before, since, away = done, 0.0, False
    while not ended.is_set():
        try:
            now = look(paths, without=without)
            away = False
        except SourceUnreadable as error:
            if not away:
                told(error)
            away = True
            ended.wait(options.every)
            continue
        if now != before:
            before, since = now, time.monotonic()
        first = done is None
        if now != done and (first or time.monotonic() - since >= options.rest) and run():
            done = now
            continue
        ended.wait(options.every)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
