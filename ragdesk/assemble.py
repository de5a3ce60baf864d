"""Settings in, working things out: embedders, an open collection with its desk, a job.

The one place where the rooms are put together; the doors only ask for what they need.
"""

import contextlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexes.embedding.background import Background, open_background
from indexes.embedding.embedder import (
    Embedder,
    EmbedderCard,
    EmbedOptions,
    find_model_files,
    open_embedder,
)
from indexes.embedding.embedder_pool import EmbedderPool
from indexes.errors import (
    CollectionBusy,
    IndexNotFound,
    WordsNewer,
    WordsOutdated,
)
from indexes.index import Index
from indexes.store.access_log import AccessChanges
from indexes.store.generations import list_generations
from indexes.upkeep.retention import Retention
from indexes.vectors.store_registry import open_vector_store
from indexes.vectors.vector_store import VectorStore
from ingest.document_places import AdmissionRule
from ingest.errors import Unreadable
from ingest.job import IngestJob
from ingest.job_report import JobReport
from ingest.model_memory import MODEL_MEMORY_EXTRA_FILE
from ingest.runners import RunnerFactory, RunnerKind
from ingest.sources import API, SOURCES_EXTRA_FILE
from ingest.vector_replicas import replicate_vectors
from ragdesk.answering.calibration import CALIBRATION_EXTRA_FILE
from ragdesk.collection_embedders import CollectionEmbedders, EmbedderChoice
from ragdesk.degradation import find_words_remedy
from ragdesk.errors import SettingsError
from ragdesk.model_cache_folder import find_model_cache
from ragdesk.settings import Settings

if TYPE_CHECKING:  # whoever asks nothing does without: half a second of imports
    from indexes.vectors.on_gpu import GpuCard
    from ragdesk.answering.writing.llm_engine import LlmEngine
    from ragdesk.desk_maker import DeskMaker
    from ragdesk.open_collection import OpenCollection
    from ragdesk.reading_models import ReadingModels

log = logging.getLogger("ragdesk")
# Of a collection, beside its index.
EXTRA_FILES = (SOURCES_EXTRA_FILE, CALIBRATION_EXTRA_FILE, MODEL_MEMORY_EXTRA_FILE)


class Workspace:
    """Opens a home's collections by its settings, each with the embedder that made it.

    embedder: the one for all of them, in place of any model.
    """

    def __init__(self, home: Path, settings: Settings, embedder: Embedder | None = None) -> None:
        self.home, self.settings = home, settings
        self._fixed_embedder = embedder

    @cached_property
    def models_folder(self) -> Path:
        """Return the folder of exported models; it may be deleted at any time."""
        return find_model_cache(self.settings.embed.cache, self.home)

    @cached_property
    def embedders(self) -> CollectionEmbedders:
        """Return the embedders of the collections; none is loaded before it is needed."""
        pool = EmbedderPool(self.models_folder)
        return CollectionEmbedders(self.settings.embed, pool, self._fixed_embedder)

    @cached_property
    def _backgrounds(self) -> dict[EmbedderCard, Background]:
        return {}

    def open_background(self, embedder: Embedder) -> Background:
        """Open the background of a model, measured once even where no cache can be written."""
        background = self._backgrounds.get(embedder.card)
        if background is None:
            background = open_background(embedder, self.models_folder)
            self._backgrounds[embedder.card] = background
        return background

    @cached_property
    def reading(self) -> "ReadingModels":
        """Return the models that questions are answered with beside the embedder."""
        from ragdesk.reading_models import ReadingModels  # noqa: PLC0415 - as above

        return ReadingModels(
            self.settings,
            self.models_folder,
            self.embedders.pool,
            is_fixed=self._fixed_embedder is not None,
        )

    @cached_property
    def engine(self) -> "LlmEngine | None":
        """Make the language model's client that settings name, if they do. Raises SettingsError."""
        from ragdesk.answering.writing.llm_engine import open_llm_engine  # noqa: PLC0415 - as above

        settings = self.settings
        repairs = settings.verify.failed == "repair"
        return open_llm_engine(settings.generate, settings.ground, settings.vllm, repairs=repairs)

    @cached_property
    def _desk_maker(self) -> "DeskMaker":
        from ragdesk.desk_maker import DeskMaker  # noqa: PLC0415 - as above

        return DeskMaker(self)

    async def start(self) -> None:
        """Load the language model that runs in this process. Raises ModelMissing."""
        if self.engine is not None:
            await self.engine.start()

    async def close(self) -> None:
        """Close the connections to the language model and to the vector store."""
        try:
            if self.engine is not None:
                await self.engine.close()
        finally:
            if store := self.__dict__.pop("vector_store", None):  # none is opened to be closed
                store.close()

    @cached_property
    def vector_store(self) -> VectorStore:
        """Open the vector store that settings name. Raises ModelMissing, VectorsUnreachable."""
        try:
            options = self.settings.indexes
            return open_vector_store(options.backend, options)
        except ValueError as error:
            raise SettingsError(str(error)) from error

    @cached_property
    def card(self) -> "GpuCard | None":
        """Open the GPU that settings name, if they do. Raises ModelMissing."""
        device = self.settings.indexes.device
        if device == "cpu":
            return None
        from indexes.vectors.on_gpu import open_gpu  # noqa: PLC0415 - only where it is asked for

        return open_gpu(device)

    def replicate_collection(self, collection: str) -> None:
        """Bring the copy of a collection's vectors up to date, where there is to be one."""
        if self.vector_store.copies_vectors:
            replicate_vectors(self.collection_folder(collection), self.vector_store)

    def collection_folder(self, collection: str) -> Path:
        """Return a collection's folder. Its name was checked at the door."""
        return self.home / "collections" / collection

    def list_collections(self) -> list[str]:
        """List the collections that were published."""
        folder = self.home / "collections"
        entries = folder.iterdir() if folder.is_dir() else ()
        folders = (f for f in entries if not f.name.startswith("."))  # a restore that is not done
        return sorted(f.name for f in folders if (f / "CURRENT").exists() or list_generations(f))

    def find_collection(self, collection: str) -> Path:
        """Return the folder of a collection that must exist. Raises IndexNotFound."""
        folder = self.collection_folder(collection)
        if not folder.is_dir():
            raise IndexNotFound(self._missing_collection(collection))
        return folder

    def open_collection(self, collection: str) -> "OpenCollection":
        """Open a collection's newest good generation. Raises IndexesError by name.

        The caller closes it.
        """
        folder = self.find_collection(collection)
        calibration = self._desk_maker.read_calibration(collection)
        card = self.card
        with contextlib.ExitStack() as failing:
            index = failing.enter_context(self.open_index(folder))
            embedder = self.open_embedder(index)
            opened = self._desk_maker.make_desk(index, collection, embedder, calibration, card)
            failing.pop_all()
        return opened

    def open_embedder(self, index: Index) -> Embedder:
        """Open the embedder that made an open index; of an empty one, that of the settings.

        Raises IndexMismatch, ModelMissing.
        """
        if not index.segments:
            return self.embedders.open_configured()
        return self.embedders.open_own(index.collection, index.segments[0].facts["embedder"])

    def open_index(self, folder: Path) -> Index:
        """Open a collection's newest good generation whose embedder can be opened.

        Raises IndexesError; one about its words names the collection and the step.
        """

        def find_card(facts: Mapping[str, Any]) -> EmbedderCard:
            return self.embedders.open_own(folder, facts).card

        try:
            return Index.open(folder, card=find_card)
        except WordsOutdated as error:
            remedy = find_words_remedy(folder, is_newer=isinstance(error, WordsNewer))
            step = remedy.format_sentence(folder.name)
            raise type(error)(f"Collection {folder.name}: {error} {step}") from error

    def restrict_access(self, opened: "OpenCollection", access: AccessChanges) -> "OpenCollection":
        """Return a view of an open collection with access changes, over the same files.

        Close the collection after the last use of the view.
        """
        index = opened.index.restrict_access(access)
        embedder = opened.retrieve.embedder
        calibration = opened.desk.calibration
        return self._desk_maker.make_desk(index, opened.collection, embedder, calibration, None)

    def _missing_collection(self, collection: str) -> str:
        known = self.list_collections()
        here = f"There is {', '.join(known)}. " if known else ""
        more = "" if collection == "default" else f" --collection {collection}"
        return (
            f"No collection {collection!r} in {self.home}. {here}"
            f"Build one: ragdesk ingest PATH{more}"
        )

    def make_job(
        self,
        collection: str,
        *,
        choice: EmbedderChoice | None = None,
        on: RunnerKind = "local",
    ) -> IngestJob:
        """Make the job that changes a collection. on: which machines compute.

        choice: its embedder; without one the job keeps the collection's own and embeds no document
        that it is not about. Raises ModelMissing, IndexMismatch.
        """
        settings, limits = self.settings, self.settings.indexes
        folder = self.collection_folder(collection)
        used = choice or self.embedders.choose_own(folder)
        return IngestJob(
            collection=folder,
            embedder=used.embedder,
            tokenizer=_find_tokenizer(used.options, self.models_folder),
            model_place=None if self._fixed_embedder else used.place,
            keeps_model=choice is None and used.facts is not None,
            chooses_model=used.is_chosen,
            guard=settings.guard,
            split=settings.split,
            parse=settings.parse,
            redaction=settings.redaction,
            remote_runner=self._make_ray_runner(used) if on == "ray" else None,
            retention=Retention(
                generations=limits.keep_generations, hours=limits.keep_hours, most=limits.keep_most
            ),
        )

    def _make_ray_runner(self, used: EmbedderChoice) -> RunnerFactory:
        """Make a runner on a Ray cluster. Raises ModelMissing where Ray is not installed."""
        from ingest.on_ray import make_ray_runner  # noqa: PLC0415 - seconds, and an extra

        settings = self.settings
        embed_options = replace(used.options, threads=max(1, int(settings.ray.cpus)))
        cache = self.models_folder.absolute()
        return make_ray_runner(
            settings.ray,
            partial(open_embedder, embed_options, cache),
            used.embedder.card,
            partial(_find_tokenizer, embed_options, cache),
        )

    def change_document(
        self, collection: str, uri: str, body: Path | None, admit: AdmissionRule, source: str = API
    ) -> JobReport:
        """Put one document of a source that is no path, or delete it, and report what changed.

        admit: decides, once the collection is held, which documents of the uri this is about, and
        who sees the new one. Raises what it raises, Unreadable with the reason, CollectionBusy.
        """
        job = self.make_job(collection)
        change = partial(job.put, uri, body) if body else partial(job.delete, uri)
        report = change(source=source, admit=admit)
        self.replicate_collection(collection)
        if report.due:
            threading.Thread(
                target=_compact_segments, args=(job,), name="compact", daemon=True
            ).start()
        for skipped in report.document.skipped if report.document else ():
            raise Unreadable(f"{uri}: {skipped.reason}")
        return report


def _find_tokenizer(options: EmbedOptions, cache: Path) -> Path:
    """Find the tokenizer's file of a model on the machine that calls."""
    return find_model_files(options, cache).tokenizer


def _compact_segments(job: IngestJob) -> None:
    """Merge segments behind the requests. Whoever holds the collection now, goes first."""
    try:
        job.compact()
    except CollectionBusy:
        return  # the next change will find the same to do
    except Exception:
        log.exception("segments were not merged")
