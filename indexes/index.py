"""The searching way: open the newest good generation, verified, and ask it by words or vectors.

Read this file first. Rows are chunk rows (int64), numbered through all segments of the
generation in order. Any thread may search; an Index never changes, a new generation is a new one.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import IO, Self

import numpy as np

from indexes import content, documents, generations, manifest
from indexes.access_log import AS_PUBLISHED, Access
from indexes.chunk import Chunk, Filter, Record
from indexes.dense import Dense, VectorIndex, Vectors
from indexes.documents import Documents, Listed
from indexes.embed import Card
from indexes.errors import (
    BaseDamaged,
    IndexDamaged,
    IndexesError,
    IndexMismatch,
    IndexNotFound,
    tells_absence,
)
from indexes.generations import Generation
from indexes.hits import Hits, Rows, Scores, merge
from indexes.layout import Flags, Layout, Mask
from indexes.lexical import Ranking
from indexes.paths import segment_folder
from indexes.permitted import Permitted
from indexes.remote import Asked, Entries, Replica, Store
from indexes.restricted import RestrictedDocuments
from indexes.segments import Segment, mismatch
from indexes.shelf import Shelf

_NAMELESS = "CURRENT names no generation: missing, cut or changed."
_REOPENED = 8  # times CURRENT may move on while it is being opened


class Index:
    """One generation of a collection, open for searching.

    generation: its number. refused: why newer generations were passed over, or what a fallback
    would need is lost (empty is healthy).
    access: what holds of its documents now, where it answers in the place of a newer one.
    total: live chunks. segments: see ``Segment``. damage: what a search that failed found wrong
    with the files that it reads from; None so far.
    """

    def __init__(
        self,
        held: Generation,
        parts: Sequence[Segment],
        lock: IO[bytes],
        access: Access = AS_PUBLISHED,
    ) -> None:
        self.generation, self.created, self.parent = held.number, held.created, held.parent
        self.sums, self.dead, self.checksum = held.sums, held.dead, held.checksum
        self.access = access
        self.refused: tuple[str, ...] = ()
        self.damage: str | None = None
        self._is_checked = False
        self._check = threading.Lock()
        self._collection = held.folder.parents[1]
        self.segments = tuple(parts)
        table = held.folder / documents.NAME
        self.documents = RestrictedDocuments(table, access) if access else Documents(table)
        self._lock = lock
        self._closed = False
        self._layout = Layout(self.segments)
        self._permit()

    def _permit(self) -> None:
        """Work out what may be found, by the tombstones and by what was taken away since."""
        self._replica: Replica | None = None
        gone = [(name, *one) for name, ranges in self.dead.items() for one in ranges]
        if isinstance(self.documents, RestrictedDocuments):
            gone += self.documents.removed
        self._live = self._layout.mask(~self._layout.flags(gone))
        self.total = self._live.count
        live = self._live.entries if gone else None
        self._ranking = Ranking([s.lexical for s in self.segments], live=live)
        self._permitted = Permitted(self._layout, self.documents, self._live, self._ranking)

    @classmethod
    def open(cls, collection: Path, *, card: Card | None = None) -> Self:
        """Open the generation that CURRENT names, or else the newest good older one.

        An older one answers without what was removed since, and to those who may see it now.
        card: the embedder that questions will come from; an index built by another is refused.
        Raises IndexNotFound where there is none, or what was wrong with the newest one when
        none is good; OSError when the machine cannot read it now (a failing disk is passed over).
        """
        lost = generations.limits_problems(collection)
        for _ in range(_REOPENED):
            before = generations.current(collection)
            opened, problems = cls._newest(collection, card)
            if not problems or generations.current(collection) == before:
                break
            if opened:
                opened.close()
        if opened is None:
            if problems:
                raise problems[0]
            raise IndexNotFound(f"No index at {collection}. Build one: ragdesk ingest PATH")
        why = [opened.access.closed] if opened.access.closed else []
        opened.refused = (*map(str, problems), *(why or lost))
        return opened

    @classmethod
    def _newest(
        cls, collection: Path, card: Card | None
    ) -> tuple[Self | None, list[IndexesError | OSError]]:
        problems: list[IndexesError | OSError] = []
        known = generations.numbers(collection)
        if known and generations.current(collection) not in known:
            problems.append(IndexDamaged(f"{collection}/{_NAMELESS}"))
        for number in generations.order(collection):
            try:
                access = generations.access_since(collection, number) if problems else AS_PUBLISHED
                return cls.at(collection, number, card=card, access=access), problems
            except (IndexDamaged, IndexMismatch) as error:
                problems.append(error)
            except OSError as error:
                manifest.name_unreadable(error)
                problems.append(error)
        return None, problems

    @classmethod
    def base(cls, collection: Path) -> Self | None:
        """Open the generation that a write starts from: the one that CURRENT names, and no other.

        None where nothing was published yet. Raises BaseDamaged when it cannot be read whole: what
        an older one lacks would be lost with the next publish. Raises OSError when the machine
        cannot read it now.
        """
        known, now = generations.numbers(collection), generations.current(collection)
        unnamed = not (collection / generations.CURRENT).exists()
        if now is None and unnamed and not known:
            return None
        first = now is None and unnamed and known == [1]  # a first publish that did not quite end
        number = 1 if first else now
        if number is None:
            raise BaseDamaged(_NAMELESS)
        if number not in known:
            raise BaseDamaged(f"Generation {number}, which CURRENT names, is missing.")
        try:
            opened = cls.at(collection, number)
        except IndexDamaged as error:
            file = str(error).replace(f"{collection}/", "")  # whoever writes may be far away
            raise BaseDamaged(f"Generation {number} cannot be read whole: {file}") from error
        opened.refused = (_NAMELESS,) if first else ()
        return opened

    @classmethod
    def at(
        cls,
        collection: Path,
        number: int,
        *,
        card: Card | None = None,
        access: Access = AS_PUBLISHED,
    ) -> Self:
        """Open one generation by its number. Raises IndexDamaged or IndexMismatch by file.

        access: what holds of its documents now, where it answers in the place of a newer one.
        """
        with ExitStack() as opened:
            try:
                folder = collection / generations.GENERATIONS / str(number)
                lock = opened.enter_context(generations.reading(folder))
                held = generations.read(collection, number)
                parts = []
                for digest in held.segments:
                    part = Segment(segment_folder(collection, digest), card=card)
                    parts.append(opened.enter_context(closing(part)))
                index = cls(held, parts, lock, access)
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
        del self._layout, self._ranking, self._permitted, self._live, self._replica

    def join(self, store: Store, collection: str) -> bool:
        """Search vectors in a replica from now on, if the store holds a whole one; tells so.

        Replicas know who might see a document when it was published, not who may now.
        """
        if self.access:
            return False
        self._replica = store.open(collection, self.checksum, self.sums["vectors"])
        return self._replica is not None

    def move(self, take: Callable[[Dense, str], VectorIndex]) -> None:
        """Search vectors elsewhere from now on, such as on a card: see ``on_gpu``."""
        for part in self.segments:
            if isinstance(part.dense, Dense):
                part.dense = take(part.dense, part.digest)

    def restrict(self, access: Access) -> Self:
        """Give a view of this index as it may be seen now, without opening a file.

        The two share all files: this one is to be closed, after the last use of the view.
        """
        view = copy(self)
        view.access = access
        view.documents = RestrictedDocuments.over(self.documents, access)
        view._permit()  # noqa: SLF001, of its own kind
        return view

    def find_damage(self) -> str | None:
        """Read the segments' files anew after a search failed; names what changed in them, or None.

        They are mapped: a bit that turns on the disk turns here. They are read once, as a question
        that fails for another reason must not cost that each time.
        """
        with self._check:
            if not self._is_checked:
                for segment in self.segments:
                    folder = segment_folder(self._collection, segment.digest)
                    if problems := manifest.problems(folder, segment.digest):
                        self.damage = problems[0]
                        break
                self._is_checked = True
            return self.damage

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Say why segments that should be searched on a card are not (empty is healthy)."""
        return tuple(filter(None, (part.dense.fallback for part in self.segments)))

    def entries(self, listed: Listed) -> Entries:
        """Give the entries of a document that have a vector, as replicas hold them."""
        return content.entries(self._layout, listed)

    def mismatch(self, card: Card) -> str | None:
        """Tell in words how an embedder differs from the one that built this, or None."""
        told = (mismatch(part.facts["embedder"], card) for part in self.segments)
        return next(filter(None, told), None)

    def check_canary(self, vector: Vectors) -> None:
        """Hold the vector (dim,) that an embedder now gives the canary text against the stored.

        Raises IndexMismatch when they point elsewhere: the model was changed under its name.
        """
        for part in self.segments:
            part.check_canary(vector)

    def mask(self, where: Filter) -> Mask:
        """Say which chunks a filter lets through, of those that hold now.

        Fails closed: what cannot be told is left out.
        """
        return self._permitted.mask(where)

    def lexical(
        self, terms: Iterable[str], *, k: int, mask: Mask | None = None, questions: bool = False
    ) -> Hits:
        """Find the k chunks whose words fit best. Scores lie in 0..1 and are scale free.

        terms: as ``text.tokens`` spells them. questions: look at FAQ questions only.
        """
        if questions and not self._layout.asks:
            return Hits.none()
        allowed = self._permitted.entries(mask, questions=questions)
        ranking = self._permitted.ranking(mask)
        found = ranking.search(terms, k=self._layout.views * k, allowed=allowed)
        parts = self._layout.split_hits(found)
        hits = [self._layout.chunk_hits(i, own, k) for i, own in parts]
        return merge(hits, k)

    def dense(
        self, vector: Vectors, *, k: int, mask: Mask | None = None, questions: bool = False
    ) -> Hits:
        """Find the k chunks nearest to a unit vector (dim,). Scores are cosines.

        questions: look at FAQ questions only. Raises ValueError for another dimension.
        """
        if questions and not self._layout.asks:
            return Hits.none()
        if self._replica and (mask is None or mask.where is not None):
            return self._far(vector, k, mask or self.mask(Filter()), questions=questions)
        allowed = self._permitted.entries(mask, questions=questions)
        hits = [
            self._layout.chunk_hits(
                i, part.dense.search(vector, part.views * k, mask=allowed[i]), k
            )
            for i, part in enumerate(self.segments)
        ]
        return merge(hits, k)

    def _far(self, vector: Vectors, k: int, mask: Mask, *, questions: bool) -> Hits:
        """Let the replica find entries of this generation."""
        asked = Asked(where=mask.where or Filter(), now=mask.now, questions=questions)
        found = (
            self._replica.find(vector, self._layout.views * k, asked)
            if self._replica
            else Hits.none()
        )
        parts = self._layout.split_hits(found)
        return merge([self._layout.chunk_hits(i, own, k) for i, own in parts], k)

    def lexical_scores(
        self,
        terms: Iterable[str],
        rows: Rows,
        *,
        mask: Mask | None = None,
        questions: bool = False,
    ) -> Scores:
        """Score chunk rows (n,) as ``lexical`` would; 0 for those without any of the terms."""
        query, given = list(terms), np.zeros(len(rows), dtype=np.float32)
        ranking = self._permitted.ranking(mask)
        for i, entries, places in self._layout.entries(rows, questions=questions):
            scores = ranking.score(query, entries + self._layout.entry_starts[i])
            np.maximum.at(given, places, scores)
        return given

    def held(self, terms: Sequence[str], rows: Rows) -> Flags:
        """Tell which of the terms stand in the indexed words of chunk rows (n,): (n, terms)."""
        given = np.zeros((len(rows), len(terms)), dtype=np.bool_)
        for i, entries, places in self._layout.entries(rows, questions=False):
            held = self._ranking.held(terms, entries + self._layout.entry_starts[i])
            np.logical_or.at(given, places, held)
        return given

    def dense_scores(self, vector: Vectors, rows: Rows, *, questions: bool = False) -> Scores:
        """Score chunk rows (n,) as ``dense`` would, exactly; NaN for those without a vector."""
        given = np.full(len(rows), np.nan, dtype=np.float32)
        for i, entries, places in self._layout.entries(rows, questions=questions):
            np.fmax.at(given, places, self.segments[i].dense.scores(vector, entries))
        return given

    def idf(self, term: str, mask: Mask | None = None) -> float:
        """Weigh a term by its rarity among the live entries that the asker may see."""
        return self._permitted.ranking(mask).idf(term)

    def chunks(self, rows: Iterable[int]) -> list[Chunk]:
        """Give the chunks of some rows, in the order asked for."""
        asked = np.fromiter(rows, dtype=np.int64)
        given: dict[int, Chunk] = {}
        for i, part, own in self._layout.split(asked):
            chunks = self.segments[i].shelf.chunks(own.tolist())
            given.update(zip(asked[part].tolist(), chunks, strict=True))
        return [given[row] for row in asked.tolist()]

    def row(self, chunk: str) -> int | None:
        """Give the row of a live chunk by its id, or None."""
        for part, start in zip(self.segments, self._layout.starts, strict=False):
            found = part.shelf.by_id(chunk)
            if found is not None and self._live.chunks[start + found]:
                return int(start + found)
        return None

    def neighbours(self, row: int, n: int) -> list[int]:
        """Give the rows up to n before and after a row in its document, itself included."""
        i, _, own = next(self._layout.split(np.array([row])))
        start = int(self._layout.starts[i])
        return [start + found for found in self.segments[i].shelf.neighbours(int(own[0]), n)]

    def rows(self, document: Listed) -> range:
        """Give the rows of a document's chunks."""
        start = int(self._layout.starts[self._layout.place(document.segment)]) + document.first
        return range(start, start + document.count)

    def digest(self) -> str:
        """Sum up the content, however it came to be: see ``content``. Reads all of it."""
        return content.digest(self._layout, ((one, *self.document(one)) for one in self.records()))

    def records(self) -> Iterator[Listed]:
        """Give every document without its text, by uri."""
        return self.documents.all()

    def record(self, uri: str) -> Record | None:
        """Give a document with its text and groups by its uri, or None."""
        listed = self.documents.find(uri)
        return self._record(listed) if listed else None

    def document(self, listed: Listed) -> tuple[Record, list[Chunk]]:
        """Give a document that is listed, with its text and groups, and its chunks in order."""
        return self._record(listed), [chunk for _, chunk in self._shelf(listed).of(listed.id)]

    def text(self, uri: str) -> str | None:
        """Give the stored text of a document by its uri, or None."""
        listed = self.documents.find(uri)
        return self.text_of(listed) if listed else None

    def text_by_id(self, identity: str) -> str | None:
        """Give the stored text of a document by its id, or None: two may share a uri."""
        listed = self.documents.by_id(identity)
        return self.text_of(listed) if listed else None

    def text_of(self, listed: Listed) -> str | None:
        """Give the stored text of a document that is listed."""
        return self._shelf(listed).text(listed.id)

    def _record(self, listed: Listed) -> Record:
        record = self._shelf(listed).record(listed.id)
        return replace(record, groups=listed.groups, validity=listed.validity)

    def _shelf(self, listed: Listed) -> Shelf:
        return self.segments[self._layout.place(listed.segment)].shelf
