"""Say every error as RFC 9457 problem JSON: one form for 404, 405, 422, 500 and ours.

No value that a client sent is repeated, save names of fields, cut short.
"""

import http
import logging
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from indexes.errors import IndexesError
from ingest.errors import IngestError
from ragdesk.errors import (
    FACES,
    MACHINE,
    Forbidden,
    Invalid,
    NotFound,
    Overloaded,
    RagdeskError,
    Refusal,
    Unauthenticated,
    face,
    public_words,
)

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("ragdesk.web")
CODES = {face.status: face.code for face in FACES.values() if face.code != "settings"} | {
    401: FACES[Unauthenticated].code,
    403: FACES[Forbidden].code,
    404: FACES[NotFound].code,
    405: "method_not_allowed",
    422: FACES[Invalid].code,
    500: "internal",
    503: "overloaded",
}
MAX_FIELDS = 8
LEFT = 499  # as proxies write it down: the client closed its connection


def problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """Write a problem. ``code`` is stable; ``detail`` is for a person."""
    return {
        "type": f"urn:ragdesk:problem:{code}",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }


def response(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """Write a problem as a response, with the headers its status asks for."""
    headers = {}
    if status == http.HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if code == FACES[Overloaded].code:  # what is damaged does not mend itself in a second
        headers["Retry-After"] = "1"
    elif status == http.HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = "60"  # somebody has to make room first
    body = problem(status, code, detail, **more)
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def from_error(error: Exception) -> JSONResponse:
    """Write one of our errors as a response."""
    look = face(error)
    if look.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(error, Refusal):
        fields = {"code": look.code, "reason": str(error)}
        log.warning("refused", extra={**fields, "repeats": (look.code, str(error)[:200])})
    return response(look.status, look.code, public_words(error))


def _ours(_request: Request, error: Exception) -> Response:
    return from_error(error)


def _http(_request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    status = http.HTTPStatus(raised.status_code)
    found = response(status, CODES.get(status, "refused"), status.description or status.phrase)
    found.headers.update(raised.headers or {})
    return found


def _fields(_request: Request, error: Exception) -> Response:
    raised = cast("RequestValidationError", error)
    fields = [
        {"field": ".".join(str(part)[:40] for part in one["loc"]), "message": one["msg"]}
        for one in raised.errors()[:MAX_FIELDS]
    ]
    return response(422, CODES[422], "Some fields are not as they should be.", errors=fields)


def _left(_request: Request, _error: Exception) -> Response:
    """Answer nobody: the client is gone, and nothing is the matter."""
    return Response(status_code=LEFT)


def _unexpected(_request: Request, error: Exception) -> Response:
    if face(error) is MACHINE:  # nothing is wrong in this program
        return from_error(error)
    log.error("unexpected error", exc_info=error, extra={"repeats": "unexpected"})
    return response(500, "internal", "Something went wrong here; the server's log says what.")


def install(app: FastAPI) -> None:
    """Let every error of an app leave as a problem."""
    for ours in (RagdeskError, IndexesError, IngestError):
        app.add_exception_handler(ours, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _fields)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)
