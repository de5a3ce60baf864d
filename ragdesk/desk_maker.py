"""Make the desk of an open index: what retrieves, chooses, refuses and writes, by the settings."""

import logging
from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from indexes.chunk import ALWAYS_VALID, Validity
from indexes.embedding.embedder import Embedder, EmbedderCard
from indexes.index import Index
from indexes.store.document_table import ListedDocument
from ragdesk.answering import calibration as calibrated
from ragdesk.answering.answer_signals import describe_signal_versions
from ragdesk.answering.calibration import Calibration
from ragdesk.answering.contact import Contact, combine_contact
from ragdesk.answering.contact_options import ContactOptions
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.foreign_evidence import ForeignEvidenceReader
from ragdesk.answering.writing.model_writer import ModelWriter
from ragdesk.answering.writing.writer import Writer
from ragdesk.errors import SettingsError
from ragdesk.open_collection import OpenCollection

if TYPE_CHECKING:
    from indexes.vectors.on_gpu import GpuCard
    from ragdesk.assemble import Workspace

log = logging.getLogger("ragdesk")


class DeskMaker:
    """Makes the desks of open indexes by a workspace's settings and models."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._settings = workspace.settings

    def read_calibration(self, collection: str) -> Calibration | None:
        """Read what was calibrated of a collection. Raises SettingsError where the file is none."""
        try:
            return calibrated.read_calibration(self._workspace.collection_folder(collection))
        except ValueError as error:
            raise SettingsError(str(error)) from error

    def make_desk(
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
        store = self._workspace.vector_store
        if index.sums["vectors"] and not index.use_vector_store(store):
            log.warning(
                "no whole replica; vectors are searched here", extra={"collection": collection}
            )
        retrieve = Retriever(
            index=index,
            embedder=embedder,
            background=self._workspace.open_background(embedder),
            options=self._settings.retrieve,
            rerank=self._workspace.reading.rerank,
        )
        return OpenCollection(
            collection=collection,
            folder=self._workspace.collection_folder(collection),
            index=index,
            retrieve=retrieve,
            desk=Desk(
                retrieve=retrieve,
                collection=collection,
                extract=self._settings.extract,
                decide=self._settings.decide,
                clarify=self._settings.clarify,
                calibration=calibration,
                turns=self._settings.turns,
                contact=_read_contact(self._settings.contact, index, collection),
                writer=self._make_writer(collection, index, embedder),
                degrade=self._settings.generate.degrade,
                refuse=self._settings.verify.failed == "refuse",
                reader=self._workspace.reading.reader,
                reading=self._settings.reader,
                comparers=self._workspace.reading.list_comparers(embedder),
            ),
            documents=documents,
            release=card.free_dropped if card else None,
        )

    def _make_writer(self, collection: str, index: Index, embedder: Embedder) -> Writer | None:
        if self._workspace.engine is None:
            return None
        foreign = ForeignEvidenceReader(
            embedder=embedder, background=self._workspace.open_background(embedder)
        )
        verify = ClaimChecker(options=self._settings.verify, idf=index.idf, foreign=foreign)
        return ModelWriter(
            engine=self._workspace.engine,
            verify=verify,
            collection=collection,
            find_validity=partial(_find_validity, index),
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


def _find_validity(index: Index, document: str) -> Validity:
    """Find when a document holds, by its id."""
    listed = index.documents.find_by_id(document)
    return listed.validity if listed else ALWAYS_VALID


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
