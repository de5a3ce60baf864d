"""Small real things: an embedder that needs no model, and documents of a few words."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.build import Build, PublishResult
from indexes.chunk import Chunk, DocumentRecord
from indexes.embedding.adapted_encoder import TextVectors
from indexes.embedding.embedder import EmbedderCard
from indexes.index import Index
from indexes.lexical.index_writer import LexicalIndexWriter

Document = tuple[DocumentRecord, list[Chunk]]

CARD = EmbedderCard(name="hash", revision="1", dim=16, max_tokens=256, reads_cjk=True)


@dataclass
class HashEmbedder:
    """A bag of hashed words, as a unit vector: texts that share words lie near each other."""

    card: EmbedderCard = CARD
    asked: list[str] = field(default_factory=list)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.extend(texts)
        vectors = [self._vector(self.card.passage_prefix + text) for text in texts]
        return np.array(vectors, dtype=np.float32).reshape(len(texts), self.card.dim)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return self._vector(self.card.query_prefix + text)

    def count_tokens(self, text: str) -> int:
        return len(self.token_starts(text))

    def token_starts(self, text: str) -> list[int]:
        return [match.start() for match in re.finditer(r"\w+|[^\w\s]", text)]

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self.card.dim)
        for word in re.findall(r"[a-z0-9]+|[^\x00-\x7f]", text.lower()):
            seed = hashlib.sha256(f"{self.card.name}{self.card.revision}{word}".encode()).digest()
            vector += np.frombuffer(seed[: self.card.dim], dtype=np.int8)
        length = np.linalg.norm(vector)
        return (vector / length if length else vector).astype(np.float32)


class HashEncoder:
    """A text as ``HashEmbedder`` reads it, and each of its words."""

    def __init__(self) -> None:
        self._embedder = HashEmbedder()

    def encode_query(self, text: str) -> TextVectors:
        words = self._embedder.embed_passages(text.split())
        return TextVectors(self._embedder.embed_query(text), words)

    def encode_passages(self, texts: Sequence[str]) -> list[TextVectors]:
        return [self.encode_query(text) for text in texts]


def document(uri: str, text: str, *, cut: int = 80, **facts: Any) -> Document:
    """Make a record of a text, and chunks of at most ``cut`` characters, cut at line ends."""
    identity = hashlib.sha256(f"{uri}\x1f{text}".encode()).hexdigest()[:16]
    plain = {"source": "src", "title": uri, "media_type": "text/plain", "language": "en"}
    known: dict[str, Any] = plain | facts
    digest = hashlib.sha256(text.encode()).hexdigest()
    record = DocumentRecord(id=identity, uri=uri, text=text, digest=digest, **known)
    chunks = [
        Chunk(
            document=identity,
            uri=uri,
            title=str(known["title"]),
            text=piece[0],
            start=piece.start(),
            end=piece.end(),
            language=str(known["language"]),
        )
        for piece in re.finditer(rf"[^\n]{{1,{cut}}}", text)
    ]
    return record, chunks


def publish(
    collection: Path, *held: Document, embedder: HashEmbedder | None = None, **options: Any
) -> PublishResult:
    """Publish documents, by an embedder of hashed words if no other is given."""
    with Build(collection, embedder or HashEmbedder()) as build:
        for record, chunks in held:
            build.add(record, chunks)
        return build.publish(**options)


def publish_three(collection: Path) -> Path:
    """Publish three generations: "state.md" says which, and each brings a file of its own."""
    for number in (1, 2, 3):
        state = document("state.md", f"state {number}")
        publish(collection, state, document(f"{number}.md", "x y"))
    return collection


def answering(collection: Path) -> tuple[int, tuple[str, ...]]:
    """Tell which of such generations answers, and why no newer one does."""
    with Index.open(collection) as index:
        assert index.read_text("state.md") == f"state {index.generation}"
        return index.generation, index.refused


def write_lexical_index(folder: Path, entries: Iterable[Sequence[str]]) -> None:
    """Write the inverted index of entries, numbered from 0, into a folder."""
    with LexicalIndexWriter(folder) as writer:
        for entry in entries:
            writer.add_entry(entry)
        writer.finish_index()
