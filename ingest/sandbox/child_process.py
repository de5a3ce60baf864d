"""What a limited child does to itself: its pipes, its limits, and the only file that it reads.

Every child begins and goes on alike: ``open_requests``, what it has to load, ``limit_memory`` once
that is loaded, ``say_ready``, and ``iter_requests`` to the end.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ingest.errors import Unreadable
from ingest.safe_open import open_regular_file
from ingest.sandbox.child_protocol import pack_frame, unpack_frame
from ingest.versions import list_code_versions

LARGEST_REQUEST = 1 << 20  # bytes of a request at most
_MOST_FILES = 64  # open at once; parsers need a few
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def open_requests() -> tuple[BinaryIO, BinaryIO, dict[str, Any]]:
    """Begin as a child that ends with its parent: its requests, its answers, and its setting."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    requests, answers = take_pipes()
    die_with_parent()
    setting, _ = unpack_frame(make_exact_reader(requests), limit=LARGEST_REQUEST)
    return requests, answers, setting


def say_ready(answers: BinaryIO) -> None:
    """Tell the parent that requests may come, and of which versions the code is."""
    write_frame(answers, pack_frame({"ready": True, "versions": list_code_versions()}))


def iter_requests(requests: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield one request after the other until the parent closes the pipe, each with its time."""
    while True:
        try:
            request, _ = unpack_frame(make_exact_reader(requests), limit=LARGEST_REQUEST)
        except EOFError:
            return
        limit_seconds(request["seconds"])
        yield request


def read_body(path: Path, *, real: bool) -> bytes:
    """Read the file of a request; no link is followed that took its place since it was looked at.

    real: it lies where its source has it, and not among our own originals.
    """
    try:
        if not real:
            with open(path, "rb", opener=_open_no_follow) as own:
                return own.read()
        file = open_regular_file(path, real=True)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if file is None:
        raise Unreadable("not a file, but a pipe, socket or device")
    with file:
        return file.readall()


def _open_no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def limit_memory(size: int) -> int:
    """Limit this process: ``size`` more bytes of memory, no written file, no core dump.

    Returns the pages it may hold resident between two documents.
    """
    with contextlib.suppress(OSError):  # should memory end all the same, not the parent is killed
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    page = resource.getpagesize()
    limit = count_pages(0) * page + size
    for name, value in (
        (resource.RLIMIT_AS, limit),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
    ):
        resource.setrlimit(name, (value, value))
    return count_pages() + size // page // 4


def limit_seconds(seconds: float) -> None:
    """Limit the computing time of this process from now; then the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take over stdin and stdout for the protocol, so that a library's output cannot break it.

    On 2 it may go on, but never wait to be read: only its last words matter, if it dies.
    """
    pipes = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1):
        os.dup2(nothing, place)
    os.close(nothing)
    os.set_blocking(2, False)
    return os.fdopen(pipes[0], "rb"), os.fdopen(pipes[1], "wb", buffering=0)


def die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process with its parent, even amid a document."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def make_exact_reader(pipe: BinaryIO) -> Callable[[int], bytes]:
    """Return a function that reads exactly so many bytes. It raises EOFError where they end."""

    def read(size: int) -> bytes:
        data = pipe.read(size)
        if len(data) < size:
            raise EOFError
        return data

    return read


def write_frame(pipe: BinaryIO, frame: list[bytes]) -> None:
    """Write the parts of a frame, whole."""
    for part in frame:
        rest = memoryview(part)
        while rest:
            rest = rest[pipe.write(rest) :]


def count_pages(column: int = 1) -> int:
    """Return the pages that this process maps (column 0) or holds resident (1)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[column])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return peak // resource.getpagesize()
