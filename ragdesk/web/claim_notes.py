"""What became of claims, noted where the database can be told, now or once it is back.

A claim whose end is not noted stands: no other server does what it was for, and none can say what
came of it. So what could not be written is kept here, and tried again until the server stops.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import HomeUnusable

WriteNote = Callable[[], None]
"""Writes into the database what became of a claim; blocks, and raises HomeUnusable."""
NOTE_RETRY_SECONDS: Final = 1.0
MOST_LATER: Final = 1_000  # claims that may stand, for all we know: further ones are let be
log = logging.getLogger("ragdesk.web")


class ClaimNotes:
    """Notes of one server that wait for its database."""

    def __init__(self, retry_seconds: float = NOTE_RETRY_SECONDS) -> None:
        self._retry_seconds = retry_seconds
        self._waiting: dict[str, tuple[str, WriteNote]] = {}  # by claim, with the key's name
        self._task: asyncio.Task[None] | None = None

    async def write(self, name: str, claim: str, note: WriteNote) -> None:
        """Write a note of a key's claim, now or as soon as it can be."""
        try:
            await run_in_thread(note)
        except HomeUnusable as error:
            fields = {"reason": str(error), "repeats": "claim"}
            log.warning("it is noted later what became of a request", extra=fields)
            self._keep(name, claim, note)

    def write_later(self, name: str, claim: str, note: WriteNote) -> None:
        """Write a note that matters only if the database took more than it said it did."""
        if len(self._waiting) < MOST_LATER:
            self._keep(name, claim, note)

    async def settle(self, name: str) -> None:
        """Write what waits of a key. Raises HomeUnusable."""
        for claim, (other, _) in list(self._waiting.items()):
            if other == name:
                await self._settle(claim)

    async def close(self) -> None:
        """Write what waits, once more, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._settle_all()
        except HomeUnusable as error:
            fields = {"reason": str(error), "n": len(self._waiting)}
            log.error("it was not noted what became of requests", extra=fields)  # noqa: TRY400, a driver's own words may hold the row

    def _keep(self, name: str, claim: str, note: WriteNote) -> None:
        self._waiting[claim] = (name, note)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._retry())

    async def _retry(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._retry_seconds)
            try:
                await self._settle_all()
            except HomeUnusable as error:
                fields = {"reason": str(error), "repeats": "claim"}
                log.warning("it is noted later what became of requests", extra=fields)

    async def _settle_all(self) -> None:
        for claim in list(self._waiting):
            await self._settle(claim)

    async def _settle(self, claim: str) -> None:
        """Write one note; twice is harmless, should somebody else be at it. Raises HomeUnusable."""
        if claim in self._waiting:
            await run_in_thread(self._waiting[claim][1])
            self._waiting.pop(claim, None)
