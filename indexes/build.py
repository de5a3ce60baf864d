"""The writing way: hold the lock, take documents in, publish them as one new generation.

An ingest writes at most one new segment. What it does not touch stays where it lies; what it
removes or replaces is buried by the generation, not by the segment. Leave the ``with`` block
without publishing, by any way, and nothing has happened.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from indexes import durable, generations, manifest, segments
from indexes.chunk import Chunk, Record
from indexes.dense import Vectors
from indexes.documents import Listed
from indexes.draft import Draft, Progress
from indexes.embed import Embedder
from indexes.errors import IndexDamaged, IndexMismatch, IndexNotFound
from indexes.generations import Plan
from indexes.index import Index
from indexes.layout import Layout
from indexes.segments import Segment

_SHARED = ("id", "uri", "source", "title", "media_type", "language", "digest", "groups")
_NO_GROUPS: Mapping[str, frozenset[str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publish made: counts of the whole generation, and the texts newly embedded.

    changed: False when there was nothing to write and the generation is the one before.
    """

    generation: int
    documents: int
    chunks: int
    vectors: int
    embedded: int
    changed: bool = True


class Build:
    """Writes the next generation of a collection; a context manager that holds its lock.

    base: the generation it starts from, open for reading, or None. stale: why all of the base
    is embedded anew (another embedder made it), or None. splitter: facts for the manifest.
    """

    def __init__(
        self,
        collection: Path,
        embedder: Embedder,
        *,
        splitter: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.base: Index | None = None
        self.stale: str | None = None
        self._collection, self._embedder = collection, embedder
        self._splitter, self._progress = dict(splitter or {}), progress
        self._draft: Draft | None = None
        self._added: dict[str, Listed] = {}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Take the lock and open the base. Raises CollectionBusy when another holds the lock.

        A collection whose every generation is damaged is begun anew; one that a newer version
        wrote is left alone (IndexMismatch).
        """
        with ExitStack() as held:
            held.enter_context(generations.writing(self._collection))
            try:
                self.base = held.enter_context(Index.open(self._collection))
            except (IndexNotFound, IndexDamaged):
                self.base = None
            self.stale = self._staleness()
            held.callback(self._clear)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def add(self, record: Record, chunks: Sequence[Chunk]) -> None:
        """Take in a document, instead of any of its source and uri that is there.

        Raises ValueError, and takes nothing in, when it was added before in this build or a
        chunk is not an exact span of it; OSError when the disk is full.
        """
        if record.id in self._added:
            raise ValueError(f"{record.uri} was added twice.")
        first, count = self._writing().add(record, chunks)
        facts = {name: getattr(record, name) for name in _SHARED}
        self._added[record.id] = Listed(**facts, segment="", first=first, count=count)

    def publish(
        self,
        *,
        removed: Collection[str] = (),
        groups: Mapping[str, frozenset[str]] = _NO_GROUPS,
    ) -> Published:
        """Publish what was added, less the documents removed, with new groups for some.

        removed, groups: by record id. Raises ValueError for an id nobody knows, OSError when
        anything cannot be written or synced; then the base still stands.
        """
        kept, gone = self._sorted_out(set(removed))
        regrouped = [groups.get(d.id, d.groups) != d.groups for d in kept]
        self._check_known({*removed, *groups}, kept, gone)
        if self.base and not (
            self._added or gone or any(regrouped) or self.stale or self.base.refused
        ):
            return self._published(self.base.generation, self.base.sums, changed=False)
        if self.stale:
            kept = self._carry_over(kept)
        digest = self._sealed()
        new = [replace(d, segment=digest) for d in self._added.values() if digest]
        listed = [replace(d, groups=groups.get(d.id, d.groups)) for d in [*kept, *new]]
        plan = self._plan(listed, gone, digest)
        return self._published(generations.publish(self._collection, plan, listed), plan.sums)

    def _sorted_out(self, removed: set[str]) -> tuple[list[Listed], list[Listed]]:
        """Part the documents of the base into those that stay and those that go."""
        kept: list[Listed] = []
        gone: list[Listed] = []
        names = {(d.source, d.uri) for d in self._added.values()}
        for document in self.base.records() if self.base else ():
            replaced = document.id in self._added or (document.source, document.uri) in names
            (gone if replaced or document.id in removed else kept).append(document)
        return kept, gone

    def _check_known(self, named: set[str], kept: list[Listed], gone: list[Listed]) -> None:
        unknown = named - {d.id for d in kept} - {d.id for d in gone} - set(self._added)
        if unknown:
            raise ValueError(f"No document has the id {min(unknown)}.")

    def _carry_over(self, kept: list[Listed]) -> list[Listed]:
        """Embed what stays anew: an index never mixes vectors of two embedders."""
        for document in kept:
            if self.base:
                self.add(*self.base.document(document))
        return []

    def _sealed(self) -> str | None:
        """Finish the draft and give it its name; returns its digest, None without a draft."""
        if not self._draft:
            return None
        digest = self._draft.finish({"splitter": self._splitter})
        final = self._collection / generations.SEGMENTS / digest
        if final.exists() and manifest.problems(final, digest):
            durable.discard(final)  # of the same content, but damaged: the draft is its cure
        if not final.exists():
            durable.move(self._draft.folder, final)
        return digest

    def _plan(self, listed: list[Listed], gone: list[Listed], digest: str | None) -> Plan:
        used = {d.segment for d in listed}
        known = [] if self.base is None else [p.digest for p in self.base.segments]
        order = [name for name in dict.fromkeys([*known, digest]) if name in used]
        dead: dict[str, list[tuple[int, int]]] = defaultdict(list)
        if self.base:
            dead.update({name: list(ranges) for name, ranges in self.base.dead.items()})
        for document in gone:
            dead[document.segment].append((document.first, document.count))
        if digest:  # the same documents written anew are the same segment, and live again
            dead.pop(digest, None)
        dead = {name: sorted(r for r in dead[name] if r[1]) for name in order if name in dead}
        parent = self.base.generation if self.base else None
        sums = self._sums(listed, order, dead)
        return Plan(parent=parent, segments=order, dead=dead, sums=sums)

    def _sums(
        self, listed: list[Listed], order: list[str], dead: generations.Ranges
    ) -> dict[str, int]:
        """Count what lives. The new segment is opened as a reader would, before anyone can."""
        folder = self._collection / generations.SEGMENTS
        with ExitStack() as opened:
            parts = [opened.enter_context(closing(Segment(folder / name))) for name in order]
            layout = Layout(parts)
            buried = ((name, *one) for name, ranges in dead.items() for one in ranges)
            live = layout.mask(~layout.flags(buried))
            pairs = list(zip(parts, live.entries, strict=True))
            return {
                "documents": len(listed),
                "chunks": live.count,
                "entries": sum(int(np.count_nonzero(flags)) for _, flags in pairs),
                "vectors": sum(int(np.count_nonzero(flags[p.dense.rows])) for p, flags in pairs),
                "tokens": sum(int(p.lexical.lengths[flags].sum()) for p, flags in pairs),
            }

    def _published(
        self, number: int, sums: Mapping[str, int], *, changed: bool = True
    ) -> Published:
        counts = {name: sums[name] for name in ("documents", "chunks", "vectors")}
        embedded = self._draft.embedded if self._draft else 0
        return Published(generation=number, embedded=embedded, changed=changed, **counts)

    def _writing(self) -> Draft:
        """Begin the new segment with its first document."""
        if self._draft is None:
            name = f"{durable.UNFINISHED}{secrets.token_hex(8)}"
            folder = self._collection / generations.SEGMENTS / name
            self._draft = Draft(folder, self._embedder, known=self._known, progress=self._progress)
        return self._draft

    def _known(self, digests: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Take the vectors of known texts over from the base, if the same embedder made it."""
        found: dict[bytes, Vectors] = {}
        for part in self.base.segments if self.base and not self.stale else ():
            places = part.shelf.vectors([digest for digest in digests if digest not in found])
            found.update(zip(places, part.dense.vectors(list(places.values())), strict=True))
        return found

    def _staleness(self) -> str | None:
        if self.base is None:
            return None
        if difference := self.base.mismatch(self._embedder.card):
            return difference
        try:
            self.base.check_canary(self._embedder.passages([segments.CANARY])[0])
        except IndexMismatch as error:
            return str(error)
        return None

    def _clear(self) -> None:
        if self._draft:
            self._draft.discard()
        generations.sweep(self._collection)
