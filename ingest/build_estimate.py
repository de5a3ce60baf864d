"""Count what a build would publish, without writing: behind `ingest --plan`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indexes.build import PublishResult
from indexes.chunk import Chunk, DocumentRecord
from indexes.chunk_views import iter_views
from indexes.embedding.embedder import Embedder
from indexes.index import Index
from indexes.store import vector_journal
from indexes.store.document_table import ListedDocument
from indexes.store.segments import CANARY_TEXT


class BuildEstimate:
    """Takes documents as a build does, and counts them.

    collection: whose journal an interrupted job may have left. base: what is published, or None.
    """

    def __init__(self, collection: Path, base: Index | None, embedder: Embedder) -> None:
        self._collection = collection
        self._base = base
        self._embedder = embedder
        self._card = embedder.card
        self._stale_reason = base.describe_mismatch(self._card) if base else None
        self._documents = self._chunks = self._vectors = self._words_rebuilt = 0
        self._texts: set[bytes] = set()
        self._document_keys: set[tuple[str, str]] = set()
        self._segments = {part.digest: part for part in base.segments} if base else {}
        self._vector_rows = {
            name: np.sort(part.dense.rows) for name, part in self._segments.items()
        }

    def add(self, record: DocumentRecord, chunks: Sequence[Chunk]) -> None:
        """Count a document."""
        self._document_keys.add((record.source, record.uri))
        self._documents += 1
        self._count_chunks(chunks)

    def publish(
        self,
        *,
        removed: Collection[str] = (),
        groups: Mapping[str, frozenset[str]] | None = None,
        reading: Mapping[str, Any] | None = None,
    ) -> PublishResult:
        """Return what the build would have published. Its generation is the one of now, or 0."""
        del groups, reading  # who may see a document, and how it was read, change no count
        removed_ids = set(removed)
        for listed in self._base.iter_documents() if self._base else ():
            if listed.id not in removed_ids and listed.place not in self._document_keys:
                self._count_unchanged(listed)
        new = self._texts - self._known_texts()
        resumed = new & self._journaled_texts()
        return PublishResult(
            generation=self._base.generation if self._base else 0,
            documents=self._documents,
            chunks=self._chunks,
            vectors=self._vectors,
            embedded=len(new) - len(resumed),
            resumed=len(resumed),
            words_rebuilt=self._words_rebuilt,
            stale_reason=self._stale_reason,
            changed=False,
        )

    def _count_unchanged(self, listed: ListedDocument) -> None:
        """Count a document that stays; all of it is embedded anew by another embedder."""
        self._documents += 1
        if self._base and self._stale_reason:
            self._count_chunks(self._base.read_document(listed)[1])
            return
        self._chunks += listed.count
        if not self._segments[listed.segment].has_current_words:
            self._words_rebuilt += listed.count
        chunk_range = [listed.first, listed.first + listed.count]
        owners = self._segments[listed.segment].owners
        entries = np.searchsorted(owners, np.array(chunk_range, dtype=owners.dtype))
        first, last = np.searchsorted(self._vector_rows[listed.segment], entries)
        self._vectors += int(last - first)

    def _count_chunks(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._chunks += 1
            if self._card.can_embed(chunk.text):
                texts = [text for _, text in iter_views(chunk)]
                self._vectors += len(texts)
                self._texts.update(map(vector_journal.hash_text, texts))

    def _known_texts(self) -> set[bytes]:
        """Find the texts whose vectors the base holds."""
        if self._base is None or self._stale_reason:
            return set()
        texts = list(self._texts)
        known_texts = set[bytes]()
        for part in self._segments.values():
            known_texts.update(part.chunk_store.find_vector_rows(texts))
        return known_texts

    def _journaled_texts(self) -> set[bytes]:
        """Return the texts whose vectors an interrupted job left in the journal."""
        canary = self._embedder.embed_passages([CANARY_TEXT])[0]
        return vector_journal.list_journal_keys(self._collection, self._card, canary)
