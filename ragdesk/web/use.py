"""What a request opens stays open until its answer has left, or never will."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from ragdesk.assemble import Opened
from ragdesk.web.live import Live
from ragdesk.web.state import of


class Use:
    """The collections that one request uses, and what else is to be ended with it."""

    def __init__(self, live: Live, ending: contextlib.AsyncExitStack) -> None:
        self._live, self._ending = live, ending

    async def open(self, name: str) -> Opened:
        """Give what answers for a collection. Raises NotFound, or why it cannot be opened."""
        return await self._ending.enter_async_context(self._live.use(name))

    def then(self, close: Callable[[], Awaitable[object]]) -> None:
        """Await ``close`` at the end, before what was opened earlier is closed."""
        self._ending.push_async_callback(close)


async def hold(request: Request) -> AsyncIterator[Use]:
    """Hold what a route opens until its response was sent, broke off, or was never begun."""
    async with contextlib.AsyncExitStack() as ending:
        yield Use(of(request).live, ending)


Leases = Annotated[Use, Depends(hold, scope="request")]  # of the request, not of the function
