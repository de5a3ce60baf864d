"""A segment in the making: documents stream in, their chunks are embedded slab by slab.

Memory stays bounded whatever the corpus: texts go to the shelf, vectors to a file, and the
words are read back from the shelf when the lexical index is written.
"""

import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indexes import dense, durable, failpoints, lexical, segments
from indexes.chunk import Chunk, Record
from indexes.dense import Vectors
from indexes.embed import Embedder
from indexes.journal import key
from indexes.segments import views
from indexes.shelf import ShelfWriter
from indexes.text import readable, tokens

SLAB = 1_024  # entries embedded at a time
_RAW = "vectors.raw"

Known = Callable[[Sequence[bytes]], Mapping[bytes, Vectors]]
Note = Callable[[Mapping[bytes, Vectors]], None]
Progress = Callable[[int, int], None]


class Draft:
    """Writes one segment into a folder of its own.

    known: vectors of texts that are held already, by key. note: told what was embedded anew,
    at once. progress: told the chunks done and the texts embedded, after each slab.
    embedded: texts that the embedder was asked for.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        *,
        known: Known,
        note: Note | None = None,
        progress: Progress | None = None,
    ) -> None:
        folder.mkdir()
        self.folder, self.embedded = folder, 0
        self._embedder, self._known, self._progress = embedder, known, progress
        self._note = note
        self._shelf = ShelfWriter(folder / segments.SHELF)
        self._raw = (folder / _RAW).open("x+b")
        self._owners, self._kinds, self._rows = array("I"), bytearray(), array("q")
        self._slab: list[tuple[int, str]] = []

    @property
    def documents(self) -> int:
        """Count the documents taken in so far."""
        return self._shelf.records

    @property
    def chunks(self) -> int:
        """Count the chunks taken in so far."""
        return self._shelf.chunks

    @property
    def vectors(self) -> int:
        """Count the vectors written so far."""
        return len(self._rows)

    def add(self, record: Record, chunks: Sequence[Chunk]) -> tuple[int, int]:
        """Take in a document; returns its first chunk row and the number of its chunks.

        Raises ValueError, and takes nothing in, when a chunk is not an exact span of its document.
        """
        for chunk in chunks:
            if chunk.document != record.id or record.text[chunk.start : chunk.end] != chunk.text:
                raise ValueError(f"{record.uri}: a chunk is not a span of its document.")
        for words in (record.id, record.uri, record.title, record.text):
            words.encode()  # a lone surrogate raises here, before half a document is written
        first = self.chunks
        self._shelf.add(record, chunks)
        for row, chunk in enumerate(chunks, start=first):
            voiced = self._embedder.card.reads_cjk or readable(chunk.text)
            for kind, words in views(chunk):
                if voiced:
                    self._slab.append((len(self._owners), words))
                self._owners.append(row)
                self._kinds.append(kind)
        while len(self._slab) >= SLAB:
            self._embed()
        return first, len(chunks)

    def finish(self, facts: Mapping[str, Any]) -> str:
        """Write the indexes and the manifest, sync everything; returns the segment's digest."""
        while self._slab:
            self._embed()
        lexical.write(self.folder / segments.LEXICAL, self._words())
        failpoints.reach("words written")
        self._shelf.finish()
        failpoints.reach("shelf written")
        how = self._write_vectors()
        failpoints.reach("vectors written")
        self._save(segments.OWNERS, np.array(self._owners, np.uint32))
        self._save(segments.KINDS, np.array(self._kinds, np.uint8))
        counts = {
            "documents": self.documents,
            "chunks": self.chunks,
            "entries": len(self._owners),
            "vectors": self.vectors,
        }
        card = segments.embedder_facts(self._embedder.card)
        canary = segments.canary_facts(self._embedder.passages([segments.CANARY])[0])
        own = {"counts": counts, "embedder": card, "canary": canary, "dense": how}
        return segments.seal(self.folder, {**facts, **own})

    def discard(self) -> None:
        """Throw the draft away."""
        self._raw.close()
        self._shelf.close()
        durable.discard(self.folder)

    def _embed(self) -> None:
        """Give the next slab of entries their vectors: each text is embedded once."""
        slab, self._slab = self._slab[:SLAB], self._slab[SLAB:]
        digests = [key(words) for _, words in slab]
        texts = {digest: words for digest, (_, words) in zip(digests, slab, strict=True)}
        vectors = {digest: vector for digest in texts if (vector := self._own(digest)) is not None}
        new = {digest for digest in texts if digest not in vectors}
        vectors.update(self._known([digest for digest in texts if digest in new]))
        fresh = self._fresh({d: w for d, w in texts.items() if d not in vectors})
        if self._note:
            self._note(fresh)
        failpoints.reach("texts embedded")
        vectors.update(fresh)
        noted: dict[bytes, int] = {}
        for digest, (entry, _) in zip(digests, slab, strict=True):
            if digest in vectors:
                if digest in new:
                    noted.setdefault(digest, len(self._rows))
                self._raw.write(vectors[digest].tobytes())
                self._rows.append(entry)
        self._shelf.note(noted)
        if self._progress:
            done = self._owners[self._slab[0][0]] if self._slab else self.chunks
            self._progress(done, self.embedded)

    def _own(self, digest: bytes) -> Vectors | None:
        """Read back the vector of a text that this draft has seen before."""
        place = self._shelf.vector(digest)
        if place is None:
            return None
        self._raw.flush()
        size = 4 * self._embedder.card.dim
        return np.frombuffer(os.pread(self._raw.fileno(), size, place * size), dtype=np.float32)

    def _fresh(self, texts: Mapping[bytes, str]) -> dict[bytes, Vectors]:
        """Embed texts. One without a direction (zero or not finite) gets no vector."""
        if not texts:
            return {}
        given = self._embedder.passages(list(texts.values()))
        self.embedded += len(texts)
        return segments.directed(list(texts), given)

    def _words(self) -> Iterator[list[str]]:
        for chunk in self._shelf.each():
            for _, words in views(chunk):
                yield tokens(words)

    def _write_vectors(self) -> str:
        self._raw.flush()
        shape = (self.vectors, self._embedder.card.dim)
        raw = (
            np.memmap(self._raw, np.float32, "r", shape=shape)
            if self.vectors
            else np.empty(shape, np.float32)
        )
        how = dense.write(self.folder / segments.DENSE, raw, np.array(self._rows, np.int64))
        self._raw.close()
        (self.folder / _RAW).unlink()
        return how

    def _save(self, name: str, values: Any) -> None:
        with (self.folder / name).open("xb") as out:
            np.save(out, values, allow_pickle=False)
