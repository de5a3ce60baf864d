"""A desk in a Python program: ``async with open_desk(…) as desk``, or ``with`` in code that blocks.

It answers from the generation that was the newest when it was opened. For a newer one, open it
again.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from indexes.chunk import SearchFilter
from ragdesk.answering.answer import (
    Answer,
    AnswerEvent,
    Done,
    Question,
    RankedPassage,
    Turn,
    rank_passages,
)
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.assemble import Workspace
from ragdesk.errors import Invalid, WrongState
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings, load_settings

if TYPE_CHECKING:
    from ragdesk.blocking_desk import BlockingDesk

MAX_PASSAGES = 50
CLOSED_MESSAGE = "The desk is closed. Open it again: open_desk(…)."


class DocumentScope(TypedDict, total=False):
    """What is looked through.

    groups: whose documents are, beside those that everybody may see; none unless given.
    all_documents: look through every document, whatever its groups. paths: beginnings of uris.
    """

    groups: Collection[str]
    all_documents: bool
    uris: Collection[str]
    paths: Collection[str]


class QuestionOptions(DocumentScope, total=False):
    """What a question brings beside its text.

    history: what was said before, oldest first, as Turn or ``{"role": "user", "text": "…"}``.
    explain: add the signals behind the outcome.
    """

    history: Sequence[Turn | Mapping[str, str]]
    explain: bool


class OpenDesk:
    """A collection that is open for questions. Many can be asked at the same time."""

    def __init__(self, workspace: Workspace, opened: OpenCollection) -> None:
        self._workspace = workspace
        self._opened = opened
        self._streams: set[AsyncGenerator[AnswerEvent, None]] = set()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def collection(self) -> str:
        """Return the name of the collection."""
        return self._opened.collection

    @property
    def generation(self) -> int:
        """Return the generation that answers: the newest one when the desk was opened."""
        return self._opened.index.generation

    async def ask(self, question: str, **options: Unpack[QuestionOptions]) -> Answer:
        """Answer a question, all at once. Where the documents do not, its outcome says so.

        Raises Invalid for a question that is none; Overloaded and EngineFailed where a language
        model writes.
        """
        with self._use():
            return await self._opened.desk.ask(self._make_question(question, options))

    async def search(
        self, query: str, *, top_k: int = 8, **scope: Unpack[DocumentScope]
    ) -> tuple[RankedPassage, ...]:
        """Find the passages nearest to a query, best first. Raises Invalid."""
        if not 1 <= top_k <= MAX_PASSAGES:
            raise Invalid(f"Ask for 1 to {MAX_PASSAGES} passages.")
        with self._use():
            question = Question(text=self._check_text(query), where=make_filter(scope))
            return rank_passages(await run_in_thread(self._opened.search, question, top_k))

    async def stream(
        self, question: str, **options: Unpack[QuestionOptions]
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Answer a question, and tell each step as it happens: PassagesReady to Done.

        Raises what ``ask`` does.
        """
        with self._use():
            events = self._opened.desk.stream(self._make_question(question, options))
        self._streams.add(events)
        try:
            event: AnswerEvent | None = None
            while not isinstance(event, Done):
                with self._use():
                    event = await anext(events)
                yield event
        finally:
            if events in self._streams:  # else the desk was closed meanwhile, and it with it
                self._streams.remove(events)
                with self._count():
                    await events.aclose()

    async def close(self) -> None:
        """Wait for what is being answered, end streams that nobody reads on, and close the files.

        Questions that come later are a WrongState.
        """
        self._is_ended = True
        await self._idle.wait()
        while self._streams:
            await self._streams.pop().aclose()
        try:
            await run_in_thread(self._opened.close)
        finally:
            await self._workspace.close()

    @contextlib.contextmanager
    def _use(self) -> Iterator[None]:
        """Keep the collection open to the end of the block. Raises WrongState."""
        if self._is_ended:
            raise WrongState(CLOSED_MESSAGE)
        with self._count():
            yield

    @contextlib.contextmanager
    def _count(self) -> Iterator[None]:
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    def _make_question(self, text: str, options: QuestionOptions) -> Question:
        return Question(
            text=self._check_text(text),
            history=tuple(map(self._read_turn, options.get("history", ()))),
            where=make_filter(options),
            explain=options.get("explain", False),
        )

    def _read_turn(self, turn: Turn | Mapping[str, str]) -> Turn:
        if not isinstance(turn, Turn):
            role, text = turn.get("role"), turn.get("text")
            if role not in {"user", "assistant"} or not isinstance(text, str):
                raise Invalid("A turn is {'role': 'user' or 'assistant', 'text': '…'}.")
            turn = Turn(role="user" if role == "user" else "assistant", text=text)
        check_characters(turn.text)
        return turn

    def _check_text(self, text: str) -> str:
        most = self._workspace.settings.serve.max_question
        text = text.strip()
        if not text:
            raise Invalid("Ask something.")
        if len(text) > most:
            raise Invalid(f"Ask in at most {most:,} characters.")
        check_characters(text)
        return text


def check_characters(text: str) -> None:
    """Raise Invalid for what no document holds, and what no model's tokenizer takes."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("The text holds NUL or half of a surrogate pair.")


def make_filter(scope: DocumentScope | QuestionOptions) -> SearchFilter:
    """Make the filter of what is looked through: what everybody may see, unless more is named.

    Raises Invalid where it names nothing that could be meant.
    """
    names = {key: scope.get(key, ()) for key in ("groups", "uris", "paths")}
    for key, value in names.items():
        if value is None or isinstance(value, str):  # else each letter would be a name
            raise Invalid(f"{key}: give a list of names.")
    groups = frozenset(scope.get("groups", ()))
    sees_all = scope.get("all_documents", False)
    if sees_all and groups:
        raise Invalid("Name groups, or ask for all documents.")
    return SearchFilter(
        groups=None if sees_all else groups,
        uris=frozenset(scope.get("uris", ())),
        paths=tuple(scope.get("paths", ())),
    )


class DeskOpening:
    """A desk about to be opened, by ``async with`` or, in code that blocks, by ``with``."""

    def __init__(
        self,
        home: Path | None,
        collection: str,
        settings: Settings | Mapping[str, Any] | None,
        config: Path | None,
    ) -> None:
        self._home, self._collection = home, collection
        self._settings, self._config = settings, config
        self._desk: OpenDesk | None = None
        self._blocking: BlockingDesk | None = None

    async def open(self) -> OpenDesk:
        """Open the desk. The caller closes it.

        Raises SettingsError, IndexNotFound, ModelMissing and other errors of an index by name.
        """
        workspace = await run_in_thread(self._make_workspace)
        try:
            await workspace.start()
            return OpenDesk(workspace, await _open_collection(workspace, self._collection))
        except BaseException:
            await workspace.close()
            raise

    async def __aenter__(self) -> OpenDesk:
        self._refuse_second_entry()
        self._desk = await self.open()
        return self._desk

    async def __aexit__(self, *_: object) -> None:
        desk, self._desk = self._desk, None
        if desk is not None:
            await desk.close()

    def __enter__(self) -> "BlockingDesk":
        from ragdesk.blocking_desk import BlockingDesk  # noqa: PLC0415 - which imports this

        self._refuse_second_entry()
        self._blocking = BlockingDesk(self.open)
        return self._blocking

    def __exit__(self, *_: object) -> None:
        blocking, self._blocking = self._blocking, None
        if blocking is not None:
            blocking.close()

    def _refuse_second_entry(self) -> None:
        if self._desk is not None or self._blocking is not None:
            raise WrongState("This desk is open already. Call open_desk(…) for another one.")

    def _make_workspace(self) -> Workspace:
        if isinstance(self._settings, Settings):
            home = load_settings(home=self._home, config=self._config).home
            return Workspace(home, self._settings)
        loaded = load_settings(home=self._home, config=self._config, flags=self._settings)
        return Workspace(loaded.home, loaded.settings)


async def _open_collection(workspace: Workspace, collection: str) -> OpenCollection:
    """Open a collection in a thread; one that nobody waits for any more is closed."""
    opening = asyncio.ensure_future(asyncio.to_thread(workspace.open_collection, collection))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait({opening})
        if not opening.cancelled() and opening.exception() is None:
            opening.result().close()
        raise


def open_desk(
    home: str | Path | None = None,
    collection: str = "default",
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    config: str | Path | None = None,
) -> DeskOpening:
    """Open a collection for questions, by ``async with`` or by ``with``.

    ``async with open_desk() as desk: await desk.ask("…")``; in code that blocks ``with open_desk()
    as desk: desk.ask("…")``. That desk has a thread of its own, and works beside a running event
    loop, too.

    home: the folder of all collections; else ``RAGDESK_HOME``, else ``./var``. settings: names of
    the settings file with their values, as in ``{"generate.urls": ["http://127.0.0.1:8000/v1"]}``,
    over file and environment; or Settings in place of all three. config: the settings file.
    """
    return DeskOpening(
        None if home is None else Path(home),
        collection,
        settings,
        None if config is None else Path(config),
    )
