"""Read a request's body: bounded, in time, and as the JSON that every reader agrees on.

What two JSON readers could understand differently, or a later step could choke on, is
refused here: names given twice, NaN and Infinity, numbers of thousands of digits, deep
nesting, lone surrogates, NUL.
"""

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ragdesk.errors import BadRequest, Timeout, TooLarge, WrongMedia
from ragdesk.web.connections import SLOWEST
from ragdesk.web.request_slots import BodyArrivals
from ragdesk.web.serve_options import ServeOptions

MAX_JSON_DEPTH = 32
MAX_JSON_DIGITS = 18  # what fits a signed 64-bit integer
MAX_JSON_MEMBERS = 2_000
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)  # never tried twice, closed or not
JSON_BRACKET = re.compile(r"[\[\]{}]")


def parse_json_body(body: bytes) -> Any:
    r"""Read one JSON document. Raises BadRequest with the reason.

    >>> parse_json_body(b'{"question": "Why?"}')
    {'question': 'Why?'}
    >>> parse_json_body(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ragdesk.errors.BadRequest: The body names 'a' twice.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not UTF-8.") from error
    _check_shape(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_members,
            parse_constant=_reject_constant,
            parse_float=_read_float,
            parse_int=_read_integer,
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    _check_characters(value)
    return value


def _check_shape(text: str) -> None:
    depth = members = 0
    bare = JSON_STRING.sub("", text)
    for bracket in JSON_BRACKET.finditer(bare):
        depth += 1 if bracket[0] in "[{" else -1
        members += 1
        if depth > MAX_JSON_DEPTH:
            raise BadRequest(f"The body nests deeper than {MAX_JSON_DEPTH} levels.")
    if members + bare.count(",") > MAX_JSON_MEMBERS:
        raise BadRequest(f"The body has more than {MAX_JSON_MEMBERS:,} members.")


def _check_characters(value: Any) -> None:
    match value:
        case str():
            if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
                raise BadRequest("The body holds NUL or half of a surrogate pair.")
        case dict():
            for name, member in value.items():
                _check_characters(name)
                _check_characters(member)
        case list():
            for member in value:
                _check_characters(member)
        case _:
            return


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise BadRequest(f"The body names {name[:40]!r} twice.")
        members[name] = value
    return members


def _reject_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is not a JSON number.")


def _read_float(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise BadRequest("A number of the body is too large.")
    return value


def _read_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_JSON_DIGITS:
        raise BadRequest(f"A number of the body has more than {MAX_JSON_DIGITS} digits.")
    return int(digits)


async def iter_body(
    request: Request, arrivals: BodyArrivals, *, limit: int, seconds: float
) -> AsyncIterator[bytes]:
    """Read a body piece by piece. Raises TooLarge, Timeout, WrongMedia or BadRequest.

    A length that is declared over the limit is refused before a byte is read; one that is
    not declared, or a lie, when the limit is passed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongMedia("Compressed bodies are not read. Send the body as it is.")
    too_large = TooLarge(f"The body is over {limit:,} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > MAX_JSON_DIGITS or int(declared) > limit):
        raise too_large
    size = 0
    started = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(seconds) as clock:
            with arrivals.track(clock) as arrival:
                async for piece in request.stream():
                    if (size := size + len(piece)) > limit:
                        raise too_large
                    arrival.note_size(size, until=started + seconds + size / SLOWEST)
                    yield piece
    except TimeoutError as error:
        raise Timeout("The body did not arrive in time.") from error
    except ClientDisconnect as error:
        raise BadRequest("The body ended early.") from error


class StrictRequest(Request):
    """A request whose body is bounded, and whose JSON is strict."""

    async def body(self) -> bytes:
        """Read the whole body once."""
        if not hasattr(self, "_body"):
            options: ServeOptions = self.app.state.options
            chunks = iter_body(
                self,
                self.app.state.arriving,
                limit=options.max_json_bytes,
                seconds=options.read_seconds,
            )
            self._body = b"".join([piece async for piece in chunks])
        return self._body

    async def json(self) -> Any:
        """Read the body as JSON once. Raises BadRequest."""
        if not hasattr(self, "_json"):
            self._json = parse_json_body(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route that reads JSON bodies strictly, and nothing else as JSON."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Wrap the handler: media type first, then the strict request."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
            strict = StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                if kind != "application/json":
                    raise WrongMedia("Send JSON, with Content-Type: application/json.")
                await strict.json()  # here, for FastAPI makes one 400 of every error it meets there
                request.state.slot.take()
            return await handle(strict)

        return handle_strictly
