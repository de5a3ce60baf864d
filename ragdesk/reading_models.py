"""Open the models that questions are answered with beside the embedder, each once and when needed.

They are the reranker, the trained reader of units and what compares sentences with a question.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from indexes.embedding.adapted_encoder import (
    AdaptedEncoder,
    can_be_adapted,
    open_adapted_encoder,
    prepare_adapted_graph,
)
from indexes.embedding.embedder import Embedder, count_cores, find_model_files
from indexes.embedding.embedder_pool import EmbedderPool
from indexes.embedding.model_files import (
    ENGLISH_MODEL,
    PACKAGED_MODEL,
    PACKAGED_MODELS,
    ModelFiles,
)
from indexes.errors import ModelMissing
from ragdesk.answering.reading.packaged_reader import open_packaged_reader
from ragdesk.answering.reading.reader_reranker import ReaderReranker
from ragdesk.answering.reading.reader_weights import PACKAGED_READER
from ragdesk.answering.reading.sentence_comparer import (
    SentenceComparer,
    name_sentence_weights,
)
from ragdesk.answering.reading.sentence_vector_cache import SentenceVectorCache
from ragdesk.answering.reading.unit_reader import UnitReader
from ragdesk.answering.retrieval.reranker import Reranker, open_reranker
from ragdesk.answering.retrieval.retrieval_options import READER_BACKEND
from ragdesk.settings import Settings

SENTENCE_MODELS = {"en": ENGLISH_MODEL, "zh": PACKAGED_MODEL}
"""The packaged model that learnt to compare sentences with questions of a language."""
PACKAGED_NAMES = frozenset({"multilingual-e5-small", "all-MiniLM-L6-v2"})
"""Of the packaged models, as cards of embedders have them."""


log = logging.getLogger("ragdesk")
T = TypeVar("T")


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
    def _comparers(self) -> dict[str, SentenceComparer]:
        """The comparers by language, of the models that are here as they were when they learnt."""
        cache = SentenceVectorCache()
        return {
            language: SentenceComparer(
                partial(self._open_sentence_model, language), cache, language
            )
            for language in SENTENCE_MODELS
            if self._is_sentence_model_here(language)
        }

    def _find_sentence_model(self, language: str) -> ModelFiles:
        options = replace(self._settings.embed, model=SENTENCE_MODELS[language])
        return find_model_files(options, self._models_folder, converts=False)

    def _is_sentence_model_here(self, language: str) -> bool:
        try:
            model = self._find_sentence_model(language)
        except ModelMissing:  # whoever embeds by it says so
            return False
        if can_be_adapted(model, name_sentence_weights(language)):
            return True
        log.info("sentences are compared without what was learnt", extra={"language": language})
        return False

    def _open_sentence_model(self, language: str) -> AdaptedEncoder:
        """Open the model that compares sentences with questions of a language.

        Raises ModelMissing.
        """
        return self._use_sentence_model(open_adapted_encoder, language)

    def _use_sentence_model(self, use: Callable[..., T], language: str) -> T:
        options = replace(self._settings.embed, model=SENTENCE_MODELS[language])
        return use(
            find_model_files(options, self._models_folder),
            name_sentence_weights(language),
            self._models_folder,
            threads=options.threads or count_cores(),
        )

    def list_comparers(self, embedder: Embedder) -> Mapping[str, SentenceComparer]:
        """Return what compares sentences beside a packaged model, by language; none beside another.

        Their own models are opened when they are needed.
        """
        is_packaged = self._settings.embed.model in PACKAGED_MODELS
        if not is_packaged or embedder.card.name not in PACKAGED_NAMES:
            return {}
        reads = {"en", "zh"} if embedder.card.reads_cjk else {"en"}
        return {name: compare for name, compare in self._comparers.items() if name in reads}

    def prepare_models(self) -> None:
        """Make ready what answers are read with, where it is not yet: some seconds, once a machine.

        Raises ModelMissing.
        """
        if not self._is_fixed and self._settings.embed.model in PACKAGED_MODELS:
            for language in self._comparers:
                if language == "en" or self._settings.embed.model == PACKAGED_MODEL:
                    self._use_sentence_model(prepare_adapted_graph, language)
        _ = self.reader
