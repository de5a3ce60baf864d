"""One language model for all collections of a process: its client, slots and cache salts."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexes.chunk import SearchFilter
from indexes.embedding.tokenizer import Tokenizer
from indexes.errors import ModelMissing
from ragdesk.answering.writing.generator import Generator, WrittenPiece, check_generate_options
from ragdesk.answering.writing.on_vllm import VllmGenerator, require_vllm
from ragdesk.answering.writing.openai_client import OpenAIGenerator
from ragdesk.answering.writing.prompt_builder import BuildPrompt, PromptBuilder, estimate_tokens
from ragdesk.answering.writing.prompts import Prompt
from ragdesk.answering.writing.writing_options import GenerateOptions, GroundOptions, VllmOptions
from ragdesk.errors import EngineFailed, Overloaded


@dataclass(slots=True)
class _LoopBinding:
    """The generator and the slots of one event loop."""

    loop: asyncio.AbstractEventLoop
    generator: Generator
    slots: asyncio.Semaphore


@dataclass(slots=True, kw_only=True)
class LlmEngine:
    """Hands out the generator, a bounded number of times at once, to one event loop at a time.

    open_generator: may block for minutes. ``start`` calls it before anyone asks, or else the first
    question does.
    """

    options: GenerateOptions
    open_generator: Callable[[], Generator]
    build_prompt: BuildPrompt
    _binding: _LoopBinding | None = None
    _waiting: int = 0
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    async def start(self) -> None:
        """Open the generator beside the event loop. Raises ModelMissing, or why it cannot load."""
        if self._binding is None:
            self._bind_loop(await asyncio.to_thread(self.open_generator))

    def current_generator(self) -> Generator:
        """Return the generator of this event loop."""
        return self._current_binding().generator

    def _current_binding(self) -> _LoopBinding:
        if self._binding is None:
            return self._bind_loop(self.open_generator())
        if self._binding.loop is not asyncio.get_running_loop():
            raise RuntimeError("The language model serves another event loop: close it there.")
        return self._binding

    def _bind_loop(self, generator: Generator) -> _LoopBinding:
        places = asyncio.Semaphore(self.options.running)
        self._binding = _LoopBinding(asyncio.get_running_loop(), generator, places)
        return self._binding

    def admit(self) -> None:
        """Refuse a question while too many wait. Raises Overloaded."""
        if self._current_binding().slots.locked() and self._waiting >= self.options.waiting:
            raise Overloaded("Every place at the language model is taken. Come again in a moment.")

    @asynccontextmanager
    async def reserve_slot(self, seconds: float | None = None) -> AsyncIterator[float]:
        """Wait for a place, and return the seconds left to the first word. Raises EngineFailed.

        seconds: for both, ``first_seconds`` where none are given.
        """
        places, clock = self._current_binding().slots, asyncio.get_running_loop().time
        start, seconds = clock(), self.options.first_seconds if seconds is None else seconds
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await places.acquire()
        except TimeoutError as error:
            raise EngineFailed("busy", "No place at the language model became free.") from error
        finally:
            self._waiting -= 1
        try:
            yield seconds - (clock() - start)
        finally:
            places.release()

    async def generate_short(
        self, prompt: Prompt, *, within: float | None = None, session: str = ""
    ) -> AsyncGenerator[WrittenPiece, None]:
        """Write a few words before the answer itself, in a place, within half of its patience.

        Thoughts are turned off, and what comes all the same must be over by then, too.
        within: seconds to the last word, if fewer. session: the conversation that it is written
        for: what the last rewriting of it read need not be read again. Raises EngineFailed.
        """
        most = self.options.first_seconds / 2
        async with self.reserve_slot(most if within is None else min(within, most)) as seconds_left:
            # A talk is nobody else's.
            salt = self.session_salt(session) if session else secrets.token_hex(16)
            own_prompt = replace(prompt, salt=salt, affinity=session, may_think=False)
            until = asyncio.get_running_loop().time() + seconds_left
            written = self.current_generator()(own_prompt, within=seconds_left)
            async with aclosing(written) as pieces:
                while True:
                    try:
                        async with asyncio.timeout_at(until):
                            piece = await anext(pieces, None)
                    except TimeoutError as error:
                        about = "The language model took too long over a few words."
                        raise EngineFailed("slow", about, can_retry=False) from error
                    if piece is None:
                        return
                    yield piece

    def cache_salt(self, collection: str, where: SearchFilter) -> str:
        """Return a cache salt that only askers who may see the same documents share."""
        groups = "*" if where.groups is None else "\x1f".join(sorted(where.groups))
        return self._make_salt(f"{collection}\x1e{groups}")

    def session_salt(self, session: str) -> str:
        """Return a cache salt of one conversation alone."""
        return self._make_salt(f"session\x1d{session}")

    def _make_salt(self, key: str) -> str:
        return hashlib.blake2b(key.encode(), key=self._secret, digest_size=16).hexdigest()

    async def close(self) -> None:
        """Close the generator of this event loop."""
        if self._binding and self._binding.loop is asyncio.get_running_loop():
            bound, self._binding = self._binding, None
            await bound.generator.close()


def open_llm_engine(
    generate: GenerateOptions,
    ground: GroundOptions,
    vllm: VllmOptions,
    *,
    repairs: bool = False,
) -> LlmEngine | None:
    """Make what the settings name: servers, or else a model inside this process; else None.

    repairs: the model may be asked to write a sentence anew, and room is kept for that.
    Raises SettingsError, or ModelMissing where vLLM is wanted and not installed.
    """
    if not generate.urls and not vllm.model:
        return None
    check_generate_options(generate)
    builder = PromptBuilder(
        options=ground,
        count_tokens=_open_token_counter(
            ground.tokenizer or (vllm.model if _has_local_tokenizer(vllm) else "")
        ),
        answer_tokens=generate.reply_tokens(),
        sentences=generate.sentences,
        structured=generate.dialect != "plain",
        repairs=repairs,
    )
    if generate.urls:
        return LlmEngine(
            options=generate, open_generator=lambda: OpenAIGenerator(generate), build_prompt=builder
        )
    require_vllm()
    return LlmEngine(
        options=generate, open_generator=lambda: VllmGenerator(vllm, generate), build_prompt=builder
    )


def _has_local_tokenizer(vllm: VllmOptions) -> bool:
    return bool(vllm.model) and (Path(vllm.model) / "tokenizer.json").is_file()


def _open_token_counter(file: str) -> Callable[[str], int]:
    """Count with the model's own tokenizer where it is named. Raises ModelMissing."""
    if not file:
        return estimate_tokens
    path = Path(file)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise ModelMissing(f"No tokenizer at {path}. Set ground.tokenizer, or leave it out.")
    return Tokenizer(path).count_tokens
