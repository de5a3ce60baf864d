"""Keep the collections of a request open until its answer was sent or given up."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import Request

from ragdesk.open_collection import OpenCollection
from ragdesk.web.open_collections import OpenCollections
from ragdesk.web.server_state import server_state

T = TypeVar("T")


class RequestLeases:
    """The collections that one request uses, and what else is to be ended with it."""

    def __init__(self, collections: OpenCollections, ending: contextlib.AsyncExitStack) -> None:
        self._collections = collections
        self._ending = ending

    async def lease_collection(self, name: str) -> OpenCollection:
        """Return the open collection that answers. Raises NotFound, or why it cannot be opened."""
        return await self._ending.enter_async_context(self._collections.use_collection(name))

    def enter(self, context: contextlib.AbstractContextManager[T]) -> T:
        """Enter a context that is left at the end."""
        return self._ending.enter_context(context)

    def on_close(self, close: Callable[[], Awaitable[object]]) -> None:
        """Await ``close`` at the end, before what was opened earlier is closed."""
        self._ending.push_async_callback(close)


async def provide_leases(request: Request) -> AsyncIterator[RequestLeases]:
    """Keep the collections of a request open until its response was sent."""
    async with contextlib.AsyncExitStack() as ending:
        yield RequestLeases(server_state(request).open_collections, ending)


Leases = Annotated[
    RequestLeases, Depends(provide_leases, scope="request")
]  # of the request, not of the function
