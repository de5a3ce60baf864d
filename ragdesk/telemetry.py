"""What an operator is told of single requests: spans to a collector, and slow questions in the log.

Both say which steps took how long, with ids and counts, and never a question, a document or an
answer.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ragdesk.errors import SettingsError
from ragdesk.request_context import Tracer

if TYPE_CHECKING:
    from ragdesk.answering.answer import Answer

log = logging.getLogger("ragdesk.answering")


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryOptions:
    """What is told of single requests, beside ``/metrics``. Never a text.

    endpoint: address of a receiver of OpenTelemetry traces over HTTP (OTLP), such as
        "http://127.0.0.1:4318". Empty: none are made. The standard variables hold for the rest
        (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS); none of them turns
        traces on.
    slow_seconds: seconds from which a question is written to the log with the time of its steps;
        0 for none.
    """

    endpoint: str = ""
    slow_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.slow_seconds < math.inf:
            raise ValueError("slow_seconds must be 0 or more")


def open_tracer(options: TelemetryOptions) -> Tracer | None:
    """Open what the settings name; None where they name nothing.

    Raises SettingsError for an address that is none, and where OpenTelemetry is not installed.
    """
    if not options.endpoint:
        return None
    if not _is_address(options.endpoint):
        raise SettingsError(
            f"telemetry.endpoint: {options.endpoint!r} is no address. "
            "Write it like http://127.0.0.1:4318"
        )
    from ragdesk.on_opentelemetry import open_otlp_tracer  # noqa: PLC0415, an extra

    return open_otlp_tracer(options.endpoint)


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def make_slow_log(slow_seconds: float) -> Callable[["Answer"], None]:
    """Make the function that writes a slow question to the log: its steps, ids and counts."""

    def log_slow_answer(answer: "Answer") -> None:
        total = answer.seconds.get("total", 0.0)
        if slow_seconds and total >= slow_seconds:
            log.warning("slow question", extra=describe_answer(answer))

    return log_slow_answer


def describe_answer(answer: "Answer") -> dict[str, object]:
    """Return what may be logged of an answer: what it is, how long its steps took, and counts."""
    return {
        "answer": answer.id,
        "collection": answer.collection,
        "generation": answer.generation,
        "outcome": str(answer.outcome),
        "language": answer.language,
        "generator": answer.generator,
        "degraded": (answer.degraded_reason or "").partition(":")[0],
        "seconds": {step: round(seconds, 3) for step, seconds in answer.seconds.items()},
        "question_characters": len(answer.question),
        "passages": len(answer.passages),
        "sentences": len(answer.claims),
        "withheld": answer.withheld,
    }
