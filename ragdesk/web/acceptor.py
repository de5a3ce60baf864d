"""Accept connections: few at a time, and slowly while strangers come and go in numbers.

asyncio's own server accepts thousands at once, and where no handle is left it logs that thousands
of times a second, before it goes on with the requests under way.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Callable

from ragdesk.web.connections import Connections

ACCEPTS_AT_ONCE = 2  # connections taken in before what is under way goes on
BACKLOG = 2_048  # further ones that the kernel keeps
# Seconds between two accepts while the strangers' pace is spent: with a longer pause, some hundred
# strangers a second, who need not wait for their answers, fill the kernel's queue for everybody.
SLOW_PAUSE = 0.002
ACCEPT_RETRY_SECONDS = 1.0  # seconds until the next try where no handle is left
LOG_PAUSE_SECONDS = 60.0  # seconds between two lines about that
SHORTAGE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
DEFER_ACCEPT: int | None = getattr(socket, "TCP_DEFER_ACCEPT", None)  # Linux has it
log = logging.getLogger("ragdesk.web")


class Acceptor:
    """Accepts the connections of one listening socket, in the place of asyncio's server."""

    def __init__(
        self, bound: socket.socket, protocol: Callable[[], asyncio.Protocol], ledger: Connections
    ) -> None:
        self._bound = bound
        self._protocol = protocol
        self._connections = ledger
        self._loop = asyncio.get_running_loop()
        self._tasks = set[asyncio.Task[object]]()
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0
        self._logged_at = -LOG_PAUSE_SECONDS
        if DEFER_ACCEPT is not None:  # who connects and says nothing costs no handle and no time
            with contextlib.suppress(OSError):
                bound.setsockopt(
                    socket.IPPROTO_TCP, DEFER_ACCEPT, ledger.options.keep_alive_seconds
                )
        bound.listen(BACKLOG)
        self._resume()

    def close(self) -> None:
        """Accept no further connection, but for those that the kernel took in already.

        Closed over, these would be torn with the requests that they bring.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._bound)
        with contextlib.suppress(OSError):  # none is left, or no handle
            while True:
                self._begin_connection(self._bound.accept()[0])
        self._bound.close()

    def _resume(self) -> None:
        self._loop.add_reader(self._bound, self._accept_connections)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._bound)
        self._timer = self._loop.call_later(seconds, self._resume)

    def _accept_connections(self) -> None:
        slowly = self._connections.is_crowded()
        for _ in range(1 if slowly else ACCEPTS_AT_ONCE):
            try:
                connection, _ = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in SHORTAGE_ERRNOS:
                    raise
                self._log_shortage(error)
                self._pause(ACCEPT_RETRY_SECONDS)
                return
            self._begin_connection(connection)
        if slowly:
            self._pause(SLOW_PAUSE)

    def _begin_connection(self, connection: socket.socket) -> None:
        connection.setblocking(False)  # noqa: FBT003, the socket's own form
        task = self._loop.create_task(self._hand_over(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # it left before it was greeted
            connection.close()

    def _log_shortage(self, error: OSError) -> None:
        """Log once that no handle is left, then count for a while."""
        self._count += 1
        if time.monotonic() - self._logged_at >= LOG_PAUSE_SECONDS:
            details = {"tries": self._count, "reason": str(error)}
            log.error("no connection can be accepted", extra=details)
            self._count = 0
            self._logged_at = time.monotonic()
