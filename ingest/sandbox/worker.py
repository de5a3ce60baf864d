"""The child process that parses: requests come on stdin, answers go as frames to stdout.

The guard starts it as ``python -P -m ingest.sandbox.worker``. It reads only the file that a request
names, writes none, and needs no network. Its limits are set after its own imports, so that they
measure the document alone.
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from indexes.embedding.tokenizer import Tokenizer
from ingest.document import Document, place_in_context
from ingest.errors import Unreadable
from ingest.parse.office.conversions import ConversionNeeded
from ingest.parse.parse_options import ParseOptions
from ingest.parse.parser_table import CONVERTED_MODULE
from ingest.parse.registry import ParserNotPrepared, parse_document, prepare_parsers
from ingest.safe_open import open_regular_file
from ingest.sandbox.child_protocol import CONTENT_PARTS, pack_document, pack_frame, unpack_frame
from ingest.split import SplitOptions, split_document
from ingest.versions import list_code_versions

LARGEST_REQUEST = 1 << 20  # bytes of a request at most
_MOST_FILES = 64  # open at once; parsers need a few
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def main() -> None:
    """Serve one request after the other until the parent closes the pipe, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    requests, answers = _take_pipes()
    _die_with_parent()
    setting, _ = unpack_frame(_exact_reader(requests), limit=LARGEST_REQUEST)
    prepared = prepare_parsers(setting["names"])
    tokenizer = Tokenizer(Path(setting["tokenizer"]))
    split = dict(setting["split"])
    parse = ParseOptions(**split.pop("parse", {}))
    options = SplitOptions(**split)
    tokenizer.count_tokens("A first word, so that the tokenizer allocates before the limit is set.")
    page_limit = limit_memory(setting["memory"])
    _write_frame(answers, pack_frame({"ready": True, "versions": list_code_versions()}))
    while True:
        try:
            request, _ = unpack_frame(_exact_reader(requests), limit=LARGEST_REQUEST)
        except EOFError:
            return
        limit_seconds(request["seconds"])
        try:
            frame = answer_request(
                request,
                tokenizer=tokenizer,
                options=options,
                parse=parse,
                output=setting["output"],
                prepared=prepared,
            )
        except ParserNotPrepared:
            return  # its name promised another type; the job starts a process for all types
        _write_frame(answers, frame)
        del frame
        gc.collect()
        if (
            _count_pages() > page_limit
        ):  # what a large document left behind would count against the next
            return


def answer_request(  # noqa: PLR0913 - the setting of the child, and one request
    request: dict[str, Any],
    *,
    tokenizer: Tokenizer,
    options: SplitOptions,
    parse: ParseOptions,
    output: int,
    prepared: frozenset[str],
) -> list[bytes]:
    """Make the frame for one request: the parsed document, or why it was not taken in.

    prepared: the types that this process reads. Raises ParserNotPrepared for another.
    """
    try:
        body = _read_document(Path(request["file"]), real=request.get("real", False))
        if "converted_from" in request:
            document = _parse_conversion(request, body, prepared)
        else:
            known_type = request.get("media_type", "")
            document = parse_document(
                body, request["uri"], prepared=prepared, options=parse, known_type=known_type
            )
        document = place_in_context(document, request.get("context", ""))
        del body
        chunks = split_document(
            document,
            uri=request["uri"],
            record_id="",  # the job names it, once it knows the media type
            tokenizer=tokenizer,
            options=options,
        )
        frame = pack_document(document, chunks)
    except ParserNotPrepared:
        raise
    except Unreadable as error:
        wanted = {"convert": error.media_type} if isinstance(error, ConversionNeeded) else {}
        return pack_frame({"unreadable": str(error), **wanted})
    except MemoryError:
        return pack_frame({"memory": True})
    except RecursionError:
        return pack_frame({"unreadable": "nested too deeply"})
    except BaseException as error:  # noqa: BLE001 - a panic of a native library is no Exception
        return pack_frame(
            {"unreadable": f"damaged, or in a form not read here ({type(error).__name__})"}
        )
    if sum(map(len, frame[: 2 + CONTENT_PARTS])) > output:
        return pack_frame({"unreadable": f"holds more than {output >> 20} MiB of text"})
    return frame


def _parse_conversion(request: dict[str, Any], body: bytes, prepared: Collection[str]) -> Document:
    """Parse what a document was converted to, or itself where it could not be, for a reason."""
    kind, uri, reason = request["converted_from"], request["uri"], request["reason"]
    if kind not in prepared:
        raise ParserNotPrepared(kind)
    converted = import_module(f"ingest.parse.{CONVERTED_MODULE}")
    document: Document = (
        converted.parse_unconverted(body, uri, kind, reason)
        if reason
        else converted.parse_converted(body, uri, kind)
    )
    return document


def _read_document(path: Path, *, real: bool) -> bytes:
    """Read the file to parse; no link is followed that took its place since it was looked at.

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
    limit = _count_pages(0) * page + size
    for name, value in (
        (resource.RLIMIT_AS, limit),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
    ):
        resource.setrlimit(name, (value, value))
    return _count_pages() + size // page // 4


def limit_seconds(seconds: float) -> None:
    """Limit the computing time of this process from now; then the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
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


def _die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process with its parent, even amid a document."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _exact_reader(pipe: BinaryIO) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        data = pipe.read(size)
        if len(data) < size:
            raise EOFError
        return data

    return read


def _write_frame(pipe: BinaryIO, frame: list[bytes]) -> None:
    for part in frame:
        rest = memoryview(part)
        while rest:
            rest = rest[pipe.write(rest) :]


def _count_pages(column: int = 1) -> int:
    """Return the pages that this process maps (column 0) or holds resident (1)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[column])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return peak // resource.getpagesize()


if __name__ == "__main__":
    main()
