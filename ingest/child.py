"""One limited process, seen from the parent: started, asked with a deadline, ended."""

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

from ingest.errors import IngestError
from ingest.frame import pack, unpack

_START = 120.0  # seconds for the child's imports; 2 on an idle machine
_GONE = "the process has ended"
_NO_MEMORY = (b"memory allocation", b"bad_alloc")  # last words of Rust and C++ libraries


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer, and why. late: it was ended for taking too long. left: it retired by itself."""

    reason: str
    late: bool = False
    left: bool = False


class Child:
    """A process that parses one document after the other, and the pipes to it.

    setting: its first frame. limit: bytes of an answer at most.
    """

    def __init__(self, setting: Mapping[str, Any], *, limit: int) -> None:
        self.served = 0
        self._limit, self._until = limit, time.monotonic() + _START
        self._hungry = Trouble(f"needs more than {setting['memory'] >> 20} MiB of memory")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ingest.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_environment(),
        )
        self._ready = False
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._in, self._out, self._err = cast("tuple[IO[bytes], IO[bytes], IO[bytes]]", pipes)
        self._send(pack(setting))

    def ask(self, request: Mapping[str, Any], *, wall: float) -> tuple[Any, Any] | Trouble:
        """Send one request and wait for its answer, at most ``wall`` seconds.

        Returns its header and parts, or Trouble, after which the process has ended.
        Raises IngestError when the process cannot start at all.
        """
        self._wait_until_ready()
        self._until = time.monotonic() + wall
        self._send(pack(request))
        try:
            answer = unpack(self._read, limit=self._limit)
        except TimeoutError:
            self.end()
            return Trouble(f"took longer than {wall:g} s", late=True)
        except EOFError:
            return self._post_mortem(request["seconds"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.end()
            return Trouble("crashed the parser (its answer makes no sense)")
        if "memory" in answer[0]:
            self.end()  # what it could not free would count against the next document
            return self._hungry
        self.served += 1
        return answer

    def kill(self) -> None:
        """End the process now. One who waits for its answer is told."""
        self._process.kill()

    def end(self) -> None:
        """End the process and close its pipes. Calling it again is fine; nobody may be asking."""
        self.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._err):
            pipe.close()

    @property
    def ended(self) -> bool:
        """Tell whether the process is gone."""
        return self._process.poll() is not None

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        try:
            unpack(self._read, limit=self._limit)
        except (EOFError, TimeoutError) as error:
            said = b"" if isinstance(error, TimeoutError) else self._err.read(1 << 16)
            self.end()
            last = said.decode(errors="replace").strip().rpartition("\n")[2] or repr(error)
            raise IngestError(f"The parser process does not start: {last}") from error
        self._ready = True

    def _send(self, frame: Sequence[bytes]) -> None:
        """Write a frame: smaller than a pipe's buffer, and the child reads before it computes."""
        with contextlib.suppress(BrokenPipeError):  # its end is read from its output, with reason
            self._in.write(b"".join(frame))

    def _read(self, size: int) -> bytes:
        pipe = self._out.fileno()
        data, got = bytearray(size), 0
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while got < size:
            left = self._until - time.monotonic()
            if left <= 0 or not poll.poll(left * 1_000):
                raise TimeoutError
            piece = os.readv(pipe, [memoryview(data)[got:]])
            if not piece:
                raise EOFError(_GONE)
            got += piece
        return bytes(data)

    def _post_mortem(self, seconds: float) -> Trouble:
        code = self._process.wait()
        said = self._err.read(1 << 16)
        self.end()
        if code < 0 and any(words in said for words in _NO_MEMORY):
            return self._hungry
        if code == -signal.SIGXCPU:
            return Trouble(f"took longer than {seconds:g} s of computing", late=True)
        if code == -signal.SIGKILL:
            return Trouble("was ended by the system, most likely for its use of memory (signal 9)")
        if code < 0:  # native libraries abort when no memory is left, and some say nothing
            why = ", most likely for want of memory" if code == -signal.SIGABRT else ""
            return Trouble(f"crashed the parser (signal {-code}){why}")
        return Trouble(f"crashed the parser (exit {code})", left=code == 0)


def _environment() -> dict[str, str]:
    """Say only what is needed: no secret of the parent's goes along, and one thread is enough."""
    return {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "MALLOC_ARENA_MAX": "1",
    }
