"""Find the same bytes under other names: copies, and what only moved to another source."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexes.index import Index
from indexes.store.document_table import ListedDocument
from ingest.document import Raw, Skipped
from ingest.source_changes import SourceChanges


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateDocument:
    """A document whose bytes another document has too.

    uri, source: of the one that a job took in. same_uri, same_source: of the other one.
    """

    uri: str
    source: str
    same_uri: str
    same_source: str


def list_duplicates(
    base: Index | None, source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> list[DuplicateDocument]:
    """List the documents that a job adds or changes and whose bytes stay elsewhere too, by uri.

    Of several that come in together, the first by source and uri is the one that others copy.
    """
    arriving = sorted(
        _list_arriving(source_changes, skipped), key=lambda raw: (raw.source, raw.uri)
    )
    gone = _list_gone(source_changes, skipped)
    first = dict[str, tuple[str, str]]()
    if base and arriving:
        for document in base.documents.of_digests(raw.digest for raw in arriving):
            if document.id not in gone:
                first.setdefault(document.digest, document.place)
    duplicates = []
    for raw in arriving:
        source, uri = first.setdefault(raw.digest, (raw.source, raw.uri))
        if (source, uri) != (raw.source, raw.uri):
            duplicates.append(
                DuplicateDocument(uri=raw.uri, source=raw.source, same_uri=uri, same_source=source)
            )
    return sorted(duplicates, key=lambda copy: (copy.uri, copy.source))


def collect_kept_digests(
    base: Index | None, source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> set[str]:
    """Collect the digests of all documents that are published after a job, whatever their source.

    A document that goes from one source is not lost while its bytes are among them.
    """
    gone = _list_gone(source_changes, skipped)
    published: Iterator[ListedDocument] = base.iter_documents() if base else iter(())
    stable_digests = {document.digest for document in published if document.id not in gone}
    return stable_digests | {raw.digest for raw in _list_arriving(source_changes, skipped)}


def _list_arriving(
    source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> Iterator[Raw]:
    """Yield the files that a job takes in because they are new or have other bytes."""
    failed = {(item.source, item.uri) for item in skipped}
    for change in source_changes:
        for raw in change.changes.files_to_parse if change.is_named else ():
            former = change.published.get(raw.uri)
            is_reread = former is not None and former.digest == raw.digest
            if not is_reread and (raw.source, raw.uri) not in failed:
                yield raw


def _list_gone(source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]) -> set[str]:
    """Return the ids of the published documents that a job removes or replaces."""
    gone = set[str]()
    for change in source_changes:
        gone |= {document.id for document in change.removed_documents(skipped)}
        gone |= {
            change.published[raw.uri].id
            for raw in change.changes.changed
            if raw.uri in change.published and change.published[raw.uri].digest != raw.digest
        }
    return gone
