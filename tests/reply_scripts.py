"""A language model's server that replies by a script, in the shapes that servers document.

    model = ReplyScript()
    with running(model) as url: model.follow("tags", "It opens at 8:15.", "8:15") …

A request (POST /v1/chat/completions) holds "model", "messages", "max_tokens", "temperature" and
"stream", with a schema "response_format": {"type": "json_schema", "json_schema": {"name": …,
"schema": …, "strict": true}}, for vLLM "cache_salt" and "chat_template_kwargs":
{"enable_thinking": false}. A streamed reply is events of server-sent events (OpenAI, "Streaming"):

    data: {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764460800, "model":
           "m", "choices": [{"index": 0, "delta": {"content": "It"}, "logprobs": null,
           "finish_reason": null}]}

the first with the role, the last with an empty delta and "stop" or "length", then one of "usage"
without choices, then "data: [DONE]". A thought is a delta with "reasoning" (vLLM, "Reasoning
Outputs"; "reasoning_content" in its older versions and at DeepSeek). Not recorded from a server.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import repeat
from typing import Any

from scripted_writer import passages
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

# What a script sends: bytes, or seconds to wait.
Steps = Iterator[bytes | float]
# A draft in a thought: other figures, a mark, JSON, and braces.
DRAFT = (
    'The {draft}: {"sentences": [{"text": "It takes 90 days.", "citations": [1]}]} [1]. No, 30. '
)


def event(
    delta: dict[str, Any], stop: str | None = None, *, end: str = "\n", gap: str = " "
) -> bytes:
    """Write an event. end: of its lines. gap: after "data:"."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": stop}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764460800}
    body = json.dumps({**head, "model": "m", "choices": [choice]}, ensure_ascii=False)
    return f"data:{gap}{body}{end}{end}".encode()


def words(text: str, size: int = 7) -> Steps:
    return (event({"content": text[at : at + size]}) for at in range(0, len(text), size))


def thoughts(text: str = DRAFT, *, name: str = "reasoning") -> Steps:
    return (event({"content": None, name: piece}) for piece in text.split(" "))


def ended(stop: str = "stop") -> Steps:
    yield event({}, stop)
    yield b'data: {"choices": [], "usage": {"total_tokens": 9}}\n\ndata: [DONE]\n\n'


def plainly(say: str) -> Steps:
    yield from words(say)
    yield from ended()


def thought_before(say: str, *, name: str) -> Steps:
    yield from thoughts(name=name)
    yield from plainly(say)


def cut_thoughts(_: str) -> Steps:
    yield from thoughts(DRAFT * 3)
    yield from ended("length")


def answer_among_thoughts(say: str) -> Steps:
    yield from thoughts(say)
    yield from ended()


def slow_thoughts(say: str) -> Steps:
    for piece in list(thoughts())[:4]:
        yield piece
        yield 0.5
    yield from plainly(say)


def endless_thoughts(_: str) -> Steps:
    for piece in repeat(event({"reasoning": "hm "})):
        yield piece
        yield 0.05


def thought_then_silence(_: str) -> Steps:
    yield from thoughts("hm ")
    yield 5.0


def carriage_returns(say: str) -> Steps:
    yield b": ping\r\n\r\n"
    yield event({"role": "assistant", "content": ""}, end="\r\n", gap="")
    yield event({"content": say[:9]}, end="\r\n", gap="")
    yield b": ping\r\n\r\n"
    yield event({"content": say[9:]}, "stop", end="\r\n", gap="")
    yield b"data: [DONE]\r\n\r\n"


def failure(say: str) -> Steps:
    yield from words(say[:10])
    yield b'data: {"error": {"message": "out of memory", "type": "server_error", "code": 500}}\n\n'


def cut_answer(say: str) -> Steps:
    """Break off in the middle of a second sentence."""
    second = say.removeprefix('{"answerable": true, "sentences": [').removesuffix("]}")
    first = say.removesuffix("]}")
    yield from words(
        f"{first}, {second[: len(second) // 2]}" if first != say else f"{say} {say[:9]}"
    )
    yield from ended("length")


SCRIPTS: dict[str, Callable[[str], Steps]] = {
    "right": plainly,
    "null role": lambda say: iter([event({"role": "assistant", "content": None}), *plainly(say)]),
    "carriage returns": carriage_returns,
    "reasoning": lambda say: thought_before(say, name="reasoning"),
    "reasoning_content": lambda say: thought_before(say, name="reasoning_content"),
    "tags": lambda say: plainly(f"<think>\n{DRAFT}\n</think>\n\n{say}"),
    "capital tags": lambda say: plainly(f"[THINK]{DRAFT}[/THINK]{say}"),
    "two thoughts": lambda say: plainly(f"<think>a</think>{say}<thought>b</thought>"),
    "slow thoughts": slow_thoughts,
    "fence": lambda say: plainly(f"```json\n{say}\n```"),
    "open tag": lambda _: plainly(f"<think>{DRAFT}"),
    "closing tag": lambda say: plainly(f"It may be anything. </think>{say}"),
    "cut thoughts": cut_thoughts,
    "answer among thoughts": answer_among_thoughts,
    "endless thoughts": endless_thoughts,
    "thought, then silence": thought_then_silence,
    "nothing": lambda _: ended(),
    "failure": failure,
    "cut answer": cut_answer,
    "cut first sentence": lambda say: iter([*words(say[: len(say) // 2]), *ended("length")]),
}  # fmt: skip


class ReplyScript:
    """Serves one script after the other. bodies: of the requests since the last one was chosen."""

    def __init__(self) -> None:
        self.follow("right", None)

    def follow(
        self, script: str, sentence: str | None, source: str = "", *, say: str | None = None
    ) -> None:
        """Choose a script.

        sentence: what the model has to say; None: that no passage answers. source: words of the
        passage that it cites. say: what it says instead, as it stands.
        """
        self.script, self.sentence, self.source, self.say = script, sentence, source, say
        self.bodies: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self._reply(request)
        await response(scope, receive, send)

    async def _reply(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"object": "list", "data": [{"id": "m", "object": "model"}]})
        body = await request.json()
        self.bodies.append(body)
        say = self._write(body)
        if self.script == "no stream":
            message = {"role": "assistant", "content": say}
            return JSONResponse({"choices": [{"message": message, "finish_reason": "stop"}]})
        return StreamingResponse(_send(SCRIPTS[self.script](say)), media_type="text/event-stream")

    def _write(self, body: dict[str, Any]) -> str:
        structured = "response_format" in body
        user = body["messages"][-1]["content"]
        given = passages(user) if "<passages>" in user else {}
        number = next((n for n, text in given.items() if self.source in text), 1)
        if self.say is not None:
            return self.say.format(number=number)
        if self.sentence is None:
            return '{"answerable": false, "sentences": []}' if structured else "NO_ANSWER"
        if not structured:
            return f"{self.sentence} [{number}]"
        sentences = [{"text": self.sentence, "citations": [number]}]
        return json.dumps({"answerable": True, "sentences": sentences}, ensure_ascii=False)


async def _send(steps: Steps) -> AsyncIterator[bytes]:
    for step in steps:
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            yield step
