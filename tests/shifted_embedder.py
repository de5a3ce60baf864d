"""An embedder whose cosines live elsewhere: those of another one, moved between ``floor`` and 1."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from indexes.embedding.embedder import Embedder, EmbedderCard
from indexes.search_results import Vectors


class ShiftedEmbedder:
    """Turns another embedder's vectors, and gives all of them one more number in common.

    A cosine c becomes floor + (1 - floor) * c. dim: of a random projection; None turns the vectors
    and loses nothing.
    """

    def __init__(self, embedder: Embedder, *, floor: float = 0.9, dim: int | None = None) -> None:
        self._embedder = embedder
        self._floor = floor
        chance = np.random.default_rng(20261129)
        own = embedder.card.dim
        matrix = chance.standard_normal((own, dim or own))
        self._matrix = matrix if dim else np.linalg.qr(matrix)[0]
        self.card: EmbedderCard = replace(
            embedder.card, name=f"{embedder.card.name}-shifted", dim=self._matrix.shape[1] + 1
        )

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._shift(self._embedder.embed_passages(texts))

    def embed_query(self, text: str) -> Vectors | None:
        vector = self._embedder.embed_query(text)
        return None if vector is None else self._shift(vector[None])[0]

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def token_starts(self, text: str) -> Sequence[int]:
        return self._embedder.token_starts(text)

    def _shift(self, vectors: Vectors) -> Vectors:
        turned = vectors @ self._matrix
        lengths = np.linalg.norm(turned, axis=1, keepdims=True)
        turned = turned / np.where(lengths == 0, 1, lengths)
        common = np.full((len(turned), 1), self._floor**0.5)
        return np.hstack([turned * (1 - self._floor) ** 0.5, common]).astype(np.float32)
