"""What every implementation of a protocol must do: a class of tests to inherit.

A test class sets what the contract asks for (see each class), and may add its own tests.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from fakes import CARD, HashEmbedder, document, publish

from indexes.chunk import ALWAYS_VALID, Chunk, Passage, SearchFilter, Validity
from indexes.chunk_views import QUESTION_VIEW, WHOLE_VIEW, iter_views
from indexes.errors import CollectionBusy, VectorsUnreachable
from indexes.index import Index
from indexes.search_results import Hits, select_best
from indexes.store.locks import lock_collection
from indexes.upkeep.removal import remove_collection

DIM = 24


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def clustered(count, seed=0, dim=DIM):
    random = np.random.default_rng(seed)
    centres = random.standard_normal((8, dim))
    return unit(centres[random.integers(0, 8, count)] + 0.5 * random.standard_normal((count, dim)))


class VectorIndexContract:
    """A searchable folder of vectors. ``make(vectors, rows)`` is set by the heir.

    The yardstick is a plain matrix product.
    """

    make: Callable
    least_recall = 1.0

    def exact(self, vectors, rows, query, k, mask=None) -> Hits:
        scores = (vectors @ query).astype(np.float32)
        kept = np.ones(len(rows), bool) if mask is None else mask[rows]
        return select_best(rows[kept], scores[kept], k)

    def test_finds_the_nearest_rows_best_first(self):
        vectors, rows = clustered(800), np.arange(0, 1600, 2)
        index = self.make(vectors, rows)
        shared = 0
        for query in clustered(30, seed=1):
            found, wanted = index.search(query, 10), self.exact(vectors, rows, query, 10)
            assert np.all(np.diff(found.scores) <= 0)
            np.testing.assert_allclose(found.scores, index.score_rows(query, found.rows), rtol=0)
            shared += len(set(found.rows.tolist()) & set(wanted.rows.tolist()))
        assert shared >= 300 * self.least_recall

    def test_a_narrow_filter_is_searched_exactly(self):
        vectors, rows = clustered(800), np.arange(800)
        index = self.make(vectors, rows)
        mask = np.zeros(800, bool)
        mask[np.random.default_rng(2).permutation(800)[:40]] = True
        for query in clustered(10, seed=3):
            found = index.search(query, 10, mask=mask)
            wanted = self.exact(vectors, rows, query, 10, mask)
            assert found.rows.tolist() == wanted.rows.tolist()

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 1.0])
    def test_nothing_outside_the_filter_is_found(self, share):
        vectors, rows = clustered(600), np.arange(600)
        mask = np.random.default_rng(4).random(600) < share
        found = self.make(vectors, rows).search(vectors[0], 1000, mask=mask)
        assert mask[found.rows].all()
        assert len(found) == len(set(found.rows.tolist())) <= mask.sum()

    def test_more_than_there_are_gives_all_and_no_made_up_rows(self):
        vectors, rows = clustered(7), np.array([0, 3, 4, 9, 10, 11, 20])
        index = self.make(vectors, rows)
        assert sorted(index.search(vectors[0], 50).rows.tolist()) == rows.tolist()
        assert len(index.search(vectors[0], 0)) == 0

    def test_ties_go_to_the_smaller_row_and_equal_vectors_score_equally(self):
        vectors = np.tile(clustered(5), (40, 1))
        index = self.make(vectors, np.arange(200))
        found = index.search(vectors[3], 6)
        assert found.rows.tolist() == [3, 8, 13, 18, 23, 28]
        assert len(set(found.scores.tolist())) == 1

    def test_scores_any_row_and_says_which_has_no_vector(self):
        vectors, rows = clustered(50), np.arange(50) * 3
        scores = self.make(vectors, rows).score_rows(vectors[7], np.array([21, 22, 0, 500]))
        assert scores[0] == pytest.approx(1)
        assert scores[2] == pytest.approx(float(vectors[0] @ vectors[7]), abs=1e-6)
        assert np.isnan(scores[[1, 3]]).all()

    @pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
    def test_a_query_without_direction_is_near_nothing(self, value):
        index = self.make(clustered(30), np.arange(30))
        assert len(index.search(np.full(DIM, value, np.float32), 5)) == 0

    def test_a_query_of_another_dimension_is_refused(self):
        with pytest.raises(ValueError, match="dimensions"):
            self.make(clustered(30), np.arange(30)).search(np.ones(DIM + 1, np.float32), 5)

    def test_an_index_of_nothing_finds_nothing(self):
        index = self.make(np.empty((0, DIM), np.float32), np.empty(0, np.int64))
        assert len(index.search(np.ones(DIM, np.float32), 5)) == 0
        assert np.isnan(index.score_rows(np.ones(DIM, np.float32), np.array([0, 1]))).all()

    def test_many_threads_get_what_one_gets(self):
        vectors = clustered(800)
        index = self.make(vectors, np.arange(800))
        alone = [index.search(v, 10).rows.tolist() for v in vectors[:64]]
        with ThreadPoolExecutor(8) as pool:
            together = [
                h.rows.tolist() for h in pool.map(lambda v: index.search(v, 10), vectors[:64])
            ]
        assert together == alone

    def test_vectors_come_back_bit_by_bit(self):
        vectors = clustered(40)
        index = self.make(vectors, np.arange(40) + 5)
        assert np.array_equal(index.vectors_at([7, 0, 39]), vectors[[7, 0, 39]])


class NumberedEmbedder(HashEmbedder):
    """Gives the text "v7" the eighth of some vectors, and any other a vector of hashed words."""

    def __init__(self, vectors):
        super().__init__(replace(CARD, dim=vectors.shape[1]))
        self.vectors = vectors

    def _vector(self, text):
        number = text.removeprefix("v")
        return self.vectors[int(number)] if number.isdigit() else super()._vector(text)


def numbered(uri, numbers, **facts):
    """A document of a chunk for each number."""
    return document(uri, "\n".join(f"v{number}" for number in numbers), **facts)


def faq(uri, text, **facts):
    """A document of one FAQ entry, whose question is the first word of the text."""
    record, (chunk,) = document(uri, text, **facts)
    return record, [replace(chunk, kind="faq", question=(0, text.index(" ")))]


PAST, COMING = Validity(ends="2020-01-01T00:00:00Z"), Validity(starts="2999-01-01T00:00:00Z")
LASTING = Validity(starts="2020-01-01T00:00:00Z", ends="2999-01-01T00:00:00Z")
ODD = ['a"b', "a'b", "a\\b", '") or row >= 0 or ("', "退款", "a b\u00e9", "%_*", "{x}", "$1"]


class VectorStoreContract:
    """A vector store behind real collections. ``store`` is a fixture of the heir.

    The yardsticks are a plain matrix product, and the segments themselves.
    """

    def publish(self, store, folder, *documents, embedder=None, **options):
        publish(folder, *documents, embedder=embedder, **options)
        with Index.open(folder) as index:
            store.publish_vectors(index.generation_vectors())

    def open(self, store, folder):
        index = Index.open(folder)
        assert index.use_vector_store(store)
        return index

    def test_the_nearest_rows_of_all_segments_come_best_first(self, store, tmp_path):
        vectors = clustered(240)
        embedder = NumberedEmbedder(vectors)
        self.publish(store, tmp_path / "near", numbered("a", range(150)), embedder=embedder)
        self.publish(store, tmp_path / "near", numbered("b", range(150, 240)), embedder=embedder)
        with self.open(store, tmp_path / "near") as index:
            for query in clustered(20, seed=1):
                hits = index.search_dense(query, k=10)
                scores = vectors @ query
                assert np.all(np.diff(hits.scores) <= 0)
                np.testing.assert_allclose(hits.scores, scores[hits.rows], atol=1e-6)
                np.testing.assert_allclose(hits.scores, np.sort(scores)[:-11:-1], atol=1e-6)

    def test_every_vector_is_there_bit_by_bit(self, store, tmp_path):
        vectors = clustered(40)
        own = numbered("a", range(40))
        self.publish(store, tmp_path / "bits", own, embedder=NumberedEmbedder(vectors))
        with self.open(store, tmp_path / "bits") as index:
            for place, axis in enumerate(np.eye(DIM, dtype=np.float32)):
                hits = index.search_dense(axis, k=40)
                assert sorted(hits.rows.tolist()) == list(range(40))
                assert np.array_equal(hits.scores, vectors[hits.rows, place])

    def test_ties_go_to_the_smaller_row_and_equal_vectors_score_equally(self, store, tmp_path):
        vectors = np.tile(clustered(5), (40, 1))
        own = numbered("a", range(200))
        self.publish(store, tmp_path / "ties", own, embedder=NumberedEmbedder(vectors))
        with self.open(store, tmp_path / "ties") as index:
            hits = index.search_dense(vectors[3], k=6)
            assert hits.rows.tolist() == [3, 8, 13, 18, 23, 28]
            assert len(set(hits.scores.tolist())) == 1

    def test_what_is_asked_for_beyond_the_rest_is_the_rest(self, store, tmp_path):
        embedder = NumberedEmbedder(clustered(7))
        removed = numbered("b", [3, 4])
        documents = (numbered("a", range(3)), removed, numbered("c", [5, 6]))
        publish(tmp_path / "rest", *documents, embedder=embedder)
        self.publish(store, tmp_path / "rest", embedder=embedder, removed=[removed[0].id])
        with self.open(store, tmp_path / "rest") as index:
            assert sorted(index.search_dense(embedder.vectors[3], k=50).rows.tolist()) == [
                *(0, 1, 2, 5, 6)
            ]
            assert len(index.search_dense(embedder.vectors[3], k=0)) == 0

    def test_a_question_without_direction_or_of_another_dimension(self, store, tmp_path):
        self.publish(store, tmp_path / "odd", document("a", "one\ntwo"))
        with self.open(store, tmp_path / "odd") as index:
            for value in (0.0, np.nan, np.inf):
                assert len(index.search_dense(np.full(16, value, np.float32), k=5)) == 0
            with pytest.raises(ValueError, match="dimensions"):
                index.search_dense(np.ones(17, np.float32), k=5)

    def test_many_threads_get_what_one_gets(self, store, tmp_path):
        vectors = clustered(200)
        own = numbered("a", range(200))
        self.publish(store, tmp_path / "many", own, embedder=NumberedEmbedder(vectors))
        with self.open(store, tmp_path / "many") as index, ThreadPoolExecutor(8) as pool:

            def search(vector):
                return index.search_dense(vector, k=5).rows.tolist()

            assert list(pool.map(search, vectors[:40])) == [search(v) for v in vectors[:40]]

    def test_what_is_out_of_scope_is_not_found_whatever_is_in_a_name(self, store, tmp_path):
        periods = {3: PAST, 4: COMING, 5: LASTING}
        documents = [
            faq(
                f"{name}/x.md",
                f"q{n} is answered so",
                groups=frozenset({name}) if n % 2 else frozenset(),
                language=name,
                media_type=f"text/{name}",
                validity=periods.get(n, ALWAYS_VALID),
            )
            for n, name in enumerate(ODD)
        ]
        own = document("plain.md", "no question")
        self.publish(store, tmp_path / "scope", *documents, own)
        with self.open(store, tmp_path / "scope") as index:

            def search(*, questions=False, **facts):
                mask = index.make_mask(SearchFilter(**facts))
                vector = HashEmbedder().embed_query("is answered")
                hits = index.search_dense(vector, k=99, mask=mask, questions=questions)
                uris = [chunk.uri for chunk in index.read_chunks(hits.rows)]
                return {ODD.index(u.removesuffix("/x.md")) for u in uris if u != "plain.md"}, uris

            valid = set(range(len(ODD))) - {3, 4}
            assert search()[0] == valid
            assert "plain.md" in search()[1]
            questions, uris = search(questions=True)
            assert (questions, "plain.md" in uris) == (valid, False)
            everybody = {n for n in valid if n % 2 == 0}
            assert search(groups=frozenset())[0] == everybody
            for n, name in enumerate(ODD):
                mine = {n} & valid
                assert search(uris=frozenset({f"{name}/x.md"}))[0] == mine
                assert search(paths=(name,))[0] == mine
                assert search(languages=frozenset({name}))[0] == mine
                assert search(media_types=frozenset({f"text/{name}"}))[0] == mine
                assert search(groups=frozenset({name}))[0] == everybody | mine
            assert search(paths=("",))[0] == valid
            for nothing in ("\0", "a\nb", "nowhere"):
                assert search(paths=(nothing,))[1] == search(uris=frozenset({nothing}))[1] == []

    def check_exact_scores(self, index, vector, hits, *, questions):
        """An entry of a FAQ is found by the best of its views, and scored by its whole text."""
        exact = index.score_dense(vector, hits.rows, questions=questions)
        views = [dict(iter_views(chunk)) for chunk in index.read_chunks(hits.rows)]
        scored = [own[QUESTION_VIEW if questions else WHOLE_VIEW] for own in views]
        vectors = HashEmbedder().embed_passages(scored).reshape(len(scored), len(vector))
        np.testing.assert_allclose(exact, vectors @ vector, atol=1e-6)
        is_alone = np.array([questions or len(own) == 1 for own in views], dtype=bool)
        np.testing.assert_allclose(hits.scores[is_alone], exact[is_alone], atol=1e-6)
        assert (hits.scores >= exact - 1e-6).all()

    def test_a_real_collection_answers_as_its_segments_do(self, store, tmp_path):
        texts = [f"words {n} of {n % 7}\nother words {n}" for n in range(40)]
        documents = [
            document(
                f"{n}.md",
                text,
                groups=frozenset({"staff"} if n % 3 == 0 else ()),
                validity=PAST if n == 5 else ALWAYS_VALID,
            )
            for n, text in enumerate(texts)
        ]
        publish(tmp_path / "kb", *documents[:30], faq("faq.csv", "words? are these"))
        changed = document("1.md", "changed words 1")
        removed = [documents[2][0].id]
        self.publish(store, tmp_path / "kb", *documents[30:], changed, removed=removed)
        filters = (SearchFilter(), SearchFilter(groups=frozenset()), SearchFilter(paths=("1",)))
        with self.open(store, tmp_path / "kb") as far, Index.open(tmp_path / "kb") as near:
            for where in filters:
                for text in ("words 3 of 3", "changed words", "other 17"):
                    vector = HashEmbedder().embed_query(text)
                    for questions in (False, True):
                        options = {"mask": near.make_mask(where), "questions": questions}
                        wanted = near.search_dense(vector, k=8, **options)
                        hits = far.search_dense(vector, k=8, **options)
                        np.testing.assert_allclose(hits.scores, wanted.scores, atol=1e-6)
                        self.check_exact_scores(near, vector, hits, questions=questions)
                        assert options["mask"].chunks[hits.rows].all()


class VectorCopyContract(VectorStoreContract):
    """A store that copies vectors out of the segments. ``broken(store)`` makes it unreachable.

    asks_the_store: whether each search does; one that has loaded all it needs answers on.
    """

    broken: Callable
    asks_the_store = True

    def test_a_generation_is_searched_once_all_of_it_is_there(self, store, tmp_path):
        folder = tmp_path / "part"
        self.publish(store, folder, document("a.md", "\n".join(f"line {n}" for n in range(50))))
        publish(folder, document("b.md", "more words"))
        with Index.open(folder) as index, Index.open_generation(folder, 1) as older:
            generation = index.generation_vectors()
            first = next(generation.iter_entries())
            assert not index.use_vector_store(store)

            def interrupted():
                yield first
                raise InterruptedError

            with pytest.raises(InterruptedError):
                store.publish_vectors(replace(generation, iter_entries=interrupted))
            assert not index.use_vector_store(store)
            few = replace(
                first, rows=first.rows[:9], vectors=first.vectors[:9], kinds=first.kinds[:9]
            )
            with pytest.raises(VectorsUnreachable, match="9 of 51"):
                store.publish_vectors(replace(generation, iter_entries=lambda: iter([few])))
            assert not index.use_vector_store(store)
            assert older.use_vector_store(store)

            store.publish_vectors(generation)
            assert index.use_vector_store(store)
            store.publish_vectors(generation)  # again: nothing is there twice
            assert len(index.search_dense(HashEmbedder().embed_query("line 7"), k=99)) == 51

    def test_a_generation_of_no_documents_has_no_hits(self, store, tmp_path):
        folder = tmp_path / "empty"
        record, chunks = document("a.md", "words")
        self.publish(store, folder, (record, chunks))
        self.publish(store, folder, removed={record.id})
        with Index.open(folder) as index:
            index.use_vector_store(store)
            assert len(index.search_dense(HashEmbedder().embed_query("words"), k=3)) == 0

    def test_generations_that_are_not_kept_are_removed(self, store, tmp_path):
        for name in ("old-1", "old_1"):
            self.publish(store, tmp_path / name, document("a.md", f"state one of {name}"))
            self.publish(store, tmp_path / name, document("a.md", f"state two of {name}"))

        def known(name, number):
            with Index.open_generation(tmp_path / name, number) as index:
                return index.use_vector_store(store), index.checksum

        _, newest = known("old-1", 2)
        store.remove_vectors("old-1", frozenset({newest}))
        assert [known("old-1", n)[0] for n in (1, 2)] == [False, True]
        assert [known("old_1", n)[0] for n in (1, 2)] == [True, True]

    def test_of_a_removed_collection_nothing_stays(self, store, tmp_path):
        for name in ("gone", "stays"):
            self.publish(store, tmp_path / name, document("a.md", "state one"))
            self.publish(store, tmp_path / name, document("a.md", "state two"))

        def known():
            found = []
            for name in ("gone", "stays"):
                for number in (1, 2):
                    with Index.open_generation(tmp_path / name, number) as index:
                        found.append(index.use_vector_store(store))
            return found

        with lock_collection(tmp_path / "gone"), pytest.raises(CollectionBusy):
            remove_collection(tmp_path / "gone", store)
        assert known() == [True, True, True, True]

        shutil.copytree(tmp_path / "gone", tmp_path / "copy")
        remove_collection(tmp_path / "gone", store)
        shutil.copytree(tmp_path / "copy", tmp_path / "gone")
        assert known() == [False, False, True, True]
        store.remove_all_vectors("gone")  # again: there is nothing
        self.publish(store, tmp_path / "gone", document("a.md", "state three"))
        with self.open(store, tmp_path / "gone") as index:
            assert len(index.search_dense(HashEmbedder().embed_query("three"), k=3)) == 1

    def test_a_store_that_does_not_answer_is_named(self, store, tmp_path):
        self.publish(store, tmp_path / "far", document("a.md", "words"))
        with self.open(store, tmp_path / "far") as index, self.broken(store):
            vector, generation = HashEmbedder().embed_query("words"), index.generation_vectors()
            if self.asks_the_store:
                with pytest.raises(VectorsUnreachable, match="says"):
                    index.search_dense(vector, k=1)
            else:
                assert len(index.search_dense(vector, k=1)) == 1
            for step in (
                lambda: index.use_vector_store(store),
                lambda: store.publish_vectors(generation),
                lambda: store.remove_vectors("far", frozenset()),
                lambda: store.remove_all_vectors("far"),
            ):
                with pytest.raises(VectorsUnreachable, match="says"):
                    step()
        with self.open(store, tmp_path / "far") as index:
            assert len(index.search_dense(vector, k=1)) == 1


class RerankerContract:
    """A reranker. ``rerank(depth)`` opens one, ``texts`` are some that it can read: heirs set both."""

    rerank: Callable
    texts: tuple[str, ...]

    def passages(self, texts):
        chunks = [
            Chunk(document="d", uri="d.md", title="", text=text, start=0, end=len(text))
            for text in texts
        ]
        return [Passage(chunk=c, score=0.9 - n / 10) for n, c in enumerate(chunks)]

    def test_all_passages_come_back_with_scores_that_do_not_rise(self):
        passages = self.passages(self.texts)
        for depth in (3, len(passages), 99):
            ordered = self.rerank(depth)(self.texts[2], passages)
            assert {p.chunk.text for p in ordered} == set(self.texts)
            assert [p.chunk for p in ordered[depth:]] == [p.chunk for p in passages[depth:]]
            scores = [p.score for p in ordered]
            assert scores == sorted(scores, reverse=True)
            assert 0 <= min(scores) <= max(scores) <= 1

    def test_a_passage_scores_the_same_in_whatever_company(self):
        rerank = self.rerank(99)
        together = {p.chunk.text: p.score for p in rerank(self.texts[0], self.passages(self.texts))}
        for text in self.texts:
            (alone,) = rerank(self.texts[0], self.passages([text]))
            assert alone.score == pytest.approx(together[text], abs=1e-5)

    def test_nothing_is_ordered_as_nothing(self):
        assert self.rerank(3)("anything", []) == ()


class EmbedderContract:
    """An embedder. ``embedder()`` is set by the heir."""

    embedder: Callable
    texts = ("Refund within 30 days.", "How do I return an order?", "退款需要多少天？", "x")

    def test_passages_are_unit_vectors_of_the_dimension_on_the_card(self):
        embedder = self.embedder()
        vectors = embedder.passages(list(self.texts))
        assert vectors.shape == (len(self.texts), embedder.card.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)

    def test_a_query_is_one_unit_vector(self):
        embedder = self.embedder()
        vector = embedder.query(self.texts[1])
        assert vector.shape == (embedder.card.dim,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)

    def test_the_company_a_text_is_embedded_in_does_not_change_it(self):
        embedder = self.embedder()
        together = embedder.passages(list(self.texts))
        for text, vector in zip(self.texts, together, strict=True):
            assert float(embedder.passages([text])[0] @ vector) >= 0.999

    def test_nothing_is_embedded_as_no_rows(self):
        embedder = self.embedder()
        assert embedder.passages([]).shape == (0, embedder.card.dim)

    def test_longer_texts_count_more_tokens(self):
        embedder = self.embedder()
        assert 0 < embedder.count("one") < embedder.count("one two three four five six")
