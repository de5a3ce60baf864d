"""Bring the stored pages of a source up to date: list, fetch what changed, forget what is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from indexes.chunk import is_web_address
from ingest.connectors.page_store import PageStore, StoredPage
from ingest.connectors.reader_groups import map_readers
from ingest.connectors.remote_page import Connector, PageGone, PageShut, RemotePage
from ingest.document import Skipped
from ingest.errors import OutboundError, SourceUnreadable, Unreadable
from ingest.progress import JobProgress, ProgressCallback, ignore_progress
from ingest.source_files import SourceFile, encode_uri
from ingest.sources import REMOTE_PREFIX

MOST_PAGES: Final = 200_000
_MOST_FAILURES = 20  # one after the other, after which the source is taken to be down
_LONGEST_PATH = 600  # characters of a uri below its source


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a look at a source did.

    failures: new pages that could not be had. stale: pages whose former version stays, as the one
    of now could not be had; for administrators alone where it may not be read any more.
    """

    name: str
    listed: int
    fetched: int
    unchanged: int
    removed: int
    failures: tuple[Skipped, ...] = ()
    stale: tuple[Skipped, ...] = ()


@dataclass(slots=True, kw_only=True)
class SourceSync:
    """Brings one source up to date.

    group_map: see ``map_readers``. on_progress: is told of each page.
    """

    name: str
    connector: Connector
    store: PageStore
    group_map: Mapping[str, Sequence[str]]
    on_progress: ProgressCallback = ignore_progress

    def update_pages(self) -> SyncReport:
        """List all pages, and fetch those that changed. Raises SourceUnreadable, OutboundError.

        A listing that breaks off changes nothing. After that each page is kept as it comes, so that
        a process that is killed goes on where it was.
        """
        pages = self._list_pages()
        stored = self.store.read_pages()
        for page in pages.values():  # before anything else: somebody may have been shut out
            if (former := stored.get(page.id)) and not former.is_shut:
                self.store.note_groups(former, self._map_groups(page))
        gone = [page_id for page_id in stored if page_id not in pages and self._is_gone(page_id)]
        failures: list[Skipped] = []
        stale: list[Skipped] = []
        fetched, in_a_row = 0, 0
        for number, page in enumerate(pages.values()):
            self.on_progress(
                JobProgress(done=number, total=len(pages), skipped=len(failures) + len(stale))
            )
            try:
                fetched += self._update_page(page, stored.get(page.id))
                in_a_row = 0
            except PageGone:
                gone += [page.id] if page.id in stored else []
            except (Unreadable, OutboundError) as error:
                if isinstance(error, PageShut) and page.id in stored:
                    self.store.shut_page(stored[page.id])
                uri = make_remote_uri(self.name, page.path)
                missed = stale if page.id in stored else failures
                missed.append(Skipped(uri=uri, reason=str(error)))
                in_a_row += isinstance(error, OutboundError)
                if in_a_row >= _MOST_FAILURES:
                    raise SourceUnreadable(
                        f"The source {self.name!r} gives no page any more: {error} Nothing was "
                        "removed, and what was fetched is kept."
                    ) from error
        self.store.remove_pages(gone)
        return SyncReport(
            name=self.name,
            listed=len(pages),
            fetched=fetched,
            unchanged=len(pages) - fetched - len(failures) - len(stale),
            removed=len(gone),
            failures=tuple(failures),
            stale=tuple(stale),
        )

    def _list_pages(self) -> dict[str, RemotePage]:
        try:
            return self._read_listing()
        except OutboundError as error:
            raise SourceUnreadable(
                f"The source {self.name!r} cannot be listed. {error} Nothing was changed, and what "
                f"was fetched is kept: ragdesk ingest --source {self.name}"
            ) from error

    def _is_gone(self, page_id: str) -> bool:
        """Tell whether a page is no more; one that cannot be asked for stays."""
        try:
            return self.connector.is_gone(page_id)
        except OutboundError:
            return False

    def _read_listing(self) -> dict[str, RemotePage]:
        pages: dict[str, RemotePage] = {}
        for page in self.connector.list_pages():
            pages.setdefault(page.id, page)
            if len(pages) > MOST_PAGES:
                raise SourceUnreadable(
                    f"The source {self.name!r} lists more than {MOST_PAGES:,} pages. Split it."
                )
            if len(pages) % 100 == 0:
                self.on_progress(JobProgress(done=0, total=len(pages)))
        if not pages:
            raise SourceUnreadable(
                f"The source {self.name!r} lists no page that may be read. Nothing was changed. If "
                f"it is empty, take it away: ragdesk ingest --remove {REMOTE_PREFIX}{self.name}"
            )
        return pages

    def _map_groups(self, page: RemotePage) -> frozenset[str]:
        return map_readers(page.readers, self.group_map)

    def _update_page(self, page: RemotePage, stored: StoredPage | None) -> bool:
        """Fetch a page unless it is as it was; tell whether it was fetched."""
        if stored and page.version and page.version == stored.version:
            if (page.path, page.address) != (stored.path, stored.address):
                self.store.note_page(page, stored, self._map_groups(page))
            return False
        content = self.connector.fetch_page(page, stored.stamp if stored else "")
        if content is None and stored:
            self.store.note_page(page, stored, self._map_groups(page))
            return False
        if content is None:
            raise Unreadable("it came without its content")
        self.store.put_page(page, content, self._map_groups(page))
        return True


def list_stored_files(
    name: str, store: PageStore, failures: Sequence[Skipped] = ()
) -> tuple[Path, list[SourceFile | Skipped]]:
    """List the stored pages of a source for a job, as the files of a folder are listed."""
    entries = [
        SourceFile(
            name=_add_ending(make_remote_uri(name, page.path), page.file.suffix),
            path=page.file,
            status=page.file.stat(),
            has_no_sidecar=True,
            real=True,
            groups=page.groups,
            address=page.address if is_web_address(page.address) else "",
        )
        for page in sorted(store.read_pages().values(), key=_page_order)
    ]
    if not entries:
        why = f" ({failures[0].reason})" if failures else ""
        raise SourceUnreadable(f"The source {name!r} gave no page{why}. Nothing was changed.")
    return Path(f"{REMOTE_PREFIX}{name}"), [*entries, *failures]


def _page_order(page: StoredPage) -> tuple[str, str]:
    return page.path, page.id


def make_remote_uri(name: str, path: str) -> str:
    """Return the uri of a page without its ending: the source's name, and its path.

    >>> make_remote_uri("wiki", "/HR/../HR//12345")
    'wiki/HR/HR/12345'
    """
    parts = [part for part in path.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return encode_uri("/".join([name, *parts]))[:_LONGEST_PATH]


def _add_ending(uri: str, ending: str) -> str:
    return uri if uri.lower().endswith(ending) else f"{uri}{ending}"
