"""Take connections in: few at a time, and slowly while strangers come and go in numbers.

asyncio's own way takes in thousands at once, and where no handle is left it says so thousands of
times a second, before it looks at what is under way.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Callable

from ragdesk.web.connections import Connections

AT_ONCE = 2  # connections taken in before what is under way goes on
QUEUED = 2_048  # further ones that the kernel keeps
BETWEEN = 0.002  # seconds between two while the strangers' pace is spent: longer, and some hundred
# strangers a second, who need not wait for their answers, fill the kernel's queue for everybody
RETRY = 1.0  # seconds until the next try where no handle is left
QUIET = 60.0  # seconds between two lines about that
SHORT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
DEFERRED: int | None = getattr(socket, "TCP_DEFER_ACCEPT", None)  # Linux has it
log = logging.getLogger("ragdesk.web")


class Acceptor:
    """Accepts the connections of one listening socket, in the place of asyncio's server."""

    def __init__(
        self, bound: socket.socket, protocol: Callable[[], asyncio.Protocol], ledger: Connections
    ) -> None:
        self._bound, self._protocol, self._ledger = bound, protocol, ledger
        self._loop = asyncio.get_running_loop()
        self._tasks = set[asyncio.Task[object]]()
        self._timer: asyncio.TimerHandle | None = None
        self._count, self._said = 0, -QUIET
        if DEFERRED is not None:  # who connects and says nothing costs no handle and no time
            with contextlib.suppress(OSError):
                bound.setsockopt(socket.IPPROTO_TCP, DEFERRED, ledger.options.keep_alive_seconds)
        bound.listen(QUEUED)
        self._watch()

    def close(self) -> None:
        """Take no further one in."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._bound)
        self._bound.close()

    def _watch(self) -> None:
        self._loop.add_reader(self._bound, self._accept)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._bound)
        self._timer = self._loop.call_later(seconds, self._watch)

    def _accept(self) -> None:
        slowly = self._ledger.crowded()
        for _ in range(1 if slowly else AT_ONCE):
            try:
                line, _ = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in SHORT_OF:
                    raise
                self._note(error)
                self._pause(RETRY)
                return
            line.setblocking(False)  # noqa: FBT003, the socket's own form
            task = self._loop.create_task(self._connect(line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if slowly:
            self._pause(BETWEEN)

    async def _connect(self, line: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, line)
        except OSError:  # it left before it was greeted
            line.close()

    def _note(self, error: OSError) -> None:
        """Say once that no handle is left, then count for a while."""
        self._count += 1
        if time.monotonic() - self._said >= QUIET:
            told = {"tries": self._count, "reason": str(error)}
            log.error("no connection can be accepted", extra=told)
            self._count, self._said = 0, time.monotonic()
