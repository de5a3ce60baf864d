"""The sources of ``ragdesk ingest --source NAME``: fetched first, and then taken in as one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ingest.connectors.page_store import CONNECTORS_FOLDER, discard_page_store, open_page_store
from ingest.connectors.source_options import RemoteSourceOptions
from ingest.connectors.source_sync import SourceSync, SyncReport, list_stored_files
from ingest.progress import ProgressCallback
from ingest.source_files import Listing
from ingest.sources import REMOTE_PREFIX
from ragdesk.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedSources:
    """Sources as they were fetched: their pages as a listing, and what each look did."""

    listing: Listing
    reports: tuple[SyncReport, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """Return what each look did, for ``--json``."""
        return [
            {
                "name": report.name,
                "listed": report.listed,
                "fetched": report.fetched,
                "unchanged": report.unchanged,
                "removed": report.removed,
                "stale": [{"uri": page.uri, "reason": page.reason} for page in report.stale],
            }
            for report in self.reports
        ]


def find_source_options(
    names: Sequence[str], known: Mapping[str, RemoteSourceOptions]
) -> dict[str, RemoteSourceOptions]:
    """Return the settings of sources by their names. Raises SettingsError for an unknown one."""
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise SettingsError(
                f"No source {name!r} in the settings, which name: {listed}. Add a table "
                f"[sources.{name}]; what it may hold: ragdesk settings --example"
            )
    return {name: known[name] for name in names}


@contextmanager
def fetch_sources(
    home: Path, sources: Mapping[str, RemoteSourceOptions], on_progress: ProgressCallback
) -> Iterator[FetchedSources]:
    """Bring the pages of some sources up to date, and keep them as they are for a block.

    Raises SettingsError, SourceUnreadable, CollectionBusy.
    """
    from ingest.connectors.connector_table import (  # noqa: PLC0415, its client takes 0.2 s
        group_map_of,
        open_connector,
    )

    with ExitStack() as opened:
        listing, reports = [], []
        for name, options in sources.items():
            store = opened.enter_context(open_page_store(store_folder(home, name), name))
            with ExitStack() as connections:
                try:
                    connector = connections.enter_context(open_connector(name, options))
                except (ValueError, OSError) as error:
                    raise SettingsError(f"[sources.{name}]: {error}") from error
                sync = SourceSync(
                    name=name,
                    connector=connector,
                    store=store,
                    group_map=group_map_of(options),
                    on_progress=on_progress,
                )
                reports.append(sync.update_pages())
            listing.append(list_stored_files(name, store, reports[-1].failures))
        yield FetchedSources(listing=listing, reports=tuple(reports))


def print_sync_reports(to: Console, reports: Sequence[SyncReport]) -> None:
    """Print a line for each source, and what could not be had anew of it."""
    for report in reports:
        to.print(
            f"{report.name}: {report.listed:,} pages listed, {report.fetched:,} fetched, "
            f"{report.unchanged:,} as before, {report.removed:,} gone.",
            highlight=False,
            soft_wrap=True,
        )
        for stale in report.stale[:10]:
            to.print(f"  {stale.uri} stays as it was: {stale.reason}", style="yellow", markup=False)
        if (more := len(report.stale) - 10) > 0:
            to.print(f"  … and {more:,} more: --json lists all.")


def store_folder(home: Path, name: str) -> Path:
    """Return the folder in which the pages of a source are kept."""
    return home / CONNECTORS_FOLDER / name


def discard_removed(home: Path, removed: Sequence[Path]) -> None:
    """Remove the kept pages of sources that were taken away."""
    for path in removed:
        name = str(path)
        if name.startswith(REMOTE_PREFIX) and "/" not in name:
            discard_page_store(store_folder(home, name.removeprefix(REMOTE_PREFIX)))
