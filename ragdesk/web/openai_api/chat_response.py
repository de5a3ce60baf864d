"""An answer as a chat completion: whole, or as chunks of a stream.

The order of the chunks: one with the role, those with words, one with the annotations, one with the
``finish_reason`` and the whole answer as ``ragdesk``, one with the usage if it was asked for, and
``[DONE]``. An error ends a stream without ``[DONE]``.
"""

import secrets
import time
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel
from pydantic import Field as SchemaField

from ragdesk.answering.answer import (
    Answer,
    AnswerEvent,
    AnswerReason,
    Done,
    JsonObject,
    Outcome,
    PassagesReady,
    StepLink,
    TextDelta,
    to_json_object,
)
from ragdesk.answering.writing.prompt_builder import estimate_tokens
from ragdesk.web.openai_api.citation_annotations import annotate_citations, format_text_address
from ragdesk.web.openai_api.openai_errors import SERVER_ERROR, build_openai_error
from ragdesk.web.schemas import Ask
from ragdesk.web.stream import encode_data

FINISHED = "stop"
LAST_LINE = b"data: [DONE]\n\n"


class UrlCitationOut(BaseModel):
    url: str
    title: str
    start_index: int
    end_index: int


class AnnotationOut(BaseModel):
    type: Literal["url_citation"]
    url_citation: UrlCitationOut


class ChatMessageOut(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: None
    annotations: list[AnnotationOut]


class FinishDetailOut(BaseModel):
    outcome: Outcome
    reason: AnswerReason | None


class ChatChoiceOut(BaseModel):
    index: Literal[0]
    message: ChatMessageOut
    logprobs: None
    finish_reason: Literal["stop"]
    finish_detail: FinishDetailOut = SchemaField(
        description="Whether the documents answered; where they did not, why."
    )


class UsageOut(BaseModel):
    """Tokens of what was sent and answered, not of what a model reads behind this server."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    estimated: Literal[True]


class ChatCompletionOut(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoiceOut]
    usage: UsageOut
    ragdesk: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatForm:
    """The shape of one chat completion. base_address: of this server, as its client named it."""

    model: str
    ask: Ask
    base_address: str
    with_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def write_answer(self, answer: Answer) -> JsonObject:
        """Return an answer as a whole completion."""
        content = answer.text + format_next_step(answer, self.base_address)
        message = {
            "role": "assistant",
            "content": content,
            "refusal": None,
            "annotations": annotate_citations(answer, self.base_address),
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": FINISHED,
            "finish_detail": _detail_finish(answer),
        }
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": self._count_usage(content),
            "ragdesk": to_json_object(answer),
        }

    def write_event(self, event: AnswerEvent) -> bytes:
        """Return an event of an answer as lines of the stream; empty where it has none."""
        match event:
            case PassagesReady():
                return self._write_delta({"role": "assistant", "content": ""})
            case TextDelta(text):
                return self._write_delta({"content": text})
            case Done(answer):
                return b"".join(self._write_end(answer))
        return b""

    def write_error(self, code: str, message: str) -> bytes:
        """Return the error that ends a stream; without [DONE], so that nobody takes it as whole."""
        return _write_line(build_openai_error(message, SERVER_ERROR, code))

    def _write_end(self, answer: Answer) -> list[bytes]:
        step = format_next_step(answer, self.base_address)
        lines = [self._write_delta({"content": step})] if step else []
        if annotations := annotate_citations(answer, self.base_address):
            lines.append(self._write_delta({"annotations": annotations}))
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": FINISHED}
        choice["finish_detail"] = _detail_finish(answer)
        last = {**self._head("chat.completion.chunk"), "choices": [choice]}
        lines.append(self._write_chunk({**last, "ragdesk": to_json_object(answer)}))
        if self.with_usage:
            usage = self._count_usage(answer.text + step)
            lines.append(
                _write_line({**self._head("chat.completion.chunk"), "choices": [], "usage": usage})
            )
        return [*lines, LAST_LINE]

    def _write_delta(self, delta: JsonObject) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        return self._write_chunk({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _write_chunk(self, chunk: JsonObject) -> bytes:
        return _write_line({**chunk, "usage": None} if self.with_usage else chunk)

    def _head(self, kind: str) -> JsonObject:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _count_usage(self, content: str) -> JsonObject:
        turns = (turn.text for turn in self.ask.history)
        prompt = sum(map(estimate_tokens, (*turns, self.ask.question)))
        completion = estimate_tokens(content)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "estimated": True,
        }


def _detail_finish(answer: Answer) -> JsonObject:
    return {"outcome": answer.outcome.value, "reason": answer.reason and answer.reason.value}


def format_next_step(answer: Answer, base_address: str) -> str:
    """Return what to do next as words behind an answer: such a client shows nothing but the text.

    Choices are in the text of an answer that asks back.
    """
    step = answer.next_step
    if step is None or answer.choices:
        return ""
    links = (_format_link(link, answer, base_address) for link in step.links)
    return "\n\n" + "\n".join([step.text, *links])


def _format_link(link: StepLink, answer: Answer, base_address: str) -> str:
    address = link.href
    if address is None and link.uri is not None:
        address = format_text_address(answer, link.uri, base_address)
    return f"- {link.title}: {address}"


def _write_line(data: JsonObject) -> bytes:
    return f"data: {encode_data(data)}\n\n".encode()
