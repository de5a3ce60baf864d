"""The lexical engines that were held against each other, each behind the same five calls.

All get the same tokens, made once by ``indexes.text.tokens``: only the engines differ. This is a
bench, so it may import ``indexes.lexical.bm25``; nothing else in ``eval`` does.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import bm25s  # type: ignore[import-untyped]  # ships no types
import numpy as np
import tantivy
from numpy.typing import NDArray

from indexes.lexical.bm25 import LexicalOptions, Ranking
from indexes.lexical.postings import LexicalIndex
from tests.fakes import write_lexical_index

K1 = LexicalOptions().k1
B = LexicalOptions().b
Entries = Iterable[list[str]]
Mask = NDArray[np.bool_]


class Engine(Protocol):
    """An index in a folder. Rows number the entries in the order they came.

    filter: how a search is narrowed to the rows of group 0 (every tenth). change: what adding and
    removing rows is; None where everything must be built again.
    """

    filter: str
    change: str | None

    def build(self, folder: Path, entries: Entries) -> None: ...
    def open(self, folder: Path) -> None: ...
    def alter(self, folder: Path, added: Entries, removed: dict[int, list[str]]) -> None: ...
    def search(self, terms: Sequence[str], k: int, *, narrow: bool) -> list[int]: ...


class Ragdesk:
    """Ours: memory-mapped postings, one folder a segment, tombstones beside them."""

    filter = "any boolean mask, statistics unchanged"
    change: str | None = "a new segment, a tombstone mask"

    def build(self, folder: Path, entries: Entries) -> None:
        write_lexical_index(folder / "0", entries)

    def open(self, folder: Path) -> None:
        parts = sorted(f for f in folder.iterdir() if f.is_dir())
        segments = [LexicalIndex.open(part) for part in parts]
        counts = [segment.count for segment in segments]
        live = np.ones(sum(counts), dtype=np.bool_)
        if (folder / "removed.npy").exists():
            live[np.load(folder / "removed.npy", allow_pickle=False)] = False
        ends = np.cumsum(counts)[:-1]
        self.ranking = Ranking(segments, live=np.split(live, ends))
        self.group = np.split(np.arange(len(live)) % 10 == 0, ends)

    def alter(self, folder: Path, added: Entries, removed: dict[int, list[str]]) -> None:
        write_lexical_index(folder / "1", added)
        np.save(folder / "removed.npy", np.array(list(removed)), allow_pickle=False)

    def search(self, terms: Sequence[str], k: int, *, narrow: bool) -> list[int]:
        hits = self.ranking.search(terms, k=k, allowed=self.group if narrow else None)
        return [int(row) for row in hits.rows]


class Tantivy:
    """Tokens joined by spaces, a field for the group; one writer thread, as ours has."""

    filter = "a term of an indexed field"
    change: str | None = "add, delete, commit"

    def __init__(self) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
        builder.add_unsigned_field("row", indexed=True, fast=True)
        builder.add_unsigned_field("group", indexed=True)
        self.schema = builder.build()

    def build(self, folder: Path, entries: Entries) -> None:
        folder.mkdir()
        self._add(folder, entries, 0, [])

    def _add(self, folder: Path, entries: Entries, first: int, removed: Iterable[int]) -> None:
        writer = tantivy.Index(self.schema, path=str(folder)).writer(256_000_000, 1)
        for row, entry in enumerate(entries, first):
            document = tantivy.Document()
            document.add_text("body", " ".join(entry))
            document.add_unsigned("row", row)
            document.add_unsigned("group", row % 10)
            writer.add_document(document)
        for row in removed:
            writer.delete_documents_by_term("row", row)
        writer.commit()
        writer.wait_merging_threads()

    def open(self, folder: Path) -> None:
        index = tantivy.Index(self.schema, path=str(folder))
        index.reload()
        self.searcher = index.searcher()

    def alter(self, folder: Path, added: Entries, removed: dict[int, list[str]]) -> None:
        self.open(folder)
        self._add(folder, added, self.searcher.num_docs, removed)

    def search(self, terms: Sequence[str], k: int, *, narrow: bool) -> list[int]:
        should = tantivy.Occur.Should
        must = tantivy.Occur.Must
        term = tantivy.Query.term_query
        query = tantivy.Query.boolean_query(
            [(should, term(self.schema, "body", t, "freq")) for t in set(terms)]
        )
        if narrow:
            group = tantivy.Query.const_score_query(term(self.schema, "group", 0), 0.0)
            query = tantivy.Query.boolean_query([(must, query), (must, group)])
        hits = self.searcher.search(query, k, count=False).hits
        rows = self.searcher.fast_field_values("row", [address for _, address in hits])
        return [int(row or 0) for row in rows]


class Bm25s:
    """Scores worked out when building; a search adds up sparse columns."""

    filter = "a mask over all scores"
    change: str | None = None

    def build(self, folder: Path, entries: Entries) -> None:
        index = bm25s.BM25(method="lucene", k1=K1, b=B)
        index.index(list(entries), show_progress=False)
        index.save(folder, show_progress=False)

    def open(self, folder: Path) -> None:
        self.index = bm25s.BM25.load(folder, mmap=True, show_progress=False)
        self.group: NDArray[Any] = np.arange(self.index.scores["num_docs"]) % 10 == 0

    def alter(self, folder: Path, added: Entries, removed: dict[int, list[str]]) -> None:
        raise NotImplementedError

    def search(self, terms: Sequence[str], k: int, *, narrow: bool) -> list[int]:
        rows, _ = self.index.retrieve(
            [list(terms)],
            k=k,
            show_progress=False,
            weight_mask=self.group.astype(np.float32) if narrow else None,
        )
        return [int(row) for row in rows[0]]


class Fts5:
    """SQLite's own, contentless; k1 and b are fixed in it (1.2 and 0.75)."""

    filter = "a condition on the row, after scoring"
    change: str | None = "insert, delete with the old text"

    def build(self, folder: Path, entries: Entries) -> None:
        folder.mkdir()
        with self._connect(folder) as base:
            base.execute(
                "CREATE VIRTUAL TABLE words USING fts5(body, content='', "
                """tokenize = "unicode61 remove_diacritics 0 tokenchars '-_.@+&'")"""
            )
            self._insert(base, entries, 0)

    def _connect(self, folder: Path) -> sqlite3.Connection:
        return sqlite3.connect(folder / "words.sqlite")

    def _insert(self, base: sqlite3.Connection, entries: Entries, first: int) -> None:
        bodies = ((row, " ".join(entry)) for row, entry in enumerate(entries, first))
        base.executemany("INSERT INTO words(rowid, body) VALUES (?, ?)", bodies)

    def open(self, folder: Path) -> None:
        self.base = self._connect(folder)

    def alter(self, folder: Path, added: Entries, removed: dict[int, list[str]]) -> None:
        with self._connect(folder) as base:
            (last,) = base.execute("SELECT max(rowid) FROM words").fetchone()
            self._insert(base, added, last + 1)
            base.executemany(
                "INSERT INTO words(words, rowid, body) VALUES ('delete', ?, ?)",
                [(row, " ".join(entry)) for row, entry in removed.items()],
            )

    def search(self, terms: Sequence[str], k: int, *, narrow: bool) -> list[int]:
        match = " OR ".join('"' + term.replace('"', '""') + '"' for term in dict.fromkeys(terms))
        only = "AND rowid % 10 = 0" if narrow else ""
        query = f"SELECT rowid FROM words WHERE words MATCH ? {only} ORDER BY rank LIMIT ?"  # noqa: S608 (no value in it)
        return [row for (row,) in self.base.execute(query, (match, k))]


ENGINES: dict[str, type[Engine]] = {
    "ragdesk": Ragdesk,
    "tantivy": Tantivy,
    "bm25s": Bm25s,
    "SQLite FTS5": Fts5,
}
