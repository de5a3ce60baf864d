"""Compare the files of a source with the documents a collection has published.

The published generation is the ledger: its document table names every document that was taken
in, by an id made of all that decides its text. A second book beside it could only disagree.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Self

from indexes.store.access_log import intersect_groups
from indexes.store.document_table import ListedDocument
from ingest.document import Raw
from ingest.parse.parser_table import CONTAINER_TYPES, CONTEXT_TYPES
from ingest.versions import ReadingVersions

DocumentFinder = Callable[[str], ListedDocument | None]
"""Finds the published document of a uri in one source."""

_NO_LIMITS: Mapping[str, frozenset[str]] = {}
_MEMBER_NAME = re.compile(r"\d{1,9}(?:-|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChanges:
    """The documents of one source that are new, changed, unchanged or removed.

    The uris of added, changed and unchanged are disjoint.

    changed: same uri, but other bytes, or to be read in another way. unchanged: as held now,
    but for ``groups``: by record id, who may see a document from now on where that is new.
    removed: held, and no longer in the source.
    """

    added: tuple[Raw, ...] = ()
    changed: tuple[Raw, ...] = ()
    unchanged: tuple[ListedDocument, ...] = ()
    removed: tuple[ListedDocument, ...] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def files_to_parse(self) -> list[Raw]:
        """Return the files to be parsed, in the order of uris."""
        return sorted((*self.added, *self.changed), key=lambda raw: raw.uri)

    def keep_unreachable(self, is_unreachable: Callable[[str], bool]) -> Self:
        """Keep the removed documents whose place cannot be read now: they may still be there."""
        unreachable = tuple(document for document in self.removed if is_unreachable(document.uri))
        removed = tuple(document for document in self.removed if not is_unreachable(document.uri))
        return replace(self, removed=removed, unchanged=(*self.unchanged, *unreachable))

    def list_lost_uris(self, kept_digests: Collection[str] = ()) -> set[str]:
        """Return the uris of removed documents whose bytes did not come back under another name.

        kept_digests: of bytes that stay published elsewhere.
        """
        stable_digests = {raw.digest for raw in self.added}.union(kept_digests)
        return {document.uri for document in self.removed if document.digest not in stable_digests}


def make_document_id(raw: Raw, media_type: str, reading: ReadingVersions) -> str:
    """Return the id of a version of a document.

    It is made of source, uri, bytes, validity and the versions that documents of its media type are
    read by; of an attachment, the id of its mail too, as that leads it. The embedder takes no part:
    embedding anew keeps every id.
    """
    text = f"{raw.source}\x1f{raw.uri}\x1f{raw.digest}\x1f{reading.name_for(media_type)}"
    if raw.validity:
        text += "".join(f"\x1f{part}" for part in astuple(raw.validity))
    if raw.container:
        text += f"\x1f\x1f{raw.container}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def find_place_above(uri: str) -> str:
    """Return the uri of the container that a document of a uri would lie in; or nothing.

    >>> find_place_above("a.eml/2-b.pdf"), find_place_above("a/b.pdf")
    ('a.eml', '')
    """
    above, _, name = uri.rpartition("/")
    return above if _MEMBER_NAME.match(name) else ""


def iter_places_above(uri: str) -> Iterator[str]:
    """Yield the uris of the containers that a document of a uri would lie in, the nearest first."""
    while uri := find_place_above(uri):
        yield uri


def is_place_below(uri: str, container: str) -> bool:
    """Tell whether a document of a uri would lie in a container, however deep."""
    return container in iter_places_above(uri)


def find_container(uri: str, find_document: DocumentFinder) -> ListedDocument | None:
    """Return the published document whose file a member lies in; None for a file of its own."""
    above = find_place_above(uri)
    container = find_document(above) if above else None
    return container if container and container.media_type in CONTAINER_TYPES else None


def find_root(uri: str, find_document: DocumentFinder) -> str | None:
    """Return the uri of the file that a member lies in, however deep; None for no member."""
    root = None
    while container := find_container(uri, find_document):
        root = uri = container.uri
    return root


def make_member_link(container_id: str, media_type: str) -> str:
    """Return the id that a member's own id depends on; nothing where it has no context."""
    return container_id if media_type in CONTEXT_TYPES else ""


def is_current(
    document: ListedDocument, reading: ReadingVersions, find_document: DocumentFinder
) -> bool:
    """Tell whether a published document was read by these versions, and in its container of now."""
    container = find_container(document.uri, find_document)
    raw = Raw(
        uri=document.uri,
        source=document.source,
        file=Path(),
        digest=document.digest,
        size=0,
        validity=document.validity if document.validity.from_sidecar else None,
        container=make_member_link(container.id, container.media_type) if container else "",
    )
    return is_read_alike(raw, document, reading)


def group_members(
    published: Mapping[str, ListedDocument], roots: Collection[str]
) -> dict[str, list[ListedDocument]]:
    """Return the published members of some files, by the uri of their file."""
    members = dict[str, list[ListedDocument]]()
    for uri, document in published.items():
        root = None if uri in roots else find_root(uri, published.get)
        if root is not None and root in roots:
            members.setdefault(root, []).append(document)
    return members


def is_read_alike(raw: Raw, document: ListedDocument, reading: ReadingVersions) -> bool:
    """Tell whether a published document is what these versions make of a file, or as good."""
    return any(
        document.id == make_document_id(raw, document.media_type, alike)
        for alike in reading.list_alike()
    )


def compare_files(  # noqa: PLR0913, each is another fact of the source
    files: Iterable[Raw],
    published: Iterable[ListedDocument],
    *,
    reading: ReadingVersions,
    groups: frozenset[str] | None,
    limits: Mapping[str, frozenset[str]] = _NO_LIMITS,
    reopened: Collection[str] = (),
) -> DocumentChanges:
    """Sort the files of one source into added, changed and unchanged.

    Documents that have no file any more are its removed ones. What lies in an unchanged file is
    unchanged too; one whose members would be read otherwise now is changed. The members of a
    changed file are in none of these: its parser tells what they are (``MemberChanges``).

    groups: who may see the documents from now on; None leaves each as it is. limits: by uri, to
    whom a document is cut down whatever its groups are. reopened: uris of containers that are read
    again though they are as they were.
    """

    def limited(document: ListedDocument) -> frozenset[str]:
        wanted = document.groups if groups is None else groups
        limit = limits.get(roots.get(document.uri, document.uri), frozenset())
        return intersect_groups(wanted, limit)

    files = list(files)
    published_by_uri = {document.uri: document for document in published}
    find_document = dict(published_by_uri).get
    members = group_members(published_by_uri, {raw.uri for raw in files})
    roots = {member.uri: root for root, below in members.items() for member in below}
    for uri in roots:
        del published_by_uri[uri]
    added: list[Raw] = []
    changed: list[Raw] = []
    unchanged: list[ListedDocument] = []
    for raw in files:
        document = published_by_uri.pop(raw.uri, None)
        if document is None:
            added.append(raw)
        elif (
            raw.uri not in reopened
            and is_read_alike(raw, document, reading)
            and all(
                is_current(member, reading, find_document) for member in members.get(raw.uri, ())
            )
        ):
            unchanged += [document, *members.get(raw.uri, ())]
        else:
            changed.append(replace(raw, groups=limited(document)))
    return DocumentChanges(
        added=tuple(added),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        removed=tuple(published_by_uri.values()),
        groups={d.id: limited(d) for d in unchanged if d.groups != limited(d)},
    )


def describe_mass_removal(source: str, *, document_count: int, removed_count: int) -> str | None:
    """Return why a job must not go on (it would remove more than half of a source), or None."""
    if removed_count * 2 <= document_count:
        return None
    return (
        f"{source}: {removed_count} of its {document_count} documents would be removed. "
        "If that is meant, repeat with --allow-removals."
    )
