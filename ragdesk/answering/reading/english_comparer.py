"""Compare English sentences with a question by the packaged English model.

The multilingual model finds passages; of English sentences that say the same in other words the
small English one knows more. On customers' questions over three English help centres the sentence
that answers came first for 57 of 101 by its cosine alone, for 34 by the multilingual one's, and for
41 by the words (2026-11-30).
"""

import threading
from collections.abc import Callable, Sequence

import numpy as np

from indexes.embedding.embedder import Embedder
from indexes.search_results import Scores


class EnglishComparer:
    """Compares texts with a question. Any thread may call.

    open_embedder: opens the model, at the first question that needs it. Raises ModelMissing.
    """

    def __init__(self, open_embedder: Callable[[], Embedder]) -> None:
        self._open_embedder = open_embedder
        self._embedder: Embedder | None = None
        self._lock = threading.Lock()

    def __call__(self, question: str, texts: Sequence[str]) -> Scores:
        """Return the cosines (n,), none below 0, of some texts to a question."""
        embedder = self.open()
        vector = embedder.embed_query(question)
        if vector is None or not texts:
            return np.zeros(len(texts), dtype=np.float32)
        cosines: Scores = np.maximum(embedder.embed_passages(texts) @ vector, 0.0)
        return cosines

    def open(self) -> Embedder:
        """Open the model, once."""
        with self._lock:
            if self._embedder is None:
                self._embedder = self._open_embedder()
            return self._embedder
