"""The protocol of a text generator (a language model), and its options."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from ragdesk.answering.writing.prompts import Prompt
from ragdesk.errors import SettingsError

if TYPE_CHECKING:  # imported with the first client: 0.1 s, and most desks have no model
    pass


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
    max_tokens: tokens of an answer, at most.
    sentences: sentences of an answer, at most.
    temperature: how freely the model chooses its words; 0 always takes the likeliest.
    connect_seconds: seconds to connect to a server, at most.
    first_seconds: seconds until the first word, at most, with waiting for a place and one retry.
        Raise it for a slow model. A follow-up that the model rewrites first may take half of it for
        that.
    silence_seconds: seconds without a further word after which the model counts as failed.
    total_seconds: seconds until the last word, at most.
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
