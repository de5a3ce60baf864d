"""Settings in, working things out: embedders, an open collection with its desk, a job.

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

from indexes.chunk import ALWAYS_VALID, Passage, Validity
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
    IndexesError,
    IndexNotFound,
    WordsNewer,
    WordsOutdated,
)
from indexes.index import Index
from indexes.store.access_log import AccessChanges
from indexes.store.document_table import ListedDocument
from indexes.store.generations import collect_access_since, list_generations
from indexes.upkeep.retention import Retention
from indexes.vectors.store_registry import open_vector_store
from indexes.vectors.vector_store import VectorStore
from ingest.document_places import AdmissionRule
from ingest.document_redaction import is_redacted
from ingest.errors import Unreadable
from ingest.job import IngestJob
from ingest.job_report import JobReport
from ingest.model_memory import MODEL_MEMORY_EXTRA_FILE
from ingest.runners import RunnerFactory, RunnerKind
from ingest.sources import API, SOURCES_EXTRA_FILE
from ingest.vector_replicas import replicate_vectors
from ragdesk.answering import calibration as calibrated
from ragdesk.answering.answer import Question
from ragdesk.answering.answer_signals import describe_signal_versions
from ragdesk.answering.calibration import CALIBRATION_EXTRA_FILE, Calibration
from ragdesk.answering.contact import Contact, ContactOptions, combine_contact
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.foreign_evidence import ForeignEvidenceReader
from ragdesk.answering.writing.llm_engine import LlmEngine, open_llm_engine
from ragdesk.answering.writing.model_writer import ModelWriter
from ragdesk.answering.writing.writer import Writer
from ragdesk.collection_embedders import CollectionEmbedders, EmbedderChoice
from ragdesk.degradation import find_words_remedy
from ragdesk.errors import NotFound, SettingsError
from ragdesk.model_cache_folder import find_model_cache
from ragdesk.reading_models import ReadingModels
from ragdesk.settings import Settings

if TYPE_CHECKING:
    from indexes.vectors.on_gpu import GpuCard

log = logging.getLogger("ragdesk")
# Of a collection, beside its index.
EXTRA_FILES = (SOURCES_EXTRA_FILE, CALIBRATION_EXTRA_FILE, MODEL_MEMORY_EXTRA_FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCollection:
    """A collection at one generation, open for questions until it is closed.

    Whoever opens it closes it. release: frees what a card holds for its index. opening_id:
    names this opening of it, and no other.
    """

    collection: str
    folder: Path
    index: Index
    retrieve: Retriever
    desk: Desk
    documents: Sequence[ListedDocument]
    release: Callable[[], None] | None = None
    opening_id: str = field(default_factory=lambda: secrets.token_hex(8))

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
    def open_generation(self, generation: int) -> Iterator[Index]:
        """Open another generation while it is kept, as it may be seen now. Raises NotFound.

        What was removed since, or shut to some, stays so: whatever has the same name today.
        """
        try:
            access = collect_access_since(self.folder, generation)
            index = Index.open_generation(self.folder, generation, access=access)
        except IndexesError as error:
            raise NotFound(f"Generation {generation} is not kept.") from error
        with index:
            if is_redacted(self.index.reading) and not is_redacted(index.reading):
                raise NotFound(f"Generation {generation} is from before personal data was removed.")
            yield index


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
    def reading(self) -> ReadingModels:
        """Return the models that questions are answered with beside the embedder."""
        return ReadingModels(
            self.settings,
            self.models_folder,
            self.embedders.pool,
            is_fixed=self._fixed_embedder is not None,
        )

    @cached_property
    def engine(self) -> LlmEngine | None:
        """Make the language model's client that settings name, if they do. Raises SettingsError."""
        settings = self.settings
        repairs = settings.verify.failed == "repair"
        return open_llm_engine(settings.generate, settings.ground, settings.vllm, repairs=repairs)

    def _make_writer(self, collection: str, index: Index, embedder: Embedder) -> Writer | None:
        if self.engine is None:
            return None
        foreign = ForeignEvidenceReader(
            embedder=embedder, background=self.open_background(embedder)
        )
        verify = ClaimChecker(options=self.settings.verify, idf=index.idf, foreign=foreign)
        return ModelWriter(
            engine=self.engine,
            verify=verify,
            collection=collection,
            find_validity=partial(_find_validity, index),
        )

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

    def open_collection(self, collection: str) -> OpenCollection:
        """Open a collection's newest good generation. Raises IndexesError by name.

        The caller closes it.
        """
        folder = self.find_collection(collection)
        calibration = _read_calibration(folder)
        card = self.card
        with contextlib.ExitStack() as failing:
            index = failing.enter_context(self.open_index(folder))
            embedder = self.open_embedder(index)
            opened = self._open_desk(index, collection, embedder, calibration, card)
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

    def restrict_access(self, opened: OpenCollection, access: AccessChanges) -> OpenCollection:
        """Return a view of an open collection with access changes, over the same files.

        Close the collection after the last use of the view.
        """
        index = opened.index.restrict_access(access)
        embedder = opened.retrieve.embedder
        return self._open_desk(index, opened.collection, embedder, opened.desk.calibration, None)

    def _open_desk(
        self,
        index: Index,
        collection: str,
        embedder: Embedder,
        calibration: Calibration | None,
        card: "GpuCard | None",
    ) -> OpenCollection:
        """Make a desk of an open index. Raises IndexesError; the caller then closes the index."""
        if card:
            index.move_vectors(card.take_index)
        documents = tuple(index.iter_documents())
        calibration = self._set_aside_outdated(collection, calibration, embedder.card)
        _warn_of_drift(collection, calibration, documents)
        store = self.vector_store
        if index.sums["vectors"] and not index.use_vector_store(store):
            log.warning(
                "no whole replica; vectors are searched here", extra={"collection": collection}
            )
        retrieve = Retriever(
            index=index,
            embedder=embedder,
            background=self.open_background(embedder),
            options=self.settings.retrieve,
            rerank=self.reading.rerank,
        )
        return OpenCollection(
            collection=collection,
            folder=self.collection_folder(collection),
            index=index,
            retrieve=retrieve,
            desk=Desk(
                retrieve=retrieve,
                collection=collection,
                extract=self.settings.extract,
                decide=self.settings.decide,
                clarify=self.settings.clarify,
                calibration=calibration,
                turns=self.settings.turns,
                contact=_read_contact(self.settings.contact, index, collection),
                writer=self._make_writer(collection, index, embedder),
                degrade=self.settings.generate.degrade,
                refuse=self.settings.verify.failed == "refuse",
                reader=self.reading.reader,
                reading=self.settings.reader,
                comparers=self.reading.list_comparers(embedder),
            ),
            documents=documents,
            release=card.free_dropped if card else None,
        )

    @cached_property
    def _outdated_calibrations(self) -> set[tuple[str, str]]:
        """The collections whose calibration was set aside, and why: each is logged once."""
        return set()

    def _set_aside_outdated(
        self, collection: str, calibration: Calibration | None, card: EmbedderCard
    ) -> Calibration | None:
        """Return a calibration that was fitted to this desk's signals; None for another one."""
        if calibration is None:
            return None
        versions = describe_signal_versions(card)
        difference = calibration.describe_mismatch(versions)
        if difference is None:
            return calibration
        if (collection, difference) not in self._outdated_calibrations:
            self._outdated_calibrations.add((collection, difference))
            log.warning(
                "The calibration of %s is set aside: %s. decide.floor decides, without a "
                "confidence. %s",
                collection,
                difference,
                calibrated.FIT_AGAIN,
            )
        return None

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


def _find_validity(index: Index, document: str) -> Validity:
    """Find when a document holds, by its id."""
    listed = index.documents.find_by_id(document)
    return listed.validity if listed else ALWAYS_VALID


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


def _read_calibration(folder: Path) -> Calibration | None:
    """Read what was calibrated. Raises SettingsError where the file is none."""
    try:
        return calibrated.read_calibration(folder)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _read_contact(options: ContactOptions, index: Index, collection: str) -> Contact:
    """Read whom people may turn to; a document that not everybody may see is not read."""
    record = index.read_record(options.document) if options.document else None
    is_public = record is not None and not record.groups
    if options.document and not is_public:
        log.warning(
            "contact.document: %s has no document of that uri that everybody may see", collection
        )
    return combine_contact(options, record.text if record is not None and is_public else "")


def _warn_of_drift(
    name: str, calibration: Calibration | None, documents: Sequence[ListedDocument]
) -> None:
    digests = (document.digest for document in documents)
    drift = calibration.estimate_drift(digests) if calibration else 0.0
    if drift > calibrated.DRIFT_LIMIT:
        log.warning(
            "The calibration of %s was fitted on other documents: about %.0f %% of them changed. "
            "%s",
            name,
            100 * drift,
            calibrated.FIT_AGAIN,
        )
