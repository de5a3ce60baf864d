"""What runs in the limited child: parse a file, split it, tell what was found. Nothing else.

Started as ``python -P -m ingest.worker`` by the guard. It talks over its first input and output
only, reads the one file it is told, writes none, and needs no network. Its limits are set after
its own imports, so that they measure the document alone.
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from indexes.tokenizer import Tokenizer
from ingest.beneath import open_file
from ingest.errors import Unreadable
from ingest.frame import pack, told, unpack
from ingest.parse.table import NotPrepared, parse, prepare
from ingest.split import SplitOptions, split

REQUEST = 1 << 20  # bytes of a request at most
_FILES = 64  # open at once; parsers need a few
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def main() -> None:
    """Serve one request after the other until the parent closes the pipe, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    requests, answers = _pipes()
    _die_with_parent()
    setting, _ = unpack(_exactly(requests), limit=REQUEST)
    prepared = prepare(setting["names"])
    tokenizer = Tokenizer(Path(setting["tokenizer"]))
    options = SplitOptions(**setting["split"])
    tokenizer.count("A first word, so that the tokenizer allocates before the limit is set.")
    full = limit_memory(setting["memory"])
    _say(answers, pack({"ready": True}))
    while True:
        try:
            request, _ = unpack(_exactly(requests), limit=REQUEST)
        except EOFError:
            return
        limit_seconds(request["seconds"])
        try:
            frame = answer(
                request,
                tokenizer=tokenizer,
                options=options,
                output=setting["output"],
                prepared=prepared,
            )
        except NotPrepared:
            return  # its name promised another type; the job starts a process for all types
        _say(answers, frame)
        del frame
        gc.collect()
        if _pages() > full:  # what a large document left behind would count against the next
            return


def answer(
    request: dict[str, Any],
    *,
    tokenizer: Tokenizer,
    options: SplitOptions,
    output: int,
    prepared: frozenset[str],
) -> list[bytes]:
    """Make the frame for one request: the parsed document, or why it was not taken in.

    prepared: the types that this process reads. Raises NotPrepared for another.
    """
    try:
        body = _body(Path(request["file"]), real=request.get("real", False))
        document = parse(body, request["uri"], prepared=prepared)
        del body
        chunks = split(
            document,
            uri=request["uri"],
            record_id=request["record"],
            tokenizer=tokenizer,
            options=options,
        )
        frame = told(document, chunks)
    except NotPrepared:
        raise
    except Unreadable as error:
        return pack({"unreadable": str(error)})
    except MemoryError:
        return pack({"memory": True})
    except RecursionError:
        return pack({"unreadable": "nested too deeply"})
    except BaseException as error:  # noqa: BLE001 - a panic of a native library is no Exception
        return pack({"unreadable": f"damaged, or in a form not read here ({type(error).__name__})"})
    if sum(map(len, frame)) > output:
        return pack({"unreadable": f"holds more than {output >> 20} MiB of text"})
    return frame


def _body(path: Path, *, real: bool) -> bytes:
    """Read the file to parse; no link is followed that took its place since it was looked at.

    real: it lies where its source has it, and not among our own originals.
    """
    try:
        if not real:
            with open(path, "rb", opener=_unlinked) as own:
                return own.read()
        file = open_file(path, real=True)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if file is None:
        raise Unreadable("not a file, but a pipe, socket or device")
    with file:
        return file.readall()


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def limit_memory(size: int) -> int:
    """Let this process grow by ``size`` bytes, and write no file and no core dump.

    Returns the pages it may hold resident between two documents.
    """
    with contextlib.suppress(OSError):  # should memory end all the same, not the parent is killed
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    page = resource.getpagesize()
    most = _pages(0) * page + size
    for name, value in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        resource.setrlimit(name, (value, value))
    return _pages() + size // page // 4


def limit_seconds(seconds: float) -> None:
    """Let this process compute for so many seconds from now; then the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes away from 0 and 1, where a library's chatter would break the frames.

    On 2 it may go on, but never wait to be read: only its last words matter, if it dies.
    """
    taken = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1):
        os.dup2(nothing, place)
    os.close(nothing)
    os.set_blocking(2, False)
    return os.fdopen(taken[0], "rb"), os.fdopen(taken[1], "wb", buffering=0)


def _die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process with its parent, even amid a document."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _exactly(pipe: BinaryIO) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        data = pipe.read(size)
        if len(data) < size:
            raise EOFError
        return data

    return read


def _say(pipe: BinaryIO, frame: list[bytes]) -> None:
    for part in frame:
        rest = memoryview(part)
        while rest:
            rest = rest[pipe.write(rest) :]


def _pages(column: int = 1) -> int:
    """Tell the pages this process maps (column 0) or holds resident (1)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[column])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return peak // resource.getpagesize()


if __name__ == "__main__":
    main()
