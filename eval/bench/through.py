"""An embedder that hands everything on to another: a bench changes the one call it is about."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexes.embed import Card, Embedder, Vectors


@dataclass
class Through:
    """Does what ``real`` does."""

    real: Embedder

    @property
    def card(self) -> Card:
        """Say what the model says."""
        return self.real.card

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Embed passages: (n, dim)."""
        return self.real.passages(texts)

    def query(self, text: str) -> Vectors | None:
        """Embed a question."""
        return self.real.query(text)

    def count(self, text: str) -> int:
        """Count tokens."""
        return self.real.count(text)

    def cuts(self, text: str) -> Sequence[int]:
        """Find where tokens begin."""
        return self.real.cuts(text)
