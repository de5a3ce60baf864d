"""Compare sources with the published documents, and list what an ingest would change."""

import errno
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath

from indexes.chunk import Validity
from indexes.index import Index
from indexes.program_versions import make_outdated_error
from indexes.store import generations, past_limits
from indexes.store.access_log import NOBODY_GROUPS
from indexes.store.document_table import DocumentTable, ListedDocument
from indexes.store.paths import original_file
from ingest import document_changes, document_places, sources
from ingest.digest_cache import CACHE_FOLDER, DigestCache
from ingest.document import Raw, Skipped
from ingest.document_changes import DocumentChanges, DocumentFinder
from ingest.document_places import AdmissionRule
from ingest.errors import IngestError, Unreadable, to_unreadable
from ingest.source_files import Listing, SourceFile
from ingest.source_limits import collect_limits, find_inner_limits, restrict_file
from ingest.sources import Source
from ingest.validity import SIDECAR, read_sidecar
from ingest.versions import UNNOTED, ReadingVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChanges:
    """The changes that a job would make in one source.

    is_mirror: a document that can no longer be read goes; otherwise its former version stays.
    is_named: the job is about this source; the documents of others are only read again, as a newer
    version of the program reads them in another way.
    digest_cache: digests to be remembered for the next look. has_separate: documents that were put
    by themselves have uris under that of the one which is put now. reopened: containers in which
    something was skipped that may be read now.
    """

    source: Source
    published: Mapping[str, ListedDocument] = field(default_factory=dict)
    changes: DocumentChanges = field(default_factory=DocumentChanges)
    skipped: tuple[Skipped, ...] = ()
    is_mirror: bool = True
    is_named: bool = True
    digest_cache: DigestCache | None = None
    has_separate: bool = False
    reopened: frozenset[str] = frozenset()

    def failed_uris(self, skipped: Iterable[Skipped]) -> set[str]:
        """Return the uris of this source that could not be read, given all that was skipped."""
        return {entry.uri for entry in skipped if entry.source == self.source.name}

    def removed_documents(self, skipped: Iterable[Skipped]) -> list[ListedDocument]:
        """Return the documents to remove, given which files could not be read."""
        return [
            *self.changes.removed,
            *(self._unreadable_documents(skipped) if self.is_mirror else ()),
        ]

    def retained_documents(self, skipped: Iterable[Skipped]) -> list[ListedDocument]:
        """Return the documents kept because their new version could not be read."""
        return [] if self.is_mirror else self._unreadable_documents(skipped)

    def find_refusal(
        self, skipped: Sequence[Skipped], kept_digests: Collection[str] = ()
    ) -> str | None:
        """Return why the job needs --allow-removals, or None.

        kept_digests: of all that is published after it, so that what only moved is not counted.
        """
        failed_uris = self.failed_uris(skipped)
        lost_uris = self.changes.list_lost_uris(kept_digests)
        count = sum(
            d.uri in lost_uris or d.uri in failed_uris for d in self.removed_documents(skipped)
        )
        return document_changes.describe_mass_removal(
            self.source.name, document_count=len(self.published), removed_count=count
        )

    def change_marks(self, skipped: Sequence[Skipped]) -> dict[str, str]:
        """Return every change by uri, with its mark: + new, ~ changed, - gone."""
        failed_uris = self.failed_uris(skipped)
        changes = self.changes
        marks = {raw.uri: "+" for raw in changes.added if raw.uri not in failed_uris}
        marks |= {raw.uri: "~" for raw in changes.changed if raw.uri not in failed_uris}
        marks |= {d.uri: "~" for d in changes.unchanged if d.id in changes.groups}
        return marks | {document.uri: "-" for document in self.removed_documents(skipped)}

    def _unreadable_documents(self, skipped: Iterable[Skipped]) -> list[ListedDocument]:
        failed_uris = self.failed_uris(skipped)
        return [self.published[raw.uri] for raw in self.changes.changed if raw.uri in failed_uris]


def save_digests(source_changes: Iterable[SourceChanges]) -> None:
    """Keep the digests of files that were taken, so that the next job need not read them."""
    for change in source_changes:
        if change.digest_cache:
            change.digest_cache.save()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDetector:
    """Detect the changes of sources for one job.

    base: what is published now, or None. collection: its folder. known_sources: the remembered
    sources. reading: how documents are read now. limit: MiB of a file at most. reopened: by source,
    the uris of containers to be read again for what was skipped in them.
    """

    base: Index | None
    collection: Path
    known_sources: Mapping[str, Source]
    reading: ReadingVersions
    limit: int
    reopened: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def compare_sources(
        self, listing: Listing, groups: frozenset[str] | None, removed: Sequence[Path] = ()
    ) -> list[SourceChanges]:
        """Compare folders and files with the published documents, one result per source.

        groups: who may see them; None keeps the groups that are remembered for each source. These
        hold for all of its documents: after a rollback, some may bear groups of an earlier time.
        removed: sources to be taken away. Where one goes and one comes, it comes in its place:
        under the same uris, for the same groups. Raises ProgramOutdated where newer versions read
        what is published, SourceUnreadable for a removed one that is no source.
        """
        self._refuse_newer_reading()
        known_sources = dict(self.known_sources)
        published = list(self.base.iter_documents()) if self.base else []
        known_names = {d.source for d in published if _is_mirrored(d.source)}
        known_names |= self.known_sources.keys()
        used_names = {str(root) for root, _ in listing}
        gone_names = sources.find_removed_sources(removed, known_names, used_names)
        source_changes = [self._remove_source(name, published) for name in gone_names]
        if len(listing) == len(gone_names) == 1:
            name = str(listing[0][0])
            known_sources[name] = self._inherit_source(name, source_changes[0], published)
        source_names = used_names.union(gone_names)
        taken_uris = {d.uri for d in published if d.source not in source_names}
        for root, entries in listing:
            files = [entry for entry in entries if isinstance(entry, SourceFile)]
            source = sources.settle_source(root, files, known_sources, taken_uris)
            own_documents = {d.uri: d for d in published if d.source == source.name}
            new_groups = groups
            if groups is not None:
                source = replace(source, groups=groups)
            elif source.name in known_sources:
                new_groups = source.groups
            else:
                source = replace(
                    source, groups=self._infer_groups(source.name, own_documents, published)
                )
            known_sources[source.name] = source
            source_changes.append(
                self._compare_source(
                    source,
                    own_documents,
                    entries,
                    taken_uris=taken_uris - own_documents.keys(),
                    groups=new_groups,
                    limits=find_inner_limits(source.name, known_sources.values()),
                )
            )
            taken_uris |= {raw.uri for raw in source_changes[-1].changes.files_to_parse}
            taken_uris |= {document.uri for document in source_changes[-1].changes.unchanged}
        return [*source_changes, *self._outdated_sources(source_names, ("", ""))]

    def _remove_source(self, name: str, published: Iterable[ListedDocument]) -> SourceChanges:
        own_documents = {d.uri: d for d in published if d.source == name}
        return SourceChanges(
            source=self.known_sources.get(name) or Source(name=name, prefix=""),
            published=own_documents,
            changes=DocumentChanges(removed=tuple(own_documents.values())),
        )

    def _inherit_source(
        self, name: str, gone: SourceChanges, published: Iterable[ListedDocument]
    ) -> Source:
        """Return the source that comes in the place of one that goes."""
        former = gone.source
        if own := self.known_sources.get(name):
            return replace(former, name=name, groups=own.groups)
        if former.name not in self.known_sources:
            groups = self._infer_groups(former.name, gone.published, published)
            former = Source(name=name, prefix=f"{PurePath(name).name}/", groups=groups)
        return replace(former, name=name)

    def _refuse_newer_reading(self) -> None:
        facts = self.base.reading if self.base else None
        if facts is not None and (newer := self.reading.describe_newer(facts)):
            raise make_outdated_error(newer)

    def _infer_groups(
        self,
        source: str,
        own_documents: Mapping[str, ListedDocument],
        documents: Iterable[ListedDocument],
    ) -> frozenset[str]:
        """Return the groups for new documents of a source that sources.json does not know.

        It may be new; or it came by a restore, or the file is gone: then what was recorded beside
        it decides, or else the source's published documents. Raises IngestError if neither does:
        guessing could open new ones to strangers. Raises IndexDamaged when the record cannot be
        read.
        """
        least = generations.limits_revision(self.collection)
        if last := past_limits.read_limits(self.collection, least=least).sources.get(source):
            return last
        groups = {document.groups for document in own_documents.values()} - {NOBODY_GROUPS}
        if len(groups) == 1:
            return groups.pop()
        if own_documents or self._has_lost_memory(documents):
            file = self.collection / sources.REMEMBERED_SOURCES
            why = "its documents are for several" if own_documents else f"{file} is missing"
            raise IngestError(
                f"Who may see the documents of {source} is not known: {why}. Nothing was changed. "
                f"Name them: ragdesk ingest {source} --groups a,b (for everybody, put the backup "
                f'of {file.name} in place, or one of {{"sources": {{}}}} if no source had groups)'
            )
        return frozenset()

    def _has_lost_memory(self, listed: Iterable[ListedDocument]) -> bool:
        """Tell whether sources.json is missing, though there were sources before."""
        if (self.collection / sources.REMEMBERED_SOURCES).exists():
            return False
        if (self.collection / CACHE_FOLDER).exists():
            return True  # a trace that only sources leave
        if self.base is None and (known := generations.list_generations(self.collection)):
            tables = (generations.find_whole_table(self.collection, n) for n in reversed(known))
            if (table := next(filter(None, tables), None)) is None:
                return True
            with closing(DocumentTable(table)) as old_documents:
                listed = list(old_documents.iter_all())
        return any(_is_mirrored(document.source) for document in listed)

    def _outdated_sources(
        self, source_names: Collection[str], excluded_document: tuple[str, str]
    ) -> list[SourceChanges]:
        """Return the documents of other sources that were read by other versions or settings.

        A collection never mixes two ways from bytes to chunks of one media type, so these are read
        again too, from the bytes that were kept. Nobody asked for a change of theirs: one whose
        bytes are gone, or that the newer version cannot read, stays as it was read before.
        """
        if self.base is None or self.base.reading == self.reading.to_facts():
            return []
        documents_by_source: dict[str, dict[str, ListedDocument]] = {}
        for document in self.base.iter_documents():
            if document.source not in source_names and document.place != excluded_document:
                documents_by_source.setdefault(document.source, {})[document.uri] = document
        source_changes = []
        for name, documents in sorted(documents_by_source.items()):
            outdated = filter(self.is_outdated, documents.values())
            roots = dict.fromkeys(map(self._find_root, outdated))
            known = (documents[uri] for uri in roots if uri in documents)
            if changed := tuple(map(self._original_of, known)):
                source = self.known_sources.get(name) or Source(name=name, prefix="")
                changes = DocumentChanges(changed=changed)
                source_changes.append(
                    SourceChanges(
                        source=source,
                        published=documents,
                        changes=changes,
                        is_mirror=False,
                        is_named=False,
                    )
                )
        return source_changes

    def list_differences(self, document: ListedDocument) -> tuple[str, ...]:
        """Describe how a published document was read otherwise than now; empty where it was not."""
        if self.base is None:
            return ()
        if self.base.reading is not None:
            return self.reading.list_differences(self.base.reading, document.media_type)
        # 0.1.0 hashed its code instead, and whoever wrote neither said nothing of reading.
        hashed = any("way" in part.facts.get("splitter", {}) for part in self.base.segments)
        return (UNNOTED,) if hashed else ()

    def is_outdated(self, document: ListedDocument) -> bool:
        """Tell whether a published document was read otherwise than now, so far as is known.

        Its id can tell better than the generation, which speaks of all documents of a type.
        """
        if not self.list_differences(document):
            return False
        find_document = self._document_finder(document.source)
        return not document_changes.is_current(document, self.reading, find_document)

    def _find_root(self, document: ListedDocument) -> str:
        """Return the uri of the file that a published document lies in, which may be its own."""
        find_document = self._document_finder(document.source)
        return document_changes.find_root(document.uri, find_document) or document.uri

    def _document_finder(self, source: str) -> DocumentFinder:
        if self.base is None:
            return lambda _: None
        return partial(self.base.documents.find_in_source, source)

    def _original_of(self, document: ListedDocument) -> Raw:
        file = original_file(self.collection, document.digest)
        return Raw(
            uri=document.uri,
            source=document.source,
            file=file,
            digest=document.digest,
            size=file.stat().st_size if file.is_file() else 0,
            groups=document.groups,
            validity=document.validity if document.validity.from_sidecar else None,
            address=self._find_address(document),
        )

    def _find_address(self, document: ListedDocument) -> str:
        if self.base is None or not document.source.startswith(sources.REMOTE_PREFIX):
            return ""
        return self.base.find_chunk_store(document).load_address(document.id)

    def compare_document(
        self,
        source: str,
        uri: str,
        file: Path | None,
        groups: frozenset[str] | None,
        admit: AdmissionRule | None = None,
    ) -> list[SourceChanges]:
        """Compare one document that is put (or, without a file, deleted) with the published ones.

        admit: see ``AdmissionRule``. A document that it leaves out stays as it is, and the one that
        is put is taken in beside it. Raises SourceConflict when another source has a document of
        that name, or when it lies in another document's file or would; ProgramOutdated where newer
        versions read what is published; and what ``admit`` raises.
        """
        self._refuse_newer_reading()
        table = self.base.documents if self.base else None
        place = document_places.place_document(table, source, uri, groups, admit)
        own_documents, source, groups = place.documents, place.source, place.groups
        change = SourceChanges(
            source=Source(name=source, prefix=""),
            published={d.uri: d for d in own_documents},
            is_mirror=False,
            has_separate=place.has_separate,
        )
        others = self._outdated_sources((), (source, uri))
        if file is None:
            return [replace(change, changes=DocumentChanges(removed=tuple(own_documents))), *others]
        files = {uri: SourceFile(name=uri, path=file)}
        empty_cache = DigestCache(self.collection, source)
        raws, skipped = self._digest_files(files, source, groups or frozenset(), empty_cache)
        changes = document_changes.compare_files(
            raws, own_documents if raws else (), reading=self.reading, groups=groups
        )
        return [replace(change, changes=changes, skipped=tuple(skipped)), *others]

    def _compare_source(  # noqa: PLR0913, each of them is another fact of the source
        self,
        source: Source,
        published: Mapping[str, ListedDocument],
        entries: Sequence[SourceFile | Skipped],
        *,
        taken_uris: Collection[str],
        groups: frozenset[str] | None,
        limits: Mapping[PurePath, frozenset[str]],
    ) -> SourceChanges:
        listed_files = [entry for entry in entries if isinstance(entry, SourceFile)]
        files = sources.assign_uris(listed_files, source, taken_uris)
        digest_cache = DigestCache(self.collection, source.name)
        raws, failures = self._digest_files(files, source.name, source.groups, digest_cache)
        inner = collect_limits(files, limits)
        raws = [restrict_file(raw, inner) for raw in raws]
        prefix = source.prefix if source.always else ""
        skipped_entries = [
            replace(entry, uri=f"{prefix}{entry.uri}", source=source.name)
            for entry in entries
            if isinstance(entry, Skipped)
        ]
        reopened = self.reopened.get(source.name, frozenset())
        changes = document_changes.compare_files(
            raws,
            published.values(),
            reading=self.reading,
            groups=groups,
            limits=inner,
            reopened=reopened,
        )
        closed_folders = {entry.uri for entry in skipped_entries if entry.uri.endswith("/")}
        return SourceChanges(
            source=source,
            published=published,
            changes=changes.keep_unreachable(lambda uri: any(map(uri.startswith, closed_folders))),
            digest_cache=digest_cache,
            skipped=(*skipped_entries, *failures),
            reopened=reopened,
        )

    def _digest_files(
        self,
        files: Mapping[str, SourceFile],
        source: str,
        groups: frozenset[str],
        digest_cache: DigestCache,
    ) -> tuple[list[Raw], list[Skipped]]:
        """Find the digest of every file; what cannot be read is skipped with the reason."""
        raws: list[Raw] = []
        skipped: list[Skipped] = []
        for uri, listed_file in files.items():
            path = listed_file.path
            try:
                file_digest = digest_cache.find_digest(
                    path, listed_file.status, limit=self.limit, real=listed_file.real
                )
                validity = (
                    None
                    if listed_file.has_no_sidecar
                    else _read_sidecar_cheaply(listed_file.link_path or path, real=listed_file.real)
                )
            except Unreadable as error:
                skipped.append(Skipped(uri=uri, reason=str(error), source=source))
                continue
            raw = Raw(
                uri=uri,
                source=source,
                file=path,
                digest=file_digest.digest,
                size=file_digest.size,
                groups=groups,
                validity=validity,
                real=listed_file.real,
                address=listed_file.address,
            )
            raws.append(raw)
        return raws, skipped


def _is_mirrored(source: str) -> bool:
    """Tell whether a source is a path or read by a connector; documents of others were put."""
    return PurePath(source).is_absolute() or source.startswith(sources.REMOTE_PREFIX)


def _read_sidecar_cheaply(path: Path, *, real: bool = False) -> Validity | None:
    """Read the sidecar of a file; cheap where there is none, as for nearly every file.

    Only what cannot be there is taken for absent: what cannot be looked at raises Unreadable.
    """
    try:
        os.lstat(f"{path}{SIDECAR}")
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENAMETOOLONG}:
            return None
    try:
        return read_sidecar(path, real=real)
    except Unreadable as error:
        if isinstance(error.__cause__, OSError):
            to_unreadable(error.__cause__, "")  # raised again, where it is not about this file
        raise
