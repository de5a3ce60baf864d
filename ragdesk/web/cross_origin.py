"""Pages of other origins: which of them may read a response, and the question browsers ask first.

Only visitors come from there, with a publishable key that names the origin. Cookies never do.
"""

import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore

ORIGINS_SECONDS: Final = 5.0  # for which the origins of all keys are remembered
ALLOWED_METHODS: Final = "GET, POST, PATCH, DELETE"
ALLOWED_HEADERS: Final = "authorization, content-type, x-visitor, idempotency-key"
READABLE_HEADERS: Final = "ratelimit, ratelimit-policy, retry-after, x-request-id"
PREFLIGHT_SECONDS: Final = 600


class KnownOrigins:
    """The origins that any publishable key names."""

    def __init__(self, sites: PublishableKeyStore) -> None:
        self._sites = sites
        self._origins = frozenset[str]()
        self._due = 0.0

    def answer_preflight(self, origin: str) -> Response:
        """Answer the question whether a page may ask. It blocks. What it then asks is checked."""
        if time.monotonic() >= self._due:
            self._origins = self._sites.list_origins()
            self._due = time.monotonic() + ORIGINS_SECONDS
        response = Response(status_code=204, headers={"Vary": "Origin"})
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        return response


def is_preflight(scope: Scope, headers: Headers) -> bool:
    """Tell whether a browser asks if a page of another origin may send a request."""
    asks = "origin" in headers and "access-control-request-method" in headers
    return scope["method"] == "OPTIONS" and asks


def allow_origin(send: Send, origin: str) -> Send:
    """Let a page of an origin read a response."""

    async def send_readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = READABLE_HEADERS
            headers.add_vary_header("Origin")
        await send(message)

    return send_readable
