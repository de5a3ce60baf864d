"""``Idempotency-Key``: the same request sent again gets the first one's answer.

Kept in this process and bounded: a key is remembered until ``LIMIT`` newer ones came. An answer
is given again only while all that it rests on is the same: a document that is gone or hidden by
now is not to be read in it. After that the question is answered anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ragdesk.errors import Invalid
from ragdesk.support.access import Principal

Place = tuple[str, ...]
Make = Callable[[], Awaitable[Response]]
HEADER = "idempotency-key"
LIMIT = 1_000
LARGEST = 200_000  # bytes of an answer that is kept; a larger one is made again
LONGEST_KEY = 128


@dataclass(frozen=True, slots=True)
class Once:
    """Answers by who asked, for what, under which key."""

    kept: OrderedDict[Place, tuple[bytes, Hashable, asyncio.Task[Response]]] = field(
        default_factory=OrderedDict
    )

    async def answer(
        self,
        request: Request,
        who: Principal,
        digest: bytes,
        make: Make,
        *,
        basis: Hashable = None,
    ) -> Response:
        """Make an answer, or give the one already made. Raises Invalid for another body.

        ``digest`` names the body. ``basis``: what the answer rests on; one of another basis is
        made anew. A second request that arrives while the first is being answered waits for it.
        """
        key = request.headers.get(HEADER)
        if key is None:
            return await make()
        if not 1 <= len(key) <= LONGEST_KEY:
            raise Invalid(f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")
        place = (who.name, request.method, request.url.path, request.url.query, key)
        own: asyncio.Task[Response] | None = None
        while True:
            if not self._stands(place, digest, basis):
                own = asyncio.ensure_future(_run(make))
                self._keep(place, (digest, basis, own))
            entry = self.kept[place]
            task = entry[2]
            try:
                response = await asyncio.shield(task)
                break
            except ClientDisconnect:  # who asked first is gone; who waits is not
                if task is own:
                    raise
                if self.kept.get(place) is entry:
                    del self.kept[place]
        return Response(response.body, response.status_code, headers=dict(response.headers))

    def _stands(self, place: Place, digest: bytes, basis: Hashable) -> bool:
        """Tell whether an answer is kept and may be given again. Raises Invalid."""
        if place not in self.kept:
            return False
        before, rested_on, _ = self.kept[place]
        if before != digest:
            raise Invalid("This Idempotency-Key was used with another body.")
        return rested_on == basis

    def _keep(self, place: Place, entry: tuple[bytes, Hashable, asyncio.Task[Response]]) -> None:
        self.kept[place] = entry
        if len(self.kept) > LIMIT:
            self.kept.popitem(last=False)

        def forget(done: asyncio.Task[Response]) -> None:
            failed = done.cancelled() or done.exception() is not None
            large = not failed and len(done.result().body) > LARGEST
            if (failed or large) and self.kept.get(place) is entry:
                del self.kept[place]

        entry[2].add_done_callback(forget)


async def _run(make: Make) -> Response:
    return await make()
