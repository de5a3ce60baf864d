"""``Idempotency-Key``: the same request sent again gets the first one's answer.

Kept in this process and bounded: a key is remembered until ``LIMIT`` newer ones came.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
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

    kept: OrderedDict[Place, tuple[bytes, asyncio.Task[Response]]] = field(
        default_factory=OrderedDict
    )

    async def answer(self, request: Request, who: Principal, digest: bytes, make: Make) -> Response:
        """Make an answer, or give the one already made. Raises Invalid for another body.

        ``digest`` names the body. A second request that arrives while the first is being
        answered waits for it.
        """
        key = request.headers.get(HEADER)
        if key is None:
            return await make()
        if not 1 <= len(key) <= LONGEST_KEY:
            raise Invalid(f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")
        place = (who.name, request.method, request.url.path, request.url.query, key)
        own: asyncio.Task[Response] | None = None
        while True:
            if place not in self.kept:
                own = asyncio.ensure_future(_run(make))
                self._keep(place, digest, own)
            seen, task = self.kept[place]
            if seen != digest:
                raise Invalid("This Idempotency-Key was used with another body.")
            try:
                response = await asyncio.shield(task)
                break
            except ClientDisconnect:  # who asked first is gone; who waits is not
                if task is own:
                    raise
                if self.kept.get(place) == (seen, task):
                    del self.kept[place]
        return Response(response.body, response.status_code, headers=dict(response.headers))

    def _keep(self, place: tuple[str, ...], digest: bytes, task: asyncio.Task[Response]) -> None:
        self.kept[place] = (digest, task)
        if len(self.kept) > LIMIT:
            self.kept.popitem(last=False)

        def forget(done: asyncio.Task[Response]) -> None:
            failed = done.cancelled() or done.exception() is not None
            if failed or len(done.result().body) > LARGEST:
                self.kept.pop(place, None)

        task.add_done_callback(forget)


async def _run(make: Make) -> Response:
    return await make()
