"""Similarities mean the same under any embedder, and passages of any language are within reach."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from fakes import HashEmbedder, document, publish
from shifted_embedder import ShiftedEmbedder

from indexes.chunk import SearchFilter
from indexes.embedding.background import NO_BACKGROUND, measure_background, open_background
from indexes.index import Index
from indexes.mask_cache import MaskCache
from indexes.search_results import Hits
from indexes.similarity import OTHER_LANGUAGE_WORTH, measure_similarity
from indexes.store import manifest
from indexes.store.row_languages import LANGUAGES_FILE
from indexes.store.row_layout import SearchMask
from indexes.store.segments import Segment
from indexes.upkeep.format_check import list_segment_problems
from indexes.vector_samples import VectorSamples

TEXTS = ["the kettle is descaled with vinegar", "a refund takes five days", "roses need water"]


def similarities(embedder, question, texts, language="en"):
    background = measure_background(embedder)
    vectors = embedder.embed_passages(texts)
    asked = measure_similarity(
        embedder.embed_query(question), language, background, {language: vectors}
    )
    return asked.compare(vectors, [language] * len(texts))


@pytest.mark.parametrize("floor", [0.0, 0.5, 0.95])
def test_a_shift_of_all_cosines_changes_no_similarity(floor):
    plain = similarities(HashEmbedder(), "when do I get my refund", TEXTS)
    shifted = similarities(
        ShiftedEmbedder(HashEmbedder(), floor=floor), "when do I get my refund", TEXTS
    )
    assert shifted == pytest.approx(plain, abs=1e-3)
    assert plain.argmax() == 1


def test_the_same_words_are_as_similar_as_can_be_and_others_are_not():
    same, other, third = similarities(HashEmbedder(), TEXTS[0], TEXTS)
    assert same > 0.2  # of 16 numbers, two texts are seldom far apart
    assert max(other, third) < same / 2


def test_one_passage_is_no_background():
    alone = similarities(HashEmbedder(), TEXTS[1], TEXTS[1:2])
    among_others = similarities(HashEmbedder(), TEXTS[1], TEXTS)
    assert alone[0] == pytest.approx(among_others[1], rel=0.25)


def test_without_a_background_cosines_are_taken_as_they_are():
    embedder = HashEmbedder()
    vectors = embedder.embed_passages(TEXTS)
    asked = measure_similarity(vectors[0], "en", NO_BACKGROUND, {"en": vectors})
    expected = np.clip(vectors @ vectors[0], 0, 1)
    assert asked.compare(vectors, ["en"] * 3) == pytest.approx(expected, abs=1e-5)


def test_a_passage_of_another_language_is_compared_with_others_of_its_own():
    embedder = HashEmbedder()
    samples = {"en": embedder.embed_passages(TEXTS), "zh": embedder.embed_passages(["退款", "花"])}
    background = measure_background(embedder)
    asked = measure_similarity(embedder.embed_query("退款"), "zh", background, samples)
    own, other = asked.queries
    assert asked.find_query("zh") is own
    assert asked.find_query("und") is own
    assert asked.find_query("en") is other
    assert (own.scale.worth, other.scale.worth) == (1.0, OTHER_LANGUAGE_WORTH)


def test_a_background_is_measured_once_and_anew_where_its_file_was_cut(tmp_path):
    embedder = HashEmbedder()
    first = open_background(embedder, tmp_path)
    asked = len(embedder.asked)
    again = open_background(embedder, tmp_path)
    assert len(embedder.asked) == asked
    assert all(np.array_equal(first.passages[name], again.passages[name]) for name in ("en", "zh"))
    (file,) = (tmp_path / "background").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    open_background(embedder, tmp_path)
    assert len(embedder.asked) > asked


ENGLISH = document("refund.md", "A refund takes five days.\nA kettle is descaled.", language="en")
CHINESE = document("退款.md", "退款需要五天。\n茶壶要除垢。", language="zh")


def speaking(spoken):
    record, chunks = spoken
    return record, [replace(chunk, language=record.language) for chunk in chunks]


def test_the_languages_of_rows_are_known_from_a_file(tmp_path):
    publish(tmp_path / "c", speaking(ENGLISH), speaking(CHINESE))
    with Index.open(tmp_path / "c") as index:
        assert index.samples.name_languages(np.arange(4)) == ["en", "en", "zh", "zh"]
        samples = index.sample_vectors(index.make_mask(SearchFilter()))
        assert {name: len(rows) for name, rows in samples.items()} == {"en": 2, "zh": 2}
        hits = index.search_dense(samples["en"][0], k=9, languages=frozenset({"zh"}))
        assert sorted(hits.rows.tolist()) == [2, 3]


def test_the_entries_of_a_language_are_marked_once_for_a_filter(tmp_path, monkeypatch):
    publish(tmp_path / "c", speaking(ENGLISH), speaking(CHINESE))
    with Index.open(tmp_path / "c") as index:
        everything = index.make_mask(SearchFilter())
        part = index.make_mask(SearchFilter(uris=frozenset({"refund.md"})))
        marked = {}
        for mask in (everything, part):
            for language in ("en", "zh", "fr"):
                wanted = index.samples.mark_entries(mask, frozenset({language}), questions=False)
                marked[mask is part, language] = np.concatenate(wanted).tolist()
        assert marked == {
            (False, "en"): [True, True, False, False],
            (False, "zh"): [False, False, True, True],
            (False, "fr"): [False] * 4,
            (True, "en"): [True, True, False, False],
            (True, "zh"): [False] * 4,
            (True, "fr"): [False] * 4,
        }
        own = replace(everything, where=None)  # flags that somebody has put together
        index.samples.mark_entries(own, frozenset({"en"}), questions=False)
        monkeypatch.setattr(
            VectorSamples, "mark_languages", lambda *_: pytest.fail("computed anew")
        )
        vector = HashEmbedder().embed_query("refund")
        hits = index.search_dense(vector, k=9, mask=part, languages=frozenset({"en"}))
        assert sorted(hits.rows.tolist()) == [0, 1]


def test_what_was_used_last_is_kept():
    cache, masks = MaskCache(2), [SearchMask(np.ones(1, np.bool_), ()) for _ in range(3)]
    made = []
    for at in (0, 1, 0, 2, 0, 1):
        assert cache.find_or_make(masks[at], "x", lambda at=at: made.append(at) or at) == at
    assert made == [0, 1, 2, 1]


def test_an_older_segment_reads_its_languages_out_of_its_chunks(tmp_path):
    publish(tmp_path / "c", speaking(ENGLISH), speaking(CHINESE))
    (folder,) = (tmp_path / "c" / "segments").iterdir()
    older = _reseal_without_languages(folder, tmp_path)
    segment = Segment(older)
    assert segment.languages.tolist() == [1, 1, 2, 2]
    segment.close()


def test_languages_of_other_chunks_are_noticed(tmp_path):
    publish(tmp_path / "c", speaking(ENGLISH))
    (folder,) = (tmp_path / "c" / "segments").iterdir()
    assert list_segment_problems(folder) == []
    np.save(folder / LANGUAGES_FILE, np.array([1, 2], np.uint8))
    (problem,) = list_segment_problems(folder)
    assert "languages" in problem


def test_a_store_that_cannot_search_one_language_is_asked_for_more(tmp_path):
    publish(tmp_path / "c", speaking(ENGLISH), speaking(CHINESE))
    with Index.open(tmp_path / "c") as index:
        index._dense_search.searcher = _AllEntries()
        hits = index.search_dense(
            index.sample_vectors(index.make_mask(SearchFilter()))["en"][0],
            k=1,
            languages=frozenset({"zh"}),
        )
        assert hits.rows.tolist() == [2]


class _AllEntries:
    def search_vectors(self, vector, k, scope):
        del vector, scope
        rows = np.arange(4)[:k]
        return Hits(rows, np.linspace(1, 0.5, len(rows)).astype(np.float32))


def _reseal_without_languages(folder, tmp_path):
    facts = manifest.read_manifest(folder).facts
    draft = tmp_path / "draft"
    shutil.copytree(folder, draft)
    (draft / LANGUAGES_FILE).unlink()
    (draft / manifest.MANIFEST_FILE).unlink()
    return draft.rename(tmp_path / manifest.seal_folder(draft, facts).checksum)
