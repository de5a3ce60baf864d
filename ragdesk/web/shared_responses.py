"""Responses by ``Idempotency-Key`` that several servers share: made at one, given at all of them.

A response that holds a secret is kept by the server that made it alone; of it the others know that
it was given, and refuse to do again what it stood for. A database that goes away in between takes
no reply from who asked, and has nothing done twice: what became of a claim is noted once it is
back, and until then the claim stands. What a deed notes of itself (``done_requests.py``) tells a
retry more than a claim can.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response

from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import HomeUnusable, Invalid, OutcomeUnknown, Overloaded, WrongState
from ragdesk.support.access import Principal
from ragdesk.support.replicas.done_requests import DONE_MESSAGE, OTHER_BODY_MESSAGE, DeedPart
from ragdesk.support.replicas.response_store import (
    KeptResponse,
    ResponseKey,
    ResponseStore,
    draw_claim,
)
from ragdesk.web.claim_notes import ClaimNotes

MakeAnew = Callable[[bytes | None], Awaitable[Response]]
CLAIM_POLL_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 60.0  # for a response that another server makes
LARGEST_RESPONSE: Final = 200_000  # bytes of one that is kept; a larger one is made again
LEFT_OUT: Final = frozenset({"content-length"})  # headers that follow from the body
BUSY_MESSAGE: Final = (
    "Another server is still at this, or cannot say yet that it is done. Send it again soon with "
    "the same Idempotency-Key: it is not done twice."
)
UNKNOWN_MESSAGE: Final = (
    "The database failed in the middle of this: it may have been done, or not. With the same "
    "Idempotency-Key it is not done again. Look whether it was done; if not, send it with a new "
    "one."
)
# Kept in place of a response where nobody knows whether there is one: no route makes a 409.
UNKNOWN_OUTCOME: Final = KeptResponse(claim=None, status=409)
log = logging.getLogger("ragdesk.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRecipe:
    """How a response is asked for. is_secret: it is kept in no database.

    deed: what the database notes of it with the deed itself; None: nothing.
    """

    key: ResponseKey
    is_secret: bool = False
    deed: DeedPart | None = None


def describe_recipe(  # noqa: PLR0913, one parameter a part of the recipe
    request_key: Sequence[str],
    who: Principal,
    requests: tuple[str, ...],
    *,
    basis: str,
    is_secret: bool,
    deed: DeedPart | None = None,
) -> ResponseRecipe:
    """Describe a request, so that every server calls it by the same name.

    requests: digests of its body, as ``RequestDigests`` makes them.
    """
    key = ResponseKey(
        name="\0".join(request_key),
        person=who.person or who.name,
        requests=requests,
        basis=basis,
    )
    return ResponseRecipe(key=key, is_secret=is_secret, deed=deed)


class SharedResponses:
    """The responses of all servers of a database."""

    def __init__(self, store: ResponseStore, notes: ClaimNotes | None = None) -> None:
        self._store = store
        self._notes = notes or ClaimNotes()

    async def close(self) -> None:
        """Note what became of the last claims, if the database can be told."""
        await self._notes.close()

    async def get_or_make(self, recipe: ResponseRecipe, make: MakeAnew) -> Response:
        """Give the response of a key, made here where no server did yet.

        make: makes it, given the body of an earlier one that rested on something else. Raises
        Invalid, WrongState, Overloaded; OutcomeUnknown where the database failed while it was made,
        and HomeUnusable before that.
        """
        await self._notes.settle(recipe.key.name)
        until = time.monotonic() + WAIT_SECONDS
        while True:
            claim, kept = await self._claim(recipe)
            if claim is not None:
                return await self._make(recipe, claim, kept, make)
            if kept is not None and kept.claim is None:
                return _restore(kept)
            if time.monotonic() > until:
                raise Overloaded(BUSY_MESSAGE)
            await asyncio.sleep(CLAIM_POLL_SECONDS)

    async def _claim(self, recipe: ResponseRecipe) -> tuple[str | None, KeptResponse | None]:
        """Claim a key, or look what became of it. Raises Invalid, WrongState."""
        drawn = draw_claim()
        if await self._try_claim(recipe.key, drawn, partial(self._store.claim, recipe.key, drawn)):
            return drawn, None
        kept = await run_in_thread(self._store.find, recipe.key)
        if kept is None:  # given back meanwhile
            return None, None
        if not kept.is_same_request:
            raise Invalid(OTHER_BODY_MESSAGE)
        is_made = kept.claim is None
        if is_made and kept.status == UNKNOWN_OUTCOME.status:
            raise WrongState(UNKNOWN_MESSAGE)
        if recipe.is_secret and (is_made or (kept.is_lost and recipe.deed is None)):
            raise WrongState(DONE_MESSAGE)
        if kept.is_lost or (is_made and not (kept.is_same_basis and kept.body is not None)):
            take_over = partial(self._store.take_over, recipe.key, kept.claim, drawn)
            if await self._try_claim(recipe.key, drawn, take_over):
                return drawn, kept
            return None, None
        return None, kept

    async def _try_claim(
        self, key: ResponseKey, claim: str, write: Callable[[], str | None]
    ) -> bool:
        """Claim a key. Raises HomeUnusable; a claim that stands all the same is given back."""
        try:
            return await run_in_thread(write) is not None
        except HomeUnusable:
            self._notes.write_later(key.name, claim, partial(self._store.release, key, claim))
            raise

    async def _make(
        self, recipe: ResponseRecipe, claim: str, former: KeptResponse | None, make: MakeAnew
    ) -> Response:
        body = former.body.encode() if former is not None and former.body is not None else None
        release = partial(self._store.release, recipe.key, claim)
        try:
            response = await make(body)
        except BaseException as error:
            is_lost = isinstance(error, HomeUnusable) and body is None
            is_unknown = is_lost and recipe.deed is None  # else its own note tells, once it is back
            unknown = partial(self._store.keep, recipe.key, claim, UNKNOWN_OUTCOME)
            await self._note(recipe.key, claim, unknown if is_unknown else release)
            if not is_unknown:
                raise
            log.error("it is not known what was done", extra={"reason": str(error)})  # noqa: TRY400, a driver's own words may hold the row
            raise OutcomeUnknown(UNKNOWN_MESSAGE) from error
        if len(response.body) > LARGEST_RESPONSE:
            await self._note(recipe.key, claim, release)
            return response
        headers = {name: text for name, text in response.headers.items() if name not in LEFT_OUT}
        kept = KeptResponse(
            claim=None,
            status=response.status_code,
            headers=headers,
            body=None if recipe.is_secret else bytes(response.body).decode(),
        )
        await self._note(recipe.key, claim, partial(self._store.keep, recipe.key, claim, kept))
        return response

    async def _note(self, key: ResponseKey, claim: str, write: Callable[[], None]) -> None:
        await asyncio.shield(self._notes.write(key.name, claim, write))


def _restore(kept: KeptResponse) -> Response:
    return Response((kept.body or "").encode(), kept.status, headers=dict(kept.headers or {}))
