"""One language model for all collections of a process: its client, its places, its salts."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexes.chunk import Filter
from indexes.errors import ModelMissing
from indexes.tokenizer import Tokenizer
from ragdesk.answering.generate import (
    Finish,
    GenerateOptions,
    Generator,
    OpenAICompatible,
    check,
)
from ragdesk.answering.ground import Ground, GroundOptions, Write, estimate
from ragdesk.answering.on_vllm import Inside, VllmOptions, installed
from ragdesk.answering.prompts import Prompt
from ragdesk.errors import EngineFailed, Overloaded


@dataclass(slots=True)
class _Bound:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    generator: Generator
    places: asyncio.Semaphore


@dataclass(slots=True, kw_only=True)
class Engine:
    """Hands out the generator, a bounded number of times at once, to one event loop at a time.

    make: opens the generator; it may block for minutes. ``start`` calls it before anyone asks, or
    else the first question does.
    """

    options: GenerateOptions
    make: Callable[[], Generator]
    ground: Write
    _bound: _Bound | None = None
    _waiting: int = 0
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    async def start(self) -> None:
        """Open the generator beside the event loop. Raises ModelMissing, or why it cannot load."""
        if self._bound is None:
            self._bind(await asyncio.to_thread(self.make))

    def here(self) -> Generator:
        """Give the generator of this event loop."""
        return self._here().generator

    def _here(self) -> _Bound:
        if self._bound is None:
            return self._bind(self.make())
        if self._bound.loop is not asyncio.get_running_loop():
            raise RuntimeError("The language model serves another event loop: close it there.")
        return self._bound

    def _bind(self, generator: Generator) -> _Bound:
        places = asyncio.Semaphore(self.options.running)
        self._bound = _Bound(asyncio.get_running_loop(), generator, places)
        return self._bound

    def admit(self) -> None:
        """Turn a question down while too many wait. Raises Overloaded."""
        if self._here().places.locked() and self._waiting >= self.options.waiting:
            raise Overloaded("Every place at the language model is taken. Come again in a moment.")

    @asynccontextmanager
    async def place(self, within: float | None = None) -> AsyncIterator[float]:
        """Wait for a place, and give the seconds left to the first word. Raises EngineFailed.

        within: seconds for both, ``first_seconds`` where none are given.
        """
        places, clock = self._here().places, asyncio.get_running_loop().time
        begun, within = clock(), self.options.first_seconds if within is None else within
        self._waiting += 1
        try:
            async with asyncio.timeout(within):
                await places.acquire()
        except TimeoutError as error:
            raise EngineFailed("busy", "No place at the language model became free.") from error
        finally:
            self._waiting -= 1
        try:
            yield within - (clock() - begun)
        finally:
            places.release()

    async def brief(
        self, prompt: Prompt, *, within: float | None = None
    ) -> AsyncGenerator[str | Finish, None]:
        """Write a few words before the answer itself, in a place, within half of its patience.

        within: seconds to the first word, if fewer. Raises EngineFailed.
        """
        most = self.options.first_seconds / 2
        async with self.place(most if within is None else min(within, most)) as left:
            own = replace(prompt, salt=secrets.token_hex(16))  # a talk is nobody else's
            async with aclosing(self.here()(own, within=left)) as pieces:
                async for piece in pieces:
                    yield piece

    def salt(self, collection: str, where: Filter) -> str:
        """Name who may see the same documents: their prompts may share an engine's cache."""
        groups = "*" if where.groups is None else "\x1f".join(sorted(where.groups))
        named = f"{collection}\x1e{groups}".encode()
        return hashlib.blake2b(named, key=self._secret, digest_size=16).hexdigest()

    async def close(self) -> None:
        """Let go of the generator of this event loop."""
        if self._bound and self._bound.loop is asyncio.get_running_loop():
            bound, self._bound = self._bound, None
            await bound.generator.close()


def open_engine(
    generate: GenerateOptions,
    ground: GroundOptions,
    inside: VllmOptions,
    *,
    repairs: bool = False,
) -> Engine | None:
    """Make what the settings name: servers, or else a model inside this process; else None.

    repairs: the model may be asked to write a sentence anew, and room is kept for that.
    Raises SettingsError, or ModelMissing where vLLM is wanted and not installed.
    """
    if not generate.urls and not inside.model:
        return None
    check(generate)
    written = Ground(
        options=ground,
        count=_counter(ground.tokenizer or (inside.model if _is_local(inside) else "")),
        answer=generate.max_tokens,
        sentences=generate.sentences,
        structured=generate.dialect != "plain",
        repairs=repairs,
    )
    if generate.urls:
        return Engine(options=generate, make=lambda: OpenAICompatible(generate), ground=written)
    installed()
    return Engine(options=generate, make=lambda: Inside(inside, generate), ground=written)


def _is_local(inside: VllmOptions) -> bool:
    return bool(inside.model) and (Path(inside.model) / "tokenizer.json").is_file()


def _counter(file: str) -> Callable[[str], int]:
    """Count with the model's own tokenizer where it is named. Raises ModelMissing."""
    if not file:
        return estimate
    path = Path(file)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise ModelMissing(f"No tokenizer at {path}. Set ground.tokenizer, or leave it out.")
    return Tokenizer(path).count
