"""Compute in a thread, and never leave it behind.

``asyncio.to_thread`` goes on when whoever waits for it is cancelled. Here the cancelled one waits
until the thread has ended: what the thread reads, such as an open index, may be closed then.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


async def run_in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run some work in a thread, and return when it has ended, cancelled or not.

    Raises CancelledError then, and drops what the work gave or raised. Work whose turn has not
    come when it is cancelled does not begin.
    """
    dropped = False

    def begin() -> T | None:
        return None if dropped else work(*args)

    thread = asyncio.ensure_future(asyncio.to_thread(begin))
    try:
        return cast("T", await asyncio.shield(thread))
    except asyncio.CancelledError:
        dropped = True
        await _wait_for_end(thread)
        raise


async def _wait_for_end(thread: "asyncio.Future[Any]") -> None:
    while not thread.done():
        try:
            await asyncio.wait({thread})
        except asyncio.CancelledError:  # again: whoever asks twice waits no shorter
            continue
    if not thread.cancelled():
        thread.exception()  # looked at, so that nobody is told of it: the work was dropped
