"""FAISS on disk, and a store of 60 lines, under the contract of every vector store."""

from contextlib import contextmanager

import pytest
from contracts import VectorCopyContract, VectorStoreContract
from sqlite_vectors import SqliteVectorStore

from indexes.options import IndexesOptions
from indexes.vectors.faiss_store import FaissStore


class TestFaissOnDisk(VectorStoreContract):
    @pytest.fixture
    def store(self):
        return FaissStore(IndexesOptions())


class TestSixtyLines(VectorCopyContract):
    @pytest.fixture
    def store(self, tmp_path):
        return SqliteVectorStore(IndexesOptions(uri=str(tmp_path / "vectors.db")))

    @contextmanager
    def broken(self, store):
        file, store.file = store.file, "/dev/null/vectors.db"
        yield
        store.file = file
