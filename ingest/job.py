"""A document's way in: look, compare, parse, split, embed, publish.

Read this file first. A job mirrors sources into a collection: what is new or changed there is
parsed and split by limited children, embedded here, and published with everything else as one
new generation. Until that moment nothing has happened, and a job that fails leaves nothing.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from indexes.build import Build, Loss, Published, loss
from indexes.chunk import Chunk, Record
from indexes.embed import Embedder
from indexes.errors import BaseDamaged, IndexMismatch, IndexNotFound
from indexes.generations import CURRENT
from indexes.index import Index
from indexes.paths import original_file
from indexes.retention import Retention
from ingest import ledger, sources
from ingest.children import Children
from ingest.document import Raw, Skipped
from ingest.errors import MassRemoval, Unreadable
from ingest.estimate import Estimate
from ingest.guard import Guard, GuardOptions, Outcome
from ingest.originals import Kept, Originals, look
from ingest.progress import Meter, Watch, unwatched
from ingest.report import Report
from ingest.runners import Open, Runner
from ingest.split import SplitOptions
from ingest.survey import Admit, Survey, Surveyor

Groups = frozenset[str]
Keep = Callable[..., Kept]
Opener = Callable[[Sequence[str]], AbstractContextManager[Runner]]  # given names of files


class Sink(Protocol):
    """Takes documents in and publishes them: a Build, or an Estimate for a plan."""

    def add(self, record: Record, chunks: Sequence[Chunk]) -> None: ...
    def publish(self, *, removed: Collection[str], groups: Mapping[str, Groups]) -> Published: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Changes one collection; one job at a time.

    collection: its folder, made where there is none. tokenizer: the file of the embedder's
    tokenizer, whose tokens the splitter counts. children: a running guard, for those who do
    many small jobs; without one, each job starts its own, which takes a second or two.
    on: opens a runner on other machines, which takes the place of the children.
    kept: which generations stay after a publish; None: all.
    """

    collection: Path
    embedder: Embedder
    tokenizer: Path
    guard: GuardOptions = field(default_factory=GuardOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    children: Guard | None = None
    on: Open | None = None
    kept: Retention | None = None

    def run(
        self,
        paths: Sequence[Path],
        *,
        groups: Groups | None = None,
        allow_removals: bool = False,
        begin_anew: bool = False,
        watch: Watch = unwatched,
    ) -> Report:
        """Mirror some sources into the collection.

        groups: who may see all documents of these sources; None keeps what was said before.
        begin_anew: let go of a collection that cannot be read whole; a whole one stays as it is.
        Raises SourceUnreadable, MassRemoval, CollectionBusy or an IndexesError; then the
        collection is as it was, but that a source which was to be seen by fewer will be.
        """
        began, meter = time.monotonic(), Meter(watch)
        listing = sources.listing(paths, without=self._own())
        children = self._children()
        newer = () if self.on else sources.newer(listing, self.collection / CURRENT)
        with children.ahead(newer), self._build(meter, begin_anew=begin_anew) as build:
            known = sources.recall(self.collection)
            surveys = self._surveyor(build.base, known).mirror(listing, groups)
            if not allow_removals:
                _refuse(surveys, ())
            runner = self._runner(build) or children
            skipped = self._take_in(build, surveys, meter, runner=runner)
            if not allow_removals:
                _refuse(surveys, skipped)
            used = [one.source for one in surveys]
            sources.remember(self.collection, known, sources.narrower(known, used))
            report = self._publish(build, surveys, skipped, began)
            sources.remember(self.collection, known, used)
            for one in surveys:
                if one.seen:
                    one.seen.save()
            notes = tuple(meter.notes)
            return replace(report, due=build.due, notes=notes, loss=build.loss)

    def plan(
        self,
        paths: Sequence[Path],
        *,
        groups: Groups | None = None,
        begin_anew: bool = False,
        watch: Watch = unwatched,
    ) -> Report:
        """Tell what ``run`` would report, and change nothing; ``blocked`` says if it would refuse.

        Files are parsed, as only that tells what would be skipped; nothing is embedded.
        """
        began, meter = time.monotonic(), Meter(watch)
        listing = sources.listing(paths, without=self._own())
        base, let_go = self._base(begin_anew=begin_anew)
        with base or nullcontext():
            surveyor = self._surveyor(base, sources.recall(self.collection))
            surveys = surveyor.mirror(listing, groups)
            sink = Estimate(self.collection, base, self.embedder)
            skipped = self._take_in(sink, surveys, meter, keep=look)
            report = self._publish(sink, surveys, skipped, began)
            notes, blocked = tuple(meter.notes), _blocked(surveys, skipped)
            return replace(report, blocked=blocked, notes=notes, loss=let_go)

    def put(
        self,
        uri: str,
        file: Path,
        *,
        groups: Groups | None = None,
        source: str = sources.API,
        admit: Admit | None = None,
    ) -> Report:
        """Take in one document, whose bytes are those of ``file``; one of that uri is replaced.

        What cannot be parsed is skipped, and the former version stays. groups: who may see it;
        None keeps what was said before. admit: decides, once the collection is held, which
        documents of the uri this is about, and the groups. Raises Unreadable when another source
        has that uri.
        """
        return self._change(source, uri, file, groups, admit)

    def delete(self, uri: str, *, source: str = sources.API, admit: Admit | None = None) -> Report:
        """Take one document out; one that is not there is gone already.

        Raises Unreadable when it belongs to another source.
        """
        return self._change(source, uri, None, None, admit)

    def compact(self, *, everything: bool = False, watch: Watch = unwatched) -> Published:
        """Merge segments where there are many, or all of them; nothing is embedded.

        Raises IndexNotFound, BaseDamaged, IndexMismatch when another embedder made the collection.
        """
        meter = Meter(watch)
        with Build(self.collection, self.embedder, progress=meter.texts, kept=self.kept) as build:
            if build.base is None:
                raise IndexNotFound(f"No index at {self.collection}.")
            if build.stale:
                raise IndexMismatch(build.stale)
            return build.publish(merge="all" if everything else "due")

    def _change(
        self,
        source: str,
        uri: str,
        file: Path | None,
        groups: Groups | None,
        admit: Admit | None,
    ) -> Report:
        began, meter = time.monotonic(), Meter(unwatched)
        with self._build(meter) as build:
            surveys = self._surveyor(build.base, {}).one(source, uri, file, groups, admit)
            skipped = self._take_in(build, surveys, meter)
            _refuse(surveys[1:], skipped)  # other sources, which are read again with other settings
            report = self._publish(build, surveys, skipped, began)
            return replace(report, due=build.due, notes=tuple(meter.notes))

    def _build(self, meter: Meter, *, begin_anew: bool = False) -> Build:
        facts = {**self._split(), "way": self._way()}
        return Build(
            self.collection,
            self.embedder,
            splitter=facts,
            progress=meter.texts,
            kept=self.kept,
            begin_anew=begin_anew,
        )

    def _base(self, *, begin_anew: bool) -> tuple[Index | None, Loss | None]:
        """Open what a build would start from, and tell what it would let go of."""
        try:
            return Index.base(self.collection), None
        except BaseDamaged:
            if not begin_anew:
                raise
            return None, loss(self.collection)

    def _own(self) -> Path:
        """Tell which folder is the desk's own: no source, should it lie in one."""
        standard = self.collection.parent.name == "collections"
        return self.collection.parents[1] if standard else self.collection

    def _way(self) -> str:
        return ledger.way(self.tokenizer, self._split())

    def _split(self) -> dict[str, Any]:
        """Give the splitter's options as they are for this embedder's window."""
        return asdict(self.split.fitted(self.embedder.card.max_tokens))

    def _surveyor(self, base: Index | None, known: Mapping[str, sources.Source]) -> Surveyor:
        return Surveyor(
            base=base,
            collection=self.collection,
            known=known,
            way=self._way(),
            limit=self.guard.file_size,
        )

    def _take_in(
        self,
        sink: Sink,
        surveys: Sequence[Survey],
        meter: Meter,
        *,
        keep: Keep | None = None,
        runner: Opener | None = None,
    ) -> list[Skipped]:
        """Parse and add all that is new or changed; returns what had to be skipped.

        keep: how the bytes to parse are got hold of; by default they are copied to the originals.
        """
        skipped = [one for survey in surveys for one in survey.skipped]
        work = [raw for survey in surveys for raw in survey.changes.work]
        originals = Originals(self.collection)
        meter.begin(len(work))
        runner = runner or self._children()
        for outcome in self._parse(work, keep or originals.keep, runner) if work else ():
            if isinstance(outcome, Skipped):
                skipped.append(outcome)
                meter.document(None)
            else:
                sink.add(outcome.record, outcome.chunks)
                meter.document(len(outcome.chunks))
                meter.note(outcome.record.uri, outcome.notes)
        originals.sync()
        return sorted(skipped, key=lambda one: one.uri)

    def _parse(self, work: Sequence[Raw], keep: Keep, runner: Opener) -> Iterator[Outcome]:
        """Parse files in limited children, in their order; those whose bytes are gone come last."""
        lost: list[Skipped] = []

        def kept() -> Iterator[Raw]:
            for raw in work:
                try:
                    got: Kept = keep(raw.file, limit=self.guard.file_size, real=raw.real)
                    self._check(raw, got)
                except Unreadable as error:
                    lost.append(Skipped(uri=raw.uri, reason=str(error), source=raw.source))
                else:
                    real = raw.real and got.file == raw.file  # a plan parses the very file
                    yield replace(raw, file=got.file, digest=got.digest, size=got.size, real=real)

        way = self._way()
        with runner([raw.uri for raw in work]) as runs:
            for raw, outcome in runs.run(kept(), name=lambda raw: ledger.identity(raw, way)):
                if isinstance(outcome, Skipped):
                    yield replace(outcome, source=raw.source)
                else:
                    yield outcome
        yield from lost

    def _check(self, raw: Raw, got: Kept) -> None:
        """Take kept bytes only for what they were. Raises Unreadable."""
        if raw.file == original_file(self.collection, raw.digest) and got.digest != raw.digest:
            raise Unreadable("its kept original is damaged; ingest its source again")

    def _runner(self, build: Build) -> Opener | None:
        if (on := self.on) is None:
            return None
        split = self._split()
        return lambda _: on(build, guard=self.guard, tokenizer=self.tokenizer, split=split)

    def _children(self) -> Children:
        split = self._split()
        return Children(self.guard, tokenizer=self.tokenizer, split=split, running=self.children)

    def _publish(
        self, sink: Sink, surveys: Sequence[Survey], skipped: Sequence[Skipped], began: float
    ) -> Report:
        """Publish what the sink took in, and count what that meant."""
        failed = {(one.source, one.uri) for one in skipped}
        gone = [document for survey in surveys for document in survey.gone(skipped)]
        stayed = sum(len(survey.stayed(skipped)) for survey in surveys)
        changes = [survey.changes for survey in surveys]
        groups = {name: g for one in changes for name, g in one.groups.items()}
        published = sink.publish(removed=[document.id for document in gone], groups=groups)
        return Report(
            collection=self.collection.name,
            generation=published.generation or None,
            documents=published.documents,
            added=sum((raw.source, raw.uri) not in failed for c in changes for raw in c.added),
            changed=sum((raw.source, raw.uri) not in failed for c in changes for raw in c.changed)
            + len(groups),
            removed=len(gone),
            unchanged=sum(len(one.unchanged) for one in changes) - len(groups) + stayed,
            chunks=published.chunks,
            vectors=published.vectors,
            embedded=published.embedded,
            skipped=tuple(skipped),
            resumed=published.resumed,
            seconds=time.monotonic() - began,
            changes=tuple(_told(surveys, skipped)),
        )


def _blocked(surveys: Sequence[Survey], skipped: Sequence[Skipped]) -> str | None:
    return next(filter(None, (survey.blocked(skipped) for survey in surveys)), None)


def _told(surveys: Sequence[Survey], skipped: Sequence[Skipped]) -> Iterator[tuple[str, str]]:
    """Tell every change with its mark, by uri."""
    told: dict[str, str] = {}
    for survey in surveys:
        told |= survey.told(skipped)
    yield from ((mark, uri) for uri, mark in sorted(told.items()))


def _refuse(surveys: Sequence[Survey], skipped: Sequence[Skipped]) -> None:
    if reason := _blocked(surveys, skipped):
        raise MassRemoval(f"{reason} Nothing was changed.")
