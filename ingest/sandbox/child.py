"""Start one limited child process, send it requests with a deadline, and end it."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from indexes.errors import ProgramOutdated
from ingest.errors import IngestError
from ingest.sandbox.child_protocol import pack_frame, unpack_frame
from ingest.versions import list_code_versions

_START_SECONDS = 120.0  # seconds for the child's imports; 2 on an idle machine
_PROCESS_ENDED = "the process has ended"
_NO_MEMORY = (b"memory allocation", b"bad_alloc")  # last words of Rust and C++ libraries


class ChildNotStarted(IngestError):
    """A child ended, or was silent for too long, before it took a request. reason: its words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The parser process does not start: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A failed parse, and why.

    timed_out: it was ended for taking too long. retired: the child ended by itself.
    """

    reason: str
    timed_out: bool = False
    retired: bool = False


class Child:
    """A process that parses one document after the other, and the pipes to it.

    setting: its first frame. limit: bytes of an answer at most. program: the module it runs.
    """

    def __init__(
        self,
        setting: Mapping[str, Any],
        *,
        limit: int,
        program: str = "ingest.sandbox.worker",
    ) -> None:
        self.served_count = 0
        self._limit = limit
        self._deadline = time.monotonic() + _START_SECONDS
        self._out_of_memory = ParseFailure(
            f"needs more than {setting['memory'] >> 20} MiB of memory"
        )
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-P", "-m", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_child_environment(),
        )
        self._ready = False
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._in, self._out, self._err = cast("tuple[IO[bytes], IO[bytes], IO[bytes]]", pipes)
        self._send_frame(pack_frame(setting))

    def wait_until_ready(self) -> None:
        """Wait for the process to have started. Raises ChildNotStarted, ProgramOutdated."""
        if self._ready:
            return
        try:
            greeting, _ = unpack_frame(self._read_exactly, limit=self._limit)
        except (EOFError, TimeoutError) as error:
            stderr_bytes = b"" if isinstance(error, TimeoutError) else self._err.read(1 << 16)
            self.end_process()
            last = stderr_bytes.decode(errors="replace").strip().rpartition("\n")[2] or repr(error)
            raise ChildNotStarted(last) from error
        if greeting.get("versions") != list_code_versions():
            self.end_process()
            raise ProgramOutdated(
                "The parser process is of another version than this one: ragdesk was replaced "
                "while it ran. Nothing was changed. Start it again, as with: ragdesk serve"
            )
        self._ready = True

    def request_parse(
        self, request: Mapping[str, Any], *, wall: float
    ) -> tuple[Any, Any] | ParseFailure:
        """Send one request and wait for its answer, at most ``wall`` seconds.

        Returns its header and parts, or a ParseFailure, after which the process has ended.
        Raises ChildNotStarted when the process cannot start at all.
        """
        self.wait_until_ready()
        self._deadline = time.monotonic() + wall
        self._send_frame(pack_frame(request))
        try:
            answer = unpack_frame(self._read_exactly, limit=self._limit)
        except TimeoutError:
            self.end_process()
            return ParseFailure(f"took longer than {wall:g} s", timed_out=True)
        except EOFError:
            return self._explain_exit(request["seconds"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.end_process()
            return ParseFailure("crashed the parser (its answer makes no sense)")
        if "memory" in answer[0]:
            self.end_process()  # what it could not free would count against the next document
            return self._out_of_memory
        self.served_count += 1
        return answer

    def kill(self) -> None:
        """End the process now. A caller waiting for its answer gets a failure."""
        self._process.kill()

    def end_process(self) -> None:
        """End the process and close its pipes; again is harmless. No request may be under way."""
        self.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._err):
            pipe.close()

    @property
    def has_ended(self) -> bool:
        """Tell whether the process is gone."""
        return self._process.poll() is not None

    def _send_frame(self, frame: Sequence[bytes]) -> None:
        """Write a frame: smaller than a pipe's buffer, and the child reads before it computes."""
        with contextlib.suppress(BrokenPipeError):  # its end is read from its output, with reason
            self._in.write(b"".join(frame))

    def _read_exactly(self, size: int) -> bytes:
        pipe = self._out.fileno()
        data = bytearray(size)
        received = 0
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while received < size:
            seconds_left = self._deadline - time.monotonic()
            if seconds_left <= 0 or not poll.poll(seconds_left * 1_000):
                raise TimeoutError
            piece = os.readv(pipe, [memoryview(data)[received:]])
            if not piece:
                raise EOFError(_PROCESS_ENDED)
            received += piece
        return bytes(data)

    def _explain_exit(self, seconds: float) -> ParseFailure:
        code = self._process.wait()
        stderr_bytes = self._err.read(1 << 16)
        self.end_process()
        if code < 0 and any(words in stderr_bytes for words in _NO_MEMORY):
            return self._out_of_memory
        if code == -signal.SIGXCPU:
            return ParseFailure(f"took longer than {seconds:g} s of computing", timed_out=True)
        if code == -signal.SIGKILL:
            return ParseFailure(
                "was ended by the system, most likely for its use of memory (signal 9)"
            )
        if code < 0:  # native libraries abort when no memory is left, and some say nothing
            why = ", most likely for want of memory" if code == -signal.SIGABRT else ""
            return ParseFailure(f"crashed the parser (signal {-code}){why}")
        return ParseFailure(f"crashed the parser (exit {code})", retired=code == 0)


def _child_environment() -> dict[str, str]:
    """Return the environment of a child: no secrets of the parent, one thread."""
    return {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "MALLOC_ARENA_MAX": "1",
    }
