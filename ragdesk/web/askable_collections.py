"""The collections that somebody may ask and that answer now, for the lists of every door."""

import asyncio
from collections.abc import AsyncGenerator

from ragdesk.open_collection import OpenCollection
from ragdesk.support.access import Principal
from ragdesk.web.server_state import ServerState

LIST_WAIT_SECONDS = 2.0  # seconds that a list waits for a collection that was never opened


async def iter_askable(state: ServerState, who: Principal) -> AsyncGenerator[OpenCollection, None]:
    """Yield the collections that somebody may ask, by name, each open until the next one.

    One that is closed is left out, as is one that is still being opened, from a slow disk.
    """
    for name in await asyncio.to_thread(state.open_collections.list_names):
        if who.collections and name not in who.collections:
            continue
        if state.open_collections.status().get(name) == "closed":
            continue
        try:
            async with (
                asyncio.timeout(LIST_WAIT_SECONDS),
                state.open_collections.use_collection(name) as opened,
            ):
                yield opened
        except TimeoutError:
            continue
