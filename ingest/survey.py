"""Look at sources and say what would change: what is there, held against what is published."""

import errno
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from indexes import generations, past_limits
from indexes.access_log import NOBODY, intersect_groups
from indexes.chunk import Validity
from indexes.documents import Documents, Listed
from indexes.index import Index
from indexes.paths import original_file
from ingest import ledger, sources
from ingest.document import Raw, Skipped
from ingest.errors import IngestError, Unreadable, unreadable
from ingest.ledger import Changes
from ingest.seen import FOLDER as SEEN
from ingest.seen import Seen
from ingest.sources import Found, Listing, Source
from ingest.validity import SIDECAR, beside

BESIDE = "~"  # between a source and the number of a document that stands beside a hidden one
Admit = Callable[[Sequence[Listed]], tuple[list[Listed], frozenset[str] | None]]
"""Given all documents of a name: which of them a change is about, and whose the new one is.

It is asked while the collection is held, and may raise: then nothing is changed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One source, what the collection holds of it by uri, and what is to change.

    mirror: a document that can no longer be read goes; otherwise its former version stays.
    seen: digests to be remembered for the next look.
    """

    source: Source
    held: Mapping[str, Listed] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    skipped: tuple[Skipped, ...] = ()
    mirror: bool = True
    seen: Seen | None = None

    def failed(self, skipped: Iterable[Skipped]) -> set[str]:
        """Tell which uris of this source, of all that was skipped, could not be read."""
        return {one.uri for one in skipped if one.source == self.source.name}

    def gone(self, skipped: Iterable[Skipped]) -> list[Listed]:
        """Tell what goes, given what could not be read."""
        return [*self.changes.removed, *(self._unread(skipped) if self.mirror else ())]

    def stayed(self, skipped: Iterable[Skipped]) -> list[Listed]:
        """Tell what stays as it was because its new version could not be read."""
        return [] if self.mirror else self._unread(skipped)

    def blocked(self, skipped: Sequence[Skipped]) -> str | None:
        """Tell why the job may not go on without being told so, or None."""
        failed, lost = self.failed(skipped), self.changes.lost
        count = sum(d.uri in lost or d.uri in failed for d in self.gone(skipped))
        return ledger.mass_removal(self.source.name, held=len(self.held), lost=count)

    def told(self, skipped: Sequence[Skipped]) -> dict[str, str]:
        """Tell every change by uri, with its mark: + new, ~ changed, - gone."""
        failed, changes = self.failed(skipped), self.changes
        told = {raw.uri: "+" for raw in changes.added if raw.uri not in failed}
        told |= {raw.uri: "~" for raw in changes.changed if raw.uri not in failed}
        told |= {d.uri: "~" for d in changes.unchanged if d.id in changes.groups}
        return told | {document.uri: "-" for document in self.gone(skipped)}

    def _unread(self, skipped: Iterable[Skipped]) -> list[Listed]:
        failed = self.failed(skipped)
        return [self.held[raw.uri] for raw in self.changes.changed if raw.uri in failed]


def is_of(source: str, name: str) -> bool:
    """Tell whether a document's source is one, or a place of that one beside a hidden name.

    >>> is_of("api", "api"), is_of("api", "api~2"), is_of("api", "/srv/api")
    (True, True, False)
    """
    return name == source or name.startswith(f"{source}{BESIDE}")


def _free(source: str, taken: Collection[str]) -> str:
    number, name = 1, source
    while name in taken:
        number += 1
        name = f"{source}{BESIDE}{number}"
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyor:
    """Looks at sources for one job. base: what is published now, or None.

    known: the remembered sources. way: see ``ledger.way``. limit: MiB of a file at most.
    collection: its folder.
    """

    base: Index | None
    collection: Path
    known: Mapping[str, Source]
    way: str
    limit: int

    def mirror(self, listing: Listing, groups: frozenset[str] | None) -> list[Survey]:
        """Survey sources that are paths. groups: who may see them; None keeps what was said.

        What was said of a source holds for all of its documents, whatever became of them since: a
        generation that was gone back to may be of a time when others could see them.
        """
        known, surveys = dict(self.known), list[Survey]()
        names = {str(root) for root, _ in listing}
        held = list(self.base.records()) if self.base else []
        taken = {d.uri for d in held if d.source not in names}
        for root, listed in listing:
            found = [one for one in listed if isinstance(one, Found)]
            source = sources.settle(root, found, known, taken)
            own = {d.uri: d for d in held if d.source == source.name}
            said = groups
            if groups is not None:
                source = replace(source, groups=groups)
            elif source.name in self.known:
                said = source.groups
            else:
                source = replace(source, groups=self._infer_groups(source.name, own, held))
            known[source.name] = source
            surveys.append(
                self._mirror(
                    source,
                    own,
                    listed,
                    taken=taken - own.keys(),
                    groups=said,
                    limits=_limits_inside(source.name, known.values()),
                )
            )
            taken |= {raw.uri for raw in surveys[-1].changes.work}
            taken |= {document.uri for document in surveys[-1].changes.unchanged}
        return [*surveys, *self._outdated(names, ("", ""))]

    def _infer_groups(
        self, source: str, own: Mapping[str, Listed], listed: Iterable[Listed]
    ) -> frozenset[str]:
        """Tell who may see what comes to a source that is not remembered, by its documents.

        It may be new; or it came by a restore, or the memory is gone: then what outlasted it has
        the word. Raises IngestError if neither that nor its documents say: guessing could open new
        ones to strangers. Raises IndexDamaged when the former cannot be read.
        """
        least = generations.limits_revision(self.collection)
        if last := past_limits.read(self.collection, least=least).sources.get(source):
            return last
        groups = {document.groups for document in own.values()} - {NOBODY}
        if len(groups) == 1:
            return groups.pop()
        if own or self._has_lost_memory(listed):
            file = self.collection / sources.MEMORY
            why = "its documents are for several" if own else f"{file} is missing"
            raise IngestError(
                f"Who may see the documents of {source} is not known: {why}. Nothing was changed. "
                f"Name them: ragdesk ingest {source} --groups a,b (for everybody, put the backup "
                f'of {file.name} in place, or one of {{"sources": {{}}}} if no source had groups)'
            )
        return frozenset()

    def _has_lost_memory(self, listed: Iterable[Listed]) -> bool:
        """Tell whether there were sources, and nothing says any more which groups they had."""
        if (self.collection / sources.MEMORY).exists():
            return False
        if (self.collection / SEEN).exists():
            return True  # a trace that only sources leave
        if self.base is None and (known := generations.numbers(self.collection)):
            tables = (generations.whole_table(self.collection, n) for n in reversed(known))
            if (table := next(filter(None, tables), None)) is None:
                return True
            with closing(Documents(table)) as left:
                listed = list(left.all())
        return any(PurePath(document.source).is_absolute() for document in listed)

    def _outdated(self, names: Collection[str], without: tuple[str, str]) -> list[Survey]:
        """Survey what other settings made, in sources (or of a name) that this job is not about.

        A collection never mixes two ways from bytes to chunks, so these are read again too, from
        the bytes that were kept.
        """
        made = [part.facts.get("splitter", {}) for part in self.base.segments] if self.base else []
        if self.base is None or all(facts.get("way", self.way) == self.way for facts in made):
            return []
        sources_: dict[str, dict[str, Listed]] = {}
        for document in self.base.records():
            if document.source not in names and (document.source, document.uri) != without:
                sources_.setdefault(document.source, {})[document.uri] = document
        return [
            Survey(
                source=self.known.get(name) or Source(name=name, prefix=""),
                held=held,
                changes=Changes(changed=tuple(map(self._kept, held.values()))),
            )
            for name, held in sorted(sources_.items())
        ]

    def _kept(self, document: Listed) -> Raw:
        file = original_file(self.collection, document.digest)
        return Raw(
            uri=document.uri,
            source=document.source,
            file=file,
            digest=document.digest,
            size=file.stat().st_size if file.is_file() else 0,
            groups=document.groups,
            validity=document.validity if document.validity.beside else None,
        )

    def one(
        self,
        source: str,
        uri: str,
        file: Path | None,
        groups: frozenset[str] | None,
        admit: Admit | None = None,
    ) -> list[Survey]:
        """Survey one document that is put into a source (or, without a file, deleted from it).

        admit: see ``Admit``. A document that it leaves out is passed by: it stays, and the one
        that is put is taken in beside it. Raises Unreadable when another source has a document of
        that name, and what ``admit`` raises.
        """
        every = self.base.documents.named(uri) if self.base else []
        named, groups = admit(every) if admit else (every, groups)
        own = [d for d in named if is_of(source, d.source)][:1]
        if named and not own:
            folder = PurePath(named[0].source).name
            raise Unreadable(f"{uri} belongs to the source {folder}; change it there.")
        source = own[0].source if own else _free(source, {d.source for d in every})
        survey = Survey(
            source=Source(name=source, prefix=""), held={d.uri: d for d in own}, mirror=False
        )
        others = self._outdated((), (source, uri))
        if file is None:
            return [replace(survey, changes=Changes(removed=tuple(own))), *others]
        put = {uri: Found(name=uri, path=file)}
        nothing = Seen(self.collection, source)
        raws, skipped = self._look(put, source, groups or frozenset(), nothing)
        changes = ledger.compare(raws, own if raws else (), way=self.way, groups=groups)
        return [replace(survey, changes=changes, skipped=tuple(skipped)), *others]

    def _mirror(  # noqa: PLR0913, each of them is another fact of the source
        self,
        source: Source,
        held: Mapping[str, Listed],
        listed: Sequence[Found | Skipped],
        *,
        taken: Collection[str],
        groups: frozenset[str] | None,
        limits: Mapping[PurePath, frozenset[str]],
    ) -> Survey:
        found = [one for one in listed if isinstance(one, Found)]
        files = sources.named(found, source, taken)
        seen = Seen(self.collection, source.name)
        raws, unread = self._look(files, source.name, source.groups, seen)
        inner = _limits_by_uri(files, limits)
        raws = [_limit(raw, inner) for raw in raws]
        prefix = source.prefix if source.always else ""
        odd = [
            replace(one, uri=f"{prefix}{one.uri}", source=source.name)
            for one in listed
            if isinstance(one, Skipped)
        ]
        changes = ledger.compare(raws, held.values(), way=self.way, groups=groups, limits=inner)
        closed = {one.uri for one in odd if one.uri.endswith("/")}
        return Survey(
            source=source,
            held=held,
            changes=changes.sparing(lambda uri: any(map(uri.startswith, closed))),
            seen=seen,
            skipped=(*odd, *unread),
        )

    def _look(
        self, files: Mapping[str, Found], source: str, groups: frozenset[str], known: Seen
    ) -> tuple[list[Raw], list[Skipped]]:
        """Find the digest of every file; what cannot be read is skipped with the reason."""
        raws: list[Raw] = []
        skipped: list[Skipped] = []
        for uri, one in files.items():
            path = one.path
            try:
                seen = known.look(path, one.found, limit=self.limit, real=one.real)
                told = None if one.alone else _beside(one.named or path, real=one.real)
            except Unreadable as error:
                skipped.append(Skipped(uri=uri, reason=str(error), source=source))
                continue
            raw = Raw(
                uri=uri,
                source=source,
                file=path,
                digest=seen.digest,
                size=seen.size,
                groups=groups,
                validity=told,
                real=one.real,
            )
            raws.append(raw)
        return raws, skipped


def _limits_inside(source: str, known: Iterable[Source]) -> dict[PurePath, frozenset[str]]:
    """Give the groups of the limited sources that lie inside another one, by their folders."""
    return {
        PurePath(other.name): other.groups
        for other in known
        if other.groups and other.name != source and PurePath(other.name).is_relative_to(source)
    }


def _limits_by_uri(
    files: Mapping[str, Found], limits: Mapping[PurePath, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """Give, for each file that lies in limited sources too, those who may see it there."""
    groups: dict[str, frozenset[str]] = {}
    for uri, file in files.items() if limits else ():
        for folder, limit in limits.items():
            if file.path.is_relative_to(folder):
                groups[uri] = intersect_groups(groups.get(uri, frozenset()), limit)
    return groups


def _limit(raw: Raw, limits: Mapping[str, frozenset[str]]) -> Raw:
    if raw.uri not in limits:
        return raw
    return replace(raw, groups=intersect_groups(raw.groups, limits[raw.uri]))


def _beside(path: Path, *, real: bool = False) -> Validity | None:
    """Read a sidecar; that there is none must cost little, as it is so for nearly every file.

    Only what cannot be there is taken for absent: what cannot be looked at raises Unreadable.
    """
    try:
        os.lstat(f"{path}{SIDECAR}")
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENAMETOOLONG}:
            return None
    try:
        return beside(path, real=real)
    except Unreadable as error:
        if isinstance(error.__cause__, OSError):
            unreadable(error.__cause__, "")  # raised again, where it is not about this file
        raise
