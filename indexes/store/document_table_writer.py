"""Write a generation's document table: whole, or as the changes to an older one.

A copy of the table with every publish would make the smallest change of a collection of 100,000
documents write 40 MB. So a large table is written as two files: the older one under a second name
(a hard link, whose bytes are not written again), and a small one of changed and removed documents,
which is copied from publish to publish and grows. When it has grown so far that copying it costs
as much as a whole table would, a whole one is written.
"""

import json
import math
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from indexes.chunk import ALWAYS_VALID
from indexes.store import document_table, manifest
from indexes.store.document_table import (
    BASE_FILE,
    CHANGES_FILE,
    REMOVED_SCHEMA,
    TABLE_FILE,
    TABLE_SCHEMA,
    VALIDITY_SCHEMA,
    ListedDocument,
)
from indexes.store.sqlite_guard import make_readonly_uri, system_error

SMALL_TABLE = 256 << 10  # bytes; a table up to this is written whole
_ROW = 400  # bytes that a document takes in a table, about
_PRAGMAS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
_ADD = "INSERT INTO main.documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_HIDE = "INSERT OR IGNORE INTO removed SELECT id FROM older.documents WHERE id = ?"
_NAMED = """SELECT 1 FROM older.documents WHERE uri = ? AND source = ?
  AND id NOT IN (SELECT id FROM removed)"""
_LEFT = """SELECT (SELECT count(*) FROM documents
  WHERE id NOT IN (SELECT value FROM json_each(?))), (SELECT count(*) FROM removed)"""
_FOLD = """BEGIN;
DELETE FROM main.documents WHERE id IN (SELECT id FROM changes.removed);
DELETE FROM main.readers WHERE id IN (SELECT id FROM changes.removed);
DELETE FROM main.validity WHERE id IN (SELECT id FROM changes.removed);
INSERT INTO main.documents SELECT * FROM changes.documents;
INSERT INTO main.readers SELECT * FROM changes.readers;
INSERT INTO main.validity SELECT * FROM changes.validity;
COMMIT; DETACH changes;
"""
_DELETE = (
    "DELETE FROM main.documents WHERE id = ?",
    "DELETE FROM main.readers WHERE id = ?",
    "DELETE FROM main.validity WHERE id = ?",
)
_SPARSE = 4  # a copied table with more than one page in four empty is packed


def write_document_table(
    folder: Path,
    listed: Sequence[ListedDocument],
    *,
    base: Path | None = None,
    gone: Collection[str] = (),
) -> manifest.FileSums:
    """Write a document table into a folder; returns the files in it whose sums are known.

    base: a table to begin with, as ``DocumentTable.file`` names it, less the documents ``gone``
    (by id) and with those listed, which take the place of any of their id. Raises OSError when
    the disk is full, ValueError when two documents share an id, or a uri in one source, and
    IndexDamaged when the base is not what it was.
    """
    try:
        if base is None:
            with closing(
                _open_table(folder / TABLE_FILE, f"{TABLE_SCHEMA}{VALIDITY_SCHEMA}")
            ) as table:
                _apply_changes(table, listed, ())
            return {}
        older, newer = _table_files(base)
        if not _is_shareable(older, _count_changed_rows(newer, listed, gone)):
            _write_whole(folder / TABLE_FILE, older, newer, listed, gone)
            return {}
        _write_changes(folder / CHANGES_FILE, older, newer, listed, gone)
        return {BASE_FILE: manifest.link_file(older, folder / BASE_FILE)}
    except sqlite3.OperationalError as error:
        reason = f"{folder / TABLE_FILE} cannot be written: {error}."
        raise system_error(error, folder / TABLE_FILE) or OSError(reason) from error


def _table_files(base: Path) -> tuple[Path, Path | None]:
    """Return the file of a table, or the older one and the changes that it consists of."""
    older = base.with_name(BASE_FILE)
    shared = older.exists() and not base.exists()
    return (older, base.with_name(CHANGES_FILE)) if shared else (base, None)


def _count_changed_rows(
    newer: Path | None, listed: Sequence[ListedDocument], gone: Collection[str]
) -> float:
    """Count the rows that the changes to an older table would take; a removed one is an eighth."""
    older_rows = 0
    removed = 0
    if newer:
        touched = json.dumps([*(document.id for document in listed), *gone])
        with closing(sqlite3.connect(make_readonly_uri(newer), uri=True)) as table:
            older_rows, removed = table.execute(_LEFT, (touched,)).fetchone()
    return older_rows + len(listed) + (removed + len(gone)) / 8


def _is_shareable(older: Path, rows: float) -> bool:
    """Tell whether it costs less to write what changed since an older table than a whole one.

    If c documents change one by one and then n are written whole, a publish costs c/2 + n/c
    documents in the mean, which is least at c = √(2 n).
    """
    size = older.stat().st_size
    if size <= SMALL_TABLE or rows > math.sqrt(2 * size / _ROW):
        return False
    with closing(
        sqlite3.connect(make_readonly_uri(older), uri=True)
    ) as table:  # none in one of format 1
        query = "SELECT 1 FROM sqlite_master WHERE name = 'validity'"
        return table.execute(query).fetchone() is not None


def _write_whole(
    file: Path,
    older: Path,
    newer: Path | None,
    listed: Sequence[ListedDocument],
    gone: Collection[str],
) -> None:
    """Write a whole table: an older one, what has changed since, and what changes now."""
    shutil.copyfile(older, file)
    with closing(_open_table(file, VALIDITY_SCHEMA)) as table:
        if newer:
            table.execute("ATTACH ? AS changes", (make_readonly_uri(newer),))
            table.executescript(_FOLD)
        _apply_changes(table, listed, gone)
        _pack_table(table)


def _write_changes(
    file: Path,
    older: Path,
    newer: Path | None,
    listed: Sequence[ListedDocument],
    gone: Collection[str],
) -> None:
    """Write what has changed since an older table: what had before, and what changes now."""
    if newer:
        shutil.copyfile(newer, file)
    with closing(
        _open_table(file, "" if newer else f"{TABLE_SCHEMA}{VALIDITY_SCHEMA}{REMOVED_SCHEMA}")
    ) as table:
        table.execute("ATTACH ? AS older", (make_readonly_uri(older),))
        _apply_changes(table, listed, gone, shared=True)
        table.execute("DETACH older")
        _pack_table(table)


def _open_table(file: Path, schema: str) -> sqlite3.Connection:
    table = sqlite3.connect(file.absolute().as_uri(), uri=True, isolation_level=None)
    try:
        table.executescript(f"{_PRAGMAS}{schema}")
    except BaseException:
        table.close()
        raise
    return table


def _apply_changes(
    table: sqlite3.Connection,
    listed: Iterable[ListedDocument],
    gone: Collection[str],
    *,
    shared: bool = False,
) -> None:
    """Remove some documents and add others. shared: the older table stays as it is."""
    table.execute("BEGIN")
    _remove_documents(table, gone, shared=shared)
    added: set[str] = set()
    for document in listed:
        if document.id in added:
            raise ValueError(f"{document.uri}: two documents of one name or id.")
        added.add(document.id)
        _remove_documents(table, [document.id], shared=shared)
        _put_document(table, document, shared=shared)
    table.execute("COMMIT")


def _put_document(table: sqlite3.Connection, document: ListedDocument, *, shared: bool) -> None:
    name = (document.uri, document.source)
    try:
        if shared and table.execute(_NAMED, name).fetchone():
            raise ValueError(f"{document.uri}: two documents of one name or id.")
        table.execute(_ADD, document_table.make_document_row(document))
    except sqlite3.IntegrityError as error:
        raise ValueError(f"{document.uri}: two documents of one name or id.") from error
    readers = [(group, document.id) for group in sorted(document.groups)]
    table.executemany("INSERT INTO main.readers VALUES (?, ?)", readers)
    if (validity := document.validity) != ALWAYS_VALID:
        row = (document.id, validity.starts, validity.ends, validity.version, validity.from_sidecar)
        table.execute("INSERT INTO main.validity VALUES (?, ?, ?, ?, ?)", row)


def _remove_documents(
    table: sqlite3.Connection, identities: Iterable[str], *, shared: bool = False
) -> None:
    rows = [(identity,) for identity in identities]
    for delete in _DELETE:
        table.executemany(delete, rows)
    if shared:
        table.executemany(_HIDE, rows)


def _pack_table(table: sqlite3.Connection) -> None:
    empty, pages = (
        int(table.execute(f"PRAGMA main.{name}").fetchone()[0])
        for name in ("freelist_count", "page_count")
    )
    if empty * _SPARSE > pages:
        table.execute("VACUUM main")
