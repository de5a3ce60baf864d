"""Write the next generation of a collection: take the lock, add documents, publish.

An ingest writes at most one new segment. What it does not touch stays where it lies; what it
removes or replaces is buried by the generation, not by the segment. Leave the ``with`` block
without publishing, by any way, and nothing has happened.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from indexes.chunk import Chunk, DocumentRecord
from indexes.embedding.embedder import Embedder
from indexes.errors import BaseDamaged, IndexDamaged, IndexesError, IndexMismatch
from indexes.index import Index
from indexes.search_results import Vectors
from indexes.store import (
    access_log,
    durability,
    failpoints,
    generations,
    locks,
    manifest,
    past_limits,
    segments,
)
from indexes.store.access_log import AccessChanges
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.generations import GenerationPlan
from indexes.store.past_limits import LimitChange
from indexes.store.paths import segment_folder
from indexes.store.row_layout import RowLayout
from indexes.store.segment_draft import EmbedProgress, SegmentDraft
from indexes.store.segments import Segment
from indexes.store.vector_journal import VectorJournal
from indexes.upkeep import retention
from indexes.upkeep.compaction import MergePolicy, SegmentSize, choose_segments
from indexes.upkeep.retention import Retention

_RECORD_FIELDS = (
    *("id", "uri", "source", "title", "media_type", "language", "digest", "groups", "validity"),
)
_log = logging.getLogger(__name__)
_NO_GROUPS: Mapping[str, frozenset[str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """The result of a publish: counts of the whole generation, and the texts newly embedded.

    changed: False when there was nothing to write and the generation is the one before.
    resumed: texts whose vectors a job before had left in the journal. words_rebuilt: chunks whose
    words were of another version of the tokens, and were written anew from their stored text;
    outdated_segments: how many segments these were in.
    stale_reason: why all texts were embedded anew, as ``Build`` has it; None where they were not.
    """

    generation: int
    documents: int
    chunks: int
    vectors: int
    embedded: int
    resumed: int = 0
    words_rebuilt: int = 0
    outdated_segments: int = 0
    stale_reason: str | None = None
    changed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The generation that is given up when a damaged collection is rebuilt from nothing.

    generation: the one that could not be read whole. documents: how many it held; None where not
    even that can be read.
    """

    generation: int
    documents: int | None


def measure_loss(collection: Path) -> Loss:
    """Return what would be given up if the collection were rebuilt from nothing."""
    number = generations.read_current_number(collection) or next(
        generations.order_generations(collection), 0
    )
    try:
        facts = generations.read_generation_manifest(collection, number).facts
        return Loss(generation=number, documents=int(facts["sums"]["documents"]))
    except IndexesError:
        return Loss(generation=number, documents=None)


class Build:
    """Writes the next generation of a collection; a context manager that holds its lock.

    base: the generation it starts from, open for reading, or None. stale_reason: why all of the
    base is embedded anew (another embedder made it), or None. merge_due: whether what was
    published has segments to be merged. journal: vectors embedded so far. splitter: facts for
    the manifest; None keeps those of the base. retention: which generations stay after a publish;
    None: all.
    begin_anew: where the base cannot be read whole, start from nothing; then ``measure_loss``
    counts what is lost. A base that can be read whole is kept whole.
    """

    def __init__(  # noqa: PLR0913, each is the choice of a job
        self,
        collection: Path,
        embedder: Embedder,
        *,
        splitter: Mapping[str, Any] | None = None,
        progress: EmbedProgress | None = None,
        retention: Retention | None = None,
        begin_anew: bool = False,
    ) -> None:
        self.base: Index | None = None
        self.loss: Loss | None = None
        self.stale_reason: str | None = None
        self.merge_due = False
        self._collection = collection
        self._embedder = embedder
        self._splitter = splitter
        self._progress = progress
        self._retention = retention
        self._begin_anew = begin_anew
        self._number: int | None = None
        self._words_rebuilt = self._outdated_segments = 0
        self._draft: SegmentDraft | None = None
        self._added: dict[str, ListedDocument] = {}
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        """Take the lock and open the base. Raises CollectionBusy when another holds the lock.

        Raises BaseDamaged when the base cannot be read whole, so that no publish loses what stands;
        IndexMismatch when a newer version wrote it (ProgramOutdated where only its words or vectors
        are newer); OSError when the machine cannot read it now.
        """
        with ExitStack() as resources:
            resources.enter_context(locks.lock_collection(self._collection))
            resources.callback(self._clear_old_generations)  # once the base is no longer read
            try:
                base = Index.open_base(self._collection)
            except BaseDamaged:
                if not self._begin_anew:
                    raise
                base = None
                self.loss = measure_loss(self._collection)
            self.base = resources.enter_context(base) if base else None
            if self.base:
                segments.refuse_newer_segments(self.base.segments, self._embedder.card)
            self._check_limits()
            canary = self._embedder.embed_passages([segments.CANARY_TEXT])[0]
            self.stale_reason = self._find_staleness(canary)
            self.journal = VectorJournal(self._collection, self._embedder.card, canary)
            resources.callback(self._discard_draft)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _check_limits(self) -> None:
        """Raise BaseDamaged early where the limits of past texts cannot be read at the publish."""
        try:
            least = generations.limits_revision(self._collection)
            past_limits.read_limits(self._collection, least=least)
        except IndexDamaged as error:
            raise BaseDamaged(str(error).replace(f"{self._collection}/", "")) from error

    def add(self, record: DocumentRecord, chunks: Sequence[Chunk]) -> None:
        """Add a document; it replaces any document of the same source and uri.

        Raises ValueError, and takes nothing in, when it was added before in this build or a
        chunk is not an exact span of it; OSError when the disk is full.
        """
        if record.id in self._added:
            raise ValueError(f"{record.uri} was added twice.")
        first, count = self._get_draft().take_document(record, chunks)
        failpoints.reach_failpoint("document added")
        facts = {name: getattr(record, name) for name in _RECORD_FIELDS}
        self._added[record.id] = ListedDocument(**facts, segment="", first=first, count=count)

    def publish(
        self,
        *,
        removed: Collection[str] = (),
        groups: Mapping[str, frozenset[str]] = _NO_GROUPS,
        merge: MergePolicy = "small",
        reading: Mapping[str, Any] | None = None,
    ) -> PublishResult:
        """Publish the added documents, without the removed ones, with new groups for some.

        removed, groups: by record id. merge: which segments become one on this occasion, see
        ``choose_segments``; those whose words are of another version of the tokens always do.
        reading: how all documents are read from now on; None leaves what the base says. Raises
        ValueError for an id nobody knows, OSError when anything cannot be written or synced; then
        the base stands.
        """
        gone = self._find_removed(set(removed))
        regrouped = self._find_regrouped(groups, gone)
        self._check_known({*removed, *groups})
        merged = self._choose_merged(gone, merge)
        if self.base and not (
            self._added or gone or regrouped or merged or self.stale_reason or self.base.refused
        ):
            return self._make_result(self.base.generation, self.base.sums, changed=False)
        self._copy_documents(merged, set(gone))
        digest = self._finish_draft()
        new = [replace(d, segment=digest or "") for d in self._added.values()]
        listed = [replace(d, groups=groups.get(d.id, d.groups)) for d in new]
        listed += [d for d in regrouped if d.id not in self._added]
        plan = self._make_plan(gone.values(), merged, digest)
        plan = replace(
            plan,
            access=_make_access_changes(gone.values(), listed, regrouped),
            limits=self._limits(gone.values(), listed),
            reading=reading or (self.base.reading if self.base else None),
        )
        table = self.base.documents.file if self.base and not self.stale_reason else None
        number = generations.publish_generation(
            self._collection, plan, listed, base=table, gone=gone
        )
        self._number = number
        self.journal.clear_parts()
        failpoints.reach_failpoint("generation published")
        return self._make_result(number, plan.sums)

    def _limits(
        self, gone: Iterable[ListedDocument], listed: Sequence[ListedDocument]
    ) -> LimitChange:
        """List the limited texts that a publish removes; of a lost base, as far as is known.

        Its newest whole table says it, or else the access logs, which know places and no texts.
        """
        if not self.loss:
            return past_limits.compare_limits(gone, listed)
        for number in generations.order_generations(self._collection):
            if table := generations.find_whole_table(self._collection, number):
                with closing(DocumentTable(table)) as old:
                    return past_limits.compare_limits(old.limited(), listed)
        places = dict[str, frozenset[str]]()
        for number in access_log.list_access_logs(self._collection):
            if step := access_log.read_access_log(self._collection, number):
                for place, groups in [*step[1].groups.items(), *step[1].limits.items()]:
                    places[past_limits.place_key(*place)] = groups
        listed_places = {past_limits.place_key(*document.place) for document in listed}
        shut = {
            key: groups for key, groups in places.items() if groups and key not in listed_places
        }
        return LimitChange(closing=shut)

    def _find_removed(self, removed: set[str]) -> dict[str, ListedDocument]:
        """Find the documents of the base that go: removed, or replaced by one added."""
        if not self.base:
            return {}
        table = self.base.documents
        matches = [table.find_by_id(identity) for identity in {*removed, *self._added}]
        matches += [table.find_in_source(*document.place) for document in self._added.values()]
        return {document.id: document for document in matches if document}

    def _find_regrouped(
        self, groups: Mapping[str, frozenset[str]], gone: Mapping[str, ListedDocument]
    ) -> list[ListedDocument]:
        """Find the documents that stay, and get other groups."""
        if not self.base:
            return []
        matches = [
            self.base.documents.find_by_id(identity) for identity in groups if identity not in gone
        ]
        return [
            replace(document, groups=groups[document.id])
            for document in matches
            if document and groups[document.id] != document.groups
        ]

    def _check_known(self, identities: set[str]) -> None:
        find = self.base.documents.find_by_id if self.base else lambda _: None
        unknown = [
            identity
            for identity in sorted(identities)
            if identity not in self._added and not find(identity)
        ]
        if unknown:
            raise ValueError(f"No document has the id {unknown[0]}.")

    def _choose_merged(self, gone: Mapping[str, ListedDocument], merge: MergePolicy) -> list[str]:
        """Choose the segments of the base to write again, given what goes."""
        if not self.base:
            return []
        if self.stale_reason:  # an index never mixes vectors of two embedders
            self._words_rebuilt = 0
            return [part.digest for part in self.base.segments]
        lost = dict.fromkeys((part.digest for part in self.base.segments), 0)
        for name, ranges in self.base.dead.items():
            lost[name] += sum(count for _, count in ranges)
        for document in gone.values():
            lost[document.segment] += document.count
        parts = self.base.segments
        sizes = [SegmentSize(p.digest, p.chunks, p.chunks - lost[p.digest]) for p in parts]
        outdated = [part.digest for part in parts if not part.has_current_words]
        self._outdated_segments = len(outdated)
        self._words_rebuilt = sum(size.live for size in sizes if size.digest in outdated)
        chosen = choose_segments([size for size in sizes if size.live], merge)
        return list(dict.fromkeys([*outdated, *chosen]))

    def _copy_documents(self, merged: Collection[str], gone: set[str]) -> None:
        """Write the documents of some segments again; only another embedder embeds them again."""
        for document in self.base.documents.iter_in_segments(merged) if self.base else ():
            if document.id not in gone and document.id not in self._added and self.base:
                self.add(*self.base.read_document(document))

    def _finish_draft(self) -> str | None:
        """Finish the draft and give it its name; return its digest, None without a draft."""
        if not self._draft:
            return None
        facts = self._splitter
        if facts is None:
            parts = self.base.segments if self.base else ()
            facts = parts[-1].facts["splitter"] if parts else {}
        digest = self._draft.finish_segment({"splitter": dict(facts)})
        failpoints.reach_failpoint("segment sealed")
        final = segment_folder(self._collection, digest)
        if final.exists() and manifest.list_problems(final, digest):
            # It is of the same content, but damaged: the draft takes its place.
            durability.discard_path(final)
        if not final.exists():
            durability.move_folder(self._draft.folder, final)
        failpoints.reach_failpoint("segment named")
        return digest

    def _make_plan(
        self, gone: Iterable[ListedDocument], merged: Collection[str], digest: str | None
    ) -> GenerationPlan:
        """Plan the next generation: its segments, their dead rows, and how many chunks live."""
        counts = self.base.documents.count_by_segment() if self.base else {}
        dead: dict[str, list[tuple[int, int]]] = defaultdict(list)
        if self.base:
            dead.update({name: list(ranges) for name, ranges in self.base.dead.items()})
        for document in gone:
            counts[document.segment] -= 1
            dead[document.segment].append((document.first, document.count))
        for name in merged:
            counts[name] = 0
        if digest:  # the same documents written anew are the same segment, and live again
            counts[digest] = len(self._added)
            dead.pop(digest, None)
        known = [] if self.base is None else [p.digest for p in self.base.segments]
        order = [name for name in dict.fromkeys([*known, digest]) if name and counts.get(name)]
        dead = {name: sorted(r for r in dead[name] if r[1]) for name in order if name in dead}
        sums = self._sum_live(sum(counts[name] for name in order), order, dead)
        parent = self.base.generation if self.base else None
        return GenerationPlan(parent=parent, segments=order, dead=dead, sums=sums)

    def _sum_live(
        self, documents: int, order: list[str], dead: generations.RowRanges
    ) -> dict[str, int]:
        """Count what lives. The new segment is opened as a reader would, before anyone can."""
        known = {part.digest: part for part in (self.base.segments if self.base else ())}
        with ExitStack() as opened:
            parts = [
                known.get(name)
                or opened.enter_context(closing(Segment(segment_folder(self._collection, name))))
                for name in order
            ]
            lost = {name: sum(n for _, n in ranges) for name, ranges in dead.items()}
            sizes = [
                SegmentSize(p.digest, p.chunks, p.chunks - lost.get(p.digest, 0)) for p in parts
            ]
            self.merge_due = bool(choose_segments(sizes, "due"))
            return {"documents": documents, **RowLayout(parts).count_live(dead)}

    def _make_result(
        self, number: int, sums: Mapping[str, int], *, changed: bool = True
    ) -> PublishResult:
        counts = {name: sums[name] for name in ("documents", "chunks", "vectors")}
        embedded = self.journal.received + (self._draft.embedded if self._draft else 0)
        resumed = self.journal.used if self._draft else 0
        return PublishResult(
            generation=number,
            embedded=embedded,
            resumed=resumed,
            words_rebuilt=self._words_rebuilt if changed else 0,
            outdated_segments=self._outdated_segments if changed else 0,
            stale_reason=self.stale_reason if changed else None,
            changed=changed,
            **counts,
        )

    def _get_draft(self) -> SegmentDraft:
        """Begin the new segment with its first document."""
        if self._draft is None:
            name = f"{durability.UNFINISHED_PREFIX}{secrets.token_hex(8)}"
            folder = self._collection / generations.SEGMENTS_FOLDER / name
            self._draft = SegmentDraft(
                folder,
                self._embedder,
                known=self._find_vectors,
                note=self.journal.keep_vectors,
                progress=self._progress,
            )
            failpoints.reach_failpoint("draft begun")
        return self._draft

    def _find_vectors(self, digests: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Look vectors of known texts up in the base (if this embedder made it) and the journal."""
        vectors: dict[bytes, Vectors] = {}
        for part in self.base.segments if self.base and not self.stale_reason else ():
            places = part.chunk_store.find_vector_rows(
                [digest for digest in digests if digest not in vectors]
            )
            vectors.update(zip(places, part.dense.vectors_at(list(places.values())), strict=True))
        vectors.update(
            self.journal.find_vectors([digest for digest in digests if digest not in vectors])
        )
        return vectors

    @property
    def changes_model(self) -> bool:
        """Tell whether another model made the base, and not this one in another version."""
        card = self._embedder.card
        parts = self.base.segments if self.base else ()
        return not all(segments.is_same_model(part.facts["embedder"], card) for part in parts)

    def _find_staleness(self, canary: Vectors) -> str | None:
        if self.base is None:
            return None
        if difference := self.base.describe_mismatch(self._embedder.card):
            return difference
        try:
            self.base.check_canary(canary)
        except IndexMismatch as error:
            return str(error)
        return None

    def _discard_draft(self) -> None:
        if self._draft:
            self._draft.discard()
        generations.sweep_collection(self._collection)

    def _clear_old_generations(self) -> None:
        """Clear older generations after a publish, which stands even if clearing fails."""
        if self._number is None or self._retention is None:
            return
        try:
            retention.clear_generations(self._collection, self._retention)
        except (OSError, IndexesError) as error:
            name = self._collection.name
            _log.warning("old generations of %s were not cleared: %s", name, error)


def _make_access_changes(
    gone: Iterable[ListedDocument],
    listed: Iterable[ListedDocument],
    regrouped: Iterable[ListedDocument],
) -> AccessChanges:
    """Collect the removals and group changes that a publish makes to its base.

    gone: removed or replaced. listed: what it lists anew. regrouped: what stays with other groups.
    What is new to the base needs no entry: no older generation holds it, or its removal was noted.
    """
    changed = access_log.compare_documents(gone, listed)
    groups = {document.place: document.groups for document in regrouped}
    return replace(changed, groups={**changed.groups, **groups})
