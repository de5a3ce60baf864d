"""What every implementation of a protocol must do: a class of tests to inherit.

A test class sets what the contract asks for (see each class), and may add its own tests.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from indexes.search_results import Hits, select_best

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
