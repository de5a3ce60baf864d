"""Errors in the shape that OpenAI's clients read, for every refusal on the paths they ask.

The gate, the body's reader, limits and routes all answer with a problem (RFC 9457). Here that is
said in other words on its way out, so that none of them has to know who asks.
"""

import http
import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragdesk.answering.answer import JsonObject
from ragdesk.web.problems import PROBLEM_MEDIA_TYPE

# Beside our routes those that clients try and that stand nowhere here.
OPENAI_PATHS: Final = (
    *("/v1/chat/completions", "/v1/models"),
    *("/v1/completions", "/v1/embeddings", "/v1/responses"),
)
REQUEST_ERROR: Final = "invalid_request_error"
LIMIT_ERROR: Final = "rate_limit_error"
SERVER_ERROR: Final = "server_error"
OPENAI_CODES: Final[Mapping[str, str]] = {
    "unauthenticated": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
}
# A request that is well formed and not taken is a 400 there; clients raise by the status.
OPENAI_STATUSES: Final[Mapping[int, int]] = {422: 400}


class OpenAiErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAiErrorOut(BaseModel):
    """An error as OpenAI's clients read it."""

    error: OpenAiErrorDetail


def build_openai_error(
    message: str, kind: str, code: str | None, param: str | None = None
) -> JsonObject:
    """Write an error as OpenAI's clients read it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def translate_problem(problem: JsonObject) -> JsonObject:
    """Return a problem as an error of OpenAI's shape.

    >>> translate_problem({"status": 401, "code": "unauthenticated", "detail": "No."})["error"]
    {'message': 'No.', 'type': 'invalid_request_error', 'param': None, 'code': 'invalid_api_key'}
    """
    status, code, message = problem["status"], problem["code"], problem["detail"]
    param = None
    if fields := problem.get("errors"):
        param = fields[0]["field"].removeprefix("body.")
        message = f"{param}: {fields[0]['message']}"
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = SERVER_ERROR
    else:
        is_limit = status == http.HTTPStatus.TOO_MANY_REQUESTS
        kind = LIMIT_ERROR if is_limit else REQUEST_ERROR
    return build_openai_error(message, kind, OPENAI_CODES.get(code, code), param)


class OpenAiErrorTranslation:
    """ASGI application around all of the others: translates problems on OpenAI's paths."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            send = _TranslatingSend(send, scope)
        await self.app(scope, receive, send)


def _is_openai_path(path: str) -> bool:
    return any(path == known or path.startswith(f"{known}/") for known in OPENAI_PATHS)


class _TranslatingSend:
    """Sends a response on; one that is a problem whole, and in the other shape.

    The path is looked at with the response: by then it is without the sub-path of a proxy.
    """

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._scope = scope
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        is_start = message["type"] == "http.response.start"
        if is_start and _is_openai_path(self._scope["path"]) and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_error(self._start)

    async def _send_error(self, start: Message) -> None:
        body = self._body
        if body:  # of a HEAD there is none
            body = json.dumps(translate_problem(json.loads(body)), ensure_ascii=False).encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        status = OPENAI_STATUSES.get(start["status"], start["status"])
        await self._send({**start, "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _is_problem(start: Mapping[str, Any]) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return kind.startswith(PROBLEM_MEDIA_TYPE)
