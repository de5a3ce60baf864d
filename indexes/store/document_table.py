"""The document table of a generation: which documents it has, who may see them, and when.

It belongs to the generation, not to a segment, so that a document's groups change and a
document goes without a chunk being touched. A large table is held as two files: an older one,
shared with the generations before, and the documents that have changed since. Both are asked as
if they were one.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.chunk import ALWAYS_VALID, SearchFilter, Validity
from indexes.errors import IndexDamaged
from indexes.store import prefix_ranges
from indexes.store import sqlite_guard as schema
from indexes.store.sqlite_table import SqliteTable
from indexes.store.strict_json import parse_json

TABLE_FILE = "documents.sqlite"
# These two take the place of a large one, see ``document_table_writer``.
BASE_FILE = "base.sqlite"  # an older table, hard-linked
CHANGES_FILE = "changes.sqlite"  # what has changed since
TABLE_SCHEMA = """
CREATE TABLE documents (id TEXT PRIMARY KEY, uri TEXT NOT NULL, source TEXT NOT NULL,
  title TEXT NOT NULL, media_type TEXT NOT NULL, language TEXT NOT NULL, digest TEXT NOT NULL,
  groups TEXT NOT NULL, segment TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
  UNIQUE (uri, source)) WITHOUT ROWID;
CREATE TABLE readers (name TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, id)) WITHOUT ROWID;
"""
VALIDITY_SCHEMA = """
CREATE TABLE IF NOT EXISTS validity (id TEXT PRIMARY KEY, starts TEXT NOT NULL, ends TEXT NOT NULL,
  version TEXT NOT NULL, beside INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS readers_by_id ON readers (id);
"""
REMOVED_SCHEMA = "CREATE TABLE removed (id TEXT PRIMARY KEY) WITHOUT ROWID;"  # of changes
_MOST_GROUPS = 1 << 20  # bytes of the names of one document's groups
LISTED_FIELDS = (
    "id",
    "uri",
    "source",
    "title",
    "media_type",
    "language",
    "digest",
    "groups",
    "segment",
    "first",
    "count",
)
_LISTED = """SELECT id, uri, source, title, media_type, language, digest, groups, segment,
  first, count, {validity} FROM {schema}.documents {join} WHERE {where}{shown}"""
_PRESENT = ("starts, ends, version, beside", "LEFT JOIN {schema}.validity USING (id)")
_ABSENT = ("NULL, NULL, NULL, NULL", "")  # a table of format 1 says nothing of it
_SHOWN = " AND id NOT IN (SELECT id FROM changes.removed)"
_KNOWN = "SELECT 1 FROM {schema}.sqlite_master WHERE name = 'validity'"
_DATED = "SELECT 1 FROM {schema}.validity LIMIT 1"
_COUNTS = "SELECT segment, count(*) FROM {schema}.documents WHERE 1{shown} GROUP BY segment"
_DIGESTS = "SELECT digest FROM {schema}.documents WHERE id NOT IN (SELECT value FROM json_each(?))"
_OUTSIDE = """SELECT segment, first, count
FROM {schema}.validity JOIN {schema}.documents USING (id)
WHERE ((starts <> '' AND starts > :now) OR (ends <> '' AND ends <= :now)){shown}"""
_NEXT = """SELECT min(at) FROM (SELECT id, starts AS at FROM {schema}.validity WHERE starts > :now
  UNION ALL SELECT id, ends FROM {schema}.validity WHERE ends > :now) WHERE 1{shown}"""
_PLACE = "segment, first, count"
_WHERE = "SELECT {columns} FROM {schema}.documents WHERE 1{shown}"
_GROUPS = """ AND (groups = '[]' OR id IN
  (SELECT id FROM {schema}.readers WHERE name IN (SELECT value FROM json_each(:groups))))"""
_NAMED = {
    "media_types": " AND media_type IN (SELECT value FROM json_each(:media_types))",
    "languages": " AND language IN (SELECT value FROM json_each(:languages))",
    "uris": " AND uri IN (SELECT value FROM json_each(:uris))",
}
_SOUGHT = """WITH sought(low, high) AS (SELECT json_extract(value, '$[0]'),
  coalesce(json_extract(value, '$[1]'), x'') FROM json_each(:ranges))
SELECT {columns} FROM sought CROSS JOIN {schema}.documents
WHERE uri >= low AND uri < high{shown}"""  # a blob comes after every text
_OPEN = frozenset[str]()
_PAGE = 1_000
_FEW = 10_000  # documents; where paths let more through, one pass over all costs less


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDocument:
    """A document as the table lists it: its record without the text, and where it is stored.

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
    validity: Validity = ALWAYS_VALID

    @property
    def place(self) -> tuple[str, str]:
        """Return source and uri, of which a collection has one document at a time."""
        return self.source, self.uri


def list_table_schemas(name: str = TABLE_FILE) -> tuple[schema.SchemaShape, ...]:
    """Return the schemas that a file of a document table ever had, oldest format first."""
    if name == CHANGES_FILE:
        return (schema.make_schema_shape(TABLE_SCHEMA, VALIDITY_SCHEMA, REMOVED_SCHEMA),)
    return schema.make_schema_shape(TABLE_SCHEMA), schema.make_schema_shape(
        TABLE_SCHEMA, VALIDITY_SCHEMA
    )


def read_groups(text: str) -> frozenset[str]:
    """Read the groups of a document as the table keeps them. Raises ValueError."""
    if text == "[]":
        return _OPEN
    groups = parse_json(text.encode(), most=_MOST_GROUPS)
    if not isinstance(groups, list) or not all(isinstance(name, str) for name in groups):
        raise ValueError("the groups of a document are no names")
    return frozenset(groups)


@dataclass(frozen=True, slots=True)
class _TableLayer:
    """One of the files that a table consists of.

    condition: leaves out the rows that changed since. columns, join: how its validity is read.
    dated: whether it says any.
    """

    schema: str
    condition: str
    columns: str
    join: str
    dated: bool

    def format_query(self, template: str, *, where: str = "", columns: str = "") -> str:
        """Write a query of this file. Only what this module says goes into it, no value."""
        parts = {"schema": self.schema, "shown": self.condition, "where": where, "columns": columns}
        return template.format(validity=self.columns, join=self.join.format(**parts), **parts)


class DocumentTable:
    """Reads a document table. Any thread may call; one connection serves them in turn.

    Where ``file`` is not there, its folder holds an older table and what has changed since: if
    one of the two is missing, the table is damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        base = file.with_name(BASE_FILE)
        self._shared = base.exists() and not file.exists()
        self._table = SqliteTable(base if self._shared else file)
        try:
            if self._shared:
                self._table.attach(file.with_name(CHANGES_FILE), "changes")
                self._layers = [self._make_layer("main", _SHOWN), self._make_layer("changes", "")]
            else:
                self._layers = [self._make_layer("main", "")]
        except BaseException:
            self._table.close()
            raise

    def _make_layer(self, schema: str, condition: str) -> _TableLayer:
        known = self._table.fetch_all(_KNOWN.format(schema=schema))
        dated = known and self._table.fetch_all(_DATED.format(schema=schema))
        return _TableLayer(schema, condition, *(_PRESENT if known else _ABSENT), dated=bool(dated))

    @property
    def file(self) -> Path:
        """Return the table's path, as the next one's base; the file itself where it is one."""
        return self._file

    def close(self) -> None:
        """Close the files."""
        self._table.close()

    def iter_all(self) -> Iterator[ListedDocument]:
        """Yield every document, by uri."""
        uri = ""
        source = ""
        order = "ORDER BY uri, source LIMIT :page"
        while True:
            values = {"uri": uri, "source": source, "page": _PAGE}
            part = self._query_documents("(uri, source) > (:uri, :source)", values, order)
            yield from part
            if len(part) < _PAGE:
                return
            uri = part[-1].uri
            source = part[-1].source

    def find_by_uri(self, uri: str) -> ListedDocument | None:
        """Return the document of a uri, or None."""
        matches = self.list_by_uri(uri)
        return matches[0] if matches else None

    def list_by_uri(self, uri: str) -> list[ListedDocument]:
        """Return the documents of a uri, whatever their source."""
        return self._query_documents("uri = :uri", {"uri": uri}, "ORDER BY source")

    def find_by_id(self, identity: str) -> ListedDocument | None:
        """Return the document of an id, or None."""
        matches = self._query_documents("id = :id", {"id": identity})
        return matches[0] if matches else None

    def find_in_source(self, source: str, uri: str) -> ListedDocument | None:
        """Return the document of a uri in a source, or None."""
        matches = self._query_documents(
            "uri = :uri AND source = :source", {"uri": uri, "source": source}
        )
        return matches[0] if matches else None

    def list_below(self, source: str, uri: str) -> list[ListedDocument]:
        """Return the documents of a source whose uris begin with another one and a ``/``."""
        values = {"source": source, "low": f"{uri}/", "high": f"{uri}0"}  # 0 comes after /
        return self._query_documents(
            "uri > :low AND uri < :high AND source = :source", values, "ORDER BY uri"
        )

    def count_by_segment(self) -> dict[str, int]:
        """Count the documents of each segment."""
        counts: dict[str, int] = {}
        for layer in self._layers:
            for name, count in self._table.fetch_all(layer.format_query(_COUNTS)):
                counts[str(name)] = counts.get(str(name), 0) + int(count)
        return counts

    def limited(self) -> list[ListedDocument]:
        """Return the documents that only some groups may see."""
        return self._query_documents("groups <> '[]'", {})

    def of_digests(self, digests: Iterable[str]) -> list[ListedDocument]:
        """Return the documents whose source bytes have one of some digests."""
        wanted = {"digests": _json_values(digests)}
        return self._query_documents("digest IN (SELECT value FROM json_each(:digests))", wanted)

    def iter_in_segments(self, segments: Iterable[str]) -> Iterator[ListedDocument]:
        """Yield every document that lies in one of some segments, in the order of its rows."""
        for segment in segments:
            yield from self._query_documents(
                "segment = :name", {"name": segment}, "ORDER BY first, uri"
            )

    def list_invalid_ranges(self, now: str) -> list[tuple[str, int, int]]:
        """List the row ranges of documents that are not valid at a moment."""
        rows = []
        for layer in self._layers:
            if layer.dated:
                rows += self._table.fetch_all(layer.format_query(_OUTSIDE), {"now": now})
        return [(str(name), int(first), int(n)) for name, first, n in rows]

    def find_next_change(self, now: str) -> str | None:
        """Return the next moment at which a document's validity begins or ends, or None."""
        dated = [layer for layer in self._layers if layer.dated]
        moments = [
            self._table.fetch_all(layer.format_query(_NEXT), {"now": now})[0][0] for layer in dated
        ]
        return min((str(moment) for moment in moments if moment is not None), default=None)

    def filter_ranges(self, search_filter: SearchFilter) -> list[tuple[str, int, int]]:
        """List the row ranges of the documents that a filter lets through.

        A document without groups is open to every asker; one with groups only to those who
        share one of them.
        """
        sought = (
            prefix_ranges.make_prefix_ranges(search_filter.paths) if search_filter.paths else None
        )
        ranges = [self._filter_layer(layer, search_filter, sought) for layer in self._layers]
        return ranges[0] if len(ranges) == 1 else [*ranges[0], *ranges[1]]

    def _filter_layer(
        self,
        layer: _TableLayer,
        search_filter: SearchFilter,
        sought: list[prefix_ranges.PrefixRange] | None,
    ) -> list[tuple[str, int, int]]:
        """Return the rows of one file that a filter lets through. sought: as ranges of uris."""
        only = ""
        values = dict[str, Any]()
        if search_filter.groups is not None:
            only = layer.format_query(_GROUPS)
            values["groups"] = _json_values(search_filter.groups)
        for name, condition in _NAMED.items():
            if wanted := getattr(search_filter, name):
                only += condition
                values[name] = _json_values(wanted)
        if sought is not None:
            values["ranges"] = json.dumps(sought)
            if self._is_few(layer, values["ranges"]):
                return self._table.fetch_all(
                    f"{layer.format_query(_SOUGHT, columns=_PLACE)}{only}", values
                )
            query = layer.format_query(_WHERE, columns=f"{_PLACE}, uri")
            rows = self._table.fetch_all(f"{query}{only}", values)
            return [row[:3] for row in rows if prefix_ranges.lies_in_ranges(row[3], sought)]
        return self._table.fetch_all(f"{layer.format_query(_WHERE, columns=_PLACE)}{only}", values)

    def _is_few(self, layer: _TableLayer, ranges: str) -> bool:
        """Tell whether few documents lie in some ranges: an index that has all it needs knows."""
        query = layer.format_query(_SOUGHT, columns="1")
        values = {"ranges": ranges, "few": _FEW}
        return len(self._table.fetch_all(f"{query} LIMIT :few", values)) < _FEW

    def _query_documents(
        self, where: str, values: Mapping[str, Any], order: str = ""
    ) -> list[ListedDocument]:
        parts = [layer.format_query(_LISTED, where=where) for layer in self._layers]
        query = " UNION ALL ".join(parts)
        rows = self._table.fetch_all(f"{query} {order}", values)
        try:
            return [_parse_document(row) for row in rows]
        except (ValueError, TypeError, AttributeError) as error:
            raise IndexDamaged(f"{self.file} describes a document in no way of ours.") from error

    def _removed_ids(self) -> set[str]:
        """Return the ids of the older table that were removed or replaced since."""
        rows = self._table.fetch_all("SELECT id FROM changes.removed") if self._shared else ()
        return {str(row[0]) for row in rows}

    def _select_digests(self, schema: str, without: Collection[str] = ()) -> set[str]:
        query = _DIGESTS.format(schema=schema)
        return {str(row[0]) for row in self._table.fetch_all(query, (json.dumps(list(without)),))}


def collect_digests(files: Iterable[Path]) -> set[str]:
    """Collect the digests of the documents that some tables list.

    What tables share is read once: a hundred generations of a large collection are hardly more
    work than one.
    """
    known_digests = set[str]()
    removed = dict[tuple[int, int], set[str]]()
    places = dict[tuple[int, int], Path]()
    for file in files:
        with closing(DocumentTable(file)) as table:
            about = table._table.file.stat()  # noqa: SLF001 - of this module
            inode = (about.st_dev, about.st_ino)
            gone = table._removed_ids()  # noqa: SLF001
            removed[inode] = removed[inode] & gone if inode in removed else gone
            places[inode] = file
            if table._shared:  # noqa: SLF001
                known_digests |= table._select_digests("changes")  # noqa: SLF001
    for inode, file in places.items():
        with closing(DocumentTable(file)) as table:
            known_digests |= table._select_digests("main", removed[inode])  # noqa: SLF001
    return known_digests


def _json_values(values: Iterable[str]) -> str:
    """Return the requested values as a JSON array.

    SQLite ends a JSON string at its first NUL, so that a path of one NUL would be every path. No
    stored name holds one: a value that does is left out, and matches nothing.
    """
    return json.dumps([v for v in values if "\0" not in v])


def make_document_row(document: ListedDocument) -> list[Any]:
    """Write a document as a row of the table ``documents``, in the order of ``LISTED_FIELDS``."""
    groups = json.dumps(sorted(document.groups))
    return [groups if name == "groups" else getattr(document, name) for name in LISTED_FIELDS]


def _parse_document(row: Sequence[Any]) -> ListedDocument:
    known = dict(zip(LISTED_FIELDS, row[: len(LISTED_FIELDS)], strict=True))
    starts, ends, version, beside = row[len(LISTED_FIELDS) :]
    validity = (
        ALWAYS_VALID
        if starts is None
        else Validity(starts=starts, ends=ends, version=version, from_sidecar=bool(beside))
    )
    return ListedDocument(**{**known, "groups": read_groups(known["groups"]), "validity": validity})
