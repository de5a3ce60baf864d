"""Count what a job does: to all sources, and to the one document of a put or delete."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingest.document import DocumentNote, Skipped
from ingest.job_report import ChangeCounts, DocumentResult, RereadDocuments
from ingest.source_changes import ChangeDetector, SourceChanges


def count_changes(
    source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> ChangeCounts:
    """Count what a job does to the documents of some sources. Other groups are a change too."""
    failed_keys = {(item.source, item.uri) for item in skipped}
    added = changed = removed = unchanged = 0
    for source_change in source_changes:
        changes = source_change.changes
        regrouped = len(changes.groups)
        added += sum((raw.source, raw.uri) not in failed_keys for raw in changes.added)
        changed += sum((raw.source, raw.uri) not in failed_keys for raw in changes.changed)
        changed += regrouped
        removed += len(source_change.removed_documents(skipped))
        unchanged += len(changes.unchanged) - regrouped
        unchanged += len(source_change.retained_documents(skipped))
    return ChangeCounts(added=added, changed=changed, removed=removed, unchanged=unchanged)


def describe_document(
    change: SourceChanges, skipped: Sequence[Skipped], notes: Sequence[DocumentNote]
) -> DocumentResult:
    """Describe what a put or delete did to its own document, which alone is in ``change``."""
    own_keys = {(raw.source, raw.uri) for raw in change.changes.files_to_parse}
    own_keys |= {(item.source, item.uri) for item in change.skipped}
    own_skipped = tuple(item for item in skipped if (item.source, item.uri) in own_keys)
    return DocumentResult(
        counts=count_changes([change], own_skipped),
        skipped=own_skipped,
        notes=tuple(item for item in notes if (item.source, item.uri) in own_keys),
    )


def note_retained(
    source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> list[Skipped]:
    """Say of each unreadable document of a source that the job is not about that it stays."""
    retained_keys = {
        (change.source.name, document.uri)
        for change in source_changes
        if not change.is_named
        for document in change.retained_documents(skipped)
    }
    return [
        replace(item, reason=f"{item.reason}; what was read of it before stays")
        if (item.source, item.uri) in retained_keys
        else item
        for item in skipped
    ]


def collect_change_marks(
    source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> Iterator[tuple[str, str]]:
    """Yield every change with its mark, by uri."""
    marks: dict[str, str] = {}
    for change in source_changes:
        marks |= change.change_marks(skipped)
    yield from ((mark, uri) for uri, mark in sorted(marks.items()))


def count_rereads(
    detector: ChangeDetector, source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> RereadDocuments | None:
    """Count the documents that are changed by a newer version alone, and say what is newer."""
    count = 0
    reasons = dict[str, None]()
    for change in source_changes:
        failed_uris = change.failed_uris(skipped)
        for raw in change.changes.changed:
            document = change.published[raw.uri]
            if raw.uri in failed_uris or document.digest != raw.digest:
                continue
            if differences := detector.list_differences(document):
                count += 1
                reasons.update(dict.fromkeys(differences))
    return RereadDocuments(count=count, reasons=tuple(reasons)) if count else None
