"""Read the event stream of an OpenAI-compatible server, as untrusted input with bounds."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, NamedTuple

from pydantic_core import from_json

from ingest.outbound.retry_after import read_retry_after
from ragdesk.answering.writing.event_loop_yield import LoopTurns
from ragdesk.errors import EngineFailed

if TYPE_CHECKING:  # imported with the first client: 0.1 s, and most desks have no model
    import httpx

LARGEST_EVENT = 1 << 18  # bytes of one event: a model writes a few hundred


LONGEST_PIECE = 1 << 16  # characters that one event adds: a whole answer is no longer


EVENTS_A_TOKEN, BYTES_A_TOKEN = 8, 4_096  # of a reply; one token makes one event of some 300 bytes


EXTRA_EVENTS, EXTRA_BYTES = 1_000, 1 << 20  # of a reply, whatever its tokens


REDIRECTS = range(300, 400)


LONGEST_WAIT = 60.0  # seconds: who asks for more is taken at no word, as OpenAI's clients do


TOOL_STOPS = {"tool_calls", "function_call"}  # what a model stops for that was offered no tool


FAILED_STOPS = {"abort", "error"}


STREAM_CUT = b""  # what stands for the end of a stream that did not say why it ends


THOUGHT_MEMBERS = ("reasoning_content", "reasoning")  # of a delta; vLLM has both names


class StreamEvent(NamedTuple):
    """What an event of a stream adds: words, and why the model stopped, if it did.

    thinks: it adds a thought. Thoughts themselves are not read.
    """

    text: str
    stop: str
    thinks: bool = False


def make_status_error(response: "httpx.Response", url: str) -> EngineFailed:
    """Make the error of a reply that is no success, by its status."""
    status = response.status_code
    if status in {429, 503}:
        after = bound_wait(response.headers.get("retry-after", ""))
        return EngineFailed("busy", "The language model has no room now.", retry_after=after)
    if status in REDIRECTS:
        about = f"{url} sends us elsewhere ({status}). Name its own address in [generate] urls."
        return EngineFailed("refused", about, can_retry=False)
    if status < 500:  # noqa: PLR2004 (a fault of ours: asking again changes nothing)
        about = f"{url} refused the question ({status}). See [generate] urls, model and api_key."
        return EngineFailed("refused", about, can_retry=False)
    return EngineFailed("refused", f"The language model failed ({status}).")


def bound_wait(header: str) -> float:
    """Return the seconds that a model's ``Retry-After`` asks for; 0 for none, or over a minute.

    >>> bound_wait("2"), bound_wait(""), bound_wait("3600")
    (2.0, 0.0, 0.0)
    """
    seconds = read_retry_after(header) or 0.0
    return seconds if seconds <= LONGEST_WAIT else 0.0


def make_timeout_error(*, begun: bool, thinking: bool) -> EngineFailed:
    """Make the error of a deadline that passed.

    begun: words or thoughts had come. thinking: they were thoughts until all of the time was over.
    """
    code = "thoughts_only" if thinking else "stalled" if begun else "slow"
    return EngineFailed(code, "The language model took too long.", can_retry=False)


def has_content_coding(response: "httpx.Response") -> bool:
    """Tell whether a body is compressed, which is not asked for and not read."""
    coding = response.headers.get("content-encoding", "")
    return coding.strip().lower() not in {"", "identity"}


async def read_limited_body(response: "httpx.Response", max_bytes: int) -> bytes:
    """Read a whole reply. Raises EngineFailed for one of more bytes."""
    body = bytearray()
    turns = LoopTurns()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise EngineFailed(
                "garbage", f"The language model's server sent over {max_bytes:,} bytes."
            )
        await turns.yield_turn()
    return bytes(body)


async def iter_server_events(
    response: "httpx.Response", tokens: int
) -> AsyncGenerator[bytes, None]:
    """Split a stream into the data of its events. Raises EngineFailed for one without end.

    tokens: that were asked for; they bound how much may come.
    """
    line, turns, events, size = bytearray(), LoopTurns(), 0, 0
    max_bytes = EXTRA_BYTES + BYTES_A_TOKEN * tokens
    async for chunk in response.aiter_raw():
        size += len(chunk)
        *ends, rest = chunk.split(b"\n")
        for part in ends:
            line += part
            if line.startswith(b"data:") and (data := bytes(line[5:]).strip()):
                events += 1
                _check_bound(
                    len(line) > LARGEST_EVENT or events > EXTRA_EVENTS + EVENTS_A_TOKEN * tokens
                )
                yield data
                await turns.yield_turn()
            line.clear()
        line += rest
        _check_bound(len(line) > LARGEST_EVENT or size > max_bytes)
        await turns.yield_turn()


def _check_bound(beyond: object) -> None:
    if beyond:
        raise EngineFailed("garbage", "The language model's reply has no end.")


def parse_server_event(data: bytes) -> StreamEvent:
    """Read an event: the words it adds, why the model stopped, and whether it thinks.

    >>> parse_server_event(b'{"choices": [{"delta": {"content": null, "reasoning": "Hm"}}]}')
    StreamEvent(text='', stop='', thinks=True)
    """
    if data == STREAM_CUT:
        raise EngineFailed("truncated", "The language model broke off.")
    if data == b"[DONE]":
        return StreamEvent("", "stop")
    try:
        event = from_json(data)
        choices = event["choices"]
        if not choices:
            return StreamEvent("", "")
        delta = choices[0]["delta"]
        piece = delta.get("content") or ""
        thinks = any(delta.get(name) for name in THOUGHT_MEMBERS)
        stop = choices[0].get("finish_reason") or ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise EngineFailed("garbage", "The language model sent something else.") from error
    if not isinstance(piece, str) or not isinstance(stop, str) or stop in TOOL_STOPS:
        raise EngineFailed("garbage", "The language model sent something else.")
    if len(piece) > LONGEST_PIECE:
        raise EngineFailed("garbage", "The language model's answer has no end.")
    if stop in FAILED_STOPS:
        raise EngineFailed("truncated", "The language model broke off.")
    if stop == "content_filter":
        raise EngineFailed("filtered", "The language model's filter stopped it.", can_retry=False)
    return StreamEvent(piece, stop, thinks)
