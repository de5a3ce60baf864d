"""A client of any OpenAI-compatible server, first of all vLLM's: has a model write answers.

Only what our own schema holds is sent. Deadlines stand for reaching the server, for the first
words, for silence between words, and for the whole; one retry happens, and only before the
first word. A thought is a sign of life and no word. Whatever goes wrong is an EngineFailed with a
reason.

What comes is foreign, whoever runs the server: every line, list and answer has a longest form, is
cut off there before it is parsed, is asked for as it is (no content coding), and no reply sends us
elsewhere. ``tests/resilience/hostile_model.py`` tries.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ragdesk.answering.writing.chat_span import ChatSpan, trace_chat
from ragdesk.answering.writing.generator import Finish, WrittenPiece
from ragdesk.answering.writing.llm_pool import LlmPool, LlmServer
from ragdesk.answering.writing.openai_stream import (
    STREAM_CUT,
    has_content_coding,
    iter_server_events,
    make_status_error,
    make_timeout_error,
    parse_server_event,
    read_limited_body,
)
from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.thoughts import ThoughtFilter
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.errors import EngineFailed
from ragdesk.request_context import make_outgoing_headers

if TYPE_CHECKING:  # imported with the first client: 0.1 s, and most desks have no model
    import httpx

LARGEST_LIST = 1 << 19  # bytes of the list of models: some 500 of them
LONGEST_NAME = 256  # characters of a model's name
# Bytes after the end of a short reply would be read as the reply to the next question.
CLOSE_HEADERS = {"Connection": "close"}
NO_COOKIES = DefaultCookiePolicy(allowed_domains=())
HTTP_OK = 200
# For good: another question may be answered there.
HARMLESS_REASONS = {"refused", "filtered", "thoughts_only"}


class OpenAIGenerator:
    """Asks one or several servers of one model. Belongs to one event loop."""

    def __init__(self, options: GenerateOptions) -> None:
        """Open no connection yet."""
        import httpx  # noqa: PLC0415 - see above

        from ragdesk.answering.writing.llm_connections import BoundedTransport  # noqa: PLC0415 - see above

        self._options = options
        self._model = options.model
        # Its chat template writes the opening tag: words wait until the thoughts are closed.
        self._opens_thoughts = options.thinking == "on"
        headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        headers["Accept-Encoding"] = "identity"
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=options.running)
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=options.connect_seconds),
            limits=limits,
            transport=BoundedTransport(limits, secure=True),
            mounts={"http://": BoundedTransport(limits)},
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(NO_COOKIES),  # they would go out with every later question
        )
        self._replicas = LlmPool(
            options.urls, trips=options.trips, rest=options.rest_seconds, probe=self._probe_health
        )

    @property
    def model(self) -> str:
        """Return the model's name; empty until a server was asked."""
        return self._model

    async def close(self) -> None:
        """Close every connection."""
        await self._replicas.close()
        await self._http.aclose()

    async def __call__(
        self, prompt: Prompt, *, within: float | None = None
    ) -> AsyncGenerator[WrittenPiece, None]:
        """Write. within: seconds to the first word. Raises EngineFailed."""
        clock = asyncio.get_running_loop().time
        first = clock() + (self._options.first_seconds if within is None else within)
        end = clock() + self._options.total_seconds
        tried: set[str] = set()
        while True:
            replica, has_output = self._replicas.choose_server(tried, prompt.affinity), False
            await _wait_for_server(replica, first)
            try:
                with (
                    replica.track_request(),
                    trace_chat(self._options, self._model, replica.url, prompt) as chat,
                ):
                    written = self._stream_pieces(replica, prompt, min(first, end), end, chat)
                    async with aclosing(written) as pieces:
                        async for piece in pieces:
                            has_output = True
                            yield piece
            except EngineFailed as error:
                if error.retry_after:
                    replica.pause(error.retry_after)
                elif error.can_retry or error.reason not in HARMLESS_REASONS:
                    self._replicas.note_failure(replica)
                if has_output or tried or not error.can_retry or clock() >= first:
                    raise
                tried.add(replica.url)
            else:
                self._replicas.note_success(replica)
                return

    async def _stream_pieces(
        self, replica: LlmServer, prompt: Prompt, first: float, end: float, chat: ChatSpan
    ) -> AsyncGenerator[WrittenPiece, None]:
        """Ask one server, and hand on what it says beside its thoughts."""
        import httpx  # noqa: PLC0415 - see above

        deadline = first
        thoughts = ThoughtFilter(waits=self._opens_thoughts)
        try:
            async with asyncio.timeout_at(first):
                response = await self._send_prompt(replica, prompt, chat)
            most = self._options.reply_tokens(may_think=prompt.may_think)
            async with aclosing(response), aclosing(iter_server_events(response, most)) as events:
                clock = asyncio.get_running_loop().time
                while True:
                    async with asyncio.timeout_at(deadline):
                        if clock() > deadline:
                            await asyncio.sleep(1)  # what lies ready would never be interrupted
                        event = parse_server_event(await anext(events, STREAM_CUT))
                    for piece in thoughts.read_event(event):
                        yield piece
                    if event.text or event.thinks:
                        deadline = min(clock() + self._options.silence_seconds, end)
                    if event.stop:
                        self._opens_thoughts |= thoughts.is_unopened
                        await chat.note_end(self._model, event.stop, events)
                        yield Finish(event.stop)
                        return
        except TimeoutError as error:
            raise make_timeout_error(
                begun=deadline != first, thinking=deadline == end and thoughts.is_thinking
            ) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise EngineFailed("unreachable", f"No language model at {replica.url}.") from error
        except httpx.HTTPError as error:
            code = "truncated" if "incomplete" in str(error) else "reset"
            raise EngineFailed(code, "The language model broke off.") from error

    async def _send_prompt(
        self, replica: LlmServer, prompt: Prompt, chat: ChatSpan
    ) -> "httpx.Response":
        if not self._model:
            self._model = await self._fetch_model_name(replica)
        body = self._request_body(prompt)
        if chat.wants_usage:
            body["stream_options"] = {"include_usage": True}
        request = self._http.build_request(
            "POST",
            f"{replica.url}/chat/completions",
            json=body,
            headers=make_outgoing_headers(),
        )
        return await self._open_response(request, replica)

    async def _open_response(
        self, request: "httpx.Request", replica: LlmServer
    ) -> "httpx.Response":
        """Send a request, and give a reply of which nothing is read yet. Close it."""
        response = await self._http.send(request, stream=True)
        if response.status_code != HTTP_OK:
            await response.aclose()
            raise make_status_error(response, replica.url)
        if has_content_coding(response):
            await response.aclose()
            about = f"{replica.url} codes its replies although none is asked for: turn that off."
            raise EngineFailed("garbage", about)
        return response

    def _request_body(self, prompt: Prompt) -> dict[str, Any]:
        options = self._options
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            "max_tokens": options.reply_tokens(may_think=prompt.may_think),
            "temperature": options.temperature,
            "stream": True,
        }
        if prompt.schema is not None:
            json_schema = {"name": "answer", "schema": prompt.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        if options.dialect == "vllm" and prompt.salt:
            body["cache_salt"] = prompt.salt
        if arguments := options.template_arguments(may_think=prompt.may_think):
            body["chat_template_kwargs"] = arguments
        return body

    async def _fetch_model_name(self, replica: LlmServer) -> str:
        request = self._http.build_request("GET", f"{replica.url}/models", headers=CLOSE_HEADERS)
        async with aclosing(await self._open_response(request, replica)) as response:
            body = await read_limited_body(response, LARGEST_LIST)
        try:
            name = from_json(body)["data"][0]["id"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise EngineFailed("garbage", f"{replica.url} names no model.") from error
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise EngineFailed("garbage", f"{replica.url} names no model. Set [generate] model.")
        return name

    async def _probe_health(self, url: str) -> bool:
        """Ask for its health: by the status alone, nothing else of the reply is read."""
        import httpx  # noqa: PLC0415 - see above

        try:
            async with asyncio.timeout(self._options.connect_seconds):
                request = self._http.build_request("GET", f"{url}/models", headers=CLOSE_HEADERS)
                async with aclosing(await self._http.send(request, stream=True)) as response:
                    return response.status_code == HTTP_OK
        except (httpx.HTTPError, TimeoutError):
            return False


async def _wait_for_server(replica: LlmServer, first: float) -> None:
    """Wait while a server asks to be left alone, for half of the time that is left at most.

    Raises EngineFailed where it asks for more.
    """
    if not (wait := replica.pause_seconds):
        return
    if wait > (first - asyncio.get_running_loop().time()) / 2:
        raise EngineFailed("busy", "The language model has no room in time.", can_retry=False)
    await asyncio.sleep(wait)
