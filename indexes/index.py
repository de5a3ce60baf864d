"""Search one generation of a collection, by words or by vectors.

Read this file first. Rows are chunk rows (int64), numbered through all segments of the
generation in order. Any thread may search; an Index never changes, a new generation is a new one.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from indexes.access_masks import AccessMasks
from indexes.chunk import Chunk, DocumentRecord, SearchFilter
from indexes.dense_search import DenseSearch
from indexes.embedding.embedder import EmbedderCard
from indexes.errors import (
    BaseDamaged,
    IndexDamaged,
    IndexesError,
    IndexMismatch,
    IndexNotFound,
    tells_absence,
)
from indexes.lexical.bm25 import Ranking
from indexes.lexical.spelling import Correction, correct_text
from indexes.search_results import Hits, Rows, Scores, Vectors, merge_hits
from indexes.store import content_digest, document_table, generations, locks, manifest
from indexes.store.access_log import NO_ACCESS_CHANGES, AccessChanges
from indexes.store.chunk_store import ChunkStore
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.generations import Generation
from indexes.store.paths import segment_folder
from indexes.store.restricted_documents import RestrictedDocumentTable
from indexes.store.row_layout import RowFlags, RowLayout, SearchMask
from indexes.store.segments import Segment, describe_embedder_mismatch, refuse_outdated_words
from indexes.vector_samples import VectorSamples
from indexes.vectors.faiss_index import FaissIndex
from indexes.vectors.vector_index import VectorIndex
from indexes.vectors.vector_store import GenerationVectors, VectorStore

_NAMELESS = "CURRENT names no generation: missing, cut or changed."
CardFinder = Callable[[Mapping[str, Any]], EmbedderCard]  # by a manifest's facts of its embedder
_FLAT_WEIGHT = 1.0  # idf of every term while the words are outdated
_REOPENED = 8  # times CURRENT may move on while it is being opened


class Index:
    """One generation of a collection, open for searching.

    collection: its folder. generation: its number. reading: the versions that its documents were
    read by, as ``Generation`` has them. refused: why newer generations were passed over, or why a
    fallback would be shut to all but administrators (empty is healthy). access: removals and group
    changes since, where it answers in the place of a newer one.
    total: live chunks. segments: see ``Segment``. samples: of its vectors, and its languages.
    damage: what a search that failed found wrong with the files that it reads from; None so far.
    words_outdated: words of some segment are of another version of the tokens than a question is
    made of. Then words find and weigh nothing, and the vectors answer alone. words_newer: a newer
    version of the program wrote some of them. refusal: the kind of the error for which the newest
    generation was passed over; None where it was not.
    """

    def __init__(
        self,
        generation: Generation,
        parts: Sequence[Segment],
        lock: IO[bytes],
        access: AccessChanges = NO_ACCESS_CHANGES,
    ) -> None:
        self.generation = generation.number
        self.created = generation.created
        self.parent = generation.parent
        self.sums = generation.sums
        self.dead = generation.dead
        self.checksum = generation.checksum
        self.access = access
        self.refused: tuple[str, ...] = ()
        self.refusal: type[Exception] | None = None
        self.damage: str | None = None
        self._is_checked = False
        self._check = threading.Lock()
        self.collection = generation.folder.parents[1]
        self.segments = tuple(parts)
        self.words_outdated = not all(part.has_current_words for part in parts)
        self.words_newer = any(part.has_newer_words for part in parts)
        self.reading = generation.reading
        table = generation.folder / document_table.TABLE_FILE
        self.documents = RestrictedDocumentTable(table, access) if access else DocumentTable(table)
        self._lock = lock
        self._closed = False
        self._layout = RowLayout(self.segments)
        self._prepare_masks()

    def _prepare_masks(self) -> None:
        """Compute the masks of what may be found: tombstones, and removals since."""
        gone = [(name, *row_range) for name, ranges in self.dead.items() for row_range in ranges]
        if isinstance(self.documents, RestrictedDocumentTable):
            gone += self.documents.removed_ranges
        self._live = self._layout.extend_mask(~self._layout.mark_rows(gone))
        self.total = self._live.count_chunks
        live = self._live.entries if gone else None
        self._ranking = Ranking([s.lexical for s in self.segments], live=live)
        self._masks = AccessMasks(self._layout, self.documents, self._live, self._ranking)
        self.samples = VectorSamples(self._layout)
        self._dense_search = DenseSearch(self._layout, self._masks, self.samples)

    @classmethod
    def open(cls, collection: Path, *, card: EmbedderCard | CardFinder | None = None) -> Self:
        """Open the generation that CURRENT names, or else the newest good older one.

        An older one answers without what was removed since, and to those who may see it now.
        card: the embedder that questions will come from; an index built by another is refused. Or a
        function that finds it by what a generation's manifest says of its embedder.
        Raises IndexNotFound where there is none, or what was wrong with the newest one when
        none is good (WordsOutdated, where the embedder has no vectors either); OSError when the
        machine cannot read it now (a failing disk is passed over).
        """
        lost = generations.limits_problems(collection)
        for _ in range(_REOPENED):
            before = generations.read_current_number(collection)
            opened, problems = cls._open_newest(collection, card)
            if not problems or generations.read_current_number(collection) == before:
                break
            if opened:
                opened.close()
        if opened is None:
            if problems:
                raise problems[0]
            raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
        why = [opened.access.unknown_reason] if opened.access.unknown_reason else []
        opened.refused = (*map(str, problems), *(why or lost))
        opened.refusal = type(problems[0]) if problems else None
        return opened

    @classmethod
    def _open_newest(
        cls, collection: Path, card: EmbedderCard | CardFinder | None
    ) -> tuple[Self | None, list[IndexesError | OSError]]:
        problems: list[IndexesError | OSError] = []
        known = generations.list_generations(collection)
        if known and generations.read_current_number(collection) not in known:
            problems.append(IndexDamaged(f"{collection}/{_NAMELESS}"))
        for number in generations.order_generations(collection):
            try:
                access = (
                    generations.collect_access_since(collection, number)
                    if problems
                    else NO_ACCESS_CHANGES
                )
                return cls.open_generation(collection, number, card=card, access=access), problems
            except (IndexDamaged, IndexMismatch) as error:
                problems.append(error)
            except OSError as error:
                manifest.describe_unreadable(error)
                problems.append(error)
        return None, problems

    @classmethod
    def open_base(cls, collection: Path) -> Self | None:
        """Open the generation that a write starts from: the one that CURRENT names, and no other.

        None where nothing was published yet. Raises BaseDamaged when it cannot be read whole: what
        an older one lacks would be lost with the next publish. Raises OSError when the machine
        cannot read it now.
        """
        known = generations.list_generations(collection)
        now = generations.read_current_number(collection)
        unnamed = not (collection / generations.CURRENT_FILE).exists()
        if now is None and unnamed and not known:
            return None
        first = now is None and unnamed and known == [1]  # a first publish that did not quite end
        number = 1 if first else now
        if number is None:
            raise BaseDamaged(_NAMELESS)
        if number not in known:
            raise BaseDamaged(f"Generation {number}, which CURRENT names, is missing.")
        try:
            opened = cls.open_generation(collection, number)
        except IndexDamaged as error:
            file = str(error).replace(f"{collection}/", "")  # whoever writes may be far away
            raise BaseDamaged(f"Generation {number} cannot be read whole: {file}") from error
        opened.refused = (_NAMELESS,) if first else ()
        return opened

    @classmethod
    def open_generation(
        cls,
        collection: Path,
        number: int,
        *,
        card: EmbedderCard | CardFinder | None = None,
        access: AccessChanges = NO_ACCESS_CHANGES,
    ) -> Self:
        """Open one generation by its number. Raises IndexDamaged or IndexMismatch by file.

        access: what holds of its documents now, where it answers in the place of a newer one.
        """
        with ExitStack() as opened:
            try:
                folder = collection / generations.GENERATIONS_FOLDER / str(number)
                lock = opened.enter_context(locks.hold_generation(folder))
                generation = generations.read_generation(collection, number)
                own_card = None if callable(card) else card
                parts: list[Segment] = []
                for digest in generation.segments:
                    part = Segment(segment_folder(collection, digest), card=own_card)
                    parts.append(opened.enter_context(closing(part)))
                    if own_card is None and callable(card):
                        own_card = card(part.facts["embedder"])
                if own_card and own_card.words_only:
                    refuse_outdated_words(parts)
                index = cls(generation, parts, lock, access)
            except OSError as error:
                if not tells_absence(error):
                    raise
                raise IndexDamaged(f"{error.filename} is missing.") from error
            opened.pop_all()
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files and unmap all arrays. A search after this, or still running, raises."""
        if self._closed:
            return
        self._closed = True
        for part in self.segments:
            part.close()
        self.documents.close()
        self._lock.close()
        # Whoever still names this index (a cycle, a traceback) must not keep its arrays mapped.
        del self._layout, self._ranking, self._masks, self._live
        del self.samples, self._dense_search

    def use_vector_store(self, store: VectorStore) -> bool:
        """Search vectors in a store from now on, if it has all of this generation; return that.

        Else the segments are searched, and also where access has changed since the publish: a copy
        has the groups of that moment.
        """
        if self.access and store.copies_vectors:
            return False
        searcher = store.open_vectors(self.generation_vectors())
        if searcher is not None:
            self._dense_search.searcher = searcher
        return searcher is not None

    def generation_vectors(self) -> GenerationVectors:
        """Return what a vector store is given of this generation. Valid while this is open."""
        return GenerationVectors(
            collection=self.collection.name,
            checksum=self.checksum,
            count=self.sums["vectors"],
            dim=self.segments[0].dense.dim if self.segments else 0,
            segments=self.segments,
            iter_entries=lambda: (
                content_digest.collect_entries(self._layout, listed)
                for listed in self.iter_documents()
            ),
        )

    def move_vectors(self, place: Callable[[FaissIndex, str], VectorIndex]) -> None:
        """Replace each segment's vector index, for instance by one on a GPU (``on_gpu``)."""
        for part in self.segments:
            if isinstance(part.dense, FaissIndex):
                part.dense = place(part.dense, part.digest)

    def restrict_access(self, access: AccessChanges) -> Self:
        """Return a view of this index as it may be seen now, without opening a file.

        The two share all files: this one is to be closed, after the last use of the view.
        """
        view = copy(self)
        view.access = access
        view.documents = RestrictedDocumentTable.from_table(self.documents, access)
        view._prepare_masks()  # noqa: SLF001, of its own kind
        return view

    def find_damage(self) -> str | None:
        """Read the segments' files anew after a search failed; names what changed in them, or None.

        They are mapped into memory, so a search meets what was damaged since they were opened. They
        are read once only, as a question may fail for other reasons again and again.
        """
        with self._check:
            if not self._is_checked:
                for segment in self.segments:
                    folder = segment_folder(self.collection, segment.digest)
                    if problems := manifest.list_problems(folder, segment.digest):
                        self.damage = problems[0]
                        break
                self._is_checked = True
            return self.damage

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Return why segments that should be searched on a card are not (empty is healthy)."""
        return tuple(filter(None, (part.dense.fallback for part in self.segments)))

    def describe_mismatch(self, card: EmbedderCard) -> str | None:
        """Describe how an embedder differs from the one that built this; None where it does not."""
        differences = (
            describe_embedder_mismatch(part.facts["embedder"], card) for part in self.segments
        )
        return next(filter(None, differences), None)

    def check_canary(self, vector: Vectors) -> None:
        """Compare an embedder's vector (dim,) of the canary text with the stored one.

        Raises IndexMismatch when they point elsewhere: the model was changed under its name.
        """
        for part in self.segments:
            part.compare_canary(vector)

    def make_mask(self, where: SearchFilter) -> SearchMask:
        """Return which of the valid chunks a filter lets through.

        Fails closed: what cannot be told is left out.
        """
        return self._masks.filter_mask(where)

    def search_lexical(
        self,
        terms: Iterable[str],
        *,
        k: int,
        mask: SearchMask | None = None,
        questions: bool = False,
    ) -> Hits:
        """Find the k chunks whose words fit best. Scores lie in 0..1 and are scale free.

        terms: as ``text.tokens`` spells them. questions: look at FAQ questions only.
        """
        if self.words_outdated or (questions and not self._layout.has_questions):
            return Hits.empty()
        allowed = self._masks.entry_masks(mask, questions=questions)
        ranking = self._masks.choose_ranking(mask)
        entry_hits = ranking.search(terms, k=self._layout.most_views * k, allowed=allowed)
        parts = self._layout.split_hits(entry_hits)
        hits = [self._layout.to_chunk_hits(i, own, k) for i, own in parts]
        return merge_hits(hits, k)

    def search_dense(
        self,
        vector: Vectors,
        *,
        k: int,
        mask: SearchMask | None = None,
        questions: bool = False,
        languages: frozenset[str] = frozenset(),
    ) -> Hits:
        """Find the k chunks nearest to a vector (dim,). Scores are cosines if it has length one.

        A vector that is zero or not finite is near nothing. questions: look at FAQ questions only.
        languages: of the chunks, empty: all. Raises ValueError, VectorsUnreachable.
        """
        if mask is None:
            mask = self.make_mask(SearchFilter())
        return self._dense_search.search_chunks(
            vector, k, mask, questions=questions, languages=languages
        )

    def sample_vectors(self, mask: SearchMask) -> Mapping[str, Vectors]:
        """Return vectors (n, dim) of some rows that the asker's groups may see, by language."""
        return self.samples.sample_vectors(self._masks.visible_mask(mask))

    def score_lexical(
        self,
        terms: Iterable[str],
        rows: Rows,
        *,
        mask: SearchMask | None = None,
        questions: bool = False,
    ) -> Scores:
        """Score chunk rows (n,) as ``search_lexical`` does; 0 for a row without the terms."""
        query = terms if isinstance(terms, Mapping) else list(terms)
        best_scores = np.zeros(len(rows), dtype=np.float32)
        if self.words_outdated:
            return best_scores
        ranking = self._masks.choose_ranking(mask)
        for i, entries, places in self._layout.find_entries(rows, questions=questions):
            scores = ranking.score(query, entries + self._layout.entry_starts[i])
            np.maximum.at(best_scores, places, scores)
        return best_scores

    def find_terms(self, terms: Sequence[str], rows: Rows) -> RowFlags:
        """Return which terms may stand in which chunk rows (n,): booleans (n, terms).

        All where the words are outdated: the caller finds out in the text.
        """
        if self.words_outdated:
            return np.ones((len(rows), len(terms)), dtype=np.bool_)
        flags = np.zeros((len(rows), len(terms)), dtype=np.bool_)
        for i, entries, places in self._layout.find_entries(rows, questions=False):
            entry_flags = self._ranking.mark_terms(terms, entries + self._layout.entry_starts[i])
            np.logical_or.at(flags, places, entry_flags)
        return flags

    def score_dense(self, vector: Vectors, rows: Rows, *, questions: bool = False) -> Scores:
        """Score chunk rows (n,) by their whole text, or their question; NaN without a vector."""
        return self._dense_search.score_chunks(vector, rows, questions=questions)

    def idf(self, term: str, mask: SearchMask | None = None) -> float:
        """Return the idf of a term among the live entries that the asker may see.

        All terms weigh the same where the words are outdated.
        """
        if self.words_outdated:
            return _FLAT_WEIGHT
        return self._masks.choose_ranking(mask).idf(term)

    def correct_text(self, text: str, mask: SearchMask | None = None) -> Correction | None:
        """Correct words of a question that stand nowhere in what the asker may see."""
        if self.words_outdated:
            return None
        return correct_text(text, self._masks.choose_ranking(mask))

    def read_chunks(self, rows: Iterable[int]) -> list[Chunk]:
        """Return the chunks of some rows, in the order asked for."""
        wanted = np.fromiter(rows, dtype=np.int64)
        chunks_by_row: dict[int, Chunk] = {}
        for i, part, own in self._layout.split_rows(wanted):
            chunks = self.segments[i].chunk_store.load_chunks(own.tolist())
            chunks_by_row.update(zip(wanted[part].tolist(), chunks, strict=True))
        return [chunks_by_row[row] for row in wanted.tolist()]

    def find_row(self, chunk: str) -> int | None:
        """Return the row of a live chunk by its id, or None."""
        return self._layout.find_chunk_row(chunk, self._live.chunks)

    def list_neighbours(self, row: int, n: int) -> list[int]:
        """Return the rows up to n before and after a row in its document, itself included."""
        return self._layout.list_neighbours(row, n)

    def list_question_rows(self, mask: SearchMask, most: int) -> list[int]:
        """Return the first rows of FAQ entries that a mask lets through."""
        return self._layout.list_question_rows(mask, most)

    def document_rows(self, document: ListedDocument) -> range:
        """Return the rows of a document's chunks."""
        segment = self._layout.find_segment(document.segment)
        start = int(self._layout.starts[segment]) + document.first
        return range(start, start + document.count)

    def digest_content(self) -> str:
        """Return a digest of all content, however it came to be: see ``content_digest``."""
        return content_digest.digest_documents(
            self._layout,
            ((listed, *self.read_document(listed)) for listed in self.iter_documents()),
        )

    def iter_documents(self) -> Iterator[ListedDocument]:
        """Yield every document without its text, by uri."""
        return self.documents.iter_all()

    def read_record(self, uri: str) -> DocumentRecord | None:
        """Return a document with its text and groups by its uri, or None."""
        listed = self.documents.find_by_uri(uri)
        return self._read_record(listed) if listed else None

    def read_document(self, listed: ListedDocument) -> tuple[DocumentRecord, list[Chunk]]:
        """Return a document that is listed, with its text and groups, and its chunks in order."""
        return self._read_record(listed), [
            chunk for _, chunk in self.find_chunk_store(listed).iter_chunks_of(listed.id)
        ]

    def read_text(self, uri: str) -> str | None:
        """Return the stored text of a document by its uri, or None."""
        listed = self.documents.find_by_uri(uri)
        return self.read_text_of(listed) if listed else None

    def read_text_by_id(self, identity: str) -> str | None:
        """Return the stored text of a document by its id, or None: two may share a uri."""
        listed = self.documents.find_by_id(identity)
        return self.read_text_of(listed) if listed else None

    def read_text_of(self, listed: ListedDocument) -> str | None:
        """Return the stored text of a document that is listed."""
        return self.find_chunk_store(listed).load_text(listed.id)

    def read_notes(self, listed: ListedDocument) -> tuple[str, ...]:
        """Return the notes on a document that is listed."""
        return self.segments[self._layout.find_segment(listed.segment)].notes.get(listed.id, ())

    def _read_record(self, listed: ListedDocument) -> DocumentRecord:
        record = self.find_chunk_store(listed).load_record(listed.id)
        notes = self.read_notes(listed)
        return replace(record, groups=listed.groups, validity=listed.validity, notes=notes)

    def find_chunk_store(self, listed: ListedDocument) -> ChunkStore:
        """Return the chunk store that holds a listed document."""
        return self.segments[self._layout.find_segment(listed.segment)].chunk_store
