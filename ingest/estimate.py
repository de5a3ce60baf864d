"""What a build would publish, counted without writing anything: the other half of ``--plan``."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from indexes import journal
from indexes.build import Published
from indexes.chunk import Chunk, Record
from indexes.documents import Listed
from indexes.embed import Embedder
from indexes.index import Index
from indexes.segments import CANARY, views


class Estimate:
    """Takes documents as a build does, and counts.

    collection: whose journal an interrupted job may have left. base: what is published, or None.
    """

    def __init__(self, collection: Path, base: Index | None, embedder: Embedder) -> None:
        self._collection, self._base, self._embedder = collection, base, embedder
        self._card = embedder.card
        self._stale = bool(base and base.mismatch(self._card))
        self._documents = self._chunks = self._vectors = 0
        self._texts: set[bytes] = set()
        self._names: set[tuple[str, str]] = set()
        self._parts = {part.digest: part for part in base.segments} if base else {}
        self._rows = {name: np.sort(part.dense.rows) for name, part in self._parts.items()}

    def add(self, record: Record, chunks: Sequence[Chunk]) -> None:
        """Count a document."""
        self._names.add((record.source, record.uri))
        self._documents += 1
        self._count(chunks)

    def publish(
        self, *, removed: Collection[str] = (), groups: Mapping[str, frozenset[str]] | None = None
    ) -> Published:
        """Tell what the build would have published. Its generation is the one of now, or 0."""
        del groups  # who may see a document changes no count
        gone = set(removed)
        for listed in self._base.records() if self._base else ():
            if listed.id not in gone and (listed.source, listed.uri) not in self._names:
                self._keep(listed)
        new = self._texts - self._known()
        resumed = new & self._paid()
        return Published(
            generation=self._base.generation if self._base else 0,
            documents=self._documents,
            chunks=self._chunks,
            vectors=self._vectors,
            embedded=len(new) - len(resumed),
            resumed=len(resumed),
            changed=False,
        )

    def _keep(self, listed: Listed) -> None:
        """Count a document that stays; all of it is embedded anew by another embedder."""
        self._documents += 1
        if self._base and self._stale:
            self._count(self._base.document(listed)[1])
            return
        self._chunks += listed.count
        chunks = [listed.first, listed.first + listed.count]
        owners = self._parts[listed.segment].owners
        entries = np.searchsorted(owners, np.array(chunks, dtype=owners.dtype))
        first, last = np.searchsorted(self._rows[listed.segment], entries)
        self._vectors += int(last - first)

    def _count(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._chunks += 1
            if self._card.voices(chunk.text):
                words = [text for _, text in views(chunk)]
                self._vectors += len(words)
                self._texts.update(map(journal.key, words))

    def _known(self) -> set[bytes]:
        """Find the texts whose vectors the base holds."""
        if self._base is None or self._stale:
            return set()
        texts, known = list(self._texts), set[bytes]()
        for part in self._parts.values():
            known.update(part.shelf.vectors(texts))
        return known

    def _paid(self) -> set[bytes]:
        """Find the texts whose vectors an interrupted job has left."""
        canary = self._embedder.passages([CANARY])[0]
        return journal.held(self._collection, self._card, canary)
