"""The protocol of a text generator (a language model), and its options."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ragdesk.answering.writing.prompts import Prompt
from ragdesk.errors import SettingsError

THINKING_SWITCH = "enable_thinking"  # in the chat templates of Qwen3, GLM, SmolLM3 and others


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateOptions:
    """The model server that writes answers. Without one they are the documents' own sentences.

    urls: addresses of OpenAI-compatible servers of the same model, such as
        "http://127.0.0.1:8000/v1". Empty: no server.
    model: the model's name on the server; empty takes the first that the server lists.
    api_key: the server's API key, sent as a bearer token.
    dialect: "vllm" (JSON schema, and a prompt cache for each group of askers), "openai" (JSON
        schema), or "plain" (marks in plain text, for servers that cannot be held to a JSON schema).
    degrade: true answers in the documents' own sentences while the model fails; with false such a
        question is an error.
    thinking: whether a model that can think does so before it answers. "on" or "off" tells the
        server (``chat_template_kwargs = { enable_thinking = … }``, which vLLM, SGLang and llama.cpp
        know); "auto" turns it off with dialect "vllm" and says nothing to other servers. Thoughts
        are never shown. With dialect "vllm" and "on", start vLLM with its --reasoning-parser.
    thinking_tokens: tokens of thoughts beside those of an answer, at most, where thinking is on.
    chat_template_kwargs: what else the model's chat template takes, sent as it stands, such as
        ``{ thinking = false }`` where its switch has another name. A variable holds JSON.
    max_tokens: tokens of an answer, at most.
    sentences: sentences of an answer, at most.
    temperature: how freely the model chooses its words; 0 always takes the likeliest.
    connect_seconds: seconds to connect to a server, at most.
    first_seconds: seconds until the first word, at most, with waiting for a place and one retry.
        Raise it for a slow model. A follow-up that the model rewrites first may take half of it for
        that. The first word of a thought counts.
    silence_seconds: seconds without a further word, or thought, after which the model counts as
        failed.
    total_seconds: seconds until the last word, at most, thoughts included.
    running: answers that the model writes at the same time, over all servers.
    waiting: questions that may wait for a place; further ones get 503 and Retry-After.
    trips: failures in a row after which a server is left alone.
    rest_seconds: seconds between two looks at the health of a server that is left alone.
    """

    urls: tuple[str, ...] = ()
    model: str = ""
    api_key: str = field(default="", metadata={"secret": True})
    dialect: Literal["vllm", "openai", "plain"] = "vllm"
    degrade: bool = True
    thinking: Literal["auto", "on", "off"] = "auto"
    thinking_tokens: int = 2048
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
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

    def template_arguments(self, *, may_think: bool = True) -> dict[str, Any]:
        """Return what is said to the model's chat template. may_think: else its thoughts are off.

        >>> GenerateOptions().template_arguments()
        {'enable_thinking': False}
        >>> GenerateOptions(dialect="plain").template_arguments()
        {}
        """
        thinks = self.thinking == "on" and may_think
        says_nothing = self.thinking == "auto" and self.dialect != "vllm"
        switch = {} if says_nothing else {THINKING_SWITCH: thinks}
        return {**switch, **self.chat_template_kwargs}

    def reply_tokens(self, *, may_think: bool = True) -> int:
        """Return the tokens of a reply, at most: those of an answer, and of thoughts before it.

        >>> options = GenerateOptions(thinking="on", max_tokens=100, thinking_tokens=900)
        >>> options.reply_tokens(), options.reply_tokens(may_think=False)
        (1000, 100)
        """
        thinks = bool(self.template_arguments(may_think=may_think).get(THINKING_SWITCH))
        return self.max_tokens + (self.thinking_tokens if thinks else 0)


@dataclass(frozen=True, slots=True)
class Retraction:
    """What the model wrote until now were its thoughts; the answer begins behind them."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Why a model stopped: "stop", or "length" where its answer was cut off."""

    reason: str


WrittenPiece = str | Retraction | Finish


class GenerateText(Protocol):
    """Writes text from a prompt, piece by piece, and says at the end why it stopped.

    Thoughts are no part of it.
    """

    def __call__(
        self, prompt: Prompt, *, within: float | None = None
    ) -> AsyncGenerator[WrittenPiece, None]: ...


class Generator(GenerateText, Protocol):
    """A language model, and its open connections."""

    @property
    def model(self) -> str: ...
    async def close(self) -> None: ...


def check_generate_options(options: GenerateOptions) -> None:
    """Refuse addresses that are none. Raises SettingsError."""
    for url in options.urls:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(
                f"generate.urls: {url!r} is no address. Write it like http://127.0.0.1:8000/v1"
            )
    if options.thinking_tokens < 0:
        raise SettingsError("generate.thinking_tokens must not be below 0.")
