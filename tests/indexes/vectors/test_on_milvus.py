"""Milvus Lite under the contract of every vector index, and behind a whole collection."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from contracts import VectorIndexContract, clustered
from fakes import HashEmbedder, document, publish

from indexes.chunk import ALWAYS_VALID, SearchFilter, Validity
from indexes.errors import VectorsUnreachable
from indexes.index import Index
from indexes.options import IndexesOptions
from indexes.vectors.vector_store import DocumentEntries, SearchScope
from ingest.vector_replicas import replicate_vectors

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore")]
if os.environ.get("CI") != "true":  # there a library that is missing is a failure
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")

PAST = Validity(ends="2020-01-01T00:00:00Z")
ODD = ['a"b', "a'b", "a\\b", '") or row >= 0 or ("', "退款", "a b\u00e9", "%_*", "{x}", "$1"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from indexes.vectors.on_milvus import MilvusStore  # noqa: PLC0415

    uri = str(tmp_path_factory.mktemp("milvus") / "milvus.db")
    opened = MilvusStore(IndexesOptions(backend="milvus", uri=uri))
    yield opened
    opened.close()


def one(rows, vectors, **facts):
    known = {"uri": "a.md", "media_type": "text/plain", "language": "en"}
    known |= {"groups": frozenset(), "validity": ALWAYS_VALID, "kinds": [0] * len(rows)} | facts
    return DocumentEntries(rows=rows, vectors=vectors, **known)


class TestMilvusLite(VectorIndexContract):
    @pytest.fixture(autouse=True)
    def use(self, store, request):
        def make(vectors, rows):
            name = str(abs(hash((request.node.name, len(rows)))))
            parts = [one(rows, vectors)] if len(rows) else []
            return store.publish_replica("t", name, parts, dim=vectors.shape[1], count=len(rows))

        self.make = make


def test_filters_hold_inside_the_search_whatever_is_in_a_value(store):
    vectors, now = clustered(len(ODD) * 3), "2026-01-01T00:00:00Z"
    parts = []
    for n, name in enumerate(ODD):
        own = slice(3 * n, 3 * n + 3)
        groups = frozenset({name}) if n % 2 else frozenset()
        facts = {"uri": f"{name}/x.md", "groups": groups, "kinds": [0, 1, 2], "language": name}
        validity = PAST if n == 4 else ALWAYS_VALID
        parts.append(one(np.arange(30)[own], vectors[own], **facts, validity=validity))
    replica = store.publish_replica("odd", "1", parts, dim=24, count=len(vectors))

    def found(where, **asked):
        hits = replica.search_scope(vectors[0], 99, SearchScope(where=where, now=now, **asked))
        return {row // 3 for row in hits.rows.tolist()}, {row % 3 for row in hits.rows.tolist()}

    alive = set(range(len(ODD))) - {4}
    assert found(SearchFilter()) == (alive, {0, 1, 2})
    assert found(SearchFilter(), questions=True) == (alive, {1})
    for n, name in enumerate(ODD):
        mine = {n} & alive
        assert found(SearchFilter(uris=frozenset({f"{name}/x.md"})))[0] == mine
        assert found(SearchFilter(paths=(name,)))[0] == mine
        assert found(SearchFilter(languages=frozenset({name})))[0] == mine
        seen = {m for m in alive if m % 2 == 0} | mine
        assert found(SearchFilter(groups=frozenset({name})))[0] == seen
    assert found(SearchFilter(groups=frozenset()))[0] == {m for m in alive if m % 2 == 0}
    for nothing in ("\0", "a\nb", "nowhere"):
        assert found(SearchFilter(paths=(nothing,)))[0] == set()
        assert found(SearchFilter(uris=frozenset({nothing})))[0] == set()


def test_a_collection_in_milvus_answers_as_the_segments_do(store, tmp_path):
    texts = [f"words {n} of {n % 7}\nother words {n}" for n in range(40)]
    held = [
        document(
            f"{n}.md", text, groups=frozenset({"staff"} if n % 3 == 0 else ()),
            validity=PAST if n == 5 else ALWAYS_VALID,
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip
    collection = tmp_path / "kb"
    publish(collection, *held[:30])
    publish(collection, *held[30:], document("1.md", "changed words 1"), removed=[held[2][0].id])
    replicate_vectors(collection, store)
    with Index.open(collection) as far, Index.open(collection) as near:
        assert far.use_replica(store, "kb")
        for where in (SearchFilter(), SearchFilter(groups=frozenset()), SearchFilter(paths=("1",))):
            for question in ("words 3 of 3", "changed words", "other 17"):
                vector = HashEmbedder().embed_query(question)
                hits = [i.search_dense(vector, k=8, mask=i.make_mask(where)) for i in (far, near)]
                np.testing.assert_allclose(hits[0].scores, hits[1].scores, atol=1e-6)
                assert all(near.make_mask(where).chunks[hits[0].rows])
        assert len(far.search_dense(HashEmbedder().embed_query("words"), k=5, questions=True)) == 0


def test_the_alias_never_points_at_a_part(store, tmp_path):
    collection = tmp_path / "part"
    publish(collection, document("a.md", "\n".join(f"line {n}" for n in range(50))))
    replicate_vectors(collection, store)
    first = store.find_aliased("part")
    publish(collection, document("b.md", "more words"))

    with Index.open(collection) as index:
        entries = [index.read_entries(d) for d in index.iter_documents()]
        assert not index.use_replica(store, "part")

        def broken():
            yield entries[0]
            raise InterruptedError

        with pytest.raises(InterruptedError):
            store.publish_replica("part", index.checksum, broken(), dim=16, count=51)
        assert store.find_aliased("part") == first
        assert not index.use_replica(store, "part")
        less = [replace(entries[0], rows=entries[0].rows[:9], vectors=entries[0].vectors[:9],
                        kinds=entries[0].kinds[:9])]  # fmt: skip
        with pytest.raises(VectorsUnreachable, match="9 of 51"):
            store.publish_replica("part", index.checksum, less, dim=16, count=51)
        assert store.find_aliased("part") == first

    replicate_vectors(collection, store)
    assert store.find_aliased("part") != first
    with Index.open(collection) as index:
        assert index.use_replica(store, "part")
    assert len(store.list_names("part")) == 2  # that of the generation before, which is kept too


def test_many_threads_search_one_replica(store, tmp_path):
    publish(tmp_path / "many", document("a.md", "\n".join(f"line {n}" for n in range(300))))
    replicate_vectors(tmp_path / "many", store)
    with Index.open(tmp_path / "many") as index, ThreadPoolExecutor(8) as pool:
        assert index.use_replica(store, "many")
        asked = [HashEmbedder().embed_query(f"line {n}") for n in range(40)]
        alone = [index.search_dense(v, k=3).rows.tolist() for v in asked]
        assert list(pool.map(lambda v: index.search_dense(v, k=3).rows.tolist(), asked)) == alone


@pytest.mark.parametrize("bad", [1.5, None, True, b"x", [1.5]])
def test_only_words_and_numbers_get_into_a_filter(bad):
    from indexes.vectors.milvus_filter import format_literal  # noqa: PLC0415

    with pytest.raises(TypeError):
        format_literal(bad)
