"""Traces by OpenTelemetry's SDK, sent over OTLP/HTTP.

The provider is ours alone and never the process's: other libraries that trace would send the very
texts they are handed.
"""

import os
import threading
from collections.abc import Mapping
from typing import Final

import ragdesk
from ragdesk.errors import SettingsError
from ragdesk.request_context import TRACE_HEADER, SpanKind, SpanValue, Tracer, TraceSpan

try:
    import requests
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as error:
    raise SettingsError(
        "telemetry.endpoint is set, and OpenTelemetry is not installed: pip install 'ragdesk[otel]'"
    ) from error

EXPORT_SECONDS: Final = 5.0  # that the receiver may take for a batch
CLOSE_SECONDS: Final = 3.0  # that the end of the process waits for the last batch
SPAN_KINDS: Final[Mapping[SpanKind, trace.SpanKind]] = {
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "internal": trace.SpanKind.INTERNAL,
}


class OtelSpan:
    """A span of OpenTelemetry."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    @property
    def traceparent(self) -> str:
        """Return the span as a W3C ``traceparent``; empty where the SDK is turned off."""
        context = self.span.get_span_context()
        if not context.is_valid:
            return ""
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set_value(self, name: str, value: SpanValue) -> None:
        """Set an attribute."""
        self.span.set_attribute(name, value)

    def end(self, error: str = "") -> None:
        """End it now. error: the code of what went wrong."""
        if error:
            self.span.set_attribute("error.type", error)
            self.span.set_status(trace.StatusCode.ERROR)
        self.span.end()


class OtelTracer:
    """Begins spans of a provider of its own."""

    def __init__(self, processor: SpanProcessor) -> None:
        """Hand every span that has ended to ``processor``."""
        about = {SERVICE_VERSION: ragdesk.__version__}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            about[SERVICE_NAME] = "ragdesk"
        self._provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ragdesk", ragdesk.__version__)
        self._propagator = TraceContextTextMapPropagator()

    def start_span(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceSpan | None,
        traceparent: str,
        values: Mapping[str, SpanValue],
    ) -> OtelSpan:
        """Begin a span within its parent, or else in the trace of whoever asked."""
        context = Context()  # nothing of the process's own: who embeds us may trace, too
        if isinstance(parent, OtelSpan):
            context = trace.set_span_in_context(parent.span, context)
        elif traceparent:
            context = self._propagator.extract({TRACE_HEADER: traceparent}, context)
        return OtelSpan(
            self._tracer.start_span(name, context, SPAN_KINDS[kind], attributes=dict(values))
        )

    def close(self) -> None:
        """Send what is left, for a moment: a receiver that is away holds up no end."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)


def open_otlp_tracer(endpoint: str) -> Tracer:
    """Open a tracer that sends its spans to an address, in batches, from a thread of its own."""
    session = requests.Session()
    session.trust_env = False  # no proxy and no netrc of the environment
    exporter = OTLPSpanExporter(
        f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS, session=session
    )
    return OtelTracer(BatchSpanProcessor(exporter))
