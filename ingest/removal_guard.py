"""Guard against accidents: a job that would remove most of a source needs a word for it."""

from collections.abc import Sequence

from indexes.index import Index
from ingest.document import Skipped
from ingest.errors import MassRemoval
from ingest.same_bytes import collect_kept_digests
from ingest.source_changes import SourceChanges
from ingest.source_files import Listing


def list_removed_names(source_changes: Sequence[SourceChanges], listing: Listing) -> set[str]:
    """Return the names of the sources that a job takes away: all it names that it does not list."""
    named = {change.source.name for change in source_changes if change.is_named}
    return named - {str(root) for root, _ in listing}


def find_refusal(
    base: Index | None, source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped]
) -> str | None:
    """Return why a job needs --allow-removals, or None. Bytes that only moved are not lost."""
    if not any(change.find_refusal(skipped) for change in source_changes):
        return None
    stable_digests = collect_kept_digests(base, source_changes, skipped)
    refusals = (change.find_refusal(skipped, stable_digests) for change in source_changes)
    return next(filter(None, refusals), None)


def refuse_mass_removal(
    base: Index | None, source_changes: Sequence[SourceChanges], skipped: Sequence[Skipped] = ()
) -> None:
    """Raise MassRemoval where a job would remove most of a source."""
    if reason := find_refusal(base, source_changes, skipped):
        raise MassRemoval(f"{reason} Nothing was changed.")
