"""Middleware around every request: id, metrics, one log line, safe headers, header bounds.

The line names the route's pattern, never the path itself: a path can hold a document's name.
"""

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ragdesk.errors import BadRequest, LongHeaders, Refusal
from ragdesk.metrics import OTHER_LABEL, Metrics
from ragdesk.request_context import (
    REQUEST_ID_HEADER,
    TRACE_HEADER,
    RequestContext,
    Tracer,
    TraceSpan,
    accept_request_id,
    accept_traceparent,
    enter_request,
    trace_step,
)
from ragdesk.web import problems
from ragdesk.web.request_slots import RequestSlots, SlotLease

log = logging.getLogger("ragdesk.web")
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
SAFE_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
MAX_HEADER_BYTES = 16_384  # uvicorn bounds those of an unfinished request only
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "_OTHER"  # as OpenTelemetry calls what a client made up
ALWAYS_ANSWERED = ("/healthz", "/readyz", "/metrics")  # answered when all else is full


class RequestMiddleware:
    """ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracer: Tracer | None = None) -> None:
        self.app = app
        self.metrics = metrics
        self.tracer = tracer
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        context = RequestContext(
            id=accept_request_id(headers.get(REQUEST_ID_HEADER)),
            traceparent=accept_traceparent(headers.get(TRACE_HEADER)),
            tracer=self.tracer,
        )
        name = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
        with enter_request(context), trace_step(name, "server") as span:
            await self._answer(scope, receive, send, context, span)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, context: RequestContext, span: TraceSpan
    ) -> None:
        """Answer a request, count it and log it."""
        started = time.perf_counter()
        status = 499

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = context.id
                if getattr(scope["app"].state, "is_ending", False):
                    headers["connection"] = "close"
                set_safe_headers(headers)
            await send(message)

        self.running += 1
        self.metrics.in_flight.set(self.running)
        try:
            if refusal := self._find_refusal(scope):
                response = problems.error_response(refusal)
                response.headers["connection"] = "close"  # what follows may not be a request
                return await response(scope, receive, send_with_headers)
            return await self.app(scope, receive, send_with_headers)
        finally:
            self.running -= 1
            self.metrics.in_flight.set(self.running)
            self._log_request(scope, status, time.perf_counter() - started, context.id)
            _describe_span(span, scope, status)

    def _find_refusal(self, scope: Scope) -> Refusal | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
            return LongHeaders(f"The headers are over {MAX_HEADER_BYTES:,} bytes.")
        names = [name for name, _ in scope["headers"]]
        if b"transfer-encoding" in names and b"content-length" in names:
            return BadRequest("Content-Length and Transfer-Encoding are not shown together.")
        if names.count(b"authorization") > 1:
            return BadRequest("A request shows one key, in one Authorization header.")
        return None

    def _log_request(
        self, scope: MutableMapping[str, Any], status: int, seconds: float, number: str
    ) -> None:
        route = getattr(scope.get("route"), "path", OTHER_LABEL)
        status_class = f"{status // 100}xx"
        labels = {"route": route, "method": scope["method"], "status": status_class}
        self.metrics.requests.labels(**labels).inc()
        self.metrics.seconds.labels(route=route).observe(seconds)
        fields = {"request": number, "method": scope["method"], "route": route, "status": status}
        who = scope.get("state", {}).get("who", "-")
        fields |= {"who": who, "ms": round(seconds * 1000, 1)}
        # Whoever shows no key can cause as many of these as they like.
        repeats = {"repeats": (route, status)} if who == "-" else {}
        log.info("request", extra={**fields, **repeats})


def _describe_span(span: TraceSpan, scope: Scope, status: int) -> None:
    """Say in a span what is said in the log: the pattern of the path, never the path."""
    method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
    span.set_value("http.request.method", method)
    span.set_value("http.response.status_code", status)
    if (path := getattr(scope.get("route"), "path", None)) is not None:
        span.set_value("http.route", path)


def set_safe_headers(headers: MutableHeaders) -> None:
    """Add what keeps a browser from misusing a response, where the route did not say otherwise."""
    names_ancestors = "frame-ancestors" in headers.get("content-security-policy", "")
    for name, value in SAFE_HEADERS.items():
        if name != "x-frame-options" or not names_ancestors:  # the older header knows no lists
            headers.setdefault(name, value)


class SlotMiddleware:
    """ASGI middleware, the innermost one: so many requests are answered at the same time.

    One that brings a body takes its place once that has arrived, see ``StrictRoute``: bodies come
    at their client's pace.
    """

    def __init__(self, app: ASGIApp, places: RequestSlots) -> None:
        self.app = app
        self.places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        state = scope.setdefault("state", {})
        state["slot"] = slot = SlotLease(self.places, state.get("connection"))
        try:
            if not has_body(scope) and scope["path"] not in ALWAYS_ANSWERED:
                slot.take()
        except Refusal as error:
            return await problems.error_response(error)(scope, receive, send)
        try:
            return await self.app(scope, receive, send)
        finally:
            slot.give_back()


def has_body(scope: Scope) -> bool:
    """Tell whether a request says that a body follows its headers."""
    fields = Headers(scope=scope)
    return "transfer-encoding" in fields or fields.get("content-length", "0").strip("0") != ""
