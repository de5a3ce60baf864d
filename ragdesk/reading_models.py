"""Open the models that questions are answered with beside the embedder, each once and when needed.

They are the reranker, the trained reader of units and what compares English sentences.
"""

from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from indexes.embedding.embedder import Embedder, count_cores, find_model_files
from indexes.embedding.embedder_pool import EmbedderPool
from indexes.embedding.model_files import ENGLISH_MODEL, PACKAGED_MODELS
from indexes.errors import ModelMissing
from ragdesk.answering.reading.english_comparer import EnglishComparer
from ragdesk.answering.reading.packaged_reader import open_packaged_reader
from ragdesk.answering.reading.reader_reranker import ReaderReranker
from ragdesk.answering.reading.reader_weights import PACKAGED_READER
from ragdesk.answering.reading.unit_reader import UnitReader
from ragdesk.answering.retrieval.reranker import READER_BACKEND, Reranker, open_reranker
from ragdesk.settings import Settings

PACKAGED_NAMES = frozenset({"multilingual-e5-small", "all-MiniLM-L6-v2"})
"""Of the packaged models, as cards of embedders have them."""


class ReadingModels:
    """Opens what reads questions and passages by the settings.

    models_folder: of exported models. pool: opens embedders, each once. is_fixed: one embedder
    stands in for any model, so that nothing which runs on a packaged one is opened.
    """

    def __init__(
        self, settings: Settings, models_folder: Path, pool: EmbedderPool, *, is_fixed: bool
    ) -> None:
        self._settings, self._models_folder = settings, models_folder
        self._pool, self._is_fixed = pool, is_fixed

    @cached_property
    def rerank(self) -> Reranker | None:
        """Load the reranker that settings name, if they name one. Raises ModelMissing."""
        options = self._settings.rerank
        if options.backend != READER_BACKEND:
            return open_reranker(options)
        if self.reader is None:
            raise ModelMissing(
                "There is no reader to rerank by: it runs on the packaged multilingual embedder, "
                "with weights of its own. Set advanced.reader.enabled and weights, or "
                'rerank.backend = "cross-encoder".'
            )
        return ReaderReranker(self.reader, options.depth)

    @cached_property
    def reader(self) -> UnitReader | None:
        """Open the trained reader; None where it is off or its embedder is not here.

        Raises ModelMissing.
        """
        options = self._settings.reader
        if not options.enabled or self._is_fixed:
            return None
        model = find_model_files(self._settings.embed, self._models_folder)
        weights = Path(options.weights).expanduser() if options.weights else PACKAGED_READER
        return open_packaged_reader(
            model,
            self._models_folder,
            threads=self._settings.embed.threads or count_cores(),
            weights=weights,
        )

    @cached_property
    def _english_comparer(self) -> EnglishComparer:
        options = replace(self._settings.embed, model=ENGLISH_MODEL)
        return EnglishComparer(partial(self._pool.open, options))

    def choose_comparer(self, embedder: Embedder) -> EnglishComparer | None:
        """Return what compares English sentences beside a packaged model; None beside another.

        Its own model is opened when it is needed.
        """
        is_packaged = self._settings.embed.model in PACKAGED_MODELS
        return (
            self._english_comparer if is_packaged and embedder.card.name in PACKAGED_NAMES else None
        )

    def prepare_models(self) -> None:
        """Make ready what answers are read with, where it is not yet: some seconds, once a machine.

        Raises ModelMissing.
        """
        if not self._is_fixed and self._settings.embed.model in PACKAGED_MODELS:
            self._english_comparer.open()
        _ = self.reader
