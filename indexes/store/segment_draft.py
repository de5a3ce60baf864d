"""Write a segment: documents stream in, their chunks are embedded slab by slab.

Embedding goes on in a thread of its own while the next documents are parsed and written. Only a
few slabs may be on their way: whoever adds more waits, and so do those who parse. Memory stays
bounded whatever the corpus: texts go to the chunk store, vectors and sorted words to files.
"""

import os
from array import array
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexes.chunk import Chunk, DocumentRecord
from indexes.chunk_views import iter_views
from indexes.embedding.embedder import Embedder
from indexes.lexical.index_writer import LexicalIndexWriter
from indexes.search_results import Vectors
from indexes.store import document_notes, durability, failpoints, segments
from indexes.store.chunk_store import ChunkStoreWriter
from indexes.store.row_languages import LANGUAGES_FILE, encode_languages
from indexes.store.vector_journal import hash_text
from indexes.text import tokens
from indexes.vectors import faiss_index

SLAB_ENTRIES = 256  # entries embedded at a time
_AHEAD = 2  # slabs on their way at once
_RAW = "vectors.raw"

KnownVectors = Callable[[Sequence[bytes]], Mapping[bytes, Vectors]]
NoteVectors = Callable[[Mapping[bytes, Vectors]], None]
EmbedProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Slab:
    """Entries waiting for their vectors. chunks: number added when it was sent.

    entries: number and text key of each. new: keys that no earlier slab of this draft had. known:
    stored vectors, by key. fresh: keys of the texts that are being embedded, as ``vectors``.
    """

    entries: Sequence[tuple[int, bytes]]
    new: Collection[bytes]
    known: Mapping[bytes, Vectors]
    fresh: Sequence[bytes]
    vectors: Future[Vectors] | None
    chunks: int


class SegmentDraft:
    """Writes one segment into a folder of its own.

    known: returns stored vectors of texts, by key. note: called at once with the vectors that were
    embedded. progress: called with the chunks done and the texts embedded, after each slab.
    embedded: texts that the embedder was asked for.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        *,
        known: KnownVectors,
        note: NoteVectors | None = None,
        progress: EmbedProgress | None = None,
    ) -> None:
        folder.mkdir()
        self.folder = folder
        self.embedded = 0
        self._embedder = embedder
        self._known = known
        self._progress = progress
        self._note = note
        with ExitStack() as opened:  # where there is no handle for one of them, none stays open
            self._shelf = ChunkStoreWriter(folder / segments.CHUNKS_FILE)
            opened.callback(self._shelf.close)
            self._words = LexicalIndexWriter(folder / segments.LEXICAL_FOLDER)
            opened.callback(self._words.close)
            self._raw = (folder / _RAW).open("x+b")
            opened.pop_all()
        self._owners = array("I")
        self._kinds = bytearray()
        self._languages = bytearray()
        self._notes: dict[str, tuple[str, ...]] = {}
        self._rows = array("q")
        self._slab: list[tuple[int, str]] = []
        self._pending_slabs: deque[_Slab] = deque()
        self._pending_keys: set[bytes] = set()  # keys of what was sent and is not back yet
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")

    @property
    def document_count(self) -> int:
        """Count the documents taken in so far."""
        return self._shelf.records

    @property
    def chunk_count(self) -> int:
        """Count the chunks taken in so far."""
        return self._shelf.chunks

    @property
    def vector_count(self) -> int:
        """Count the vectors written so far."""
        return len(self._rows)

    def take_document(self, record: DocumentRecord, chunks: Sequence[Chunk]) -> tuple[int, int]:
        """Add a document; return its first chunk row and the number of its chunks.

        Raises ValueError, and takes nothing in, when a chunk is not an exact span of its document.
        """
        for chunk in chunks:
            if chunk.document != record.id or record.text[chunk.start : chunk.end] != chunk.text:
                raise ValueError(f"{record.uri}: a chunk is not a span of its document.")
        for words in (record.id, record.uri, record.title, record.text):
            words.encode()  # a lone surrogate raises here, before half a document is written
        first = self.chunk_count
        self._shelf.put_document(record, chunks)
        self._keep_notes(record)
        self._languages += encode_languages(chunk.language for chunk in chunks).tobytes()
        for row, chunk in enumerate(chunks, start=first):
            voiced = self._embedder.card.can_embed(chunk.text)
            for kind, words in iter_views(chunk):
                if voiced:
                    self._slab.append((len(self._owners), words))
                self._owners.append(row)
                self._kinds.append(kind)
        while len(self._slab) >= SLAB_ENTRIES:
            self._send_slab()
        for chunk in chunks:  # while what was sent is embedded
            for _, words in iter_views(chunk):
                self._words.add_entry(tokens.tokenize_text(words))
        return first, len(chunks)

    def _keep_notes(self, record: DocumentRecord) -> None:
        if record.notes:
            self._notes[record.id] = document_notes.trim_notes(record.notes)

    def finish_segment(self, facts: Mapping[str, Any]) -> str:
        """Write the indexes and the manifest, sync everything; returns the segment's digest."""
        while self._slab:
            self._send_slab()
        self._words.finish_index()
        failpoints.reach_failpoint("words written")
        while self._pending_slabs:
            self._receive_slab()
        self._thread.shutdown()
        self._shelf.finish_file()
        failpoints.reach_failpoint("shelf written")
        index_kind = self._write_vectors()
        failpoints.reach_failpoint("vectors written")
        self._save_array(segments.OWNERS_FILE, np.array(self._owners, np.uint32))
        self._save_array(segments.KINDS_FILE, np.array(self._kinds, np.uint8))
        self._save_array(LANGUAGES_FILE, np.array(self._languages, np.uint8))
        document_notes.write_notes(self.folder, self._notes)
        counts = {
            "documents": self.document_count,
            "chunks": self.chunk_count,
            "entries": len(self._owners),
            "vectors": self.vector_count,
        }
        card = segments.embedder_facts(self._embedder.card)
        canary = segments.canary_facts(self._embedder.embed_passages([segments.CANARY_TEXT])[0])
        own = {
            "counts": counts,
            "embedder": card,
            "canary": canary,
            "dense": index_kind,
            "tokens": tokens.TOKENS_VERSION,
        }
        return segments.seal_segment(self.folder, {**facts, **own})

    def discard(self) -> None:
        """Throw the draft away, once the slab that is being embedded has ended."""
        self._thread.shutdown(cancel_futures=True)
        for part in (self._words, self._raw, self._shelf):
            with suppress(OSError):  # on a full disk what was held back still finds no place
                part.close()
        durability.discard_path(self.folder)

    def _send_slab(self) -> None:
        """Send the next slab of entries to be embedded: each text once, and none that is known."""
        slab, self._slab = self._slab[:SLAB_ENTRIES], self._slab[SLAB_ENTRIES:]
        keys = [hash_text(words) for _, words in slab]
        texts = {text_key: words for text_key, (_, words) in zip(keys, slab, strict=True)}
        repeated = (
            text_key
            for text_key in texts
            if text_key in self._pending_keys or self._shelf.find_vector_row(text_key) is not None
        )
        new = texts.keys() - set(repeated)
        known = self._known([text_key for text_key in texts if text_key in new])
        fresh = [text_key for text_key in texts if text_key in new and text_key not in known]
        words = [texts[text_key] for text_key in fresh]
        vectors = self._thread.submit(self._embedder.embed_passages, words) if fresh else None
        entries = [(entry, text_key) for text_key, (entry, _) in zip(keys, slab, strict=True)]
        done = self._owners[self._slab[0][0]] if self._slab else self.chunk_count
        self._pending_slabs.append(_Slab(entries, new, known, fresh, vectors, done))
        self._pending_keys |= new
        while len(self._pending_slabs) > _AHEAD:
            self._receive_slab()

    def _receive_slab(self) -> None:
        """Wait for the oldest slab that was sent, and write its vectors in the order of entries."""
        slab = self._pending_slabs.popleft()
        failpoints.reach_failpoint("texts awaited")
        fresh = (
            segments.normalise_vectors(slab.fresh, slab.vectors.result()) if slab.vectors else {}
        )
        self.embedded += len(slab.fresh)
        if self._note:
            self._note(fresh)
        failpoints.reach_failpoint("texts embedded")
        vectors: dict[bytes, Vectors | None] = {**slab.known, **fresh}
        first_rows: dict[bytes, int] = {}
        for entry, text_key in slab.entries:
            vector = vectors.get(text_key)
            if vector is None and text_key not in slab.new:
                # An earlier slab embedded this text, and has been written by now.
                vector = vectors[text_key] = self._read_vector(text_key)
            if vector is not None:
                if text_key in slab.new:
                    first_rows.setdefault(text_key, len(self._rows))
                self._raw.write(vector.tobytes())
                self._rows.append(entry)
        self._shelf.note_vectors(first_rows)
        self._pending_keys.difference_update(slab.new)
        if self._progress:
            self._progress(slab.chunks, self.embedded)

    def _read_vector(self, digest: bytes) -> Vectors | None:
        """Read back the vector of a text that this draft has seen before."""
        place = self._shelf.find_vector_row(digest)
        if place is None:
            return None
        self._raw.flush()
        size = 4 * self._embedder.card.dim
        return np.frombuffer(os.pread(self._raw.fileno(), size, place * size), dtype=np.float32)

    def _write_vectors(self) -> str:
        self._raw.flush()
        shape = (self.vector_count, self._embedder.card.dim)
        raw = (
            np.memmap(self._raw, np.float32, "r", shape=shape)
            if self.vector_count
            else np.empty(shape, np.float32)
        )
        index_kind = faiss_index.write_vectors(
            self.folder / segments.VECTORS_FOLDER, raw, np.array(self._rows, np.int64)
        )
        self._raw.close()
        (self.folder / _RAW).unlink()
        return index_kind

    def _save_array(self, name: str, values: Any) -> None:
        with (self.folder / name).open("xb") as out:
            np.save(out, values, allow_pickle=False)
