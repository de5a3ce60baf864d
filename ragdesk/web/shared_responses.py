"""Responses by ``Idempotency-Key`` that several servers share: made at one, given at all of them.

A response that holds a secret is kept by the server that made it alone; of it the others know that
it was given, and refuse to do again what it stood for.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, Overloaded, WrongState
from ragdesk.support.access import Principal
from ragdesk.support.replicas.response_store import KeptResponse, ResponseKey, ResponseStore

MakeAnew = Callable[[bytes | None], Awaitable[Response]]
CLAIM_POLL_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 60.0  # for a response that another server makes
LARGEST_RESPONSE: Final = 200_000  # bytes of one that is kept; a larger one is made again
LEFT_OUT: Final = frozenset({"content-length"})  # headers that follow from the body
OTHER_BODY_MESSAGE: Final = "This Idempotency-Key was used with another body."
DONE_MESSAGE: Final = (
    "This was done already, and its reply is shown once. Look it up in the list; if the reply is "
    "lost, revoke what was made, and make another with a new Idempotency-Key."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRecipe:
    """How a response is asked for. is_secret: it is kept in no database."""

    key: ResponseKey
    is_secret: bool = False


def describe_recipe(
    request_key: Sequence[str], who: Principal, digest: bytes, *, basis: str, is_secret: bool
) -> ResponseRecipe:
    """Describe a request, so that every server calls it by the same name."""
    key = ResponseKey(
        name="\0".join(request_key),
        person=who.person or who.name,
        request=hashlib.sha256(digest).hexdigest(),
        basis=basis,
    )
    return ResponseRecipe(key=key, is_secret=is_secret)


class SharedResponses:
    """The responses of all servers of a database."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store

    async def get_or_make(self, recipe: ResponseRecipe, make: MakeAnew) -> Response:
        """Give the response of a key, made here where no server did yet.

        make: makes it, given the body of an earlier one that rested on something else. Raises
        Invalid, WrongState, Overloaded.
        """
        until = time.monotonic() + WAIT_SECONDS
        while True:
            claim, kept = await self._claim(recipe)
            if claim is not None:
                return await self._make(recipe, claim, kept, make)
            if kept is not None and kept.claim is None:
                return _restore(kept)
            if time.monotonic() > until:
                raise Overloaded("Another server still makes this response. Come again soon.")
            await asyncio.sleep(CLAIM_POLL_SECONDS)

    async def _claim(self, recipe: ResponseRecipe) -> tuple[str | None, KeptResponse | None]:
        """Claim a key, or look what became of it. Raises Invalid, WrongState."""
        claim = await run_in_thread(self._store.claim, recipe.key)
        if claim is not None:
            return claim, None
        kept = await run_in_thread(self._store.find, recipe.key)
        if kept is None:  # given back meanwhile
            return None, None
        if not kept.is_same_request:
            raise Invalid(OTHER_BODY_MESSAGE)
        is_made = kept.claim is None
        if recipe.is_secret and (kept.is_lost or is_made):
            raise WrongState(DONE_MESSAGE)
        if kept.is_lost or (is_made and not (kept.is_same_basis and kept.body is not None)):
            claim = await run_in_thread(self._store.take_over, recipe.key, kept.claim)
            return claim, kept if claim else None
        return None, kept

    async def _make(
        self, recipe: ResponseRecipe, claim: str, former: KeptResponse | None, make: MakeAnew
    ) -> Response:
        body = former.body.encode() if former is not None and former.body is not None else None
        try:
            response = await make(body)
        except BaseException:
            await asyncio.shield(run_in_thread(self._store.release, recipe.key, claim))
            raise
        if len(response.body) > LARGEST_RESPONSE:
            await run_in_thread(self._store.release, recipe.key, claim)
            return response
        headers = {name: text for name, text in response.headers.items() if name not in LEFT_OUT}
        kept = KeptResponse(
            claim=None,
            status=response.status_code,
            headers=headers,
            body=None if recipe.is_secret else bytes(response.body).decode(),
        )
        await run_in_thread(self._store.keep, recipe.key, claim, kept)
        return response


def _restore(kept: KeptResponse) -> Response:
    return Response((kept.body or "").encode(), kept.status, headers=dict(kept.headers or {}))
