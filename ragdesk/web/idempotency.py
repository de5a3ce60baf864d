"""``Idempotency-Key``: the same request sent again gets the first one's answer.

Kept in this process and bounded: a key is remembered until ``MAX_KEYS`` newer ones came. An answer
is given again only while all that it rests on is the same: a document that is gone or hidden by
now is not to be read in it. After that the question is answered anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ragdesk.errors import Invalid
from ragdesk.support.access import Principal

RequestKey = tuple[str, ...]
MakeResponse = Callable[[], Awaitable[Response]]
MAX_KEYS = 1_000
LARGEST_RESPONSE = 200_000  # bytes of an answer that is kept; a larger one is made again
LONGEST_KEY = 128
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_KEY,
        description="Sent again with the same body, the request gets the first one's answer; with "
        "another body it is a 422. The last 1,000 are remembered.",
    ),
]


async def read_idempotency_key(request: Request, key: KeyHeader = None) -> None:
    """Note a request's key. A route that gives answers again declares it by this dependency."""
    request.state.idempotency_key = key


IDEMPOTENT: Final = [Depends(read_idempotency_key)]  # the dependencies of such a route


@dataclass(frozen=True, slots=True)
class IdempotencyCache:
    """Responses by asker, route and idempotency key."""

    entries: OrderedDict[RequestKey, tuple[bytes, Hashable, asyncio.Task[Response]]] = field(
        default_factory=OrderedDict
    )

    async def get_or_make(
        self,
        request: Request,
        who: Principal,
        digest: bytes,
        make: MakeResponse,
        *,
        basis: Hashable = None,
    ) -> Response:
        """Make an answer, or return the one already made. Raises Invalid for another body.

        ``digest`` names the body. ``basis``: what the answer rests on; one of another basis is
        made anew. A second request that arrives while the first is being answered waits for it.
        """
        key: str | None = request.state.idempotency_key  # of the dependency: else not declared
        if key is None:
            return await make()
        request_key = (who.name, request.method, request.url.path, request.url.query, key)
        own_task: asyncio.Task[Response] | None = None
        while True:
            if not self._is_reusable(request_key, digest, basis):
                own_task = asyncio.ensure_future(_await_response(make))
                self._store_entry(request_key, (digest, basis, own_task))
            entry = self.entries[request_key]
            task = entry[2]
            try:
                response = await asyncio.shield(task)
                break
            except ClientDisconnect:  # who asked first is gone; who waits is not
                if task is own_task:
                    raise
                if self.entries.get(request_key) is entry:
                    del self.entries[request_key]
        return Response(response.body, response.status_code, headers=dict(response.headers))

    def _is_reusable(self, request_key: RequestKey, digest: bytes, basis: Hashable) -> bool:
        """Tell whether an answer is kept and may be given again. Raises Invalid."""
        if request_key not in self.entries:
            return False
        known_digest, rested_on, _ = self.entries[request_key]
        if known_digest != digest:
            raise Invalid("This Idempotency-Key was used with another body.")
        return rested_on == basis

    def _store_entry(
        self, request_key: RequestKey, entry: tuple[bytes, Hashable, asyncio.Task[Response]]
    ) -> None:
        self.entries[request_key] = entry
        if len(self.entries) > MAX_KEYS:
            self.entries.popitem(last=False)

        def forget(done: asyncio.Task[Response]) -> None:
            failed = done.cancelled() or done.exception() is not None
            large = not failed and len(done.result().body) > LARGEST_RESPONSE
            if (failed or large) and self.entries.get(request_key) is entry:
                del self.entries[request_key]

        entry[2].add_done_callback(forget)


async def _await_response(make: MakeResponse) -> Response:
    return await make()
