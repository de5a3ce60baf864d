"""Watch sources by polling, and run a job when their changes have come to rest.

Looking means names, sizes and times, a few microseconds a file; only when these differ is a job
run. That works on network folders too, where the kernel tells of no change, and needs no limit
of watches raised for large trees; libraries that watch files would poll there as well.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest import source_files
from ingest.errors import SourceUnreadable
from ingest.validity import sidecar_path

FileSnapshot = dict[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How often sources are looked at.

    interval: seconds between two looks. quiet_period: seconds without a change before a job is
    run, so that a copy under way becomes one job.
    """

    interval: float = 2.0
    quiet_period: float = 2.0


def snapshot_files(paths: Sequence[Path], *, excluded_folder: Path | None = None) -> FileSnapshot:
    """Return inode, size and time of every file of some sources, sidecars included.

    Raises SourceUnreadable.
    """
    snapshot: FileSnapshot = {}
    for root, entries in source_files.list_sources(paths, excluded_folder=excluded_folder):
        for entry in entries:
            if isinstance(entry, source_files.SourceFile):
                for file in (entry.path, sidecar_path(entry.path)):
                    if stamp := _lstat_stamp(file):
                        snapshot[str(file)] = stamp
            else:
                snapshot[f"{root}\0{entry.uri}"] = (0, 0, 0)
    return snapshot


def watch_sources(  # noqa: PLR0913, what to run, and how
    paths: Sequence[Path],
    run: Callable[[], bool],
    *,
    options: WatchOptions,
    stop: threading.Event,
    excluded_folder: Path | None = None,
    on_unavailable: Callable[[SourceUnreadable], None] = lambda _: None,
) -> None:
    """Run a job now, and after every change of the sources, until ``stop`` is set.

    run: tells whether it could; if not (another job holds the collection), it is run again at
    the next look. on_unavailable: called each time that a source becomes unreadable for the
    moment.
    """
    processed: FileSnapshot | None = None
    last_snapshot = processed
    since = 0.0
    is_unavailable = False
    while not stop.is_set():
        try:
            now = snapshot_files(paths, excluded_folder=excluded_folder)
            is_unavailable = False
        except SourceUnreadable as error:
            if not is_unavailable:
                on_unavailable(error)
            is_unavailable = True
            stop.wait(options.interval)
            continue
        if now != last_snapshot:
            last_snapshot = now
            since = time.monotonic()
        is_first = processed is None
        if (
            now != processed
            and (is_first or time.monotonic() - since >= options.quiet_period)
            and run()
        ):
            processed = now
            continue
        stop.wait(options.interval)


def _lstat_stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
