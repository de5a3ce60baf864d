"""Open embedders once each, and share them among the collections that name the same one.

While one model is loaded, which takes seconds, the others are to be had without waiting.
"""

import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from indexes.embedding.embedder import (
    Embedder,
    EmbedOptions,
    find_model_files,
    open_embedder,
)


class EmbedderPool:
    """Embedders by what they are opened with. cache: the folder of models as they run."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._lock = threading.Lock()  # of the two below; never held while a model is loaded
        self._openings: dict[EmbedOptions, Future[Embedder]] = {}
        self._embedders: dict[EmbedOptions, Embedder] = {}

    def open(self, options: EmbedOptions) -> Embedder:
        """Open an embedder, or return the open one; whoever asks for it meanwhile waits for it.

        What failed is tried again by the next who asks. Raises ModelMissing.
        """
        key = self._make_key(options)
        with self._lock:
            opening = self._openings.get(key)
            is_first = opening is None
            if opening is None:
                opening = self._openings[key] = Future()
        if is_first:
            self._load(key, options, opening)
        return opening.result()

    def _make_key(self, options: EmbedOptions) -> EmbedOptions:
        """Return the options by which one model is one, whatever name it goes by."""
        model = find_model_files(options, self.cache, converts=False)
        return replace(options, model=f"{model.name} {model.digest}", cache="")

    def _load(self, key: EmbedOptions, options: EmbedOptions, opening: Future[Embedder]) -> None:
        try:
            embedder = open_embedder(options, self.cache)
        except BaseException as error:  # noqa: BLE001, those who wait for it get it too
            with self._lock:
                del self._openings[key]
            opening.set_exception(error)
            return
        with self._lock:
            shared = self._find_equal(key, embedder)
            self._embedders[key] = shared
        opening.set_result(shared)

    def _find_equal(self, key: EmbedOptions, embedder: Embedder) -> Embedder:
        """Return an open embedder that gives the same on the same hardware, or the new one."""
        return next(
            (
                other
                for other_key, other in self._embedders.items()
                if other.card == embedder.card
                and (other_key.threads, other_key.device) == (key.threads, key.device)
            ),
            embedder,
        )
