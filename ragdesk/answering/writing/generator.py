"""The protocol of a text generator (a language model), and its options."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.errors import SettingsError


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
