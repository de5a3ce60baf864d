"""File handles of this process: how many are open, and how many may be.

Each open generation holds two, and two more a segment; the usual soft limit of 1,024 is a
leftover of programs that keep handles in a bit set, of which this is none.
"""

import contextlib
import logging
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

OPEN_HANDLES_FOLDER = Path("/proc/self/fd")
SPARE_COUNT = 4
log = logging.getLogger("ragdesk")


def raise_handle_limit() -> int:
    """Raise the soft limit of open files to the hard one, log it, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        log.info("open files", extra={"limit": soft})
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:  # a sandbox may forbid it; what there is has to do
        log.warning("open files", extra={"limit": soft, "not_raised": str(error)})
        return soft
    log.info("open files", extra={"limit": hard, "raised_from": soft})
    return hard


def handle_limit() -> int:
    """Return the soft limit of open files."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def count_handles() -> int:
    """Count the open file handles of this process; 0 where the system does not list them."""
    if not OPEN_HANDLES_FOLDER.is_dir():
        return 0
    try:
        return sum(1 for _ in OPEN_HANDLES_FOLDER.iterdir())
    except OSError:  # none is left to list them with
        return handle_limit()


class SpareHandles:
    """Reserved file handles, to read small files when this process has no other left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[int] = []
        self._closed = False
        self._fill()

    def _fill(self) -> None:
        with contextlib.suppress(OSError):
            while len(self._handles) < SPARE_COUNT:
                self._handles.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def _drop(self) -> None:
        while self._handles:
            os.close(self._handles.pop())

    @contextlib.contextmanager
    def free_handles(self) -> Iterator[None]:
        """Free the handles for the block, one user at a time; other threads may take them first."""
        with self._lock:
            self._drop()
            try:
                yield
            finally:
                if not self._closed:
                    self._fill()

    def close(self) -> None:
        """Close the handles for good."""
        with self._lock:
            self._closed = True
            self._drop()
