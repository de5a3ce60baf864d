"""Return every error as RFC 9457 problem JSON: one form for 404, 405, 422, 500 and ours.

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
from ingest.errors import IngestError, Unreadable
from ragdesk.errors import (
    ERROR_STATUSES,
    MACHINE_STATUS,
    Forbidden,
    Invalid,
    NotFound,
    Overloaded,
    RagdeskError,
    RateLimited,
    Refusal,
    Unauthenticated,
    error_status,
    public_words,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("ragdesk.web")
PROBLEM_CODES = {
    face.status: face.code for face in ERROR_STATUSES.values() if face.code != "settings"
} | {
    401: ERROR_STATUSES[Unauthenticated].code,
    403: ERROR_STATUSES[Forbidden].code,
    404: ERROR_STATUSES[NotFound].code,
    405: "method_not_allowed",
    422: ERROR_STATUSES[Invalid].code,
    500: "internal",
    503: "overloaded",
}
MAX_FIELDS = 8
CLIENT_CLOSED = 499  # as proxies write it down: the client closed its connection


def build_problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """Write a problem. ``code`` is stable; ``detail`` is for a person.

    The request's id is in the header alone: what must not be told apart has one body.
    """
    return {
        "type": f"urn:ragdesk:problem:{code}",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }


def problem_response(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """Write a problem as a response, with the headers its status asks for."""
    headers = {}
    if status == http.HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if code == ERROR_STATUSES[Overloaded].code:  # what is damaged does not mend itself in a second
        headers["Retry-After"] = "1"
    elif status == http.HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = "60"  # somebody has to make room first
    body = build_problem(status, code, detail, **more)
    return JSONResponse(body, status, headers=headers, media_type=PROBLEM_MEDIA_TYPE)


def error_response(error: Exception) -> JSONResponse:
    """Write one of our errors as a response."""
    status = error_status(error)
    own_words = (Refusal, Unreadable)  # may name a document: not for the log
    if status.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(error, own_words):
        fields = {"code": status.code, "reason": str(error)}
        log.warning("refused", extra={**fields, "repeats": (status.code, str(error)[:200])})
    response = problem_response(status.status, status.code, public_words(error))
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
        response.headers["RateLimit"] = f'"{error.kind}";r=0;t={error.retry_after}'
    return response


def _own_error(_request: Request, error: Exception) -> Response:
    return error_response(error)


def _http_error(_request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    status = http.HTTPStatus(raised.status_code)
    reply = problem_response(
        status, PROBLEM_CODES.get(status, "refused"), status.description or status.phrase
    )
    reply.headers.update(raised.headers or {})
    return reply


def _validation_error(_request: Request, error: Exception) -> Response:
    raised = cast("RequestValidationError", error)
    fields = [
        {"field": ".".join(str(part)[:40] for part in item["loc"]), "message": item["msg"]}
        for item in raised.errors()[:MAX_FIELDS]
    ]
    return problem_response(
        422, PROBLEM_CODES[422], "Some fields are not as they should be.", errors=fields
    )


def _client_closed(_request: Request, _error: Exception) -> Response:
    """Answer nobody: the client is gone, and nothing is the matter."""
    return Response(status_code=CLIENT_CLOSED)


def _unexpected_error(_request: Request, error: Exception) -> Response:
    if error_status(error) is MACHINE_STATUS:  # nothing is wrong in this program
        return error_response(error)
    log.error("unexpected error", exc_info=error, extra={"repeats": "unexpected"})
    return problem_response(
        500, "internal", "Something went wrong here; the server's log says what."
    )


def install_error_handlers(app: FastAPI) -> None:
    """Install handlers that turn every error of an app into a problem."""
    for ours in (RagdeskError, IndexesError, IngestError):
        app.add_exception_handler(ours, _own_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(ClientDisconnect, _client_closed)
    app.add_exception_handler(Exception, _unexpected_error)
