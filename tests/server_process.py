"""A server in a process of its own, with the embedder of the tests."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


@contextlib.contextmanager
def served(
    home: Path,
    *,
    slow: float = 0.0,
    handles: int = 0,
    log: Path | None = None,
    script: str = "slow_server.py",
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a server, wait until it answers, and give its port. slow: seconds each answer takes.

    handles: open files it may have. log: the file its standard error goes to. script: what serves.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    limits = [str(home), str(port), str(slow), str(handles)]
    command = [sys.executable, str(HERE / script), *limits]
    where = os.pathsep.join([str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH", "")])
    with contextlib.ExitStack() as files:
        told = files.enter_context(log.open("wb")) if log else subprocess.PIPE
        process = subprocess.Popen(  # noqa: S603, a file of ours
            command, stderr=told, env={**os.environ, "PYTHONPATH": where}
        )
    try:
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(process.stderr.read().decode() if process.stderr else "")
            time.sleep(0.05)
        yield port, process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr:
            process.stderr.close()
