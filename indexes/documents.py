"""The document table of a generation: what is in it, where it lies, and who may see it.

It belongs to the generation, not to a segment, so that a document's groups change and a
document goes without a chunk being touched.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.chunk import Filter
from indexes.errors import IndexDamaged

NAME = "documents.sqlite"
_SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
CREATE TABLE documents (id TEXT PRIMARY KEY, uri TEXT NOT NULL, source TEXT NOT NULL,
  title TEXT NOT NULL, media_type TEXT NOT NULL, language TEXT NOT NULL, digest TEXT NOT NULL,
  groups TEXT NOT NULL, segment TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
  UNIQUE (uri, source)) WITHOUT ROWID;
CREATE TABLE readers (name TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, id)) WITHOUT ROWID;
"""
_FIELDS = (
    *("id", "uri", "source", "title", "media_type", "language", "digest"),
    *("groups", "segment", "first", "count"),
)
_ADD = "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LISTED = """SELECT id, uri, source, title, media_type, language, digest, groups, segment, first,
  count FROM documents """
_WHERE = """SELECT segment, first, count FROM documents
WHERE (:groups IS NULL OR groups = '[]' OR id IN
        (SELECT id FROM readers WHERE name IN (SELECT value FROM json_each(:groups))))
  AND (:paths IS NULL OR EXISTS
        (SELECT 1 FROM json_each(:paths) WHERE substr(uri, 1, length(value)) = value))
  AND (:media_types IS NULL OR media_type IN (SELECT value FROM json_each(:media_types)))
  AND (:languages IS NULL OR language IN (SELECT value FROM json_each(:languages)))
  AND (:uris IS NULL OR uri IN (SELECT value FROM json_each(:uris)))"""
_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document as the table knows it: all of its record but the text, and where it lies.

    groups: who may see it; empty means every key of the collection.
    segment: digest of the segment that holds it. first, count: its chunk rows in there.
    """

    id: str
    uri: str
    source: str
    title: str
    media_type: str
    language: str
    digest: str
    groups: frozenset[str]
    segment: str
    first: int
    count: int


def write(file: Path, listed: Iterable[Listed]) -> int:
    """Write a document table; returns how many documents it holds.

    Raises OSError when the disk is full, ValueError when two documents share an id, or a uri
    in one source.
    """
    with closing(sqlite3.connect(file, isolation_level=None)) as base:
        try:
            base.executescript(_SCHEMA)
            base.execute("BEGIN")
            written = 0
            for document in listed:
                base.execute(_ADD, _row(document))
                readers = [(name, document.id) for name in sorted(document.groups)]
                base.executemany("INSERT INTO readers VALUES (?, ?)", readers)
                written += 1
            base.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise OSError(f"{file} cannot be written: {error}.") from error
        except sqlite3.IntegrityError as error:
            raise ValueError(f"{document.uri}: two documents of one name or id.") from error
        return written


class Documents:
    """Reads a document table. Any thread may call; one connection serves them in turn."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            self._base = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.OperationalError as error:
            raise IndexDamaged(f"{file} cannot be opened: {error}.") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def all(self) -> Iterator[Listed]:
        """Give every document, by uri."""
        at = ("", "")
        while True:
            where = "WHERE (uri, source) > (?, ?) ORDER BY uri, source LIMIT ?"
            part = self._listed(where, (*at, _PAGE))
            yield from part
            if len(part) < _PAGE:
                return
            at = (part[-1].uri, part[-1].source)

    def find(self, uri: str) -> Listed | None:
        """Give the document of a uri, or None."""
        found = self._listed("WHERE uri = ? ORDER BY source LIMIT 1", (uri,))
        return found[0] if found else None

    def by_id(self, identity: str) -> Listed | None:
        """Give the document of an id, or None."""
        found = self._listed("WHERE id = ?", (identity,))
        return found[0] if found else None

    def where(self, asked: Filter) -> list[tuple[str, int, int]]:
        """Give segment, first row and number of rows of every document a filter lets through.

        A document without groups is open to every asker; one with groups only to those who
        share one of them.
        """
        sets = ("paths", "media_types", "languages", "uris")
        values = {name: _wanted(getattr(asked, name) or None) for name in sets}
        values["groups"] = _wanted(asked.groups)
        found = self._all(_WHERE, values)
        return [(str(name), int(first), int(n)) for name, first, n in found]

    def _listed(self, where: str, values: Sequence[Any]) -> list[Listed]:
        return [_document(row) for row in self._all(f"{_LISTED}{where}", values)]

    def _all(self, query: str, values: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        try:
            with self._lock:
                return self._base.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise IndexDamaged(f"{self._file} cannot be read: {error}.") from error


def _wanted(values: Iterable[str] | None) -> str | None:
    """Say what is asked for as a JSON array; None asks for nothing.

    SQLite ends a JSON string at its first NUL, so that a path of one NUL would be every path. No
    stored name holds one: a value that does is left out, and matches nothing.
    """
    return None if values is None else json.dumps([v for v in values if "\0" not in v])


def _row(document: Listed) -> list[Any]:
    groups = json.dumps(sorted(document.groups))
    return [groups if name == "groups" else getattr(document, name) for name in _FIELDS]


def _document(row: Sequence[Any]) -> Listed:
    known = dict(zip(_FIELDS, row, strict=True))
    return Listed(**{**known, "groups": frozenset(json.loads(known["groups"]))})
