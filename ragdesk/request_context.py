"""The request that work is done for: its id and its trace, in every step, thread and log line.

A context variable holds it, so that no function hands it on: tasks and ``asyncio.to_thread`` take
it along, ``run_in_pool`` does so for pools of threads, and a job remembers it. Steps are measured
as spans where a tracer is given (``on_opentelemetry.py``), and cost nothing where there is none.
"""

import asyncio
import contextvars
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from ragdesk.errors import error_status

REQUEST_ID_HEADER = "X-Request-Id"
TRACE_HEADER = "traceparent"
# Bounded, and of characters that break no line, header or query of whoever reads the log.
REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
TRACE_PATTERN = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
SpanKind = Literal["server", "client", "internal"]
SpanValue = str | int | float | bool | Sequence[str]
Result = TypeVar("Result")


class TraceSpan(Protocol):
    """A stretch of work in a trace. Its values are names, ids and counts, never a text."""

    @property
    def traceparent(self) -> str: ...

    def set_value(self, name: str, value: SpanValue) -> None: ...

    def end(self, error: str = "") -> None: ...


class Tracer(Protocol):
    """Begins spans, and sends them away once they have ended."""

    def start_span(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceSpan | None,
        traceparent: str,
        values: Mapping[str, SpanValue],
    ) -> TraceSpan: ...

    def close(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """The id of a request, the trace it belongs to, and the step that it is in.

    traceparent: as whoever asked sent it, by W3C Trace Context; empty where none came. span: the
    innermost one that is open. It stands here and in no context variable of its own: the parts of
    an answer are made by several tasks, one after the other.
    """

    id: str
    traceparent: str = ""
    tracer: Tracer | None = None
    span: TraceSpan | None = None

    @property
    def trace_id(self) -> str:
        """Return the id of the trace; empty where there is none."""
        made = TRACE_PATTERN.fullmatch(self.outgoing_traceparent)
        return made[1] if made else ""

    @property
    def outgoing_traceparent(self) -> str:
        """Return what the next server is told: the open span, or else what came, as it came."""
        return self.span.traceparent if self.span is not None else self.traceparent


_CURRENT: contextvars.ContextVar[RequestContext | None] = contextvars.ContextVar(
    "ragdesk_request", default=None
)


def accept_request_id(header: str | None) -> str:
    r"""Return an id that came with a request, if it is well-formed, or else a new one.

    >>> accept_request_id("b7d0c7f2-order.17")
    'b7d0c7f2-order.17'
    >>> len(accept_request_id("a line\nbreak")), len(accept_request_id(None))
    (16, 16)
    """
    if header is not None and REQUEST_ID_PATTERN.fullmatch(header):
        return header
    return secrets.token_hex(8)


def accept_traceparent(header: str | None) -> str:
    """Return a well-formed ``traceparent``; else nothing, and a trace of its own begins.

    >>> accept_traceparent("00-" + 32 * "a" + "-" + 16 * "b" + "-01")[:8]
    '00-aaaaa'
    >>> accept_traceparent("00-" + 32 * "0" + "-" + 16 * "b" + "-01")
    ''
    """
    return header if header is not None and TRACE_PATTERN.fullmatch(header) else ""


def current_request() -> RequestContext | None:
    """Return the request that this work is done for; None for work of nobody's."""
    return _CURRENT.get()


@contextmanager
def enter_request(context: RequestContext | None) -> Iterator[None]:
    """Do work for a request, in this task or thread."""
    token = _CURRENT.set(context)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def describe_request() -> dict[str, str]:
    """Return what a log line says of the request: its id, and its trace if it has one."""
    context = _CURRENT.get()
    if context is None:
        return {}
    trace = context.trace_id
    return {"request": context.id, **({"trace": trace} if trace else {})}


def make_outgoing_headers() -> dict[str, str]:
    """Return the headers by which the model's server names this request in its own log.

    What is put behind the id keeps it the server's only one: a rewriting, an answer, a second try
    and somebody who sends another one's id all come with another end.
    """
    context = _CURRENT.get()
    if context is None:
        return {}
    headers = {REQUEST_ID_HEADER: f"{context.id}-{secrets.token_hex(4)}"}
    if traceparent := context.outgoing_traceparent:
        headers[TRACE_HEADER] = traceparent
    return headers


class _NoSpan:
    """Stands for a span where nothing is traced."""

    traceparent = ""

    def set_value(self, name: str, value: SpanValue) -> None:
        """Keep nothing."""

    def end(self, error: str = "") -> None:
        """Send nothing."""


_NO_SPAN = _NoSpan()


@contextmanager
def trace_step(
    name: str, kind: SpanKind = "internal", values: Mapping[str, SpanValue] | None = None
) -> Iterator[TraceSpan]:
    """Trace a step of the current request, within the step that is open. It may hold a ``yield``.

    An error ends it by its code, never by its words: they may name a document.
    """
    context = _CURRENT.get()
    if context is None or context.tracer is None:
        yield _NO_SPAN
        return
    parent = context.span
    span = context.tracer.start_span(name, kind, parent, context.traceparent, values or {})
    context.span = span
    error = ""
    try:
        yield span
    except GeneratorExit:  # whoever read the answer has left, or has read enough
        raise
    except BaseException as raised:
        error = describe_span_error(raised)
        raise
    finally:
        context.span = parent
        span.end(error)


def describe_span_error(error: BaseException) -> str:
    """Return the ``error.type`` of a span: our code of it, or the name of its class.

    >>> describe_span_error(asyncio.CancelledError())
    'CancelledError'
    """
    if not isinstance(error, Exception):
        return type(error).__name__
    reason = getattr(error, "reason", None)  # why a language model failed
    code = reason if isinstance(reason, str) and reason.isidentifier() else error_status(error).code
    return type(error).__name__ if code == "internal" else code


async def run_in_pool(pool: Executor, work: Callable[..., Result], *args: object) -> Result:
    """Run some work in a thread of a pool, as work for the same request."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, contextvars.copy_context().run, work, *args)
