"""Collections that are grown for measuring hold what they say."""

import numpy as np
import pytest
from fakes import HashEmbedder

from indexes.chunk import SearchFilter
from indexes.index import Index
from tests.lab.speed.million import K, exact
from tests.lab.speed.synthetic_corpus import SHARES, collect, grow, member, unit

COUNT = 400
REAL = [f"sentence number {n} about refunds" for n in range(60)]


@pytest.fixture
def grown(tmp_path):
    return grow(HashEmbedder().embed_passages(REAL), COUNT, 7, tmp_path)


def test_the_first_rows_are_real_and_a_second_run_takes_what_the_first_made(grown, tmp_path):
    real = HashEmbedder().embed_passages(REAL)
    assert np.array_equal(grown.vectors[: len(REAL)], real)
    assert np.allclose(np.linalg.norm(grown.vectors, axis=1), 1, atol=1e-3)
    assert grown.text(0, REAL) == REAL[0]
    assert sum(part in grown.text(COUNT - 1, REAL) for part in REAL) >= 2
    again = grow(real, COUNT, 8, tmp_path)  # another seed, which is not asked for any more
    assert np.array_equal(again.vectors, grown.vectors)


def test_a_grown_collection_answers_as_a_plain_product_does_under_every_filter(grown, tmp_path):
    collect(tmp_path / "c", grown, REAL, HashEmbedder())
    queries = unit(np.random.default_rng(3).standard_normal((5, grown.vectors.shape[1])))
    with Index.open(tmp_path / "c") as index:
        assert index.total == COUNT
        for group in ("all", "half"):
            mask = index.make_mask(SearchFilter(groups=frozenset({group})))
            allowed = mask.chunks
            wanted = exact(grown.vectors, queries, allowed)
            for vector, rows in zip(queries, wanted, strict=True):
                assert index.search_dense(vector, k=K, mask=mask).rows.tolist() == rows.tolist()


def test_groups_hold_the_shares_that_they_are_named_for():
    memberships = [member(n) for n in range(20_000)]
    for name, part in SHARES.items():
        assert sum(name in membership for membership in memberships) * part == pytest.approx(
            20_000, rel=0.5
        )
