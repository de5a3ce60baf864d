"""A segment's shelf: its documents and chunks in one SQLite file, written once, then only read.

Every offset a citation shows is answered from here. The vectors of the segment are listed by
the digest of the text they stand for, so that a later build can take them over unembedded.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from indexes import schema
from indexes.chunk import Chunk, Record
from indexes.errors import IndexDamaged
from indexes.schema import machine_error
from indexes.table import Table

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
_BY_ID = "CREATE INDEX chunks_by_id ON chunks (id)"
_CHUNK = """SELECT chunks.row, records.id, records.uri, records.title, chunks.text, chunks.start,
  chunks.end, chunks.facts FROM chunks JOIN records ON records.number = chunks.record """
Made = TypeVar("Made")
_MOST_NAMED = 500  # placeholders in one statement; SQLite's own limit is 999 on old builds


def shapes() -> tuple[schema.Shape, ...]:
    """Give the schemas of shelves that were ever written."""
    return (schema.shape(_SCHEMA, _BY_ID),)


class ShelfWriter:
    """Writes a shelf. Nothing is synced here: the segment is, as a whole, before it is shown.

    Raises OSError when the disk is full or fails.
    """

    def __init__(self, file: Path) -> None:
        self.records = self.chunks = 0
        self._file = file
        self._base = sqlite3.connect(file, isolation_level=None)
        for statement in _SCHEMA.split(";"):
            self._do(statement)
        self._do("BEGIN")

    def add(self, record: Record, chunks: Sequence[Chunk]) -> None:
        """Put a document and its chunks on the shelf; rows count up from 0 in this order."""
        held = (record.id, record.uri, record.title, _record_facts(record), record.text)
        row = (self.records, *held, record.boxes, self.chunks, len(chunks))
        self._do("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row])
        rows = [
            (number, c.id, self.records, c.start, c.end, c.text, _chunk_facts(c, record))
            for number, c in enumerate(chunks, start=self.chunks)
        ]
        self._do("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self.records += 1
        self.chunks += len(chunks)

    def note(self, vectors: Mapping[bytes, int]) -> None:
        """Note which vector row stands for which text, by the digest of the text."""
        self._do("INSERT INTO vectors VALUES (?, ?)", list(vectors.items()))

    def vector(self, digest: bytes) -> int | None:
        """Give the vector row noted for a text, or None."""
        found = self._base.execute("SELECT row FROM vectors WHERE digest = ?", (digest,)).fetchone()
        return None if found is None else int(found[0])

    def each(self) -> Iterator[Chunk]:
        """Read all chunks back in the order of their rows."""
        for found in self._base.execute(f"{_CHUNK} ORDER BY chunks.row"):
            yield _chunk(found)[1]

    def finish(self) -> None:
        """Write what is still held back, and close the file."""
        self._do("COMMIT")
        self._do(_BY_ID)  # once all is in: 4 × as fast
        self.close()

    def close(self) -> None:
        """Close the file as it is; of use only to one who will throw it away."""
        self._base.close()

    def _do(self, statement: str, rows: Sequence[tuple[Any, ...]] | None = None) -> None:
        try:
            if rows is None:
                self._base.execute(statement)
            else:
                self._base.executemany(statement, rows)
        except sqlite3.OperationalError as error:
            said = f"{self._file} cannot be written: {error}."
            raise machine_error(error, self._file) or OSError(said) from error


class Shelf:
    """Reads a shelf. Any thread may call; one connection serves them in turn.

    Raises IndexDamaged when SQLite finds the file unreadable, KeyError for an unknown id.
    """

    def __init__(self, file: Path) -> None:
        self._table = Table(file)

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

    def record(self, identity: str) -> Record:
        """Give a document with its text; groups are empty, they belong to the generation."""
        query = "SELECT id, uri, title, facts, text, boxes FROM records WHERE id = ?"
        found = self._table.all(query, (identity,))
        if not found:
            raise KeyError(identity)
        return self._read(_record, found[0])

    def text(self, identity: str) -> str:
        """Give the stored text of a document."""
        found = self._table.all("SELECT text FROM records WHERE id = ?", (identity,))
        if not found:
            raise KeyError(identity)
        return str(found[0][0])

    def rows(self, identity: str) -> tuple[int, int]:
        """Give the first row of a document's chunks, and their number."""
        found = self._table.all("SELECT first, count FROM records WHERE id = ?", (identity,))
        if not found:
            raise KeyError(identity)
        return int(found[0][0]), int(found[0][1])

    def chunk(self, row: int) -> Chunk:
        """Give the chunk of one row."""
        return self.chunks([row])[0]

    def chunks(self, rows: Iterable[int]) -> list[Chunk]:
        """Give the chunks of some rows, in the order asked for."""
        asked = [int(row) for row in rows]
        rows = self._in(f"{_CHUNK} WHERE chunks.row", asked)
        found = dict(self._read(_chunk, row) for row in rows)
        return [found[row] for row in asked]

    def by_id(self, identity: str) -> int | None:
        """Give the row of a chunk by its id, or None."""
        found = self._table.all("SELECT row FROM chunks WHERE id = ?", (identity,))
        return int(found[0][0]) if found else None

    def of(self, identity: str) -> Iterator[tuple[int, Chunk]]:
        """Give the rows and chunks of a document, in order."""
        found = self._table.all(
            "SELECT first, first + count FROM records WHERE id = ?", (identity,)
        )
        query = f"{_CHUNK} WHERE chunks.row >= ? AND chunks.row < ? ORDER BY chunks.row"
        for row in self._table.all(query, found[0]) if found else ():
            yield self._read(_chunk, row)

    def neighbours(self, row: int, n: int) -> list[int]:
        """Give the rows up to n before and after a row in the same document, itself included."""
        query = """SELECT row FROM chunks WHERE row BETWEEN ? AND ?
            AND record = (SELECT record FROM chunks WHERE row = ?) ORDER BY row"""
        return [int(found[0]) for found in self._table.all(query, (row - n, row + n, row))]

    def vectors(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """Give the vector rows of the texts known here, by the digests of the texts."""
        found = self._in("SELECT digest, row FROM vectors WHERE digest", list(digests))
        return {bytes(digest): int(row) for digest, row in found}

    def _read(self, make: Callable[[Sequence[Any]], Made], row: Sequence[Any]) -> Made:
        try:
            return make(row)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IndexDamaged(f"{self.file} describes a document in no way of ours.") from error

    def _in(self, query: str, asked: Sequence[Any]) -> Iterator[Any]:
        """Run a query over many values, a statement for every 500 of them."""
        for at in range(0, len(asked), _MOST_NAMED):
            part = asked[at : at + _MOST_NAMED]
            yield from self._table.all(f"{query} IN ({','.join('?' * len(part))})", part)


def _record_facts(record: Record) -> str:
    names = ("source", "media_type", "language", "digest", "pages")
    return json.dumps({name: getattr(record, name) for name in names})


def _record(held: Sequence[Any]) -> Record:
    identity, uri, title, facts, text, boxes = held
    known = json.loads(facts)
    known["pages"] = tuple((start, end, label) for start, end, label in known["pages"])
    return Record(id=identity, uri=uri, title=title, text=text, boxes=boxes, **known)


def _chunk_facts(chunk: Chunk, record: Record) -> str:
    """Keep what is not at its default: most chunks have no page and no question."""
    names = ("lead", "path", "page", "section", "question", "kind", "language", "version")
    known = {name: value for name in names if (value := getattr(chunk, name))}
    if chunk.title != record.title:
        known["title"] = chunk.title
    return json.dumps(known)


def _chunk(found: Sequence[Any]) -> tuple[int, Chunk]:
    row, document, uri, title, text, start, end, facts = found
    known = {"title": title, **json.loads(facts)}
    for name in ("path", "section", "question"):
        if name in known:
            known[name] = tuple(known[name])
    place = {"document": document, "uri": uri, "start": start, "end": end}
    return int(row), Chunk(text=text, **place, **known)
