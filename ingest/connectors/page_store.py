"""The pages of one source as they were fetched last, in a folder of the desk's home.

A page's bytes lie under their digest; what is known of it is a row of a small table. The bytes are
written first, so that a row never names bytes that are not there, whenever the process ends.
"""

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from indexes.errors import CollectionBusy
from indexes.store import durability
from indexes.store.access_log import NOBODY_GROUPS
from indexes.store.paths import join_stored
from ingest.connectors.remote_page import PageContent, RemotePage
from ingest.errors import SourceUnreadable

CONNECTORS_FOLDER = "connectors"
STORE_FILE = "pages.sqlite"
_BODIES = "bodies"
_LOCK = "LOCK"
_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (id TEXT PRIMARY KEY, path TEXT NOT NULL, address TEXT NOT NULL,
  version TEXT NOT NULL, stamp TEXT NOT NULL, groups TEXT NOT NULL, file TEXT NOT NULL)
WITHOUT ROWID
"""
_PUT = "INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = "id, path, address, version, stamp, groups, file"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """A page that was fetched. groups: who may see it here; empty is everyone."""

    id: str
    path: str
    address: str
    version: str
    stamp: str
    groups: frozenset[str]
    file: Path

    @property
    def is_shut(self) -> bool:
        """Tell whether it is for administrators until it was fetched anew."""
        return self.groups == NOBODY_GROUPS and not self.version and not self.stamp


class PageStore:
    """Keeps the pages of a source. One process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the store, made where there is none. Raises OSError, SourceUnreadable."""
        durability.make_folder(folder / _BODIES)
        folder = folder.resolve()
        self._bodies = folder / _BODIES
        for private in (folder, self._bodies):
            private.chmod(0o700)
        self._table = sqlite3.connect(folder / STORE_FILE, isolation_level=None)
        try:
            self._table.execute("PRAGMA synchronous = FULL")
            (version,) = self._table.execute("PRAGMA user_version").fetchone()
            self._table.execute(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._table.close()
            raise SourceUnreadable(
                f"{folder} cannot be read: {error}. Remove it, and all its pages are fetched anew."
            ) from error
        if version > _FORMAT:
            self._table.close()
            raise SourceUnreadable(f"{folder} was written by a newer version of ragdesk.")
        self._table.execute(f"PRAGMA user_version = {_FORMAT}")

    def read_pages(self) -> dict[str, StoredPage]:
        """Read what is known of every page, by its id; of what has lost its bytes, nothing."""
        pages = map(self._parse_row, self._table.execute(f"SELECT {_COLUMNS} FROM pages"))  # noqa: S608, names of ours
        return {page.id: page for page in pages if page.file.is_file()}

    def put_page(self, page: RemotePage, content: PageContent, groups: frozenset[str]) -> None:
        """Keep a page that was fetched, in the place of its former version. Raises OSError."""
        name = f"{hashlib.sha256(content.body).hexdigest()}{content.ending}"
        file = join_stored(self._bodies, name)
        if not file.is_file() or file.stat().st_size != len(content.body):
            durability.replace_file(file, content.body)
        self._put_row(page, content.stamp, groups, file.name)

    def note_page(self, page: RemotePage, stored: StoredPage, groups: frozenset[str]) -> None:
        """Note what a listing says of a page whose bytes are as they were."""
        self._put_row(page, stored.stamp, groups, stored.file.name)

    def note_groups(self, stored: StoredPage, groups: frozenset[str]) -> None:
        """Note who may see a page from now on."""
        facts = json.dumps(sorted(groups))
        self._table.execute("UPDATE pages SET groups = ? WHERE id = ?", (facts, stored.id))

    def shut_page(self, stored: StoredPage) -> None:
        """Keep a page for administrators alone, until it is fetched anew."""
        facts = json.dumps(sorted(NOBODY_GROUPS))
        self._table.execute(
            "UPDATE pages SET groups = ?, version = '', stamp = '' WHERE id = ?", (facts, stored.id)
        )

    def _put_row(self, page: RemotePage, stamp: str, groups: frozenset[str], file: str) -> None:
        facts = json.dumps(sorted(groups))
        row = (page.id, page.path, page.address, page.version, stamp, facts, file)
        self._table.execute(_PUT, row)

    def remove_pages(self, ids: Collection[str]) -> None:
        """Forget pages, and all bytes that no page has any more."""
        self._table.executemany("DELETE FROM pages WHERE id = ?", [(page_id,) for page_id in ids])
        names = {name for (name,) in self._table.execute("SELECT file FROM pages")}
        for file in self._bodies.iterdir():
            if file.name not in names:
                file.unlink(missing_ok=True)

    def _parse_row(self, row: tuple[str, ...]) -> StoredPage:
        identity, path, address, version, stamp, groups, file = row
        return StoredPage(
            id=identity,
            path=path,
            address=address,
            version=version,
            stamp=stamp,
            groups=frozenset(json.loads(groups)),
            file=join_stored(self._bodies, file),
        )

    def close(self) -> None:
        """Close the table."""
        self._table.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def open_page_store(folder: Path, name: str) -> Iterator[PageStore]:
    """Open the store of a source for a block. Raises CollectionBusy when another holds it."""
    durability.make_folder(folder)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CollectionBusy(
                f"Another job fetches the source {name!r}. Try again when it ends."
            ) from None
        with closing(PageStore(folder)) as store:
            yield store
    finally:
        os.close(descriptor)


def discard_page_store(folder: Path) -> None:
    """Remove the pages of a source that was taken away, if there are any."""
    with suppress(FileNotFoundError):
        durability.discard_path(folder)
