"""Let a language model write: a client of any OpenAI-compatible server, first of all vLLM's.

Only what our own schema holds is sent. Deadlines stand for reaching the server, for the first
words, for silence between words, and for the whole; one retry happens, and only before the
first word. Whatever goes wrong is an EngineFailed with a reason.

What comes is foreign, whoever runs the server: every line, list and answer has a longest form, is
cut off there before it is parsed, is asked for as it is (no content coding), and no reply sends us
elsewhere. ``tests/resilience/hostile_model.py`` tries.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic_core import from_json

from ragdesk.answering.prompts import Prompt
from ragdesk.answering.replicas import LlmServer, LlmPool, parse_retry_after
from ragdesk.answering.turns import LoopTurns
from ragdesk.errors import EngineFailed, SettingsError

if TYPE_CHECKING:  # imported with the first client: 0.1 s, and most desks have no model
    import httpx

LARGEST_EVENT = 1 << 18  # bytes of one event: a model writes a few hundred
LARGEST_LIST = 1 << 19  # bytes of the list of models: some 500 of them
LONGEST_NAME = 256  # characters of a model's name
LONGEST_PIECE = 1 << 16  # characters that one event adds: a whole answer is no longer
EVENTS_A_TOKEN, BYTES_A_TOKEN = 8, 4_096  # of a reply; one token makes one event of some 300 bytes
EXTRA_EVENTS, EXTRA_BYTES = 1_000, 1 << 20  # of a reply, whatever its tokens
# Bytes after the end of a short reply would be read as the reply to the next question.
CLOSE_HEADERS = {"Connection": "close"}
NO_COOKIES = DefaultCookiePolicy(allowed_domains=())
HTTP_OK = 200
REDIRECTS = range(300, 400)
TOOL_STOPS = {"tool_calls", "function_call"}  # what a model stops for that was offered no tool
FAILED_STOPS = {"abort", "error"}
HARMLESS_REASONS = {"refused", "filtered"}  # for good: another question may be answered there
STREAM_CUT = b""  # what stands for the end of a stream that did not say why it ends


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateOptions:
    """Who writes the answers. With no urls, the documents' own sentences are the answer.

    urls: addresses of OpenAI-compatible servers of one model, such as "http://127.0.0.1:8000/v1".
    model: its name there; empty takes the first that the server lists.
    api_key: sent as a bearer token.
    dialect: "vllm" (JSON schema, separate prefix caches), "openai" (JSON schema), or "plain"
    (marks in plain text, for servers that cannot be held to a schema).
    degrade: answer in the documents' own sentences when the model fails; else the question fails.
    max_tokens: of an answer.
    sentences: of an answer, at most.
    temperature: 0 writes the likeliest words.
    connect_seconds: to reach a server.
    first_seconds: to the first word, a retry and waiting for a place included. A follow-up that the
    model has to rewrite first may take half of it for that.
    silence_seconds: between words.
    total_seconds: to the last word.
    running: answers being written at once, over all servers.
    waiting: questions that may wait for a place; further ones get 503 and Retry-After.
    trips: failures in a row after which a server is left alone.
    rest_seconds: how often its health is looked at then.
    """

    urls: tuple[str, ...] = ()
    model: str = ""
    api_key: str = field(default="", metadata={"secret": True})
    dialect: Literal["vllm", "openai", "plain"] = "vllm"
    degrade: bool = True
    max_tokens: int = 512
    sentences: int = 8
    temperature: float = 0.0
    connect_seconds: float = 2.0
    first_seconds: float = 15.0
    silence_seconds: float = 10.0
    total_seconds: float = 60.0
    running: int = 64
    waiting: int = 64
    trips: int = 3
    rest_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Finish:
    """Why a model stopped: "stop", or "length" where its answer was cut off."""

    reason: str


class GenerateText(Protocol):
    """Writes text from a prompt, piece by piece, and says at the end why it stopped."""

    def __call__(
        self, prompt: Prompt, *, within: float | None = None
    ) -> AsyncGenerator[str | Finish, None]: ...


class Generator(GenerateText, Protocol):
    """A model, and what is open for it."""

    @property
    def model(self) -> str: ...
    async def close(self) -> None: ...


class OpenAIGenerator:
    """Asks one or several servers of one model. Belongs to one event loop."""

    def __init__(self, options: GenerateOptions) -> None:
        """Open no connection yet."""
        import httpx  # noqa: PLC0415 - see above

        from ragdesk.answering.sockets import BoundedTransport  # noqa: PLC0415 - see above

        self._options = options
        self._model = options.model
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
        """Name the model; empty until a server was asked."""
        return self._model

    async def close(self) -> None:
        """Let go of every connection."""
        await self._replicas.close()
        await self._http.aclose()

    async def __call__(
        self, prompt: Prompt, *, within: float | None = None
    ) -> AsyncGenerator[str | Finish, None]:
        """Write. within: seconds to the first word. Raises EngineFailed."""
        now = asyncio.get_running_loop().time()
        first = now + (self._options.first_seconds if within is None else within)
        end = now + self._options.total_seconds
        tried: set[str] = set()
        while True:
            replica, has_output = self._replicas.choose_server(tried), False
            await _wait_for_server(replica, first)
            try:
                with replica.track_request():
                    async with aclosing(
                        self._stream_pieces(replica, prompt, min(first, end), end)
                    ) as pieces:
                        async for piece in pieces:
                            has_output = True
                            yield piece
            except EngineFailed as error:
                if error.retry_after:
                    replica.pause(error.retry_after)
                elif error.can_retry or error.reason not in HARMLESS_REASONS:
                    self._replicas.note_failure(replica)
                if has_output or tried or not error.can_retry:
                    raise
                tried.add(replica.url)
            else:
                self._replicas.note_success(replica)
                return

    async def _stream_pieces(
        self, replica: LlmServer, prompt: Prompt, first: float, end: float
    ) -> AsyncGenerator[str | Finish, None]:
        """Ask one server, and hand on what it says."""
        import httpx  # noqa: PLC0415 - see above

        deadline = first
        try:
            async with asyncio.timeout_at(first):
                response = await self._send_prompt(replica, prompt)
            most = self._options.max_tokens
            async with aclosing(response), aclosing(_iter_events(response, most)) as events:
                clock = asyncio.get_running_loop().time
                while True:
                    async with asyncio.timeout_at(deadline):
                        if clock() > deadline:
                            await asyncio.sleep(1)  # what lies ready would never be interrupted
                        piece, stop = _parse_event(await anext(events, STREAM_CUT))
                    if piece:
                        yield piece
                        deadline = min(clock() + self._options.silence_seconds, end)
                    if stop:
                        yield Finish(stop)
                        return
        except TimeoutError as error:
            code = "slow" if deadline == first else "stalled"
            raise EngineFailed(
                code, "The language model took too long.", can_retry=False
            ) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise EngineFailed("unreachable", f"No language model at {replica.url}.") from error
        except httpx.HTTPError as error:
            code = "truncated" if "incomplete" in str(error) else "reset"
            raise EngineFailed(code, "The language model broke off.") from error

    async def _send_prompt(self, replica: LlmServer, prompt: Prompt) -> "httpx.Response":
        if not self._model:
            self._model = await self._fetch_model_name(replica)
        request = self._http.build_request(
            "POST", f"{replica.url}/chat/completions", json=self._request_body(prompt)
        )
        return await self._open_response(request, replica)

    async def _open_response(
        self, request: "httpx.Request", replica: LlmServer
    ) -> "httpx.Response":
        """Send a request, and give a reply of which nothing is read yet. Close it."""
        response = await self._http.send(request, stream=True)
        if response.status_code != HTTP_OK:
            await response.aclose()
            raise _status_error(response, replica.url)
        if _has_content_coding(response):
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
            "max_tokens": options.max_tokens,
            "temperature": options.temperature,
            "stream": True,
        }
        if prompt.schema is not None:
            json_schema = {"name": "answer", "schema": prompt.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        if options.dialect == "vllm" and prompt.salt:
            body["cache_salt"] = prompt.salt
        return body

    async def _fetch_model_name(self, replica: LlmServer) -> str:
        request = self._http.build_request("GET", f"{replica.url}/models", headers=CLOSE_HEADERS)
        async with aclosing(await self._open_response(request, replica)) as response:
            body = await _read_body(response, LARGEST_LIST)
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


def _status_error(response: "httpx.Response", url: str) -> EngineFailed:
    status = response.status_code
    if status in {429, 503}:
        after = parse_retry_after(response.headers.get("retry-after", ""))
        return EngineFailed("busy", "The language model has no room now.", retry_after=after)
    if status in REDIRECTS:
        about = f"{url} sends us elsewhere ({status}). Name its own address in [generate] urls."
        return EngineFailed("refused", about, can_retry=False)
    if status < 500:  # noqa: PLR2004 (a fault of ours: asking again changes nothing)
        about = f"{url} refused the question ({status}). See [generate] urls, model and api_key."
        return EngineFailed("refused", about, can_retry=False)
    return EngineFailed("refused", f"The language model failed ({status}).")


def _has_content_coding(response: "httpx.Response") -> bool:
    coding = response.headers.get("content-encoding", "")
    return coding.strip().lower() not in {"", "identity"}


async def _read_body(response: "httpx.Response", max_bytes: int) -> bytes:
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


async def _iter_events(response: "httpx.Response", tokens: int) -> AsyncGenerator[bytes, None]:
    """Cut a stream into the data of its events. Raises EngineFailed for one without end.

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


def _parse_event(data: bytes) -> tuple[str, str]:
    """Read an event: the words it adds, and why the model stopped, if it did."""
    if data == STREAM_CUT:
        raise EngineFailed("truncated", "The language model broke off.")
    if data == b"[DONE]":
        return "", "stop"
    try:
        event = from_json(data)
        choices = event["choices"]
        if not choices:
            return "", ""
        piece = choices[0]["delta"].get("content") or ""
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
    return piece, stop


def check_generate_options(options: GenerateOptions) -> None:
    """Refuse addresses that are none. Raises SettingsError."""
    for url in options.urls:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(
                f"generate.urls: {url!r} is no address. Write it like http://127.0.0.1:8000/v1"
            )
