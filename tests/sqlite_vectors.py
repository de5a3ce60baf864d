"""A vector store in one SQLite file: all that a store needs, to begin another one with."""

import sqlite3
from contextlib import closing

import numpy as np

from indexes.errors import VectorsUnreachable
from indexes.search_results import select_best
from indexes.vectors.vector_store import VectorSearcher, VectorStore

OWN = "FROM vectors WHERE (collection, checksum) = (?, ?)"


class SqliteVectorStore(VectorStore):
    def __init__(self, options):
        self.file = options.uri
        self.execute("CREATE TABLE IF NOT EXISTS vectors (collection, checksum, row, vector)")

    def execute(self, query, *values):
        """Run a query for each row of values, for all or none; return what the last one gave."""
        try:
            with closing(sqlite3.connect(self.file)) as db, db:
                return [db.execute(query, row).fetchall() for row in values or [()]][-1]
        except sqlite3.Error as error:
            raise VectorsUnreachable(f"SQLite at {self.file} says: {error}.") from error

    def publish_vectors(self, generation):
        own, entries = (generation.collection, generation.checksum), []
        for document in generation.iter_entries():
            pairs = zip(document.rows.tolist(), document.vectors, strict=True)
            entries += [(*own, row, vector.tobytes()) for row, vector in pairs]
        if len(entries) != generation.count:
            raise VectorsUnreachable(f"{len(entries)} of {generation.count} vectors came.")
        if not self.open_vectors(generation):
            self.execute("INSERT INTO vectors VALUES (?, ?, ?, ?)", *entries)

    def open_vectors(self, generation):
        own = (generation.collection, generation.checksum)
        [(count,)] = self.execute(f"SELECT count(*) {OWN}", own)
        return SqliteVectorSearcher(self, own, generation) if count == generation.count else None

    def remove_vectors(self, collection, keep):
        others = f"collection = ? AND checksum NOT IN ({', '.join('?' * len(keep))})"
        self.execute(f"DELETE FROM vectors WHERE {others}", (collection, *keep))  # noqa: S608

    def remove_all_vectors(self, collection):
        self.execute("DELETE FROM vectors WHERE collection = ?", (collection,))


class SqliteVectorSearcher(VectorSearcher):
    def __init__(self, store, own, generation):
        self.store, self.own, self.generation = store, own, generation

    def search_vectors(self, vector, k, scope):
        found = self.store.execute(f"SELECT row, vector {OWN}", self.own)
        rows = np.array([row for row, _ in found], dtype=np.int64)
        matrix = np.array([np.frombuffer(blob, np.float32) for _, blob in found])
        scores = (matrix.reshape(-1, len(vector)).astype(float) @ vector).astype(np.float32)
        masks = zip(self.generation.segments, scope.entry_masks(), strict=True)
        flags = [np.ones(part.entries) if mask is None else mask for part, mask in masks]
        allowed = np.concatenate([[], *flags])[rows] > 0
        return select_best(rows[allowed], scores[allowed], k * self.generation.most_views)
