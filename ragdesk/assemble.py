"""Settings in, working things out: an embedder, an open collection with its desk, a job.

The one place where the rooms are put together; the doors only ask for what they need.
"""

import contextlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from indexes import weights
from indexes.access_log import Access
from indexes.chunk import Passage
from indexes.documents import Listed
from indexes.embed import Embedder, open_embedder
from indexes.errors import CollectionBusy, IndexesError, IndexNotFound
from indexes.generations import access_since, numbers
from indexes.index import Index
from indexes.retention import Retention
from ingest.errors import Unreadable
from ingest.job import Job
from ingest.replicate import replicate
from ingest.runners import Open, Where
from ingest.survey import Admit
from ragdesk.answering import calibrated
from ragdesk.answering.answer import Question
from ragdesk.answering.calibrated import Calibration
from ragdesk.answering.desk import Desk
from ragdesk.answering.engine import Engine, open_engine
from ragdesk.answering.rerank import Rerank, open_rerank
from ragdesk.answering.retrieve import Retrieve
from ragdesk.answering.told import Writer
from ragdesk.answering.verify import Verify
from ragdesk.answering.write import ByModel
from ragdesk.errors import NotFound, SettingsError
from ragdesk.settings import Settings

if TYPE_CHECKING:
    from indexes.on_gpu import Card
    from indexes.on_milvus import Milvus

log = logging.getLogger("ragdesk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A collection at one generation, open for questions until it is closed.

    Whoever opens it closes it. release: frees what a card holds for its index. opening: names
    this opening of it, and no other.
    """

    collection: str
    folder: Path
    index: Index
    retrieve: Retrieve
    desk: Desk
    documents: Sequence[Listed]
    release: Callable[[], None] | None = None
    opening: str = field(default_factory=lambda: secrets.token_hex(8))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its files and unmap its arrays; again is harmless. No search may still run."""
        self.index.close()
        if self.release is not None:
            self.release()

    def search(self, question: Question, top_k: int) -> tuple[Passage, ...]:
        """Find passages, best first. Blocks."""
        return self.retrieve(question, top_k=top_k).passages

    @contextlib.contextmanager
    def older(self, generation: int) -> Iterator[Index]:
        """Open another generation while it is kept, as it may be seen now. Raises NotFound.

        What was removed since, or shut to some, stays so: whatever has the same name today.
        """
        try:
            access = access_since(self.folder, generation)
            index = Index.at(self.folder, generation, access=access)
        except IndexesError as error:
            raise NotFound(f"Generation {generation} is not kept.") from error
        with index:
            yield index


class Desks:
    """What a home holds, put to work by its settings. One embedder serves all collections."""

    def __init__(self, home: Path, settings: Settings, embedder: Embedder | None = None) -> None:
        self.home, self.settings = home, settings
        self._embedder = embedder
        self._lock = threading.Lock()

    @property
    def embedder(self) -> Embedder:
        """Load the embedder when it is first needed. Raises ModelMissing."""
        with self._lock:
            if self._embedder is None:
                self._embedder = open_embedder(self.settings.embed, self.models)
            return self._embedder

    @property
    def models(self) -> Path:
        """Say where exported models are cached; the folder may be deleted at any time."""
        return self.home / "models"

    @cached_property
    def rerank(self) -> Rerank | None:
        """Load the cross-encoder that settings name, if they name one. Raises ModelMissing."""
        return open_rerank(self.settings.rerank)

    @cached_property
    def engine(self) -> Engine | None:
        """Make the language model's client that settings name, if they do. Raises SettingsError."""
        given = self.settings
        repairs = given.verify.failed == "repair"
        return open_engine(given.generate, given.ground, given.vllm, repairs=repairs)

    def _writer(self, collection: str, index: Index) -> Writer | None:
        if self.engine is None:
            return None
        verify = Verify(options=self.settings.verify, idf=index.idf)
        return ByModel(engine=self.engine, verify=verify, collection=collection)

    async def start(self) -> None:
        """Load the language model that runs in this process. Raises ModelMissing."""
        if self.engine is not None:
            await self.engine.start()

    async def close(self) -> None:
        """Let go of the connections to the language model and to the store of vectors."""
        try:
            if self.engine is not None:
                await self.engine.close()
        finally:
            if store := self.__dict__.pop("store", None):  # one that was never used is not opened
                store.close()

    @cached_property
    def store(self) -> "Milvus | None":
        """Connect to where vectors are searched, if that is not here. Raises ModelMissing."""
        options = self.settings.indexes
        if options.backend == "faiss":
            return None
        from indexes.on_milvus import Milvus  # noqa: PLC0415 - an extra, and seconds

        if not options.uri:
            raise SettingsError('indexes.uri names no Milvus. Set it, or backend = "faiss".')
        return Milvus(options)

    @cached_property
    def card(self) -> "Card | None":
        """Open the GPU that settings name, if they do. Raises ModelMissing."""
        device = self.settings.indexes.device
        if device == "cpu":
            return None
        from indexes.on_gpu import open_card  # noqa: PLC0415 - only where it is asked for

        return open_card(device)

    def replicate(self, collection: str) -> None:
        """Bring the replica of a collection up to date, where there is to be one."""
        if self.store:
            replicate(self.folder(collection), self.store)

    def folder(self, collection: str) -> Path:
        """Say where a collection lies. Its name was checked at the door."""
        return self.home / "collections" / collection

    def names(self) -> list[str]:
        """List the collections that were published."""
        folder = self.home / "collections"
        found = folder.iterdir() if folder.is_dir() else ()
        named = (f for f in found if not f.name.startswith("."))  # a restore that is not done
        return sorted(f.name for f in named if (f / "CURRENT").exists() or numbers(f))

    def existing(self, collection: str) -> Path:
        """Say where a collection lies that must be there. Raises IndexNotFound."""
        folder = self.folder(collection)
        if not folder.is_dir():
            raise IndexNotFound(self._no_such(collection))
        return folder

    def open(self, collection: str) -> Opened:
        """Open a collection's newest good generation. Raises IndexesError by name.

        The caller closes it.
        """
        folder = self.existing(collection)
        calibration = _calibration(folder)
        card = self.card
        with contextlib.ExitStack() as failing:
            index = failing.enter_context(Index.open(folder, card=self.embedder.card))
            opened = self._put_to_work(index, collection, calibration, card)
            failing.pop_all()
        return opened

    def restrict(self, opened: Opened, access: Access) -> Opened:
        """Make of an open collection one that is as it may be seen now, of the same files.

        The first is to be closed, after the last use of the second.
        """
        index = opened.index.restrict(access)
        return self._put_to_work(index, opened.collection, opened.desk.calibration, None)

    def _put_to_work(
        self, index: Index, collection: str, calibration: Calibration | None, card: "Card | None"
    ) -> Opened:
        """Make a desk of an open index. Raises IndexesError; the caller then closes the index."""
        if card:
            index.move(card.take)
        documents = tuple(index.records())
        _warn_of_drift(collection, calibration, documents)
        if self.store and index.sums["vectors"] and not index.join(self.store, collection):
            log.warning(
                "no whole replica; vectors are searched here", extra={"collection": collection}
            )
        retrieve = Retrieve(index=index, embedder=self.embedder, options=self.settings.retrieve)
        return Opened(
            collection=collection,
            folder=self.folder(collection),
            index=index,
            retrieve=retrieve,
            desk=Desk(
                retrieve=retrieve,
                collection=collection,
                rerank=self.rerank,
                extract=self.settings.extract,
                decide=self.settings.decide,
                clarify=self.settings.clarify,
                calibration=calibration,
                writer=self._writer(collection, index),
                degrade=self.settings.generate.degrade,
                refuse=self.settings.verify.failed == "refuse",
            ),
            documents=documents,
            release=card.clear if card else None,
        )

    def _no_such(self, collection: str) -> str:
        known = self.names()
        here = f"There is {', '.join(known)}. " if known else ""
        more = "" if collection == "default" else f" --collection {collection}"
        return (
            f"No collection {collection!r} in {self.home}. {here}"
            f"Build one: ragdesk ingest PATH{more}"
        )

    def job(self, collection: str, *, on: Where = "local") -> Job:
        """Make the job that changes a collection. on: which machines compute."""
        settings = self.settings
        return Job(
            collection=self.folder(collection),
            embedder=self.embedder,
            tokenizer=weights.find(settings.embed.model, self.models).tokenizer,
            guard=settings.guard,
            split=settings.split,
            on=self._on_ray() if on == "ray" else None,
            kept=Retention(
                generations=settings.indexes.keep_generations,
                hours=settings.indexes.keep_hours,
                most=settings.indexes.keep_most,
            ),
        )

    def _on_ray(self) -> Open:
        """Let the workers of a cluster compute. Raises ModelMissing where Ray is not installed."""
        from ingest.on_ray import on_ray  # noqa: PLC0415 - seconds, and an extra

        given = self.settings
        own = replace(given.embed, threads=max(1, int(given.ray.cpus)))
        return on_ray(given.ray, partial(open_embedder, own, self.models.absolute()))

    def change(
        self, collection: str, uri: str, body: Path | None, admit: Admit
    ) -> Mapping[str, Any]:
        """Put one document of the source ``api``, or delete it, and report what changed.

        admit: decides, once the collection is held, which documents of the uri this is about, and
        who may see the new one. Raises what it raises, Unreadable with the reason, CollectionBusy.
        """
        job = self.job(collection)
        report = job.put(uri, body, admit=admit) if body else job.delete(uri, admit=admit)
        self.replicate(collection)
        if report.due:
            threading.Thread(target=_compact, args=(job,), name="compact", daemon=True).start()
        for one in report.skipped:
            if one.uri == uri:
                raise Unreadable(f"{uri}: {one.reason}")
        return report.json()


def _compact(job: Job) -> None:
    """Merge segments behind the requests. Whoever holds the collection now, goes first."""
    try:
        job.compact()
    except CollectionBusy:
        return  # the next change will find the same to do
    except Exception:
        log.exception("segments were not merged")


def _calibration(folder: Path) -> Calibration | None:
    """Read what was calibrated. Raises SettingsError where the file is none."""
    try:
        return calibrated.read(folder)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _warn_of_drift(name: str, held: Calibration | None, documents: Sequence[Listed]) -> None:
    drift = held.drift(document.digest for document in documents) if held else 0.0
    if drift > calibrated.DRIFTED:
        log.warning(
            "The calibration of %s was fitted on other documents: about %.0f %% of them changed. "
            "Fit it again: ragdesk eval run CASES --out DIR, then ragdesk eval calibrate DIR",
            name,
            100 * drift,
        )
