"""Finding by words: as a textbook would rank, whatever the number of segments."""

import math
import random
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import bm25s
import numpy as np
import pytest
from fakes import write_lexical_index
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.errors import IndexDamaged
from indexes.lexical import index_writer, postings
from indexes.lexical.background import TYPICAL_LENGTH, background_share
from indexes.lexical.bm25 import LexicalOptions, Ranking
from indexes.lexical.postings import LexicalIndex
from indexes.text.tokens import drop_stopwords, tokenize_text

TERMS = ["a", "b", "c", "d", "e", "é", "退"]
ENTRIES = st.lists(st.lists(st.sampled_from(TERMS), max_size=8), max_size=30)


def textbook(entries, query, k, *, live, allowed):
    """BM25 as the formula says it, one entry after another, general text beside them."""
    options = LexicalOptions()
    kept = [entry for entry, alive in zip(entries, live, strict=True) if alive]
    general = options.prior**2 / (options.prior + len(kept))
    typical = options.length_prior**2 / (options.length_prior + len(kept))
    average = (sum(map(len, kept)) + typical * TYPICAL_LENGTH) / (len(kept) + typical)
    counted = len(kept) + general
    df = Counter(term for entry in kept for term in set(entry))
    holders = {term: df[term] + general * background_share(term) for term in set(query)}
    weight = {
        term: min(times, options.repeats)
        * math.log1p((counted - holders[term] + 0.5) / (holders[term] + 0.5))
        for term, times in Counter(query).items()
    }
    found = []
    for row, entry in enumerate(entries):
        norm = options.k1 * (1 - options.b + options.b * len(entry) / average)
        counts = Counter(entry)
        score = sum(weight[t] * counts[t] / (counts[t] + norm) for t in weight)
        if live[row] and allowed[row] and score > 0:
            found.append((score / sum(weight.values()), row))
    # Scores that differ by rounding alone are ties, and ties go by row.
    return sorted(found, key=lambda hit: (-np.float32(hit[0]), hit[1]))[:k]


def opened(folder, parts):
    segments = []
    for i, part in enumerate(parts):
        write_lexical_index(Path(folder) / str(i), part)
        segments.append(LexicalIndex.open(Path(folder) / str(i)))
    return segments


def search_segments(segments, query, *, k, live=None, allowed=None):
    return Ranking(segments, live=live).search(query, k=k, allowed=allowed)


@st.composite
def cases(draw):
    entries = draw(ENTRIES)
    size = len(entries)
    ends = sorted(draw(st.lists(st.integers(0, size), max_size=3)))
    masks = st.lists(st.booleans(), min_size=size, max_size=size)
    return (
        entries,
        list(pairwise([0, *ends, size])),
        draw(st.one_of(st.just([True] * size), masks)),
        draw(st.one_of(st.just([True] * size), masks)),
        draw(st.lists(st.sampled_from([*TERMS, "absent"]), max_size=6)),
        draw(st.integers(0, 8)),
    )


@given(cases())
@settings(max_examples=100)
def test_several_segments_with_tombstones_rank_as_one_textbook_index(case):
    entries, cuts, live, allowed, query, k = case
    with tempfile.TemporaryDirectory() as folder:
        segments = opened(folder, [entries[a:b] for a, b in cuts])
        masks = {
            "live": [np.array(live[a:b], dtype=np.bool_) for a, b in cuts],
            "allowed": [np.array(allowed[a:b], dtype=np.bool_) for a, b in cuts],
        }
        hits = search_segments(segments, query, k=k, **masks)
        expected = textbook(entries, query, k, live=live, allowed=allowed)
        np.testing.assert_allclose(hits.scores, [s for s, _ in expected], rtol=1e-6)
        assert agree(hits.rows.tolist(), expected)
        ranking = Ranking(segments, live=masks["live"])
        assert ranking.score(query, hits.rows).tolist() == hits.scores.tolist()


def agree(rows, expected):
    """The same rows in the same order; rows whose scores differ by rounding may change places."""
    scores = {row: score for score, row in expected}
    return all(
        row == other or math.isclose(scores.get(row, score), score, rel_tol=1e-6)
        for row, (score, other) in zip(rows, expected, strict=True)
    )


@given(cases())
@settings(max_examples=100)
def test_spreading_entries_over_segments_changes_not_one_bit(case):
    entries, cuts, live, allowed, query, k = case
    with tempfile.TemporaryDirectory() as folder:
        segments = opened(folder, [entries[a:b] for a, b in cuts] + [entries])
        alive, open_to = np.array(live, dtype=np.bool_), np.array(allowed, dtype=np.bool_)
        one = search_segments(segments[-1:], query, k=k, live=[alive], allowed=[open_to])
        many = search_segments(
            segments[:-1],
            query,
            k=k,
            live=[alive[a:b] for a, b in cuts],
            allowed=[open_to[a:b] for a, b in cuts],
        )
        assert many.rows.tolist() == one.rows.tolist()
        assert many.scores.tolist() == one.scores.tolist()


@pytest.fixture(scope="module")
def zipfian():
    """3,000 entries over 2,000 words: frequent ones in half of them, so that pruning happens."""
    rng = random.Random(7)  # noqa: S311 (seeded data)
    words = [f"w{i}" for i in range(2000)]
    weights = [1 / (i + 1) for i in range(2000)]
    entries = [rng.choices(words, weights, k=rng.randint(5, 80)) for _ in range(3000)]
    queries = [rng.choices(words, weights, k=rng.randint(1, 12)) for _ in range(60)]
    return entries, queries


@pytest.fixture(scope="module")
def zipfian_segments(zipfian, tmp_path_factory):
    return opened(tmp_path_factory.mktemp("zipf"), [zipfian[0][:1800], zipfian[0][1800:]])


@pytest.mark.parametrize("share", [1.0, 0.5, 0.02])
def test_pruning_loses_nothing(zipfian, zipfian_segments, share):
    entries, queries = zipfian
    ranking = Ranking(zipfian_segments)
    mask = np.random.default_rng(3).random(len(entries)) < share
    allowed = [mask[:1800], mask[1800:]]
    for query in queries:
        scores = ranking.score(query, np.arange(len(entries)))
        scores[~mask] = 0
        order = np.lexsort((np.arange(len(entries)), -scores))[:10]
        hits = ranking.search(query, k=10, allowed=allowed if share < 1 else None)
        assert hits.rows.tolist() == order[: (scores > 0).sum()].tolist()
        assert hits.scores.tolist() == scores[hits.rows].tolist()


def test_scores_are_those_of_bm25s(zipfian, zipfian_segments):
    entries, queries = zipfian
    other = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    other.index(entries, show_progress=False)
    own_alone = LexicalOptions(repeats=99, prior=0, length_prior=0)
    ranking = Ranking(zipfian_segments, options=own_alone)
    for query in queries:
        total = sum(map(ranking.idf, query))
        theirs = other.get_scores(query) / total
        np.testing.assert_allclose(
            ranking.score(query, np.arange(len(entries))), theirs, rtol=2e-5, atol=1e-6
        )


def test_a_score_tells_whether_the_question_is_about_something_here(tmp_path):
    texts = [
        "Refunds take 30 days.",
        "We ship to Canada.",
        "退款需要三天。",
        "Error E1047: no water",
    ]
    ranking = Ranking(opened(tmp_path, [[tokenize_text(text) for text in texts]]))
    assert ranking.search(tokenize_text("how long do refunds take"), k=1).rows.tolist() == [0]
    assert ranking.search(tokenize_text("退款要几天"), k=1).rows.tolist() == [2]
    assert ranking.search(tokenize_text("e1047"), k=4).rows.tolist() == [3]
    near = ranking.search(tokenize_text("refunds take days"), k=1).scores[0]
    far = ranking.search(tokenize_text("refunds for quantum gardening courses"), k=1).scores[0]
    assert 0 < far < near / 2 < 0.5


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The library opens at nine. Late books cost ten cents a day.", "How late is the library open, and what do late books cost?"),
        ("图书馆早上九点开门。逾期还书每天罚款一角。", "逾期还书要罚款多少？"),
    ],
)  # fmt: skip
def test_a_collection_of_one_entry_weighs_words_as_a_large_one_would(tmp_path, text, question):
    ranking = Ranking(opened(tmp_path, [[tokenize_text(text)]]))
    words = drop_stopwords(tokenize_text(question))
    present = set(tokenize_text(text))
    total = sum(map(ranking.idf, set(words)))
    assert sum(ranking.idf(word) for word in set(words) & present) > 0.6 * total
    assert ranking.idf("time") < ranking.idf("archipelago")
    assert ranking.idf("时") < ranking.idf("罚")


def test_a_large_collection_is_governed_by_itself(tmp_path):
    entries = [["time" if n % 50 == 0 else "blank", f"w{n % 997}"] for n in range(20_000)]
    segments = opened(tmp_path, [entries])
    blended, own = Ranking(segments), Ranking(segments, options=LexicalOptions(prior=0))
    for term in ("time", "w3", "absent"):
        assert blended.idf(term) == pytest.approx(own.idf(term), rel=1e-3)


def test_filters_change_what_is_found_but_no_score(zipfian, zipfian_segments):
    entries, queries = zipfian
    ranking = Ranking(zipfian_segments)
    mask = np.arange(len(entries)) % 10 == 0
    hits = ranking.search(queries[0], k=5, allowed=[mask[:1800], mask[1800:]])
    assert len(hits) == 5
    assert (hits.rows % 10 == 0).all()
    assert ranking.score(queries[0], hits.rows).tolist() == hits.scores.tolist()


def test_removed_entries_are_not_counted(tmp_path):
    segments = opened(tmp_path, [[["a", "a", "b"], ["a"]], [["c"]]])
    own_alone = LexicalOptions(length_prior=0)
    ranking = Ranking(segments, live=[np.array([False, True]), None], options=own_alone)
    assert (ranking.count, ranking.average) == (2, 1.0)
    assert [ranking.df(term) for term in "abcd"] == [1, 0, 1, 0]
    assert ranking.search(["b"], k=5).rows.tolist() == []
    assert ranking.search(["c"], k=5).rows.tolist() == [2]


def test_postings_are_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(index_writer, "BLOCK_TOKENS", 5)  # many blocks, as a large build has
    rng = random.Random(5)  # noqa: S311 (seeded data)
    entries = [rng.choices(TERMS, k=rng.randint(0, 6)) for _ in range(50)]
    (segment,) = opened(tmp_path, [entries])
    assert (segment.count, segment.length) == (50, sum(map(len, entries)))
    assert segment.lengths.tolist() == list(map(len, entries))
    for term in TERMS:
        rows, counts = segment.find_postings(term)
        expected = [(i, e.count(term)) for i, e in enumerate(entries) if term in e]
        assert list(zip(rows.tolist(), counts.tolist(), strict=True)) == expected
        assert segment.count_holders(term) == len(expected)
    assert segment.count_holders("absent") == 0
    assert [len(part) for part in segment.find_postings("")] == [0, 0]


@given(
    ENTRIES,
    st.integers(1, 20),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_the_files_are_the_same_bit_by_bit_however_little_memory_there_is(
    entries, block, terms, postings_at_once
):
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        write_lexical_index(Path(place, "whole"), entries)
        patch.setattr(index_writer, "BLOCK_TOKENS", block)
        patch.setattr(index_writer, "MERGED_TERMS", terms)
        patch.setattr(index_writer, "MERGED_POSTINGS", postings_at_once)
        write_lexical_index(Path(place, "merged"), entries)
        for name in postings.POSTINGS_FILES:
            files = [Path(place, made, f"{name}.npy") for made in ("whole", "merged")]
            assert files[0].read_bytes() == files[1].read_bytes()
            array = np.load(files[0])
            again = Path(place, name)
            np.save(again, array)
            assert again.with_suffix(".npy").read_bytes() == files[0].read_bytes()


def test_a_term_that_is_counted_very_often_is_kept_at_the_most_that_fits(tmp_path):
    (segment,) = opened(tmp_path, [[["a"] * 70_000, ["a", "b"]]])
    assert segment.find_postings("a")[1].tolist() == [65_535, 1]
    assert (segment.peaks.tolist(), segment.shortest.tolist()) == ([65_535, 1], [2, 2])


def test_an_empty_index_finds_nothing(tmp_path):
    (empty,) = opened(tmp_path, [[]])
    assert len(search_segments([empty], ["a"], k=3)) == 0
    assert len(search_segments([], ["a"], k=3)) == 0
    assert Ranking([]).score(["a"], np.empty(0, dtype=np.int64)).tolist() == []


def test_nothing_else_is_left_in_the_folder(tmp_path):
    opened(tmp_path, [[["a"]]])
    assert {file.name for file in (tmp_path / "0").iterdir()} == {
        f"{n}.npy" for n in postings.POSTINGS_FILES
    }


@pytest.mark.parametrize("spoil", [lambda f: f.unlink(), lambda f: f.write_bytes(b""), lambda f: f.write_bytes(f.read_bytes()[:100])])  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(tmp_path, spoil):
    opened(tmp_path, [[["a"]]])
    spoil(tmp_path / "0" / "rows.npy")
    with pytest.raises(IndexDamaged, match=r"rows\.npy"):
        LexicalIndex.open(tmp_path / "0")
