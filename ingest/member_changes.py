"""Compare what lies in changed containers with the published documents, as these are parsed.

Which documents a mail or a mailbox holds is known once it is parsed. Those that are as they were
are left alone; new and changed ones are parsed in their turn, under their own name and digest.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexes.store.document_table import ListedDocument
from ingest import document_changes
from ingest.document import Member, ParsedDocument, Raw, Skipped
from ingest.document_changes import DocumentChanges
from ingest.document_places import DEEPEST_MEMBER
from ingest.errors import Unreadable
from ingest.parse.parser_table import CONTAINER_TYPES
from ingest.source_changes import SourceChanges
from ingest.source_files import encode_uri
from ingest.versions import ReadingVersions

BodyKeeper = Callable[[bytes], Path]
"""Writes the bytes of a member to a file of ours, and returns it."""


@dataclass(slots=True)
class _Inside:
    """The members of one source that were seen in this job."""

    published: Mapping[str, ListedDocument]
    reopened: frozenset[str]
    added: list[Raw] = field(default_factory=list)
    changed: list[Raw] = field(default_factory=list)
    unchanged: list[ListedDocument] = field(default_factory=list)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    _members: dict[str, list[ListedDocument]] | None = None

    def is_container(self, uri: str) -> bool:
        """Tell whether a document of this uri is published that may hold others."""
        document = self.published.get(uri)
        return document is not None and document.media_type in CONTAINER_TYPES

    def list_below(self, container: ListedDocument) -> list[ListedDocument]:
        """List the published documents that lie in one, however deep."""
        if container.media_type not in CONTAINER_TYPES:
            return []
        if self._members is None:
            self._members = {}
            for document in self.published.values():
                above = document_changes.find_container(document.uri, self.published.get)
                if above:
                    self._members.setdefault(above.uri, []).append(document)
        direct = self._members.get(container.uri, [])
        return [
            descendant for member in direct for descendant in (member, *self.list_below(member))
        ]


class MemberChanges:
    """The changes inside the containers that one job parses.

    source_changes: of the files themselves. keep_body: see ``BodyKeeper``.
    """

    def __init__(
        self,
        source_changes: Sequence[SourceChanges],
        *,
        reading: ReadingVersions,
        keep_body: BodyKeeper,
    ) -> None:
        self._source_changes = source_changes
        self._reading = reading
        self._keep_body = keep_body
        self._refused = {
            (change.source.name, uri)
            for change in source_changes
            if change.has_separate
            for uri in (raw.uri for raw in change.changes.files_to_parse)
        }
        self._inside = [_Inside(change.published, change.reopened) for change in source_changes]
        self._containers = {
            (raw.source, raw.uri): inside
            for change, inside in zip(source_changes, self._inside, strict=True)
            for raw in change.changes.files_to_parse
        }

    def take_members(self, raw: Raw, parsed: ParsedDocument) -> tuple[ParsedDocument, list[Raw]]:
        """Compare the members of a parsed container; return it without them, and those to parse.

        Members that lie too deep are left out, and a note says so. Raises Unreadable for a
        container under whose uri others put documents by themselves.
        """
        if parsed.record.media_type in CONTAINER_TYPES and (raw.source, raw.uri) in self._refused:
            raise Unreadable(
                f"{raw.uri} holds documents, and others of such names were put by themselves; "
                "choose another name."
            )
        if not parsed.members:
            return parsed, []
        alone = replace(parsed, members=())
        if raw.depth >= DEEPEST_MEMBER:
            return replace(alone, notes=(*parsed.notes, _describe_deep(len(parsed.members)))), []
        link = document_changes.make_member_link(parsed.record.id, parsed.record.media_type)
        inside = self._containers[raw.source, raw.uri]
        members = list[Raw]()
        for member in parsed.members:
            if changed := self._compare_member(inside, _make_raw(raw, member, link), member.body):
                members.append(changed)
                self._containers[changed.source, changed.uri] = inside
        return alone, members

    def settle(self, skipped: Sequence[Skipped]) -> list[SourceChanges]:
        """Return the changes of all sources with those of members; call it when all are parsed.

        skipped: all that could not be read. What lay in a container and lies there no more is
        removed; what lay in one that cannot be read any more goes or stays with it.
        """
        return [
            _settle_source(change, inside, change.failed_uris(skipped))
            for change, inside in zip(self._source_changes, self._inside, strict=True)
        ]

    def _compare_member(self, inside: _Inside, raw: Raw, body: bytes) -> Raw | None:
        """Compare one member; return it if it is to be parsed, with the file of its bytes."""
        document = inside.published.get(raw.uri)
        if document and (same_documents := self._list_unchanged(document, raw, inside)):
            for same in same_documents:
                inside.unchanged.append(same)
                if same.groups != raw.groups:
                    inside.groups[same.id] = raw.groups
            return None
        raw = replace(raw, file=self._keep_body(body))
        (inside.changed if document else inside.added).append(raw)
        return raw

    def _list_unchanged(
        self, document: ListedDocument, raw: Raw, inside: _Inside
    ) -> list[ListedDocument]:
        """List a member and all that lies in it, if it is as it was; else nothing."""
        reading = self._reading
        if raw.uri in inside.reopened:
            return []
        if not document_changes.is_read_alike(raw, document, reading):
            return []
        below = inside.list_below(document)
        find_document = inside.published.get
        if all(document_changes.is_current(member, reading, find_document) for member in below):
            return [document, *below]
        return []


def _settle_source(change: SourceChanges, inside: _Inside, failed_uris: set[str]) -> SourceChanges:
    changes = change.changes
    roots = {raw.uri for raw in changes.changed if inside.is_container(raw.uri)}
    if not (inside.added or roots):
        return change
    current_uris = {raw.uri for raw in (*inside.added, *inside.changed)}
    current_uris |= {document.uri for document in inside.unchanged}
    gone = [
        document
        for below in document_changes.group_members(change.published, roots).values()
        for document in below
        if document.uri not in current_uris
    ]
    staying = [] if change.is_mirror else _list_inside(gone, failed_uris)
    return replace(
        change,
        changes=DocumentChanges(
            added=(*changes.added, *inside.added),
            changed=(*changes.changed, *inside.changed),
            unchanged=(*changes.unchanged, *inside.unchanged, *staying),
            removed=(*changes.removed, *(document for document in gone if document not in staying)),
            groups={**changes.groups, **inside.groups},
        ),
    )


def _make_raw(container: Raw, member: Member, link: str) -> Raw:
    """Make the Raw of a member, which has all but its bytes from its container."""
    return Raw(
        uri=f"{container.uri}/{encode_uri(member.name)}",
        source=container.source,
        file=container.file,
        digest=hashlib.sha256(member.body).hexdigest(),
        size=len(member.body),
        groups=container.groups,
        validity=container.validity,
        media_type=member.media_type,
        context=member.context,
        container=link,
        depth=container.depth + 1,
    )


def _list_inside(documents: Iterable[ListedDocument], uris: set[str]) -> list[ListedDocument]:
    """List the documents that lie in one of some files, however deep."""
    return [
        document
        for document in documents
        if any(document.uri.startswith(f"{uri}/") for uri in uris)
    ]


def _describe_deep(count: int) -> str:
    number = "1 document in it lies" if count == 1 else f"{count:,} documents in it lie"
    return f"{number} deeper than {DEEPEST_MEMBER} files in one another, too deep to be read"
