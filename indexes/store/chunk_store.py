"""A segment's chunk store: its documents and chunks in one SQLite file, written once.

Every offset a citation shows is answered from here. The vectors of the segment are listed by
the digest of the text they stand for, so that a later build can take them over unembedded.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

from indexes.chunk import Chunk, DocumentLink, DocumentRecord
from indexes.errors import IndexDamaged
from indexes.store import sqlite_guard
from indexes.store.sqlite_guard import system_error
from indexes.store.sqlite_table import SqliteTable

_SCHEMA = """
PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
CREATE TABLE records (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL,
  title TEXT NOT NULL, facts TEXT NOT NULL, text TEXT NOT NULL, boxes BLOB NOT NULL,
  first INTEGER NOT NULL, count INTEGER NOT NULL);
CREATE TABLE chunks (row INTEGER PRIMARY KEY, id TEXT NOT NULL, record INTEGER NOT NULL,
  start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL, facts TEXT NOT NULL);
CREATE TABLE vectors (digest BLOB PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;
"""
_LINKS_SCHEMA = """
CREATE TABLE links (record INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
  href TEXT NOT NULL, PRIMARY KEY (record, start)) WITHOUT ROWID
"""
_BY_ID = "CREATE INDEX chunks_by_id ON chunks (id)"
_CHUNK = """SELECT chunks.row, records.id, records.uri, records.title, chunks.text, chunks.start,
  chunks.end, chunks.facts FROM chunks JOIN records ON records.number = chunks.record """
ParsedRow = TypeVar("ParsedRow")
_MOST_NAMED = 500  # placeholders in one statement; SQLite's own limit is 999 on old builds


def list_store_schemas() -> tuple[sqlite_guard.SchemaShape, ...]:
    """Return the schemas of all chunk stores that were ever written, oldest first."""
    return (
        sqlite_guard.make_schema_shape(_SCHEMA, _BY_ID),
        sqlite_guard.make_schema_shape(_SCHEMA, _LINKS_SCHEMA, _BY_ID),
    )


class ChunkStoreWriter:
    """Writes a chunk store. Nothing is synced here: the segment is, as a whole, before it is shown.

    Raises OSError when the disk is full or fails.
    """

    def __init__(self, file: Path) -> None:
        self.records = self.chunks = 0
        self._file = file
        self._base = sqlite3.connect(file, isolation_level=None)
        for statement in (*_SCHEMA.split(";"), _LINKS_SCHEMA):
            self._execute(statement)
        self._execute("BEGIN")

    def put_document(self, record: DocumentRecord, chunks: Sequence[Chunk]) -> None:
        """Write a document and its chunks; rows count up from 0 in this order."""
        values = (record.id, record.uri, record.title, _record_facts(record), record.text)
        row = (self.records, *values, record.boxes, self.chunks, len(chunks))
        self._execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row])
        rows = [
            (number, c.id, self.records, c.start, c.end, c.text, _chunk_facts(c, record))
            for number, c in enumerate(chunks, start=self.chunks)
        ]
        self._execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        if record.links:
            links = [(self.records, *link) for link in record.links]
            self._execute("INSERT INTO links VALUES (?, ?, ?, ?)", links)
        self.records += 1
        self.chunks += len(chunks)

    def note_vectors(self, vectors: Mapping[bytes, int]) -> None:
        """Note which vector row stands for which text, by the digest of the text."""
        self._execute("INSERT INTO vectors VALUES (?, ?)", list(vectors.items()))

    def find_vector_row(self, digest: bytes) -> int | None:
        """Return the vector row noted for a text, or None."""
        row = self._base.execute("SELECT row FROM vectors WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else int(row[0])

    def finish_file(self) -> None:
        """Write what is still held back, and close the file."""
        self._execute("COMMIT")
        self._execute(_BY_ID)  # once all is in: 4 × as fast
        self.close()

    def close(self) -> None:
        """Close the file as it is; of use only to one who will throw it away."""
        self._base.close()

    def _execute(self, statement: str, rows: Sequence[tuple[Any, ...]] | None = None) -> None:
        try:
            if rows is None:
                self._base.execute(statement)
            else:
                self._base.executemany(statement, rows)
        except sqlite3.OperationalError as error:
            reason = f"{self._file} cannot be written: {error}."
            raise system_error(error, self._file) or OSError(reason) from error


class ChunkStore:
    """Reads a chunk store. Any thread may call; one connection serves them in turn.

    Raises IndexDamaged when SQLite finds the file unreadable, KeyError for an unknown id.
    """

    def __init__(self, file: Path) -> None:
        self._table = SqliteTable(file)
        self._has_links: bool | None = None  # a store of an older version has no table of them

    @property
    def file(self) -> Path:
        """The file that is read."""
        return self._table.file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def load_record(self, identity: str) -> DocumentRecord:
        """Return a document with its text; groups are empty, they belong to the generation."""
        query = "SELECT id, uri, title, facts, text, boxes FROM records WHERE id = ?"
        rows = self._table.fetch_all(query, (identity,))
        if not rows:
            raise KeyError(identity)
        record = self._parse_row(_parse_record, rows[0])
        return replace(record, links=self.load_links(identity))

    def load_text(self, identity: str) -> str:
        """Return the stored text of a document."""
        rows = self._table.fetch_all("SELECT text FROM records WHERE id = ?", (identity,))
        if not rows:
            raise KeyError(identity)
        return str(rows[0][0])

    def load_address(self, identity: str) -> str:
        """Return where people open a document, if it is a page of another system; else nothing."""
        query = "SELECT json_extract(facts, '$.address') FROM records WHERE id = ?"
        rows = self._table.fetch_all(query, (identity,))
        return str(rows[0][0] or "") if rows else ""

    def load_links(
        self, identity: str, start: int = 0, end: int = 1 << 53
    ) -> tuple[DocumentLink, ...]:
        """Return the links of a document that touch a span of its text, in order."""
        if self._has_links is None:
            query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'links'"
            self._has_links = bool(self._table.fetch_all(query))
        if not self._has_links:
            return ()
        query = """SELECT start, end, href FROM links WHERE start < ? AND end > ?
            AND record = (SELECT number FROM records WHERE id = ?) ORDER BY start"""
        return tuple(
            DocumentLink(*row) for row in self._table.fetch_all(query, (end, start, identity))
        )

    def load_boxes(self, identity: str) -> bytes:
        """Return where runs of a document's text stand on its pages, as ``ingest`` wrote it."""
        rows = self._table.fetch_all("SELECT boxes FROM records WHERE id = ?", (identity,))
        if not rows:
            raise KeyError(identity)
        return bytes(rows[0][0])

    def find_rows(self, identity: str) -> tuple[int, int]:
        """Return the first row of a document's chunks, and their number."""
        rows = self._table.fetch_all("SELECT first, count FROM records WHERE id = ?", (identity,))
        if not rows:
            raise KeyError(identity)
        return int(rows[0][0]), int(rows[0][1])

    def load_chunks(self, rows: Iterable[int]) -> list[Chunk]:
        """Return the chunks of some rows, in the order asked for."""
        wanted = [int(row) for row in rows]
        found_rows = self._select_many(f"{_CHUNK} WHERE chunks.row", wanted)
        chunks_by_row = dict(self._parse_row(_parse_chunk, row) for row in found_rows)
        return [chunks_by_row[row] for row in wanted]

    def find_chunk_row(self, identity: str) -> int | None:
        """Return the row of a chunk by its id, or None."""
        rows = self._table.fetch_all("SELECT row FROM chunks WHERE id = ?", (identity,))
        return int(rows[0][0]) if rows else None

    def iter_languages(self) -> Iterator[str]:
        """Yield the language of each chunk, by row; "" where none was detected."""
        query = "SELECT json_extract(facts, '$.language') FROM chunks ORDER BY row"
        return (str(language or "") for (language,) in self._table.iter_rows(query))

    def iter_chunks_of(self, identity: str) -> Iterator[tuple[int, Chunk]]:
        """Yield the rows and chunks of a document, in order."""
        spans = self._table.fetch_all(
            "SELECT first, first + count FROM records WHERE id = ?", (identity,)
        )
        query = f"{_CHUNK} WHERE chunks.row >= ? AND chunks.row < ? ORDER BY chunks.row"
        for row in self._table.fetch_all(query, spans[0]) if spans else ():
            yield self._parse_row(_parse_chunk, row)

    def neighbour_rows(self, row: int, n: int) -> list[int]:
        """Return the rows up to n before and after a row in the same document, itself included."""
        query = """SELECT row FROM chunks WHERE row BETWEEN ? AND ?
            AND record = (SELECT record FROM chunks WHERE row = ?) ORDER BY row"""
        return [int(values[0]) for values in self._table.fetch_all(query, (row - n, row + n, row))]

    def find_vector_rows(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Return the vector rows of the texts known here, by the digests of the texts."""
        rows = self._select_many("SELECT digest, row FROM vectors WHERE digest", list(digests))
        return {bytes(digest): int(row) for digest, row in rows}

    def _parse_row(
        self, make: Callable[[Sequence[Any]], ParsedRow], row: Sequence[Any]
    ) -> ParsedRow:
        try:
            return make(row)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IndexDamaged(f"{self.file} describes a document in no way of ours.") from error

    def _select_many(self, query: str, values: Sequence[Any]) -> Iterator[Any]:
        """Run a query over many values, a statement for every 500 of them."""
        for at in range(0, len(values), _MOST_NAMED):
            part = values[at : at + _MOST_NAMED]
            yield from self._table.fetch_all(f"{query} IN ({','.join('?' * len(part))})", part)


def _record_facts(record: DocumentRecord) -> str:
    names = ("source", "media_type", "language", "digest", "pages")
    facts = {name: getattr(record, name) for name in names}
    return json.dumps({**facts, "address": record.address} if record.address else facts)


def _parse_record(row: Sequence[Any]) -> DocumentRecord:
    identity, uri, title, facts, text, boxes = row
    known = json.loads(facts)
    known["pages"] = tuple((start, end, label) for start, end, label in known["pages"])
    return DocumentRecord(id=identity, uri=uri, title=title, text=text, boxes=boxes, **known)


def _chunk_facts(chunk: Chunk, record: DocumentRecord) -> str:
    """Keep what is not at its default: most chunks have no page and no question."""
    names = ("lead", "path", "page", "section", "question", "kind", "language", "version")
    known = {name: value for name in names if (value := getattr(chunk, name))}
    if chunk.title != record.title:
        known["title"] = chunk.title
    return json.dumps(known)


def _parse_chunk(values: Sequence[Any]) -> tuple[int, Chunk]:
    row, document, uri, title, text, start, end, facts = values
    known = {"title": title, **json.loads(facts)}
    for name in ("path", "section", "question"):
        if name in known:
            known[name] = tuple(known[name])
    place = {"document": document, "uri": uri, "start": start, "end": end}
    return int(row), Chunk(text=text, **place, **known)
