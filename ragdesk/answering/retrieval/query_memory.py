"""An embedder that remembers the vectors of one question: its steps share them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from indexes.embedding.embedder import Embedder, EmbedderCard
from indexes.search_results import Vectors


@dataclass(frozen=True, slots=True)
class QueryMemory(Embedder):
    """Embeds by another embedder, each text that is asked for once. Made anew for each question.

    Two threads that ask for a text at once may both embed it, with the same outcome.
    """

    embedder: Embedder
    vectors: dict[str, Vectors | None] = field(default_factory=dict)

    @property
    def card(self) -> EmbedderCard:
        return self.embedder.card

    def embed_query(self, text: str) -> Vectors | None:
        if text not in self.vectors:
            self.vectors[text] = self.embedder.embed_query(text)
        return self.vectors[text]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self.embedder.embed_passages(texts)

    def count_tokens(self, text: str) -> int:
        return self.embedder.count_tokens(text)

    def token_starts(self, text: str) -> Sequence[int]:
        return self.embedder.token_starts(text)
