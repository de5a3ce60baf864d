"""The trace of one request to the model's server, in the names of OpenTelemetry for GenAI.

Names as of its semantic conventions 1.41 (gen-ai-spans, still "Development" there). What was asked
and what was written is in none of them. Tokens are asked for where a span is made, as the last
event of the stream, and only of servers that are documented to know the wish.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic_core import from_json

from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.request_context import SpanValue, TraceSpan, current_request, trace_step

USAGE_SECONDS = 0.5  # that the count may come behind the last word
USAGE_EVENTS = 4  # events behind the last word that are looked at
MOST_TOKENS = 1 << 31


@dataclass(frozen=True, slots=True)
class ChatSpan:
    """A request to the model's server. wants_usage: it is to count its tokens."""

    span: TraceSpan
    wants_usage: bool

    async def note_end(self, model: str, stop: str, events: AsyncIterator[bytes]) -> None:
        """Note why the model stopped, and the tokens that it counted, should they come."""
        if not self.wants_usage:
            return
        self.span.set_value("gen_ai.request.model", model)
        self.span.set_value("gen_ai.response.finish_reasons", (stop,))
        try:
            async with asyncio.timeout(USAGE_SECONDS):
                for _ in range(USAGE_EVENTS):
                    data = await anext(events, b"[DONE]")
                    for name, count in read_usage(data).items():
                        self.span.set_value(name, count)
                    if data == b"[DONE]":
                        return
        except Exception as error:  # noqa: BLE001, the answer is whole without it
            self.span.set_value("ragdesk.usage", type(error).__name__)


@contextmanager
def trace_chat(
    options: GenerateOptions, model: str, url: str, prompt: Prompt
) -> Iterator[ChatSpan]:
    """Trace a request to the model's server. It may hold a ``yield``."""
    address = urlsplit(url)
    values: dict[str, SpanValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "vllm" if options.dialect == "vllm" else "openai",
        "gen_ai.output.type": "json" if prompt.schema is not None else "text",
        "gen_ai.request.max_tokens": options.reply_tokens(may_think=prompt.may_think),
        "gen_ai.request.temperature": options.temperature,
        "gen_ai.request.stream": True,
        "server.address": address.hostname or "",
        "server.port": address.port or (443 if address.scheme == "https" else 80),
    }
    if model:
        values["gen_ai.request.model"] = model
    request = current_request()
    is_traced = request is not None and request.tracer is not None
    with trace_step(f"chat {model}".strip(), "client", values) as span:
        yield ChatSpan(span, is_traced and options.dialect != "plain")


def read_usage(data: bytes) -> dict[str, int]:
    """Read the tokens that a server counted, by the names of their attributes; else nothing.

    >>> read_usage(b'{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}')
    {'gen_ai.usage.input_tokens': 9, 'gen_ai.usage.output_tokens': 2}
    >>> read_usage(b"[DONE]"), read_usage(b'{"usage": {"prompt_tokens": "many"}}')
    ({}, {})
    """
    try:
        usage = from_json(data)["usage"]
        counts = {
            "gen_ai.usage.input_tokens": usage.get("prompt_tokens"),
            "gen_ai.usage.output_tokens": usage.get("completion_tokens"),
        }
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    counts["gen_ai.usage.cache_read.input_tokens"] = cached
    return {name: n for name, n in counts.items() if type(n) is int and 0 <= n < MOST_TOKENS}
