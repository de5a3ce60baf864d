"""Compare the files of a source with the documents a collection has published.

The published generation is the ledger: its document table names every document that was taken
in, by an id made of all that decides its text. A second book beside it could only disagree.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Self

from indexes.store.access_log import intersect_groups
from indexes.store.document_table import ListedDocument
from ingest.document import Raw
from ingest.versions import ReadingVersions

_NO_LIMITS: Mapping[str, frozenset[str]] = {}


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
        kept = {raw.digest for raw in self.added}.union(kept_digests)
        return {document.uri for document in self.removed if document.digest not in kept}


def make_document_id(raw: Raw, media_type: str, reading: ReadingVersions) -> str:
    """Return the id of a version of a document.

    It is made of source, uri, bytes, validity and the versions that documents of its media type are
    read by. The embedder takes no part: embedding anew keeps every id.
    """
    text = f"{raw.source}\x1f{raw.uri}\x1f{raw.digest}\x1f{reading.name_for(media_type)}"
    if raw.validity:
        text += "".join(f"\x1f{part}" for part in astuple(raw.validity))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def compare_files(
    files: Iterable[Raw],
    published: Iterable[ListedDocument],
    *,
    reading: ReadingVersions,
    groups: frozenset[str] | None,
    limits: Mapping[str, frozenset[str]] = _NO_LIMITS,
) -> DocumentChanges:
    """Sort the files of one source into added, changed and unchanged.

    Documents that have no file any more are its removed ones.

    groups: who may see the documents from now on; None leaves each as it is. limits: by uri, to
    whom a document is cut down whatever its groups are.
    """

    def limited(document: ListedDocument) -> frozenset[str]:
        wanted = document.groups if groups is None else groups
        return intersect_groups(wanted, limits.get(document.uri, frozenset()))

    published_by_uri = {document.uri: document for document in published}
    added: list[Raw] = []
    changed: list[Raw] = []
    unchanged: list[ListedDocument] = []
    for raw in files:
        document = published_by_uri.pop(raw.uri, None)
        if document is None:
            added.append(raw)
        elif document.id == make_document_id(raw, document.media_type, reading):
            unchanged.append(document)
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
