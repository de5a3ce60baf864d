"""A document's way in: find changes, parse, split, embed, publish.

Read this file first. A job mirrors sources into a collection: what is new or changed there is
parsed and split by limited children, embedded here, and published with everything else as one
new generation. Until that moment nothing has happened, and a job that fails leaves nothing.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from indexes.build import Build, Loss, PublishResult, measure_loss
from indexes.chunk import Chunk, DocumentRecord
from indexes.embedding.embedder import Embedder
from indexes.errors import BaseDamaged, IndexMismatch, IndexNotFound
from indexes.index import Index
from indexes.store.generations import CURRENT_FILE
from indexes.store.paths import original_file
from indexes.store.segments import refuse_newer_segments
from indexes.text.redaction.redaction import RedactionOptions
from indexes.upkeep.retention import Retention
from ingest import document_changes, model_memory, source_files, sources
from ingest.build_estimate import BuildEstimate
from ingest.change_counts import (
    collect_change_marks,
    count_changes,
    count_rereads,
    describe_document,
    note_retained,
)
from ingest.document import ParseOutcome, Raw, Skipped
from ingest.document_places import AdmissionRule
from ingest.document_redaction import list_redaction_changes
from ingest.errors import Unreadable
from ingest.job_forecast import ForecastCallback, forecast_job
from ingest.job_report import JobReport
from ingest.local_runner import LocalRunnerOpener
from ingest.member_changes import MemberChanges
from ingest.model_memory import ModelPlace
from ingest.originals import FileDigest, Originals, digest_file, write_body
from ingest.parse.parse_options import ParseOptions
from ingest.progress import ProgressCallback, ProgressMeter, ignore_progress
from ingest.removal_guard import find_refusal, list_removed_names, refuse_mass_removal
from ingest.runners import Runner, RunnerFactory
from ingest.same_bytes import list_duplicates
from ingest.sandbox.guard import Guard, GuardOptions, find_reading_versions
from ingest.skip_memory import list_reopened, name_readers, note_skips
from ingest.source_changes import ChangeDetector, SourceChanges, save_digests
from ingest.source_files import Listing
from ingest.split import SplitOptions
from ingest.versions import ReadingVersions

GroupNames = frozenset[str]
OriginalKeeper = Callable[..., FileDigest]
RunnerOpener = Callable[[Sequence[str]], AbstractContextManager[Runner]]  # given names of files


class Sink(Protocol):
    """Takes documents in and publishes them: a Build, or a BuildEstimate for a plan."""

    def add(self, record: DocumentRecord, chunks: Sequence[Chunk]) -> None: ...
    def publish(
        self,
        *,
        removed: Collection[str],
        groups: Mapping[str, GroupNames],
        reading: Mapping[str, Any] | None,
    ) -> PublishResult: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestJob:
    """Changes one collection; one job at a time.

    collection: its folder, made where there is none. tokenizer: the file of the embedder's
    tokenizer, whose tokens the splitter counts. running_guard: for those who do many small jobs;
    without one, each job starts its own, which takes a second or two.
    remote_runner: opens a runner on other machines, which takes the place of the guard.
    retention: which generations stay after a publish; None: all.
    model_place: where the embedder's model lies, to be remembered. keeps_model: refuse a collection
    that another model made meanwhile, rather than embed all of it anew. chooses_model: whether
    the model is this collection's from now on, whatever settings name; None leaves it as it is.
    """

    collection: Path
    embedder: Embedder
    tokenizer: Path
    model_place: ModelPlace | None = None
    keeps_model: bool = False
    chooses_model: bool | None = None
    guard: GuardOptions = field(default_factory=GuardOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    parse: ParseOptions = field(default_factory=ParseOptions)
    redaction: RedactionOptions = field(default_factory=RedactionOptions)
    running_guard: Guard | None = None
    remote_runner: RunnerFactory | None = None
    retention: Retention | None = None

    def run(  # noqa: PLR0913, each is the choice of a job
        self,
        paths: Sequence[Path],
        *,
        groups: GroupNames | None = None,
        allow_removals: bool = False,
        begin_anew: bool = False,
        remove: Sequence[Path] = (),
        remote: Listing = (),
        on_forecast: ForecastCallback | None = None,
        on_progress: ProgressCallback = ignore_progress,
    ) -> JobReport:
        """Mirror some sources into the collection.

        groups: who may see all documents of these sources; None keeps the groups of before.
        begin_anew: replace a collection that cannot be read whole; a whole one is kept. remove:
        sources to be taken away, there or not. remote: what connectors fetched, as sources beside
        the paths. on_forecast: is told about how much there is to do.
        Raises SourceUnreadable, MassRemoval, CollectionBusy or an IndexesError; then the collection
        is as it was, except that groups which let fewer people in hold from then on.
        """
        started, meter = time.monotonic(), ProgressMeter(on_progress)
        listing = source_files.list_sources(paths, self._desk_folder(), remote)
        local_runner = self._local_opener()
        newer_names = (
            ()
            if self.remote_runner
            else source_files.list_newer_names(listing, self.collection / CURRENT_FILE)
        )
        with (
            local_runner.start_early(newer_names),
            self._build(meter, begin_anew=begin_anew) as build,
        ):
            known_sources = sources.read_sources(self.collection)
            detector = self._change_detector(build.base, known_sources)
            source_changes = detector.compare_sources(listing, groups, remove)
            if not allow_removals:
                refuse_mass_removal(build.base, source_changes)
            if on_forecast:
                on_forecast(forecast_job(build, source_changes))
            runner = self._remote_opener(build) or local_runner
            source_changes, skipped = self._add_documents(
                build, source_changes, meter, open_runner=runner
            )
            if not allow_removals:
                refuse_mass_removal(build.base, source_changes, skipped)
            used_sources = [change.source for change in source_changes if change.is_named]
            sources.write_sources(
                self.collection,
                known_sources,
                sources.restrict_sources(known_sources, used_sources),
            )
            self._remember_place()
            report = self._publish(build, detector, source_changes, skipped, started)
            self._remember_choice()
            removed = list_removed_names(source_changes, listing)
            sources.write_sources(self.collection, known_sources, used_sources, removed=removed)
            note_skips(self.collection, source_changes, skipped, report.generation, self._readers())
            save_digests(source_changes)
            return replace(report, due=build.merge_due, notes=tuple(meter.notes), loss=build.loss)

    def plan(  # noqa: PLR0913, as of run
        self,
        paths: Sequence[Path],
        *,
        groups: GroupNames | None = None,
        begin_anew: bool = False,
        remove: Sequence[Path] = (),
        remote: Listing = (),
        on_progress: ProgressCallback = ignore_progress,
    ) -> JobReport:
        """Report what ``run`` would do, and change nothing; ``blocked`` says if it would refuse.

        Files are parsed, as only that tells what would be skipped; nothing is embedded.
        """
        started, meter = time.monotonic(), ProgressMeter(on_progress)
        listing = source_files.list_sources(paths, self._desk_folder(), remote)
        base, base_loss = self._open_base(begin_anew=begin_anew)
        with base or nullcontext():
            refuse_newer_segments(base.segments if base else (), self.embedder.card)
            detector = self._change_detector(base, sources.read_sources(self.collection))
            source_changes = detector.compare_sources(listing, groups, remove)
            sink = BuildEstimate(self.collection, base, self.embedder)
            source_changes, skipped = self._add_documents(sink, source_changes, meter, is_plan=True)
            report = self._publish(sink, detector, source_changes, skipped, started)
            blocked = find_refusal(base, source_changes, skipped)
            return replace(report, blocked=blocked, notes=tuple(meter.notes), loss=base_loss)

    def put(
        self,
        uri: str,
        file: Path,
        *,
        groups: GroupNames | None = None,
        source: str = sources.API,
        admit: AdmissionRule | None = None,
    ) -> JobReport:
        """Ingest one document, whose bytes are those of ``file``; one of that uri is replaced.

        What cannot be parsed is skipped, and the former version stays. groups: who may see it;
        None keeps the groups of before. admit: decides, once the collection is held, which
        documents of the uri this is about, and the groups. Raises Unreadable when another source
        has that uri.
        """
        return self._change_document(source, uri, file, groups, admit)

    def delete(
        self, uri: str, *, source: str = sources.API, admit: AdmissionRule | None = None
    ) -> JobReport:
        """Remove one document; one that does not exist is no error.

        Raises Unreadable when it belongs to another source.
        """
        return self._change_document(source, uri, None, None, admit)

    def count_outdated(self, index: Index) -> int:
        """Count the published documents that the next job reads again by newer versions."""
        detector = self._change_detector(index, {})
        if index.reading == detector.reading.to_facts():
            return 0
        return sum(map(detector.is_outdated, index.iter_documents()))

    def compact(
        self, *, everything: bool = False, on_progress: ProgressCallback = ignore_progress
    ) -> PublishResult:
        """Merge segments where there are many, or all of them; nothing is embedded.

        Raises IndexNotFound, BaseDamaged, IndexMismatch when another embedder made the collection.
        """
        meter = ProgressMeter(on_progress)
        with Build(
            self.collection, self.embedder, progress=meter.count_texts, retention=self.retention
        ) as build:
            if build.base is None:
                raise IndexNotFound(f"No index at {self.collection}.")
            if build.stale_reason:
                raise IndexMismatch(build.stale_reason)
            return build.publish(merge="all" if everything else "due")

    def _change_document(
        self,
        source: str,
        uri: str,
        file: Path | None,
        groups: GroupNames | None,
        admit: AdmissionRule | None,
    ) -> JobReport:
        started, meter = time.monotonic(), ProgressMeter(ignore_progress)
        with self._build(meter) as build:
            if self.keeps_model:
                _refuse_other_model(build)
            detector = self._change_detector(build.base, {})
            source_changes = detector.compare_document(source, uri, file, groups, admit)
            source_changes, skipped = self._add_documents(build, source_changes, meter)
            self._remember_place()
            report = self._publish(build, detector, source_changes, skipped, started)
            note_skips(self.collection, source_changes, skipped, report.generation, self._readers())
            result = describe_document(source_changes[0], skipped, meter.notes)
            return replace(report, due=build.merge_due, notes=tuple(meter.notes), document=result)

    def _remember_place(self) -> None:
        """Remember the folder of a local model before vectors of it are published."""
        if self.model_place and Path(self.model_place.model).is_absolute():
            memory = model_memory.read_model_memory(self.collection)
            model_memory.write_model_memory(self.collection, memory.add_place(self.model_place))

    def _remember_choice(self) -> None:
        if self.model_place and self.chooses_model is not None:
            memory = model_memory.read_model_memory(self.collection)
            chosen = replace(memory.add_place(self.model_place), is_chosen=self.chooses_model)
            if chosen.is_chosen or memory.is_chosen:
                model_memory.write_model_memory(self.collection, chosen)

    def _build(self, meter: ProgressMeter, *, begin_anew: bool = False) -> Build:
        return Build(
            self.collection,
            self.embedder,
            splitter=self._split_options(),
            progress=meter.count_texts,
            retention=self.retention,
            begin_anew=begin_anew,
        )

    def _open_base(self, *, begin_anew: bool) -> tuple[Index | None, Loss | None]:
        """Open the generation that a build would start from, and report what it would lose."""
        try:
            return Index.open_base(self.collection), None
        except BaseDamaged:
            if not begin_anew:
                raise
            return None, measure_loss(self.collection)

    def _desk_folder(self) -> Path:
        """Return the desk's own folder, which is never a source."""
        standard = self.collection.parent.name == "collections"
        return self.collection.parents[1] if standard else self.collection

    def _reading(self) -> ReadingVersions:
        return find_reading_versions(self.guard, self.tokenizer, self._split_options())

    def _readers(self) -> str:
        return name_readers(self._reading(), self.guard.libreoffice)

    def _split_options(self) -> dict[str, Any]:
        """Return the splitter's options, reduced to this embedder's window.

        The parsers' and the redaction's stand in it only where they are not as they come.
        """
        options = asdict(self.split.shrink_to(self.embedder.card.max_tokens))
        changes = {"parse": self.parse.list_changes(), **list_redaction_changes(self.redaction)}
        return options | {name: values for name, values in changes.items() if values}

    def _change_detector(
        self, base: Index | None, known_sources: Mapping[str, sources.Source]
    ) -> ChangeDetector:
        return ChangeDetector(
            base=base,
            collection=self.collection,
            known_sources=known_sources,
            reading=self._reading(),
            limit=self.guard.file_size,
            reopened=list_reopened(self.collection, self._readers()),
        )

    def _add_documents(
        self,
        sink: Sink,
        source_changes: Sequence[SourceChanges],
        meter: ProgressMeter,
        *,
        is_plan: bool = False,
        open_runner: RunnerOpener | None = None,
    ) -> tuple[list[SourceChanges], list[Skipped]]:
        """Parse new and changed files and add them to the build.

        Returns the changes with those of documents that lie in others, and what was skipped.
        is_plan: the bytes to parse are not copied to the originals, and OCR reads no page.
        """
        skipped = [entry for change in source_changes for entry in change.skipped]
        files = [raw for change in source_changes for raw in change.changes.files_to_parse]
        originals = None if is_plan else Originals(self.collection)
        meter.start_work(len(files))
        open_runner = open_runner or self._local_opener()
        with nullcontext("") if originals else TemporaryDirectory(prefix="ragdesk-") as folder:
            keep_body = originals.keep_body if originals else partial(write_body, Path(folder))
            members = MemberChanges(source_changes, reading=self._reading(), keep_body=keep_body)
            for outcome in (
                self._parse_files(files, members, meter, originals, open_runner) if files else ()
            ):
                if isinstance(outcome, Skipped):
                    skipped.append(outcome)
                    meter.count_document(None)
                else:
                    sink.add(replace(outcome.record, notes=outcome.notes), outcome.chunks)
                    meter.count_document(len(outcome.chunks))
                    meter.add_notes(outcome.record, outcome.notes)
        if originals:
            originals.sync()
        settled = members.settle(skipped)
        return settled, sorted(note_retained(settled, skipped), key=lambda skip: skip.uri)

    def _parse_files(
        self,
        files: Sequence[Raw],
        members: MemberChanges,
        meter: ProgressMeter,
        originals: Originals | None,
        open_runner: RunnerOpener,
    ) -> Iterator[ParseOutcome]:
        """Parse files in limited children, in their order; what lies in them comes after all.

        originals: None for a plan. Those whose bytes are gone come last.
        """
        keep_file: OriginalKeeper = originals.keep if originals else digest_file
        missing: list[Skipped] = []

        def keep_files(raws: Sequence[Raw]) -> Iterator[Raw]:
            for raw in raws:
                try:
                    original: FileDigest = keep_file(
                        raw.file, limit=self.guard.file_size, real=raw.real
                    )
                    self._check_original(raw, original)
                except Unreadable as error:
                    missing.append(Skipped(uri=raw.uri, reason=str(error), source=raw.source))
                else:
                    # A plan copies nothing, so it parses the source's own file.
                    is_source_file = raw.real and original.file == raw.file
                    yield replace(
                        raw,
                        file=original.file,
                        digest=original.digest,
                        size=original.size,
                        real=is_source_file,
                    )

        make_id = partial(document_changes.make_document_id, reading=self._reading())
        with open_runner([raw.uri for raw in files]) as active_runner:
            while files:
                inner_files = list[Raw]()
                outcomes = active_runner.parse_files(
                    keep_files(files), make_id=make_id, is_plan=originals is None
                )
                for raw, outcome in outcomes:
                    if isinstance(outcome, Skipped):
                        yield replace(outcome, source=raw.source)
                        continue
                    try:
                        parsed, inside = members.take_members(raw, outcome)
                    except Unreadable as error:
                        yield Skipped(uri=raw.uri, reason=str(error), source=raw.source)
                        continue
                    inner_files += inside
                    meter.add_work(len(inside))
                    yield parsed
                files = inner_files
        yield from missing

    def _check_original(self, raw: Raw, original: FileDigest) -> None:
        """Raise Unreadable if a stored original no longer has its digest."""
        if raw.file == original_file(self.collection, raw.digest) and original.digest != raw.digest:
            raise Unreadable("its kept original is damaged; ingest its source again")

    def _remote_opener(self, build: Build) -> RunnerOpener | None:
        if (open_remote := self.remote_runner) is None:
            return None
        split = self._split_options()
        return lambda _: open_remote(build, guard=self.guard, tokenizer=self.tokenizer, split=split)

    def _local_opener(self) -> LocalRunnerOpener:
        split = self._split_options()
        return LocalRunnerOpener(
            self.guard, tokenizer=self.tokenizer, split=split, shared_guard=self.running_guard
        )

    def _publish(
        self,
        sink: Sink,
        detector: ChangeDetector,
        source_changes: Sequence[SourceChanges],
        skipped: Sequence[Skipped],
        started: float,
    ) -> JobReport:
        """Publish what the sink took in, and report the counts."""
        removed_documents = [
            document for change in source_changes for document in change.removed_documents(skipped)
        ]
        groups = {
            name: allowed
            for change in source_changes
            for name, allowed in change.changes.groups.items()
        }
        published = sink.publish(
            removed=[document.id for document in removed_documents],
            groups=groups,
            reading=_settle_reading(detector, source_changes, skipped),
        )
        return JobReport(
            collection=self.collection.name,
            generation=published.generation or None,
            documents=published.documents,
            **asdict(count_changes(source_changes, skipped)),
            chunks=published.chunks,
            vectors=published.vectors,
            embedded=published.embedded,
            skipped=tuple(skipped),
            resumed=published.resumed,
            seconds=time.monotonic() - started,
            changes=tuple(collect_change_marks(source_changes, skipped)),
            reread=count_rereads(detector, source_changes, skipped),
            words_rebuilt=published.words_rebuilt,
            embedder_change=published.stale_reason,
            duplicates=tuple(list_duplicates(detector.base, source_changes, skipped)),
        )


def _refuse_other_model(build: Build) -> None:
    """Raise IndexMismatch where another model than the job's made what is published."""
    if build.stale_reason and build.changes_model:
        raise IndexMismatch(f"{build.stale_reason}. Nothing was changed.")


def _settle_reading(
    detector: ChangeDetector, source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> dict[str, Any] | None:
    """Return how all documents are read from now on; None where older ones have to stay.

    They stay where their originals cannot be read by the new versions: the next job tries again.
    """
    for change in source_changes:
        staying = [*change.changes.unchanged, *change.retained_documents(skipped)]
        if any(map(detector.is_outdated, staying)):
            return None
    return detector.reading.to_facts()
