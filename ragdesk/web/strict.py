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
from ragdesk.web.connections import SLOWEST, Arrivals
from ragdesk.web.limits import ServeOptions

MAX_DEPTH = 32
MAX_DIGITS = 18  # what fits a signed 64-bit integer
MAX_MEMBERS = 2_000
STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)  # never tried twice, closed or not
BRACKET = re.compile(r"[\[\]{}]")


def parse(body: bytes) -> Any:
    r"""Read one JSON document. Raises BadRequest with the reason.

    >>> parse(b'{"question": "Why?"}')
    {'question': 'Why?'}
    >>> parse(b'{"a": 1, "a": 2}')
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
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    _check_characters(value)
    return value


def _check_shape(text: str) -> None:
    depth = members = 0
    bare = STRING.sub("", text)
    for bracket in BRACKET.finditer(bare):
        depth += 1 if bracket[0] in "[{" else -1
        members += 1
        if depth > MAX_DEPTH:
            raise BadRequest(f"The body nests deeper than {MAX_DEPTH} levels.")
    if members + bare.count(",") > MAX_MEMBERS:
        raise BadRequest(f"The body has more than {MAX_MEMBERS:,} members.")


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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"The body names {name[:40]!r} twice.")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is not a JSON number.")


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise BadRequest("A number of the body is too large.")
    return value


def _short(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise BadRequest(f"A number of the body has more than {MAX_DIGITS} digits.")
    return int(digits)


async def pieces(
    request: Request, arrivals: Arrivals, *, limit: int, seconds: float
) -> AsyncIterator[bytes]:
    """Read a body piece by piece. Raises TooLarge, Timeout, WrongMedia or BadRequest.

    A length that is declared over the limit is refused before a byte is read; one that is
    not declared, or a lie, when the limit is passed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongMedia("Compressed bodies are not read. Send the body as it is.")
    too_large = TooLarge(f"The body is over {limit:,} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > MAX_DIGITS or int(declared) > limit):
        raise too_large
    size, started = 0, asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(seconds) as clock:
            with arrivals.arrival(clock) as arrival:
                async for piece in request.stream():
                    if (size := size + len(piece)) > limit:
                        raise too_large
                    arrival.note(size, until=started + seconds + size / SLOWEST)
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
            read = pieces(
                self,
                self.app.state.arriving,
                limit=options.max_json_bytes,
                seconds=options.read_seconds,
            )
            self._body = b"".join([piece async for piece in read])
        return self._body

    async def json(self) -> Any:
        """Read the body as JSON once. Raises BadRequest."""
        if not hasattr(self, "_json"):
            self._json = parse(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route that reads JSON bodies strictly, and nothing else as JSON."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Wrap the handler: media type first, then the strict request."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
            strict = StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                if kind != "application/json":
                    raise WrongMedia("Send JSON, with Content-Type: application/json.")
                await strict.json()  # here, for FastAPI makes one 400 of every error it meets there
                request.state.visit.take()
            return await handle(strict)

        return strictly
