"""An embedder that hands everything on to another: a bench changes the one call it is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexes.embedding.embedder import Embedder, EmbedderCard
from indexes.search_results import Vectors


@dataclass
class Through:
    """Does what ``real`` does."""

    real: Embedder

    @property
    def card(self) -> EmbedderCard:
        """Say what the model says."""
        return self.real.card

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Embed passages: (n, dim)."""
        return self.real.embed_passages(texts)

    def embed_query(self, text: str) -> Vectors | None:
        """Embed a question."""
        return self.real.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """Count tokens."""
        return self.real.count_tokens(text)

    def token_starts(self, text: str) -> Sequence[int]:
        """Find where tokens begin."""
        return self.real.token_starts(text)
