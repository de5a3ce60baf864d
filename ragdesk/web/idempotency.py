"""``Idempotency-Key``: the same request sent again gets the first one's answer.

Kept in this process and bounded: a key is remembered until ``MAX_KEYS`` newer ones came. With a
database that several servers share it is kept there, too (``shared_responses.py``), so that a
retry may reach another one. An answer is given again only while all that it rests on is the same:
a document that is gone or hidden by now is not to be read in it. After that it is made anew, and
what the first one did beside it is not done twice. So it is, too, where this process was killed
between a deed and its answer: the deed's own transaction notes it (``done_requests.py``). An answer
that holds a secret is kept no longer than a retry takes: after ``SECRET_SECONDS`` only that it was
given is known.
"""

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ragdesk.answering.answer import JsonObject
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.errors import Invalid, WrongState
from ragdesk.support.access import Principal
from ragdesk.support.replicas.done_requests import (
    DONE_MESSAGE,
    OTHER_BODY_MESSAGE,
    DeedPart,
    DoneRequests,
    RequestDeed,
    enter_deed,
)
from ragdesk.support.replicas.request_digests import RequestDigests
from ragdesk.web.shared_responses import (
    LARGEST_RESPONSE,
    ResponseRecipe,
    SharedResponses,
    describe_recipe,
)

RequestKey = tuple[str, ...]
RequestEntry = tuple[bytes, Hashable, asyncio.Task[Response] | None]
MakeResponse = Callable[[], Awaitable[Response]]
RemakeResponse = Callable[[bytes], Awaitable[Response]]
PickNote = Callable[[JsonObject], JsonObject]
MAX_KEYS = 1_000
LONGEST_KEY = 128
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_KEY,
        description="Drawn by who asks, for this request alone. Sent again with the same key and "
        "body, it is done once: it gets the first one's answer, or, where its words may have "
        "changed since, what became of it; a stream is made anew under the id of the first. With "
        "another body it is a 422. A 409 `wrong_state` says in `detail` whether it was done: done, "
        "and its reply is not shown again (a token, say); not known, look it up in the list; or "
        "not done, for something else changed meanwhile. A 503 `outcome_unknown` says that the "
        "database failed within it. The last 1,000 replies are remembered, with PostgreSQL by "
        "every server for a day; what changed the database is noted with the change for a day.",
    ),
]


async def read_idempotency_key(request: Request, key: KeyHeader = None) -> None:
    """Note a request's key. A route that gives answers again declares it by this dependency."""
    request.state.idempotency_key = key


IDEMPOTENT: Final = [Depends(read_idempotency_key)]  # the dependencies of such a route
NOTE: Final = "note"  # the basis of what is kept in place of a reply
SECRET_SECONDS = 60.0  # that a secret is kept for a retry; a client that waits longer has given up


def make_own_digests() -> RequestDigests:
    """Return digests that nobody else makes: of a server that keeps none."""
    return RequestDigests({"own": secrets.token_bytes(32)})


@dataclass(frozen=True, slots=True)
class IdempotencyCache:
    """Responses by asker, route and idempotency key. shared: those of all servers; None: alone.

    deeds: what was done by a key, as its database says; None: nobody notes it. digests: of bodies,
    as a database may keep them.
    An entry without a task is of a secret that was given, and is kept no more.
    """

    entries: OrderedDict[RequestKey, RequestEntry] = field(default_factory=OrderedDict)
    shared: SharedResponses | None = None
    deeds: DoneRequests | None = None
    secret_seconds: float = SECRET_SECONDS
    digests: RequestDigests = field(default_factory=make_own_digests)

    async def get_or_make(  # noqa: PLR0913, one parameter a part of what is made
        self,
        request: Request,
        who: Principal,
        digest: bytes,
        make: MakeResponse,
        *,
        basis: Hashable = None,
        shared_basis: Callable[[], str] = str,
        remake: RemakeResponse | None = None,
        is_secret: bool = False,
        deed: DeedPart | None = None,
    ) -> Response:
        """Make an answer, or return the one already made.

        Raises Invalid for another body, and WrongState for a secret that is kept no more.

        ``digest`` names the body. ``basis``: what the answer rests on. ``shared_basis`` tells it in
        words that other servers would use, and is asked where there are others. One of another
        basis is made anew, by ``remake`` out of the body of the first where that did something
        beside. is_secret: it is kept in no database and here for a while, and a retry after that or
        elsewhere is refused. deed: what of it the database notes; one that was done, and whose
        answer is lost, is answered by ``remake`` out of that note, or refused without it. A second
        request that arrives while the first is being answered waits for it.
        """
        key: str | None = request.state.idempotency_key  # of the dependency: else not declared
        if key is None:
            return await make()
        request_key = (who.name, request.method, request.url.path, request.url.query, key)
        shared_words = "" if self.shared is None else shared_basis()
        requests = self.digests.digest(digest)
        recipe = describe_recipe(
            request_key, who, requests, basis=shared_words, is_secret=is_secret, deed=deed
        )
        own_task: asyncio.Task[Response] | None = None
        while True:
            if not self._is_reusable(request_key, digest, basis):
                if (pending := self._find_pending(request_key)) is not None:
                    await asyncio.wait({pending})  # on another basis: it is not done beside it
                    continue
                former = self._find_body(request_key)
                made = self._make_once(recipe, former, make, remake)
                own_task = asyncio.ensure_future(made)
                keep_seconds = self.secret_seconds if is_secret else None
                known = self.entries.get(request_key) if former is not None else None
                self._store_entry(request_key, (digest, basis, own_task), keep_seconds, known)
            entry = self.entries[request_key]
            task = entry[2]
            if task is None:
                raise WrongState(DONE_MESSAGE)
            try:
                response = await asyncio.shield(task)
                break
            except ClientDisconnect:  # who asked first is gone; who waits is not
                if task is own_task:
                    raise
                if self.entries.get(request_key) is entry:
                    del self.entries[request_key]
        return Response(response.body, response.status_code, headers=dict(response.headers))

    async def get_or_show(  # noqa: PLR0913, one parameter a part of what is made
        self,
        request: Request,
        who: Principal,
        digest: bytes,
        make: MakeResponse,
        show: RemakeResponse,
        *,
        pick_note: PickNote,
        deed: DeedPart | None = None,
    ) -> Response:
        """Do something once, and show whoever asks again what became of it, as it stands now.

        For replies whose words are not to be given again: what is kept is what ``pick_note`` takes
        out of a reply, or out of such a note; ``show`` makes a reply of a note. Raises as
        ``get_or_make`` and ``show`` do.
        """
        sent: list[Response] = []

        async def make_note() -> Response:
            sent.append(await make())
            return JSONResponse(pick_note(json.loads(bytes(sent[0].body))))

        async def show_note(former: bytes) -> Response:
            note = JSONResponse(pick_note(json.loads(former)))
            sent.append(await show(bytes(note.body)))
            return note

        note = await self.get_or_make(
            request,
            who,
            digest,
            make_note,
            basis=NOTE,
            shared_basis=lambda: NOTE,
            remake=show_note,
            deed=deed,
        )
        return sent[0] if sent else await show(bytes(note.body))

    async def _make_once(
        self,
        recipe: ResponseRecipe,
        known_body: bytes | None,
        make: MakeResponse,
        remake: RemakeResponse | None,
    ) -> Response:
        """Make an answer here, unless another server did. known_body: of one on another basis."""

        async def make_anew(former: bytes | None) -> Response:
            if former is not None:
                return await (make() if remake is None else remake(former))
            if recipe.deed is None or self.deeds is None:
                return await make()
            note = await run_in_thread(self.deeds.find_note, recipe.key, recipe.deed)
            if note is None:
                with enter_deed(RequestDeed(key=recipe.key)):
                    return await make()
            if remake is None:
                raise WrongState(DONE_MESSAGE)
            return await remake(note)

        if self.shared is None:
            return await make_anew(known_body)
        return await self.shared.get_or_make(recipe, make_anew)

    def _is_reusable(self, request_key: RequestKey, digest: bytes, basis: Hashable) -> bool:
        """Tell whether an answer is kept and may be given again. Raises Invalid."""
        if request_key not in self.entries:
            return False
        known_digest, rested_on, _ = self.entries[request_key]
        if known_digest != digest:
            raise Invalid(OTHER_BODY_MESSAGE)
        return rested_on == basis

    def _find_pending(self, request_key: RequestKey) -> asyncio.Task[Response] | None:
        """Return the task that still makes the answer of a key."""
        task = self.entries[request_key][2] if request_key in self.entries else None
        return task if task is not None and not task.done() else None

    def _find_body(self, request_key: RequestKey) -> bytes | None:
        """Return the body of the answer that a key got; None where there is none yet."""
        if request_key not in self.entries:
            return None
        task = self.entries[request_key][2]
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return bytes(task.result().body)

    def _store_entry(
        self,
        request_key: RequestKey,
        entry: RequestEntry,
        keep_seconds: float | None,
        former: RequestEntry | None,
    ) -> None:
        """Keep what is being made. keep_seconds: for so long once it is made; None: for good.

        former: what it stands for, which is known again should it not be made.
        """
        digest, basis, task = entry
        self.entries[request_key] = entry
        if len(self.entries) > MAX_KEYS:
            self.entries.popitem(last=False)

        def forget(done: asyncio.Task[Response]) -> None:
            failed = done.cancelled() or done.exception() is not None
            large = not failed and len(done.result().body) > LARGEST_RESPONSE
            if self.entries.get(request_key) is not entry:
                return
            if failed and former is not None:
                self.entries[request_key] = former
            elif failed or large:
                del self.entries[request_key]
            elif keep_seconds is not None:
                asyncio.get_running_loop().call_later(keep_seconds, drop_secret)

        def drop_secret() -> None:
            if self.entries.get(request_key) is entry:
                self.entries[request_key] = (digest, basis, None)

        if task is not None:
            task.add_done_callback(forget)
