"""The document table of a generation: what is in it, where it lies, who may see it, and when.

It belongs to the generation, not to a segment, so that a document's groups change and a
document goes without a chunk being touched. The next generation's table is a copy of this one
with a few rows changed: its cost is that of the change, and of copying a file.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes import schema
from indexes.chunk import ALWAYS, Filter, Validity
from indexes.errors import IndexDamaged
from indexes.strict_json import parse_json
from indexes.table import Table

NAME = "documents.sqlite"
_PRAGMAS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
_SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, uri TEXT NOT NULL, source TEXT NOT NULL,
  title TEXT NOT NULL, media_type TEXT NOT NULL, language TEXT NOT NULL, digest TEXT NOT NULL,
  groups TEXT NOT NULL, segment TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
  UNIQUE (uri, source)) WITHOUT ROWID;
CREATE TABLE readers (name TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, id)) WITHOUT ROWID;
"""
_VALIDITY = """
CREATE TABLE IF NOT EXISTS validity (id TEXT PRIMARY KEY, starts TEXT NOT NULL, ends TEXT NOT NULL,
  version TEXT NOT NULL, beside INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS readers_by_id ON readers (id);
"""
_MOST_GROUPS = 1 << 20  # bytes of the names of one document's groups
_FIELDS = (
    *("id", "uri", "source", "title", "media_type", "language", "digest"),
    *("groups", "segment", "first", "count"),
)
_ADD = "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LISTED = """SELECT documents.id, uri, source, title, media_type, language, digest, groups, segment,
  first, count, {validity} FROM documents {join} """
_PRESENT = ("starts, ends, version, beside", "LEFT JOIN validity USING (id)")
_ABSENT = ("NULL, NULL, NULL, NULL", "")  # a table of format 1 says nothing of it
_WHERE = """SELECT segment, first, count FROM documents
WHERE (:groups IS NULL OR groups = '[]' OR id IN
        (SELECT id FROM readers WHERE name IN (SELECT value FROM json_each(:groups))))
  AND (:paths IS NULL OR EXISTS
        (SELECT 1 FROM json_each(:paths) WHERE substr(uri, 1, length(value)) = value))
  AND (:media_types IS NULL OR media_type IN (SELECT value FROM json_each(:media_types)))
  AND (:languages IS NULL OR language IN (SELECT value FROM json_each(:languages)))
  AND (:uris IS NULL OR uri IN (SELECT value FROM json_each(:uris)))"""
_OUTSIDE = """SELECT segment, first, count FROM validity JOIN documents USING (id)
WHERE (starts <> '' AND starts > :now) OR (ends <> '' AND ends <= :now)"""
_NEXT = """SELECT min(at) FROM (SELECT starts AS at FROM validity WHERE starts > :now
  UNION ALL SELECT ends FROM validity WHERE ends > :now)"""
_OPEN = frozenset[str]()
_PAGE = 1_000
_SPARSE = 4  # a copied table with more than one page in four empty is packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document as the table knows it: all of its record but the text, and where it lies.

    groups: who may see it; empty means every key of the collection. validity: when it holds.
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
    validity: Validity = ALWAYS


def shapes() -> tuple[schema.Shape, ...]:
    """Give the schemas of document tables that were ever written, oldest format first."""
    return schema.shape(_SCHEMA), schema.shape(_SCHEMA, _VALIDITY)


def read_groups(told: str) -> frozenset[str]:
    """Read the groups of a document as the table keeps them. Raises ValueError."""
    if told == "[]":
        return _OPEN
    groups = parse_json(told.encode(), most=_MOST_GROUPS)
    if not isinstance(groups, list) or not all(isinstance(name, str) for name in groups):
        raise ValueError("the groups of a document are no names")
    return frozenset(groups)


def write(
    file: Path, listed: Iterable[Listed], *, base: Path | None = None, gone: Iterable[str] = ()
) -> int:
    """Write a document table; returns how many documents it holds.

    base: a table to begin with, less the documents ``gone`` (by id) and with those listed, which
    take the place of any of their id. Raises OSError when the disk is full, ValueError when two
    documents share an id, or a uri in one source.
    """
    if base:
        shutil.copyfile(base, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as table:
        try:
            table.executescript(f"{_PRAGMAS}{'' if base else _SCHEMA}{_VALIDITY}")
            table.execute("BEGIN")
            _remove(table, gone if base else ())
            for document in listed:
                _put(table, document, instead=base is not None)
            table.execute("COMMIT")
            if base:
                _pack(table)
            return int(table.execute("SELECT count(*) FROM documents").fetchone()[0])
        except sqlite3.OperationalError as error:
            raise OSError(f"{file} cannot be written: {error}.") from error
        except sqlite3.IntegrityError as error:
            raise ValueError(f"{document.uri}: two documents of one name or id.") from error


def _put(table: sqlite3.Connection, document: Listed, *, instead: bool) -> None:
    if instead:
        _remove(table, [document.id])
    table.execute(_ADD, _row(document))
    readers = [(name, document.id) for name in sorted(document.groups)]
    table.executemany("INSERT INTO readers VALUES (?, ?)", readers)
    if (told := document.validity) != ALWAYS:
        row = (document.id, told.starts, told.ends, told.version, told.beside)
        table.execute("INSERT INTO validity VALUES (?, ?, ?, ?, ?)", row)


def _remove(table: sqlite3.Connection, identities: Iterable[str]) -> None:
    rows = [(identity,) for identity in identities]
    for name in ("documents", "readers", "validity"):
        table.executemany(f"DELETE FROM {name} WHERE id = ?", rows)  # noqa: S608 - three names


def _pack(table: sqlite3.Connection) -> None:
    empty, pages = (
        int(table.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("freelist_count", "page_count")
    )
    if empty * _SPARSE > pages:
        table.execute("VACUUM")


class Documents:
    """Reads a document table. Any thread may call; one connection serves them in turn."""

    def __init__(self, file: Path) -> None:
        self._table = Table(file)
        known = self._table.all("SELECT name FROM sqlite_master WHERE name = 'validity'", ())
        columns, join = _PRESENT if known else _ABSENT
        self._select = _LISTED.format(validity=columns, join=join)
        self._dated = bool(known) and bool(self._table.all("SELECT 1 FROM validity LIMIT 1", ()))

    @property
    def file(self) -> Path:
        """The file that is read."""
        return self._table.file

    def close(self) -> None:
        """Close the file."""
        self._table.close()

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
        found = self.named(uri)
        return found[0] if found else None

    def named(self, uri: str) -> list[Listed]:
        """Give the documents of a uri, whatever their source."""
        return self._listed("WHERE uri = ? ORDER BY source", (uri,))

    def by_id(self, identity: str) -> Listed | None:
        """Give the document of an id, or None."""
        found = self._listed("WHERE documents.id = ?", (identity,))
        return found[0] if found else None

    def at(self, source: str, uri: str) -> Listed | None:
        """Give the document of a uri in a source, or None."""
        found = self._listed("WHERE uri = ? AND source = ?", (uri, source))
        return found[0] if found else None

    def counts(self) -> dict[str, int]:
        """Count the documents of each segment."""
        found = self._table.all("SELECT segment, count(*) FROM documents GROUP BY segment", ())
        return {str(name): int(count) for name, count in found}

    def within(self, segments: Iterable[str]) -> Iterator[Listed]:
        """Give every document that lies in one of some segments, in the order of its rows."""
        for segment in segments:
            yield from self._listed("WHERE segment = ? ORDER BY first, uri", (segment,))

    def outside(self, now: str) -> list[tuple[str, int, int]]:
        """Give segment, first row and number of rows of what does not hold at a moment."""
        found = self._table.all(_OUTSIDE, {"now": now}) if self._dated else ()
        return [(str(name), int(first), int(n)) for name, first, n in found]

    def turns(self, now: str) -> str | None:
        """Tell the next moment at which a document begins or ceases to hold, or None."""
        found = self._table.all(_NEXT, {"now": now})[0][0] if self._dated else None
        return None if found is None else str(found)

    def where(self, asked: Filter) -> list[tuple[str, int, int]]:
        """Give segment, first row and number of rows of every document a filter lets through.

        A document without groups is open to every asker; one with groups only to those who
        share one of them.
        """
        sets = ("paths", "media_types", "languages", "uris")
        values = {name: _wanted(getattr(asked, name) or None) for name in sets}
        values["groups"] = _wanted(asked.groups)
        found = self._table.all(_WHERE, values)
        return [(str(name), int(first), int(n)) for name, first, n in found]

    def _listed(self, where: str, values: Sequence[Any]) -> list[Listed]:
        rows = self._table.all(f"{self._select}{where}", values)
        try:
            return [_document(row) for row in rows]
        except (ValueError, TypeError, AttributeError) as error:
            raise IndexDamaged(f"{self.file} describes a document in no way of ours.") from error


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
    known = dict(zip(_FIELDS, row[: len(_FIELDS)], strict=True))
    starts, ends, version, beside = row[len(_FIELDS) :]
    told = (
        ALWAYS
        if starts is None
        else Validity(starts=starts, ends=ends, version=version, beside=bool(beside))
    )
    return Listed(**{**known, "groups": read_groups(known["groups"]), "validity": told})
